"""The window of a motion: its roll, its extensions, its end, and the second call."""

from typing import Any

import pytest

from chaincode.model.base import Org
from tests.support.community import (
    HOUR_MS,
    UNITS,
    WINDOW_MS,
    Commons,
    without_reviews,
)
from tests.support.town import DAY_MS, HASH, refusal, unit_row


async def publish(town: Commons, **fields: Any) -> tuple[int, str]:
    return refusal(await town.call(Org.REGULATOR, "publish_motion", **town.notice(**fields)))


# --- The roll at the opening, and of an event ---


async def test_a_rule_may_take_the_roll_when_the_window_opens() -> None:
    town = await Commons().settle(rules=[without_reviews(electorate={"roll_as_of": "open"})])
    await town.drafted()
    draft_pin = await town.call(Org.BANK, "pin_roll", motion_id="m1")
    assert refusal(draft_pin) == (409, "motion/wrong-phase")
    motion = await town.published()
    assert motion["roll"] is None
    early = await town.call(Org.BANK, "pin_roll", motion_id="m1")
    assert refusal(early) == (409, "motion/not-begun")
    town.ledger.now_ms = motion["publication"]["opens_at"]
    assert await town.phase() == "notice"
    assert refusal(await town.cast("o1", UNITS[0])) == (409, "motion/wrong-phase")
    await town.add_units([unit_row("3-1-1", "o1")])
    pinned = await town.done(Org.BANK, "pin_roll", motion_id="m1")
    assert pinned["roll"]["units_count"] == 7
    assert await town.done(Org.PROPERTY, "pin_roll", motion_id="m1") == pinned
    assert (await town.cast("o1", "3-1-1")).status == 200


async def test_a_motion_that_ended_without_its_roll_is_not_counted() -> None:
    rule = without_reviews(
        electorate={"roll_as_of": "open"}, channels={"paper": True}, times={"late_quorum_ms": 1}
    )
    town = await Commons().settle(rules=[rule])
    await town.drafted()
    await town.published()
    await town.closed()
    counting = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert refusal(counting) == (409, "motion/roll-not-pinned")
    paper = await town.carry(town.paper(UNITS[0], "o1"))
    assert refusal(paper) == (404, "ballot/unit-not-in-roll")
    objection = await town.acted(
        "o1", "object_to_result", motion_id="m1", unit_id=UNITS[0], evidence_sha256=HASH
    )
    assert refusal(objection) == (404, "ballot/unit-not-in-roll")


async def test_the_roll_of_an_event_is_named() -> None:
    town = await Commons().settle(rules=[without_reviews(electorate={"roll_as_of": "event"})])
    summary = await town.done(Org.REGULATOR, "freeze_roll")
    await town.add_units([unit_row("3-1-1", "o1")])
    await town.drafted()
    assert await publish(town) == (422, "motion/roll-id-contradicts")
    motion = await town.published(roll_id=summary["roll_id"])
    assert (motion["roll"]["roll_id"], motion["roll"]["units_count"]) == (summary["roll_id"], 6)
    plain = await Commons().settle()
    summary = await plain.done(Org.REGULATOR, "freeze_roll")
    await plain.drafted()
    assert await publish(plain, roll_id=summary["roll_id"]) == (422, "motion/roll-id-contradicts")


# --- Extensions and close ---


async def test_a_window_is_extended_as_often_as_the_rule_allows() -> None:
    times = {"extension_ms": DAY_MS, "extensions_max": 1}
    town = await Commons().settle(rules=[without_reviews(times=times)])
    motion = await town.open_motion()
    extended = await town.done(Org.COMMITTEE, "extend_motion", motion_id="m1")
    end_at = motion["publication"]["closes_at"] + DAY_MS
    assert [(e["reason"], e["closes_at"]) for e in extended["extensions"]] == [("decided", end_at)]
    more = await town.call(Org.COMMITTEE, "extend_motion", motion_id="m1")
    assert refusal(more) == (422, "motion/no-extension-left")
    town.ledger.now_ms = end_at - 1
    early = await town.call(Org.BANK, "close_motion", motion_id="m1")
    assert refusal(early) == (409, "motion/wrong-phase")
    assert (await town.cast("o1", UNITS[0])).status == 200
    town.ledger.now_ms = end_at
    over = await town.call(Org.COMMITTEE, "extend_motion", motion_id="m1")
    assert refusal(over) == (409, "motion/wrong-phase")
    assert refusal(await town.call(Org.BANK, "extend_motion", motion_id="m1")) == (
        403,
        "caller/org",
    )
    assert refusal(await town.call(Org.BANK, "close_motion", motion_id="m9")) == (
        404,
        "motion/unknown",
    )
    await town.done(Org.BANK, "close_motion", motion_id="m1")


@pytest.mark.parametrize(
    ("votes", "before_end_ms", "extended_by_ms"),
    [(4, 2 * HOUR_MS, None), (4, HOUR_MS // 2, HOUR_MS // 2), (3, HOUR_MS // 2, None)],
)
async def test_a_turnout_reached_late_extends_the_window_once(
    votes: int, before_end_ms: int, extended_by_ms: int | None
) -> None:
    """Four of six owners are two thirds; who reads of it late still has an hour."""
    rule = without_reviews(times={"late_quorum_ms": HOUR_MS}, channels={"paper": True})
    town = await Commons().settle(rules=[rule])
    motion = await town.open_motion()
    end_at = motion["publication"]["closes_at"]
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk))
    await town.agreed(town.paper(UNITS[4], "o5"))
    for number in range(2, votes):
        await town.agreed(town.ballot(f"o{number}", UNITS[number - 1]))
    town.ledger.now_ms = end_at - before_end_ms
    await town.agreed(town.ballot(f"o{votes}", UNITS[votes - 1]), town.ballot("o1", UNITS[0]))
    town.ledger.now_ms = end_at
    too_soon = town.ballot("o6", UNITS[5])
    assert refusal(await town.carry(too_soon)) == (409, "motion/close-awaited")
    closed = await town.closed()
    if extended_by_ms is None:
        assert refusal(await town.carry(too_soon)) == (409, "motion/wrong-phase")
        assert closed["extensions"] == []
        assert closed["closed"] is not None
        return
    assert [e["reason"] for e in closed["extensions"]] == ["late-quorum"]
    assert closed["extensions"][0]["closes_at"] == end_at + extended_by_ms
    assert await town.phase() == "open"
    await town.agreed(too_soon)
    await town.ended()
    assert refusal(await town.cast("o6", UNITS[5])) == (409, "motion/wrong-phase")
    assert (await town.closed())["closed"] is not None


async def test_a_late_turnout_known_too_late_extends_nothing() -> None:
    town = await Commons().settle(rules=[without_reviews(times={"late_quorum_ms": HOUR_MS})])
    motion = await town.open_motion()
    town.ledger.now_ms = motion["publication"]["closes_at"] - 1
    for number in range(1, 5):
        await town.agreed(town.ballot(f"o{number}", UNITS[number - 1]))
    town.ledger.now_ms += HOUR_MS
    assert refusal(await town.cast("o5", UNITS[4])) == (409, "motion/close-awaited")
    town.ledger.now_ms += 1
    assert refusal(await town.cast("o5", UNITS[4])) == (409, "motion/wrong-phase")
    closed = await town.done(Org.BANK, "close_motion", motion_id="m1")
    assert (closed["extensions"], closed["closed"] is None) == ([], False)


async def test_without_a_turnout_clause_no_turnout_is_late() -> None:
    rule = without_reviews(times={"late_quorum_ms": HOUR_MS}, turnout={"clauses": []})
    town = await Commons().settle(rules=[rule])
    await town.open_motion()
    assert (await town.closed())["extensions"] == []


# --- Second call ---


async def test_only_an_inquorate_motion_is_put_again_once_and_not_too_early() -> None:
    rule = without_reviews("tw-ordinary", authority={"initiators": ["regulator"]})
    rule["second_call"]["after_ms"] = 40 * DAY_MS
    town = await Commons().settle(rules=[rule])
    again = {"motion_id": "m2", "repeats": "m1"}
    unknown = await town.call(Org.REGULATOR, "call_again", **again)
    assert refusal(unknown) == (404, "motion/unknown")
    await town.open_motion()
    early = await town.call(Org.REGULATOR, "call_again", **again)
    assert refusal(early) == (409, "motion/wrong-phase")
    await town.final()
    taken = await town.call(Org.REGULATOR, "call_again", motion_id="m1", repeats="m1")
    assert refusal(taken) == (409, "motion/exists")
    first = await town.done(Org.REGULATOR, "call_again", **again)
    assert await town.done(Org.REGULATOR, "call_again", **again) == first
    twice = await town.call(Org.REGULATOR, "call_again", motion_id="m3", repeats="m1")
    assert refusal(twice) == (409, "motion/repeated-already")
    assert await publish(town, motion_id="m2") == (422, "motion/second-call-too-early")
    late = town.ledger.now_ms + 40 * DAY_MS
    await town.published("m2", opens_at=late, closes_at=late + WINDOW_MS)
    await town.final("m2")
    third = await town.call(Org.REGULATOR, "call_again", motion_id="m3", repeats="m2")
    assert refusal(third) == (422, "rule/call-not-allowed")


async def test_a_lost_or_carried_motion_is_not_put_again() -> None:
    town = await Commons().settle()
    await town.carried()
    again = await town.call(Org.REGULATOR, "call_again", motion_id="m2", repeats="m1")
    assert refusal(again) == (422, "motion/not-inquorate")
