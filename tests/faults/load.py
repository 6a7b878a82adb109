"""Writers that go on while something is killed, and the account of what they were told."""

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from gateway.fabric.errors import EndorseError, OutcomeUnknown, SubmitError, Throttled
from gateway.fabric.follower import CommitFollower
from tests.support.gateways import Caller, calling
from tests.support.network import RunningNetwork

DEADLINE_S = 45.0
PAUSE_S = 0.1
"""After a transaction that could not be sent."""


@dataclass(slots=True)
class Account:
    """What the writers were told, by key: `acknowledged` at which second, `refused` (nothing can
    have happened), `unknown` (given up, may be either)."""

    prefix: str = field(default_factory=lambda: f"load-{uuid.uuid4().hex}-")
    acknowledged: dict[str, float] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    async def until_more(self, count: int, org: str = "") -> None:
        """Return when this many more are acknowledged, by the writers of one org if it is named."""
        wanted = self._count(org) + count
        async with asyncio.timeout(DEADLINE_S):
            while self._count(org) < wanted:
                await asyncio.sleep(PAUSE_S)

    def longest_gap_s(self) -> float:
        """The longest time in which nobody was told of a commit."""
        times = sorted(self.acknowledged.values())
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def __str__(self) -> str:
        told = (len(self.acknowledged), len(self.refused), len(self.unknown))
        return "{} acknowledged, {} refused, {} unknown".format(*told)

    def _count(self, org: str) -> int:
        return sum(key.startswith(f"{self.prefix}{org}") for key in self.acknowledged)


@asynccontextmanager
async def load(
    network: RunningNetwork, orgs: tuple[str, ...], writers_per_org: int
) -> AsyncIterator[Account]:
    """Writers of these orgs, each with one transaction at a time, until the context is left.

    Those that are under way then are finished first, so that the account is complete.
    """
    account, is_over = Account(), asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for org in orgs:
            caller = await stack.enter_async_context(calling(network, org))
            follower = await stack.enter_async_context(caller.channel.follower())
            for number in range(writers_per_org):
                prefix = f"{account.prefix}{org}-{number}-"
                group.create_task(_write(caller, follower, prefix, account, is_over))
        try:
            yield account
        finally:
            is_over.set()


async def _write(
    caller: Caller,
    follower: CommitFollower,
    prefix: str,
    account: Account,
    is_over: asyncio.Event,
) -> None:
    count = 0
    while not is_over.is_set():
        key = f"{prefix}{count:06d}"
        count += 1
        try:
            await caller.contract.submit("put", key, key, follower=follower)
        except (EndorseError, SubmitError, Throttled):
            account.refused.add(key)
            await asyncio.sleep(PAUSE_S)
        except OutcomeUnknown:
            account.unknown.add(key)
        else:
            account.acknowledged[key] = time.monotonic()


async def verify(network: RunningNetwork, account: Account) -> None:
    """Every org's ledger has what was acknowledged, and nothing of what was refused."""
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(calling(network, org)) for org in network.topology.orgs
        ]
        await _until_level(callers)
        for caller in callers:
            found = await caller.query("scan", account.prefix, f"{account.prefix}~")
            keys = {key for key, value in found if key == value}
            assert len(keys) == len(found)
            assert account.acknowledged.keys() <= keys
            assert not account.refused & keys
            assert keys <= account.acknowledged.keys() | account.unknown


async def _until_level(callers: list[Caller]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            heights = [await caller.channel.ledger.height() for caller in callers]
            if len(set(heights)) == 1:
                return
            await asyncio.sleep(PAUSE_S)
