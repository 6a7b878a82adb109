"""Transactions at a steady number at once: how many a second, how long each, how many failed."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.fabric.errors import FabricError
from scripts.benchmarks.running import Way

FUNCTION = "three_reads_two_writes"

Transact = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run gave: seconds in all, milliseconds of each that was committed, failures."""

    seconds: float
    latencies_ms: list[float]
    errors: int

    @property
    def per_second(self) -> float:
        """Committed transactions a second."""
        return len(self.latencies_ms) / self.seconds


async def run(transact: Transact, count: int, at_once: int) -> Run:
    """Make `count` transactions, `at_once` at any time; each number goes to `transact` once."""
    numbers = iter(range(count))
    latencies: list[float] = []
    errors = 0

    async def work() -> None:
        nonlocal errors
        for number in numbers:
            started = time.perf_counter()
            try:
                await transact(number)
            except FabricError:
                errors += 1
            else:
                latencies.append((time.perf_counter() - started) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return Run(time.perf_counter() - began, latencies, errors)


async def writes(found: Sequence[Way], count: int, at_once: int) -> Run:
    """Three reads and two writes of fresh keys each, over all the gateways in turn."""
    prefix = uuid.uuid4().hex

    async def transact(number: int) -> object:
        way = found[number % len(found)]
        keys = [f"{prefix}-{number}-{part}" for part in "abc"]
        return await way.contract.submit(FUNCTION, *keys, follower=way.follower)

    return await run(transact, count, at_once)
