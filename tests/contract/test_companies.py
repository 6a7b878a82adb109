"""The company in office: only its clerks act, from the block that put it there."""

import json
from typing import Any

import pytest

from chaincode.access import MSP_OF
from chaincode.errors import NotFound
from chaincode.model.base import Org, Role
from tests.support.community import Commons
from tests.support.determinism import assert_deterministic
from tests.support.funds import DAY_MS, sha, treasury
from tests.support.memory_ledger import ReadConflict
from tests.support.offices import events, refused
from tests.support.people import Person
from tests.support.town import HASH, Town, refusal

OLD, NEW = "old-company", "new-company"
RECORD = {"company_id": OLD, "contract_sha256": sha("contract"), "evidence_sha256": sha("filing")}


async def clerk(town: Town, name: str, company_id: str | None) -> Person:
    return await town.issue(
        Person(name, f"cred-{name}"), Role.COMPANY_CLERK, Org.PROPERTY, company_id=company_id
    )


def replacing(town: Town, company_id: str = NEW, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "replace_company",
        "company_id": company_id,
        "contract_sha256": HASH,
        "from_at": town.ledger.now_ms,
        **fields,
    }


class VotingAlone(Commons):
    """A community that uses the voting module alone."""

    async def open(self, *_modules: str) -> Town:
        return await super().open("voting")


async def commons(town: Commons | None = None) -> Commons:
    """A community with an old company on record, and a clerk of it, of the new one, of none."""
    town = await (town or Commons()).settle()
    await town.done(Org.REGULATOR, "record_company", **RECORD)
    for name, company_id in (("old-clerk", OLD), ("new-clerk", NEW), ("nobody", None)):
        await clerk(town, name, company_id)
    return town


def dispute(town: Town, name: str, dispute_id: str) -> bytes:
    """An act that any clerk may do."""
    claim = {
        "matter": "motion",
        "subject_id": "m1",
        "claim_sha256": HASH,
        "respondents": [{"org": "committee"}],
    }
    return town.act(town.people[name], "open_dispute", dispute_id=dispute_id, claim=claim)


async def test_the_first_company_is_recorded_once() -> None:
    town = treasury()
    first = town.run("record_company", **RECORD)
    assert town.run("record_company", **RECORD) == first
    assert town.ask("company") == first
    other = {**RECORD, "company_id": NEW}
    assert refused(town, "record_company", **other) == "409 company/exists"
    assert events(town, "CompanySeated") == [
        {
            "community": "fuzemen",
            "company_id": OLD,
            "decided_by": None,
            "event": "CompanySeated",
            "replaces": None,
        }
    ]
    with pytest.raises(NotFound, match="company/none"):
        treasury().ask("company")


async def test_notices_of_dismissal_are_facts() -> None:
    town = treasury()
    served_at = town.now_ms - DAY_MS
    call = {"company_id": OLD, "notice_sha256": sha("notice"), "served_at": served_at}
    run = ("record_dismissal_notice", Org.COMMITTEE)
    late = {**call, "served_at": town.now_ms + 1}
    assert refused(town, *run, **late) == "400 notice/from-the-future"
    notice = town.run(*run, **call)
    assert town.run("record_dismissal_notice", Org.REGULATOR, **call) == notice
    assert refused(town, *run, **{**call, "served_at": 1}) == "409 notice/exists"
    assert town.ask("dismissal_notices", company_id=OLD).notices == (notice,)
    assert town.ask("dismissal_notices", company_id=NEW).notices == ()
    assert len(events(town, "DismissalNoticeRecorded")) == 1


async def test_before_a_company_is_on_record_every_vouched_clerk_acts() -> None:
    town = await Commons().settle()
    await town.drafted()
    await clerk(town, "somebody", None)
    await town.agreed(dispute(town, "somebody", "d1"))


async def test_old_powers_end_in_the_block_of_the_succession() -> None:
    town = await commons()
    await town.carried(effect=replacing(town))
    await town.agreed(dispute(town, "old-clerk", "d1"))
    for name in ("new-clerk", "nobody"):
        outcome = await town.carry(dispute(town, name, "d2"))
        assert refusal(outcome) == (403, "caller/other-company")
    late = town.ledger.transaction(
        MSP_OF[Org.PROPERTY], "submit_acts", b"fuzemen", dispute(town, "old-clerk", "late")
    )
    assert (await town.ledger.contract().answer(late)).status == 200
    await town.done(Org.BANK, "apply_effect", motion_id="m1")
    with pytest.raises(ReadConflict):
        late.commit()
    for name in ("old-clerk", "nobody"):
        outcome = await town.carry(dispute(town, name, "d3"))
        assert refusal(outcome) == (403, "caller/other-company")
    await town.agreed(dispute(town, "new-clerk", "d3"))
    in_office = await town.ask("company")
    assert (in_office["company_id"], in_office["decided_by"]) == (NEW, "m1")
    again = await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert again["applied"] is not None
    assert_deterministic(town.ledger)


async def test_a_company_takes_office_on_its_day_and_once() -> None:
    town = await commons()
    due_at = town.ledger.now_ms + 100 * DAY_MS
    await town.carried(effect=replacing(town, from_at=due_at))
    outcome = await town.call(Org.BANK, "apply_effect", motion_id="m1")
    assert refusal(outcome) == (409, "effect/not-due")
    town.ledger.now_ms = due_at
    await town.done(Org.BANK, "apply_effect", motion_id="m1")
    await town.carried("m2", effect=replacing(town))
    outcome = await town.call(Org.BANK, "apply_effect", motion_id="m2")
    assert refusal(outcome) == (409, "company/in-office")


async def test_an_account_of_an_unknown_fund_is_no_succession() -> None:
    town = await commons()
    accounts = [{"fund_id": "nowhere", "account_sha256": HASH}]
    await town.carried(effect=replacing(town, accounts=accounts))
    outcome = await town.call(Org.BANK, "apply_effect", motion_id="m1")
    assert refusal(outcome) == (404, "fund/unknown")


async def test_votes_alone_replace_a_company_without_a_hand_over() -> None:
    town = await commons(VotingAlone())
    accounts = [{"fund_id": "f", "account_sha256": HASH}]
    given = town.content(effect=replacing(town, accounts=accounts))
    outcome = await town.call(Org.REGULATOR, "draft_official_motion", motion_id="m0", content=given)
    assert refusal(outcome) == (422, "motion/effect-module-not-used")
    await town.carried(effect=replacing(town))
    await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert (await town.ask("company"))["company_id"] == NEW
    announced = [fact["event"] for fact in json.loads(town.ledger.events[-1][2])]
    assert announced == ["CompanySeated", "EffectApplied"]
