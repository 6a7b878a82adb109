"""`scripts/bench ballots`: signed ballots, committed, on the four-organisation BFT network.

ballots_per_s_1      one ballot in a transaction, 50 transactions at once
ballots_per_s_50     fifty in one
ballots_per_s_200    two hundred in one, the most a transaction takes
batch_gain           ballots_per_s_200 over ballots_per_s_1
close_count_s        a motion of 3,000 ballots: closed, counted, certified

Ballots are signed beforehand. Every signature is verified by each endorser.
"""

import argparse
import json
import time
from collections.abc import Sequence

from chaincode.model.base import Org
from scripts.benchmarks.electorate import Electorate, State, now_ms, reach
from scripts.benchmarks.figures import Figures
from scripts.benchmarks.gateways import stating
from scripts.benchmarks.load import run
from scripts.benchmarks.running import CHANNEL, Way, bench, ways

CHAINCODE = ("python", "-m", "chaincode")
UNITS = 3_000
CAST = {1: 600, 50: 3_000, 200: 3_000}
"""Ballots of each run, by how many travel together."""
AT_ONCE = {1: 50, 50: 8, 200: 4}
"""Transactions at once: a gateway that collects ballots has few under way."""
LEAD_MS = 3_000
"""From a notice to the opening: longer than the transaction takes."""
WINDOW_MS = 120_000
STEPS = ("close_motion", "count_motion", "finalise_motion")


async def measure(args: argparse.Namespace, figures: Figures) -> None:
    """All figures."""
    async with bench() as place:
        network = await place.up(CHAINCODE)
        electorate = Electorate.generate(CHANNEL, CHANNEL, UNITS)
        async with ways(network) as found, stating(network) as state:
            started = time.perf_counter()
            await electorate.settle(state)
            figures.add("settle_s", time.perf_counter() - started)
            ends_at = 0
            for together in CAST:
                motion_id = f"motion-{together}"
                opens_at = await electorate.open_motion(
                    state, motion_id, opens_in_ms=LEAD_MS, window_ms=WINDOW_MS
                )
                ends_at = opens_at + WINDOW_MS
                await reach(opens_at)
                await _cast(electorate, motion_id, found, together, figures)
                if now_ms() > ends_at:
                    raise RuntimeError("the machine is too slow")
            gain = figures.found["ballots_per_s_200"] / figures.found["ballots_per_s_1"]
            figures.add("batch_gain", gain)
            await reach(ends_at)
            await _result(state, f"motion-{max(CAST)}", figures)


async def _cast(
    electorate: Electorate, motion_id: str, through: Sequence[Way], together: int, figures: Figures
) -> None:
    owners = electorate.owners[: CAST[together]]
    batches = [owners[at : at + together] for at in range(0, len(owners), together)]
    signed = [[electorate.ballot(owner, motion_id) for owner in batch] for batch in batches]

    async def transact(number: int) -> None:
        way = through[number % len(through)]
        committed = await way.contract.submit(
            "submit_acts", CHANNEL.encode(), *signed[number], follower=way.follower
        )
        answers = json.loads(committed.result)["answers"]
        codes = {answer["code"] for answer in answers}
        if codes != {"accepted"} or len(answers) != len(signed[number]):
            raise RuntimeError(f"ballots were refused: {sorted(codes)}")

    result = await run(transact, len(signed), AT_ONCE[together])
    if result.errors:
        raise RuntimeError(f"{result.errors} transactions failed")
    figures.add(f"ballots_per_s_{together}", len(owners) / result.seconds)


async def _result(state: State, motion_id: str, figures: Figures) -> None:
    started = time.perf_counter()
    for step in STEPS:
        step_started = time.perf_counter()
        await state(Org.PROPERTY, step, {"motion_id": motion_id})
        figures.add(f"{step}_s", time.perf_counter() - step_started)
    figures.add("close_count_s", time.perf_counter() - started)
