"""Refusals in order: with two faults at once, the check that comes first must answer.

A table lists the faults of a call in the order of its checks. A fault is a name, the refusal it
causes, and a function that puts it into the request or the world.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chaincode.contract.contract import Outcome
from tests.support.town import refusal

Put = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    status: int
    code: str
    put: Put


def pairs(faults: Sequence[Fault]) -> list[tuple[Fault, Fault | None]]:
    """Each fault alone, and each with the one that is checked next."""
    alone: list[tuple[Fault, Fault | None]] = [(fault, None) for fault in faults]
    return alone + list(itertools.pairwise(faults))


async def assert_first_answers(
    scene: Any, first: Fault, second: Fault | None, call: Callable[[Any], Awaitable[Outcome]]
) -> None:
    """Put both faults, the later one first, and look who answers."""
    if second is not None:
        await second.put(scene)
    await first.put(scene)
    before = scene.town.ledger.state()
    assert refusal(await call(scene)) == (first.status, first.code)
    assert scene.town.ledger.state() == before, "a refusal writes nothing"
