"""Counting, objections, finality, void and effects: what is refused, and what happens once."""

import hashlib
import json
from typing import Any

import pytest

from chaincode import codec
from chaincode.model.base import Org
from chaincode.model.result import Result
from chaincode.rules.motion import RESULT_DUE_MS
from tests.support.community import OBJECTION_MS, UNITS, Commons, without_reviews
from tests.support.town import HASH, refusal, sha, unit_row


@pytest.fixture
async def town() -> Commons:
    town = await Commons().settle()
    await town.open_motion()
    for number, unit in enumerate(UNITS[:4], start=1):
        await town.agreed(town.ballot(f"o{number}", unit))
    return town


def objection(town: Commons, owner: str = "o5", unit: str = UNITS[4], **fields: Any) -> bytes:
    asked = {"motion_id": "m1", "unit_id": unit, "evidence_sha256": sha(3)}
    return town.act(town.people[owner], "object_to_result", **{**asked, **fields})


async def answered(town: Commons, answer: str, **fields: Any) -> Any:
    said = {"motion_id": "m1", "holder_id": "o5", "answer": answer, "evidence_sha256": sha(4)}
    return await town.call(Org.REGULATOR, "answer_objection", **{**said, **fields})


# --- Count ---


async def test_a_motion_is_counted_after_its_close_and_only_once(town: Commons) -> None:
    unknown = await town.call(Org.BANK, "count_motion", motion_id="m9")
    assert refusal(unknown) == (404, "motion/unknown")
    early = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert refusal(early) == (409, "motion/wrong-phase")
    for name, code in (("result", "result/unknown"), ("certificate", "certificate/unknown")):
        assert refusal(await town.query(name, motion_id="m1")) == (404, code)
    assert refusal(await town.query("counted_ballots", motion_id="m1")) == (404, "result/unknown")
    first = await town.counted()
    town.ledger.now_ms += 1
    assert await town.done(Org.PROPERTY, "count_motion", motion_id="m1") == first
    assert first["ballots_sha256"] != hashlib.sha256(b"").hexdigest()


async def test_no_ballot_at_all_hashes_no_byte() -> None:
    town = await Commons().settle()
    await town.open_motion()
    result = await town.counted()
    assert result["ballots_sha256"] == hashlib.sha256(b"").hexdigest()
    assert result["decision"]["outcome"] == "inquorate"


# --- Objections ---


async def test_owners_object_in_the_window_once_and_the_regulator_answers(town: Commons) -> None:
    early = await town.carry(objection(town))
    assert refusal(early) == (409, "motion/wrong-phase")
    await town.counted()
    none = await town.carry(objection(town, motion_id="m9"))
    assert refusal(none) == (404, "motion/unknown")
    off_roll = await town.carry(objection(town, unit="9-9-9"))
    assert refusal(off_roll) == (404, "ballot/unit-not-in-roll")
    other = await town.carry(objection(town, unit=UNITS[0]))
    assert refusal(other) == (403, "ballot/not-your-unit")
    nothing = await answered(town, "dismissed")
    assert refusal(nothing) == (404, "objection/unknown")
    await town.agreed(objection(town))
    twice = await town.carry(objection(town, evidence_sha256=sha(8)))
    assert refusal(twice) == (409, "objection/made-already")
    town.ledger.now_ms += OBJECTION_MS - 1
    soon = await town.call(Org.BANK, "finalise_motion", motion_id="m1")
    assert refusal(soon) == (409, "motion/objections-open")
    town.ledger.now_ms += 1
    late = await town.carry(objection(town, "o6", UNITS[5]))
    assert refusal(late) == (409, "objection/window-over")
    waits = await town.call(Org.BANK, "finalise_motion", motion_id="m1")
    assert refusal(waits) == (409, "objection/unanswered")
    first = await answered(town, "dismissed")
    assert (await answered(town, "dismissed")).payload == first.payload
    changed = await answered(town, "upheld")
    assert refusal(changed) == (409, "objection/answered-already")
    certificate = await town.done(Org.BANK, "finalise_motion", motion_id="m1")
    listed = await town.ask("objections", motion_id="m1")
    assert certificate["objections"] == listed["objections"]
    assert listed["objections"][0]["answer"] == "dismissed"
    over = await answered(town, "dismissed", evidence_sha256=sha(5))
    assert refusal(over) == (409, "motion/wrong-phase")


async def test_an_upheld_objection_leaves_only_to_void(town: Commons) -> None:
    await town.counted()
    await town.agreed(objection(town))
    assert (await answered(town, "upheld")).status == 200
    town.ledger.now_ms += OBJECTION_MS
    refused = await town.call(Org.BANK, "finalise_motion", motion_id="m1")
    assert refusal(refused) == (409, "objection/upheld")
    order = {"motion_id": "m1", "reason": "notice not served", "evidence_sha256": HASH}
    voided = await town.done(Org.REGULATOR, "void_motion", **order)
    assert await town.done(Org.REGULATOR, "void_motion", **order) == voided
    again = await town.call(Org.REGULATOR, "void_motion", **{**order, "reason": "another"})
    assert refusal(again) == (409, "motion/wrong-phase")
    assert await town.phase() == "void"
    rows = (await town.ask("board", motion_id="m1"))["rows"]
    assert rows[0]["choices"] == ["for"]


@pytest.mark.parametrize("due_ms", [0, 86_400_000])
async def test_an_objection_that_is_never_answered_lapses(due_ms: int) -> None:
    """Else the regulator's silence would keep any result from becoming final."""
    town = await Commons().settle(rules=[without_reviews(times={"result_due_ms": due_ms})])
    await town.open_motion()
    await town.agreed(town.ballot("o1", UNITS[0]))
    result = await town.counted()
    await town.agreed(objection(town), objection(town, "o6", UNITS[5]))
    said = {"motion_id": "m1", "holder_id": "o6", "answer": "dismissed", "evidence_sha256": HASH}
    await town.done(Org.REGULATOR, "answer_objection", **said)
    lapse_at = result["at"] + OBJECTION_MS + (due_ms or RESULT_DUE_MS)
    town.ledger.now_ms = lapse_at - 1
    waits = await town.call(Org.BANK, "finalise_motion", motion_id="m1")
    assert waits.message == f'objection/unanswered {{"count": 1, "lapse_at": {lapse_at}}}'
    town.ledger.now_ms = lapse_at
    certificate = await town.done(Org.BANK, "finalise_motion", motion_id="m1")
    assert [one["answer"] for one in certificate["objections"]] == [None, "dismissed"]
    assert certificate["lapsed_count"] == 1


async def test_an_answer_after_its_time_still_counts(town: Commons) -> None:
    await town.counted()
    await town.agreed(objection(town))
    town.ledger.now_ms += OBJECTION_MS + 2 * RESULT_DUE_MS
    assert (await answered(town, "upheld")).status == 200
    refused = await town.call(Org.BANK, "finalise_motion", motion_id="m1")
    assert refusal(refused) == (409, "objection/upheld")


async def test_a_buyer_and_the_seller_may_both_object(town: Commons) -> None:
    await town.counted()
    await town.sell(UNITS[4], "buyer")
    await town.agreed(objection(town, "buyer"))
    stranger = await town.carry(objection(town, "o6"))
    assert refusal(stranger) == (403, "ballot/not-your-unit")


# --- Final ---


async def test_the_certificate_binds_the_figures(town: Commons) -> None:
    early = await town.call(Org.BANK, "finalise_motion", motion_id="m1")
    assert refusal(early) == (409, "motion/wrong-phase")
    unknown = await town.call(Org.BANK, "finalise_motion", motion_id="m9")
    assert refusal(unknown) == (404, "motion/unknown")
    certificate = await town.final()
    result = codec.decode(json.dumps(await town.ask("result", motion_id="m1")), Result)
    assert hashlib.sha256(codec.encode(result)).hexdigest() == certificate["result_sha256"]
    town.ledger.now_ms += 1
    assert await town.done(Org.PROPERTY, "finalise_motion", motion_id="m1") == certificate
    stored = json.dumps(certificate)
    assert not any(f'"{owner}"' in stored for owner in town.people)


async def test_what_is_final_only_an_award_ends(town: Commons) -> None:
    await town.final()
    order = {"motion_id": "m1", "reason": "award 2026-17", "evidence_sha256": HASH}
    regulator = await town.call(Org.REGULATOR, "void_motion", **order)
    assert refusal(regulator) == (409, "motion/wrong-phase")
    unknown = await town.call(Org.ARBITRATION, "void_motion", **{**order, "motion_id": "m9"})
    assert refusal(unknown) == (404, "motion/unknown")
    outsider = await town.call(Org.BANK, "void_motion", **order)
    assert refusal(outsider) == (403, "caller/org")
    await town.done(Org.ARBITRATION, "void_motion", **order)
    view = await town.ask("motion", motion_id="m1")
    assert (view["phase"], view["is_carried"]) == ("void", False)
    assert view["motion"]["counted"]["outcome"] == "carried"


async def test_a_void_motion_takes_nothing_more(town: Commons) -> None:
    order = {"motion_id": "m1", "reason": "wrong roll", "evidence_sha256": HASH}
    await town.done(Org.REGULATOR, "void_motion", **order)
    town.ledger.now_ms += 1
    assert refusal(await town.cast("o1", UNITS[0])) == (409, "motion/wrong-phase")
    for name in ("close_motion", "count_motion", "finalise_motion", "apply_effect"):
        outcome = await town.call(Org.BANK, name, motion_id="m1")
        assert refusal(outcome) == (409, "motion/wrong-phase"), name


# --- Effects ---


async def test_an_effect_needs_a_final_and_carried_motion(town: Commons) -> None:
    unknown = await town.call(Org.BANK, "apply_effect", motion_id="m9")
    assert refusal(unknown) == (404, "motion/unknown")
    early = await town.call(Org.BANK, "apply_effect", motion_id="m1")
    assert refusal(early) == (409, "motion/wrong-phase")
    await town.final()
    nothing = await town.call(Org.BANK, "apply_effect", motion_id="m1")
    assert refusal(nothing) == (422, "effect/none")
    await town.open_motion("m2")
    await town.final("m2")
    lost = await town.call(Org.BANK, "apply_effect", motion_id="m2")
    assert refusal(lost) == (422, "motion/not-carried")


async def test_a_rule_is_adopted_when_it_is_in_force() -> None:
    town = await Commons().settle()
    own = without_reviews(id="ours", effective_from="2027-03-01")
    await town.carried(effect={"kind": "adopt_rule", "rule": own})
    early = await town.call(Org.BANK, "apply_effect", motion_id="m1")
    assert refusal(early) == (422, "rule/not-in-force")
    assert (await town.ask("matter_rule", matter_class="ordinary"))["motion_id"] is None
    town.ledger.now_ms = 1_803_859_200_000
    applied = await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert applied["applied"]["at"] == town.ledger.now_ms
    told = [one["event"] for one in json.loads(town.ledger.events[-1][2])]
    assert told == ["RuleAdopted", "EffectApplied"]
    town.ledger.now_ms += 1
    assert await town.done(Org.BANK, "apply_effect", motion_id="m1") == applied


async def test_a_committee_is_seated_when_its_term_begins() -> None:
    rule = without_reviews("cn-278-committee-seat")
    rule["ballot"]["multi_seat"] |= {"seats": 5, "seats_min": 5, "max_choices": 5}
    rows = [unit_row(f"1-1-{n}", f"o{n}") for n in range(1, 6)]
    town = await Commons().settle(rows, rules=[rule])
    from_at = town.ledger.now_ms + 60 * 86_400_000
    effect = {
        "kind": "seat_committee",
        "term_from_at": from_at,
        "term_until_at": from_at + 86_400_000,
    }
    names = [f"o{n}" for n in range(1, 6)]
    options = [{"option": name} for name in names]
    await town.drafted(matter_class=rule["matter_class"], options=options, effect=effect)
    opens_at = town.ledger.now_ms + 30 * 86_400_000
    motion = await town.published(opens_at=opens_at, closes_at=opens_at + 1_000_000)
    town.ledger.now_ms = motion["publication"]["opens_at"]
    for number, name in enumerate(names, start=1):
        await town.agreed(town.ballot(name, f"1-1-{number}", choices=names))
    await town.final()
    early = await town.call(Org.BANK, "apply_effect", motion_id="m1")
    assert refusal(early) == (409, "effect/not-due")
    town.ledger.now_ms = from_at
    await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert (await town.ask("committee"))["seated"] == names


# --- The board ---


async def test_the_board_shows_who_took_part_and_after_the_count_what_they_chose(
    town: Commons,
) -> None:
    during = (await town.ask("board", motion_id="m1", limit=5))["rows"]
    assert [row["state"] for row in during] == ["returned"] * 4 + ["not-returned"]
    assert all(row["choices"] == [] for row in during)
    await town.counted()
    page = await town.ask("board", motion_id="m1", after=UNITS[1], limit=2)
    assert [(row["unit_id"], row["choices"]) for row in page["rows"]] == [
        (UNITS[2], ["for"]),
        (UNITS[3], ["for"]),
    ]
    assert page["next_after"] == UNITS[3]
    last = await town.ask("board", motion_id="m1", after=UNITS[3])
    assert ([row["area_dm2"] for row in last["rows"]], last["next_after"]) == ([10_000] * 2, None)
    text = json.dumps(page)
    assert not any(f'"{owner}"' in text for owner in town.people)


async def test_turnout_is_told_by_building(town: Commons) -> None:
    told = await town.ask("turnout", motion_id="m1")
    assert (told["returned"]["heads"], told["totals"]["heads"]) == (4, 6)
    assert [
        (b["building"], b["returned"]["lots"], b["totals"]["lots"]) for b in told["buildings"]
    ] == [
        ("1", 3, 3),
        ("2", 1, 3),
    ]


@pytest.mark.parametrize("limit", [0, 1])
async def test_a_page_of_nothing_ends(town: Commons, limit: int) -> None:
    page = await town.ask("board", motion_id="m1", limit=limit)
    assert (len(page["rows"]), page["next_after"]) == (limit, UNITS[0] if limit else None)
