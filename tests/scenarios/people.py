"""People, units and offices: credentials, the register, the committee, bulletins, disputes."""

from typing import Any

from chaincode.acts import parse
from chaincode.model.base import Org, Role
from tests.scenarios.steps import scenario
from tests.support.community import DOCUMENT, UNITS, Commons
from tests.support.people import Person
from tests.support.town import DAY_MS, HASH, refusal, sha, unit_row


async def credentials(town: Commons) -> None:
    """Issued, replaced, suspended, resumed, revoked; listed by holder and by unit."""
    await town.settle()
    assert (await town.ask("community"))["community"] == town.community
    assert (await town.ask("provider", provider_id="police-1"))["ended_at"] is None
    await town.issue(Person("o1", "cred-o1-new"))
    found = (await town.ask("holder_credentials", holder_id="o1"))["credentials"]
    assert [one["credential_id"] for one in found] == ["cred-o1-new", "cred-o1"]
    assert await town.ask("unit_credentials", unit_id=UNITS[0]) == {"credentials": found}
    for call, reason, field in (
        ("suspend_credential", "device-lost", "suspended_at"),
        ("resume_credential", "own-request", "suspended_at"),
        ("revoke_credential", "key-exposed", "revoked_at"),
    ):
        named = {"credential_id": "cred-o1-new"}
        changed = await town.done(Org.REGULATOR, call, **named, reason=reason)
        assert (changed[field] is None) == (call == "resume_credential")
        assert await town.ask("credential", **named) == changed
    draft = {"motion_id": "m1", "initiator": "petition", "content": town.content()}
    late = await town.acted("o1", "draft_motion", **draft)
    assert refusal(late) == (403, "credential/revoked")
    ended = await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    assert ended["ended_at"] is not None
    again = town.attested(Person("o2", "cred-o2-new"), Role.OWNER)
    refused = await town.call(Org.REGULATOR, "issue_credential", attestation=again)
    assert refusal(refused) == (403, "provider/not-active")


async def credentials_at_once(town: Commons) -> None:
    """A batch with everything in it: new, replaced, replaced within, again, refused, unreadable."""
    await town.settle()
    first, second, other = (Person("o1", f"cred-o1-{n}") for n in (1, 2, 3))
    other.key = first.key
    stranger = town.attested(Person("nobody", "cred-nobody"), Role.OWNER)
    owner = town.attested(Person("o2", "cred-o2-1"), Role.OWNER)
    taken = town.attested(Person("o2", "cred-o3"), Role.OWNER)
    batch = [
        *(town.attested(person, Role.OWNER) for person in (first, second, other)),
        *(stranger, owner, owner, taken, "nonsense"),
        Person("p", "police-1").sign(b"{}").decode(),
    ]
    answers = (await town.done(Org.REGULATOR, "issue_credentials", attestations=batch))["answers"]
    assert [one["code"] for one in answers] == [
        *("accepted", "accepted", "credential/key-in-use", "holder/not-on-register"),
        *("accepted", "accepted", "credential/exists-with-different-content"),
        *("attestation/malformed", "attestation/type"),
    ]
    assert len({one["tx_id"] for one in answers if one["status"] == 200}) == 1
    found = (await town.ask("holder_credentials", holder_id="o1"))["credentials"]
    chain = [(one["credential_id"], one["replaced_by"]) for one in found]
    assert chain == [("cred-o1-2", None), ("cred-o1-1", "cred-o1-2"), ("cred-o1", "cred-o1-1")]
    again = {"attestations": [owner, stranger]}
    known, refused = (await town.done(Org.REGULATOR, "issue_credentials", **again))["answers"]
    assert (known, refused["code"]) == (answers[4], "holder/not-on-register")
    alone = await town.call(Org.REGULATOR, "issue_credentials", attestations=[stranger])
    assert refusal(alone) == (404, "holder/not-on-register")


async def register(town: Commons) -> None:
    """Units imported, sold, corrected, removed; a representative; a roll frozen."""
    rows = [unit_row("1-1-1", "ann", "ben"), unit_row("1-1-2", "cy"), unit_row("1-1-3", "dee")]
    await town.settle(rows)
    preview = await town.ask(
        "preview_roll", units=[unit_row("2-1-1", "eve"), unit_row("1-1-1", "eve")]
    )
    assert len(preview["bad_rows"]) == 1
    for holder in ("ann", "ben"):
        named = {"unit_id": "1-1-1", "representative": "ann"}
        await town.agreed(town.act(town.people[holder], "name_representative", **named))
    assert (await town.ask("unit", unit_id="1-1-1"))["representative"] == "ann"
    await town.sell("1-1-2", "buyer")
    fixed = {**unit_row("1-1-3", "dee", area_dm2=9_900)}
    correction = {"version": 1, "reason": "new-survey", "evidence_sha256": HASH}
    corrected = await town.done(Org.REGULATOR, "correct_unit", unit=fixed, **correction)
    assert (corrected["area_dm2"], corrected["version"]) == (9_900, 2)
    summary = await town.done(Org.REGULATOR, "freeze_roll")
    assert summary["unit_count"] == 3
    removal = {"unit_id": "1-1-3", "version": 2, "reason": "clerical-error"}
    await town.done(Org.REGULATOR, "remove_unit", **removal, evidence_sha256=HASH)
    versions = (await town.ask("unit_history", unit_id="1-1-3"))["versions"]
    assert [one["unit"] is None for one in versions] == [True, False, False]
    owned = (await town.ask("owned_units", owner_id="buyer"))["units"]
    assert [unit["unit_id"] for unit in owned] == ["1-1-2"]
    roll_id = summary["roll_id"]
    assert await town.ask("roll", roll_id=roll_id) == summary
    entry = await town.ask("roll_entry", roll_id=roll_id, unit_id="1-1-3")
    assert entry["area_dm2"] == 9_900


async def committee(town: Commons) -> None:
    """Seated, deciding by a majority of all members, and an alternate who moves up."""
    await (await town.settle()).seat(["o1", "o2", "o3", "o4", "o5"], alternates=["o6"])
    question: dict[str, Any] = {"decision_id": "d1", "content_sha256": sha(6)}
    asked = {"subject": "motion", "subject_id": "m1", "until_at": town.ledger.now_ms + 30 * DAY_MS}
    first = town.act(town.people["o1"], "open_committee_decision", **question, **asked)
    await town.agreed(first)
    for holder in ("o1", "o2"):
        answer = town.act(
            town.people[holder], "answer_committee_decision", **question, verdict="approve"
        )
        await town.agreed(answer)
    assert (await town.ask("committee_decision", decision_id="d1"))["phase"] == "open"
    answer = town.act(town.people["o3"], "answer_committee_decision", **question, verdict="approve")
    await town.agreed(answer)
    assert (await town.ask("committee_decision", decision_id="d1"))["phase"] == "carried"
    nonce = parse(first).head.nonce
    recorded = await town.ask("accepted_act", credential_id="cred-o1", nonce=nonce)
    assert recorded["sha256"] == parse(first).sha256
    ending = {"holder_id": "o5", "reason": "resigned", "evidence_sha256": HASH}
    await town.done(Org.REGULATOR, "end_seat", **ending)
    assert (await town.ask("committee"))["seated"] == ["o1", "o2", "o3", "o4", "o6"]


async def offices(town: Commons) -> None:
    """The company, what it makes public, the regulator's bulletins."""
    await town.open()
    contract = {"contract_sha256": sha(1), "evidence_sha256": HASH}
    first = await town.done(Org.REGULATOR, "record_company", company_id="firm-1", **contract)
    assert await town.ask("company") == first
    notice = {"company_id": "firm-1", "notice_sha256": sha(2), "served_at": 1}
    served = await town.done(Org.COMMITTEE, "record_dismissal_notice", **notice)
    assert await town.ask("dismissal_notices", company_id="firm-1") == {"notices": [served]}
    said = {"disclosure_id": "fees-1", "topic": "fees-and-standards", "document": DOCUMENT}
    await town.done(Org.PROPERTY, "publish_disclosure", **said)
    shown = await town.ask("disclosures")
    assert [one["disclosure_id"] for one in shown["disclosures"]] == ["fees-1"]
    content = {"title": "Rules on lifts", "text": DOCUMENT, "kind": "policy"}
    await town.done(
        Org.REGULATOR,
        "publish_bulletin",
        bulletin_id="b1",
        content={**content, "audience": "owners"},
    )
    assert (await town.ask("bulletin", bulletin_id="b1"))["phase"] == "in-force"
    withdrawal = {"bulletin_id": "b1", "reason": "error"}
    await town.done(Org.REGULATOR, "withdraw_bulletin", **withdrawal)
    assert (await town.ask("bulletins"))["bulletins"] == []


async def disputes(town: Commons) -> None:
    """Over a motion: brought by an owner and by offices, with evidence, withdrawn and decided."""
    await town.settle()
    await town.drafted()
    claim = {"matter": "motion", "subject_id": "m1", "claim_sha256": sha(1)}
    against = {**claim, "respondents": [{"org": "committee"}]}
    owner = town.people["o1"]
    await town.agreed(town.act(owner, "open_dispute", dispute_id="d1", claim=against))
    await town.agreed(
        town.act(owner, "add_evidence", dispute_id="d1", sha256=sha(2), kind="photograph")
    )
    defence = {"dispute_id": "d1", "sha256": sha(3), "kind": "defence"}
    await town.done(Org.COMMITTEE, "add_official_evidence", **defence)
    view = await town.ask("dispute", dispute_id="d1")
    assert [one["kind"] for one in view["timeline"]] == ["photograph", "defence"]
    await town.agreed(town.act(owner, "open_dispute", dispute_id="d2", claim=against))
    await town.agreed(town.act(owner, "withdraw_dispute", dispute_id="d2"))
    await town.done(Org.BANK, "open_official_dispute", dispute_id="d3", claim=against)
    withdrawn = await town.done(Org.BANK, "withdraw_official_dispute", dispute_id="d3")
    assert withdrawn["withdrawn_at"] is not None
    assert [one["dispute_id"] for one in (await town.ask("disputes"))["disputes"]] == ["d1"]
    joined = await town.done(Org.ARBITRATION, "join_arbitration")
    assert await town.ask("arbitration_body") == joined
    order = {"kind": "void_motion", "motion_id": "m1", "reason": "notice not served"}
    award = {"dispute_id": "d1", "award_sha256": sha(4), "orders": [order]}
    passed_over = await town.call(Org.REGULATOR, "record_award", **award)
    assert refusal(passed_over) == (403, "award/arbitration-decides")
    await town.done(Org.ARBITRATION, "record_award", **award)
    assert (await town.ask("dispute", dispute_id="d1"))["phase"] == "awarded"
    assert await town.phase() == "void"


PEOPLE = (
    scenario(
        credentials,
        "open_community register_provider confirm_provider end_provider issue_credential "
        "suspend_credential resume_credential revoke_credential community provider credential "
        "holder_credentials unit_credentials",
    ),
    scenario(credentials_at_once, "issue_credentials holder_credentials"),
    scenario(
        register,
        "import_roll transfer_unit correct_unit remove_unit freeze_roll name_representative "
        "preview_roll unit unit_history owned_units roll roll_entry submit_acts",
    ),
    scenario(
        committee,
        "seat_founding_committee end_seat open_committee_decision answer_committee_decision "
        "committee committee_decision accepted_act",
    ),
    scenario(
        offices,
        "record_company company record_dismissal_notice dismissal_notices publish_disclosure "
        "disclosures publish_bulletin bulletin withdraw_bulletin bulletins",
    ),
    scenario(
        disputes,
        "join_arbitration arbitration_body open_dispute open_official_dispute add_evidence "
        "add_official_evidence withdraw_dispute withdraw_official_dispute record_award dispute "
        "disputes",
    ),
)
