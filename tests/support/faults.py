"""Refusals in order: with two faults at once, the check that comes first must answer.

A table lists the faults of a call in the order of its checks. A fault is a name, the refusal it
causes, and a function that puts it into the request or the world.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chaincode.contract.contract import Outcome
from chaincode.model.base import Org
from tests.support.town import Town, refusal

Put = Callable[["Scene"], Awaitable[None]]


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


@dataclass
class Scene:
    """A town and a call about to be made in it; faults change either."""

    town: Town
    org: Org
    function: str
    request: dict[str, Any]

    async def call(self) -> Outcome:
        """Submit the call."""
        return await self.town.call(self.org, self.function, **self.request)


def says(**fields: Any) -> Put:
    """A fault in the request."""

    async def put(scene: Scene) -> None:
        scene.request.update(fields)

    return put


def by(org: Org) -> Put:
    """A fault in who calls."""

    async def put(scene: Scene) -> None:
        scene.org = org

    return put


def elsewhere() -> Put:
    """The community does not exist."""

    async def put(scene: Scene) -> None:
        scene.request["community"] = "nowhere"

    return put


def after(org: Org, function: str, **fields: Any) -> Put:
    """A fault in the world: something else was done before."""

    async def put(scene: Scene) -> None:
        await scene.town.done(org, function, **fields)

    return put


async def assert_first_answers(scene: Scene, first: Fault, second: Fault | None) -> None:
    """Put both faults, the later one first, and look who answers."""
    if second is not None:
        await second.put(scene)
    await first.put(scene)
    before = scene.town.ledger.state()
    assert refusal(await scene.call()) == (first.status, first.code)
    assert scene.town.ledger.state() == before, "a refusal writes nothing"
