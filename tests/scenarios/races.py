"""Calls that were endorsed in time and arrive late: what had been read is changed, so they die."""

import pytest

from chaincode.access import MSP_OF
from chaincode.model.base import Org
from tests.scenarios.motions import counted_ballots
from tests.scenarios.steps import scenario
from tests.support.community import UNITS, Commons
from tests.support.memory_ledger import HeldBack, ReadConflict
from tests.support.town import refusal


async def held_back(town: Commons, org: Org, function: str) -> HeldBack:
    """A call on the motion, endorsed and kept."""
    held = await town.ledger.hold_back(MSP_OF[org], function, town.request(motion_id="m1"))
    assert held.outcome.status == 200, held.outcome
    return held


async def late_ballots(town: Commons) -> None:
    """A gateway that keeps a batch until after the close has it refused by every peer; the close
    that came second as well. Neither changes the result."""
    await town.settle()
    await town.open_motion()
    await town.agreed(*(town.ballot(f"o{n}", UNITS[n - 1]) for n in range(1, 5)))
    late = [town.ballot(f"o{n}", UNITS[n - 1], choices=["against"]) for n in (5, 6)]
    kept = await town.ledger.hold_back(
        MSP_OF[Org.PROPERTY], "submit_acts", town.community.encode(), *late
    )
    assert kept.outcome.status == 200
    await town.ended()
    closes = [await held_back(town, org, "close_motion") for org in (Org.BANK, Org.PROPERTY)]
    await closes[0].send()
    for conflicting in (kept, closes[1]):
        with pytest.raises(ReadConflict):
            await conflicting.send()
    counts = [await held_back(town, org, "count_motion") for org in (Org.BANK, Org.COMMITTEE)]
    await counts[0].send()
    with pytest.raises(ReadConflict):
        await counts[1].send()
    result = await town.ask("result", motion_id="m1")
    assert result["tally"]["ballots_count"] == 4
    ballots = await counted_ballots(town, "m1")
    assert [one["unit_id"] for one in ballots] == list(UNITS[:4])
    unknown = await town.query("ballot_receipt", motion_id="m1", unit_id=UNITS[4])
    assert refusal(unknown) == (404, "ballot/unknown")
    again = [town.ballot(f"o{n}", UNITS[n - 1]) for n in (5, 6)]
    assert await town.answers(*again) == [(409, "motion/wrong-phase")] * 2


RACES = (scenario(late_ballots, "cast_ballot close_motion count_motion"),)
