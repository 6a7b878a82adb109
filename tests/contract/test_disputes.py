"""Disputes: brought, argued, withdrawn; who may decide."""

from typing import Any

import pytest

from chaincode.contract.dispute_messages import RecordAward
from chaincode.errors import NotFound, Refusal
from chaincode.model.base import Org
from chaincode.model.dispute import (
    Claim,
    DirectPaymentOrder,
    EvidenceKind,
    LiftFreezeOrder,
    Matter,
    Party,
)
from tests.support.funds import COMMUNITY, DAY_MS, MAINTENANCE, Treasury, sha, treasury
from tests.support.offices import events, refused

OWNER, CLERK = "owner-1", "clerk-1"
COMPANY = Party(org=Org.PROPERTY)


def claim(*respondents: Party, **fields: Any) -> Claim:
    given = {"matter": Matter.FUND, "subject_id": MAINTENANCE, "claim_sha256": sha("claim")}
    return Claim(respondents=respondents or (COMPANY,), **{**given, **fields})


def brought(town: Treasury, by: str | Org = OWNER, **fields: Any) -> None:
    name = "open_official_dispute" if isinstance(by, Org) else "open_dispute"
    town.run(name, by, dispute_id="d", claim=claim(**fields))


def evidence(text: str, kind: EvidenceKind = EvidenceKind.INVOICE, **fields: Any) -> dict[str, Any]:
    return {"dispute_id": "d", "sha256": sha(text), "kind": kind, **fields}


# --- Bringing ---


def test_a_person_brings_a_dispute() -> None:
    town = treasury()
    brought(town)
    view = town.ask("dispute", dispute_id="d")
    assert (view.phase, view.timeline) == ("open", ())
    assert view.dispute.claimant == Party(holder_id=OWNER)
    assert [one["subject_id"] for one in events(town, "DisputeOpened")] == [MAINTENANCE]


@pytest.mark.parametrize("org", [Org.BANK, Org.COMMITTEE, Org.REGULATOR])
def test_an_organisation_brings_a_dispute_once(org: Org) -> None:
    town = treasury()
    call = {"dispute_id": "d", "claim": claim()}
    first = town.run("open_official_dispute", org, **call)
    assert town.run("open_official_dispute", org, **call) == first
    assert first.claimant == Party(org=org)
    call["claim"] = claim(claim_sha256=sha("another"))
    assert refused(town, "open_official_dispute", org, **call) == "409 dispute/exists"


@pytest.mark.parametrize(
    "respondents",
    [
        (Party(),),
        (Party(org=Org.BANK, holder_id="o"),),
        (COMPANY, Party(holder_id="o"), COMPANY),
    ],
)
def test_respondents_are_organisations_or_persons_each_once(respondents: tuple[Party, ...]) -> None:
    town = treasury()
    call = {"dispute_id": "d", "claim": claim(*respondents)}
    assert refused(town, "open_dispute", OWNER, **call) == "400 dispute/bad-parties"
    assert refused(town, "open_official_dispute", Org.BANK, **call) == "400 dispute/bad-parties"


def test_the_refusals_of_bringing_in_order() -> None:
    town = treasury()
    brought(town)
    oneself = {"dispute_id": "d", "claim": claim(Party(holder_id=OWNER), subject_id="nowhere")}
    assert refused(town, "open_dispute", OWNER, **oneself) == "400 dispute/against-oneself"
    for matter in Matter:
        nowhere = {"dispute_id": "d", "claim": claim(matter=matter, subject_id="nowhere")}
        assert refused(town, "open_dispute", OWNER, **nowhere) == "404 dispute/no-subject"
    taken = {"dispute_id": "d", "claim": claim()}
    assert refused(town, "open_dispute", CLERK, **taken) == "409 dispute/exists"


# --- Evidence ---


def test_every_party_adds_evidence_and_nobody_else() -> None:
    town = treasury()
    assert refused(town, "add_evidence", OWNER, **evidence("a")) == "404 dispute/unknown"
    brought(town)
    town.run("add_evidence", OWNER, **evidence("a", EvidenceKind.CLAIM))
    town.pass_ms(1)
    given = town.run("add_official_evidence", Org.PROPERTY, **evidence("b", EvidenceKind.DEFENCE))
    assert given.by == COMPANY
    again = town.run("add_official_evidence", Org.PROPERTY, **evidence("b", EvidenceKind.DEFENCE))
    assert again == given
    for by in (CLERK, "owner-2"):
        assert refused(town, "add_evidence", by, **evidence("c")) == "403 dispute/not-a-party"
    stranger = refused(town, "add_official_evidence", Org.BANK, **evidence("c"))
    assert stranger == "403 dispute/not-a-party"
    same = "409 evidence/given-already"
    assert refused(town, "add_evidence", OWNER, **evidence("b", EvidenceKind.DEFENCE)) == same
    assert refused(town, "add_evidence", OWNER, **evidence("a", EvidenceKind.OTHER)) == same
    timeline = town.ask("dispute", dispute_id="d").timeline
    assert [(one.sha256, one.kind) for one in timeline] == [
        (sha("a"), "claim"),
        (sha("b"), "defence"),
    ]
    assert len(events(town, "EvidenceAdded")) == 2


def test_two_pieces_of_evidence_at_once_do_not_disturb_each_other() -> None:
    town = treasury()
    brought(town)
    first, _ = town.endorse("add_evidence", OWNER, **evidence("a"))
    second, _ = town.endorse("add_official_evidence", Org.PROPERTY, **evidence("b"))
    first.commit()
    second.commit()
    assert len(town.ask("dispute", dispute_id="d").timeline) == 2


# --- The end ---


def test_the_claimant_alone_withdraws_and_nothing_is_deleted() -> None:
    town = treasury()
    named = {"dispute_id": "d"}
    assert refused(town, "withdraw_dispute", OWNER, **named) == "404 dispute/unknown"
    brought(town)
    town.run("add_evidence", OWNER, **evidence("a"))
    assert refused(town, "withdraw_dispute", CLERK, **named) == "403 dispute/not-yours"
    official = refused(town, "withdraw_official_dispute", Org.PROPERTY, **named)
    assert official == "403 dispute/not-yours"
    town.run("withdraw_dispute", OWNER, **named)
    view = town.ask("dispute", **named)
    assert (view.phase, len(view.timeline)) == ("withdrawn", 1)
    assert refused(town, "withdraw_dispute", OWNER, **named) == "409 dispute/not-open"
    assert refused(town, "add_evidence", OWNER, **evidence("b")) == "409 dispute/not-open"
    town.run("add_evidence", OWNER, **evidence("a"))
    award = {"dispute_id": "d", "award_sha256": sha("award"), "orders": ()}
    assert refused(town, "record_award", **award) == "409 dispute/not-open"
    assert town.ask("disputes").disputes == ()
    assert [one.dispute_id for one in town.ask("disputes", is_open=False).disputes] == ["d"]
    assert town.ask("disputes", is_open=False, after="d").disputes == ()
    assert len(events(town, "DisputeWithdrawn")) == 1


def test_an_organisation_withdraws_again_without_harm() -> None:
    town = treasury()
    brought(town, Org.BANK)
    first = town.run("withdraw_official_dispute", Org.BANK, dispute_id="d")
    assert town.run("withdraw_official_dispute", Org.BANK, dispute_id="d") == first
    town = treasury()
    brought(town, Org.BANK)
    town.run("record_award", dispute_id="d", award_sha256=sha("a"), orders=())
    late = refused(town, "withdraw_official_dispute", Org.BANK, dispute_id="d")
    assert late == "409 dispute/not-open"


def test_the_regulator_decides_until_an_arbitration_body_is_here() -> None:
    town = treasury()
    with pytest.raises(NotFound, match="arbitration/none"):
        town.ask("arbitration_body")
    for name in ("d", "d2"):
        town.run("open_dispute", OWNER, dispute_id=name, claim=claim())
    award = {"award_sha256": sha("award"), "orders": ()}
    assert refused(town, "record_award", dispute_id="x", **award) == "404 dispute/unknown"
    decided = town.run("record_award", dispute_id="d", **award)
    assert (decided.award.org, town.ask("dispute", dispute_id="d").phase) == (
        Org.REGULATOR,
        "awarded",
    )
    body = town.run("join_arbitration", Org.ARBITRATION)
    town.pass_ms(DAY_MS)
    assert town.run("join_arbitration", Org.ARBITRATION) == body
    assert town.ask("arbitration_body") == body
    assert town.run("record_award", dispute_id="d", **award) == decided
    late = refused(town, "record_award", dispute_id="d2", **award)
    assert late == "403 award/arbitration-decides"
    by_body = town.run("record_award", Org.ARBITRATION, dispute_id="d2", **award)
    assert by_body.award.org is Org.ARBITRATION
    other = {**award, "award_sha256": sha("other")}
    again = refused(town, "record_award", Org.ARBITRATION, dispute_id="d2", **other)
    assert again == "409 dispute/not-open"
    assert len(events(town, "ArbitrationJoined")) == 1
    assert [one["org"] for one in events(town, "AwardRecorded")] == ["regulator", "arbitration"]


@pytest.mark.parametrize("respondent", [Party(org=Org.REGULATOR), Party(org=Org.ARBITRATION)])
def test_nobody_decides_their_own_case(respondent: Party) -> None:
    town = treasury()
    town.run("open_dispute", OWNER, dispute_id="d", claim=claim(respondent))
    award = {"dispute_id": "d", "award_sha256": sha("award"), "orders": ()}
    assert respondent.org is not None
    assert refused(town, "record_award", respondent.org, **award) == "403 award/own-case"


def test_an_award_that_contradicts_itself_is_no_request() -> None:
    town = treasury()
    payment = town.content("b", 1)
    use = town.use(1, payee_id="locksmith")
    order = DirectPaymentOrder(payment=payment, use=use)
    lift = LiftFreezeOrder(freeze_id="z")
    with pytest.raises(Refusal, match="budget/payee-contradicts"):
        RecordAward(
            community=COMMUNITY, dispute_id="d", award_sha256=sha("a"), orders=(lift, order)
        )
