"""The hand count of paper: two clerks, what none may leave out, how long it is waited for."""

import pytest

from chaincode.model.base import Org, Role
from chaincode.rules.motion import RESULT_DUE_MS
from tests.support.community import OBJECTION_MS, UNITS, paper_town
from tests.support.people import Person
from tests.support.town import DAY_MS, HASH, refusal


async def test_the_hand_count_must_equal_what_was_entered() -> None:
    town = await paper_town()
    early = await town.carry(town.hand_count("clerk-a"))
    assert refusal(early) == (409, "motion/wrong-phase")
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk))
        await town.agreed(town.paper(UNITS[1], "o2", clerk=clerk, spoiled=True))
    await town.closed()
    counting = ("count_motion", {"motion_id": "m1"})
    waits = await town.call(Org.BANK, counting[0], **counting[1])
    assert refusal(waits) == (409, "paper/hand-count-missing")
    for wrong in ({"for": 2}, {"for": 1}, {"against": 1, "spoiled": 1}, {"for": 1, "spoiled": 2}):
        await town.agreed(*town.hand_counts(**wrong))
        differs = await town.call(Org.BANK, counting[0], **counting[1])
        assert refusal(differs) == (409, "paper/hand-count-differs"), wrong
    await town.agreed(*town.hand_counts(**{"for": 1, "against": 0}, spoiled=1))
    tally = (await town.done(Org.BANK, counting[0], **counting[1]))["tally"]
    assert (tally["paper_count"], tally["spoiled_count"]) == (2, 1)
    after = await town.carry(town.hand_count("clerk-a", **{"for": 1}))
    assert refusal(after) == (409, "motion/wrong-phase")


async def test_one_clerk_alone_cannot_leave_out_what_is_in_the_box() -> None:
    town = await paper_town()
    await town.closed()
    await town.agreed(town.hand_count("clerk-a"), town.hand_count("clerk-a"))
    alone = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert alone.message == 'paper/hand-count-missing {"given": 1, "needed": 2}'
    await town.agreed(town.hand_count("clerk-b", **{"for": 1}))
    differs = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert refusal(differs) == (409, "paper/hand-count-differs")
    received = town.ledger.now_ms - 1
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk, received_at=received))
    await town.agreed(town.hand_count("clerk-a", **{"for": 1}))
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert (result["tally"]["paper_count"], result["hand_check"]) == (1, "agreed")


async def test_a_third_clerks_other_count_holds_nothing_up() -> None:
    town = await paper_town()
    town.clerks["odd"] = await town.issue(Person("odd", "cred-odd"), Role.REGULATOR_CLERK)
    await town.closed()
    await town.agreed(*town.hand_counts(), town.hand_count("odd", **{"for": 9}))
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert result["hand_check"] == "agreed"


@pytest.mark.parametrize("due_ms", [0, DAY_MS])
async def test_one_clerks_reading_holds_the_count_up_for_a_time_only(due_ms: int) -> None:
    """A reading that nobody can confirm, and a count that nobody makes, freeze no election."""
    town = await paper_town(times={"result_due_ms": due_ms})
    await town.agreed(town.ballot("o1", UNITS[0]), town.paper(UNITS[1], "o2"))
    closed_at = (await town.closed())["closed"]["at"]
    town.ledger.now_ms = closed_at + (due_ms or RESULT_DUE_MS) - 1
    waits = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert waits.message == f'paper/unresolved {{"count": 1, "unit": "{UNITS[1]}"}}'
    town.ledger.now_ms += 1
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert (result["hand_check"], result["unresolved_paper"]) == ("missing", [UNITS[1]])
    assert (result["tally"]["ballots_count"], result["tally"]["paper_count"]) == (1, 0)
    town.ledger.now_ms = result["at"] + OBJECTION_MS
    certificate = await town.done(Org.BANK, "finalise_motion", motion_id="m1")
    assert (certificate["hand_check"], certificate["unresolved_paper"]) == ("missing", [UNITS[1]])


async def test_a_hand_count_that_still_differs_is_told_on_the_result() -> None:
    town = await paper_town()
    await town.closed()
    await town.agreed(*town.hand_counts(**{"for": 1}))
    town.ledger.now_ms += RESULT_DUE_MS
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert (result["hand_check"], result["unresolved_paper"]) == ("differs", [])


async def test_a_torn_hand_count_is_refused() -> None:
    town = await paper_town()
    clerk = town.clerks["clerk-a"]
    said = {
        "motion_id": "m1",
        "sheets_count": 1,
        "spoiled_count": 0,
        "evidence_sha256": HASH,
        "options": [{"option": "for", "sheets_count": 1}] * 2,
    }
    twice = await town.acted(clerk, "record_hand_count", **said)
    assert refusal(twice) == (400, "paper/option-repeated")
    said["options"] = [{"option": "maybe", "sheets_count": 1}]
    unknown = await town.acted(clerk, "record_hand_count", **said)
    assert refusal(unknown) == (400, "ballot/option-unknown")
    said["motion_id"] = "m9"
    assert refusal(await town.acted(clerk, "record_hand_count", **said)) == (404, "motion/unknown")
    await town.drafted("m2")
    said["motion_id"] = "m2"
    assert refusal(await town.acted(clerk, "record_hand_count", **said)) == (
        409,
        "motion/wrong-phase",
    )
    nobody = await town.acted("o1", "record_hand_count", **said)
    assert refusal(nobody) == (403, "caller/not-seated")
