"""The gateway is killed again and again while owners cast: what it acknowledged is on the ledger,
once, under the transaction that it named; who had no answer sends the same act again.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chaincode.model.base import Org
from scripts.benchmarks.electorate import Electorate, Owner, now_ms
from scripts.benchmarks.gateways import GatewayProcess, start_gateway, stating
from scripts.clients import asking, settings_text
from tests.support.network import CHANNEL, RunningNetwork, document, running_network
from tests.support.ports import quiet_port

pytestmark = [pytest.mark.faults, pytest.mark.fabric]

MOTION = "m-kill"
WINDOW_MS = 60 * 60 * 1000
ANSWER_S_MAX = 30.0
PAUSE_S = 1.0
"""A phone that had no answer tries again after about so long."""
ALL_ANSWERED_S_MAX = 900.0
ASKED_AT_ONCE = 30


@dataclass
class Vote:
    """Owners who cast at one gateway, whatever happens to it."""

    electorate: Electorate
    url: str
    chance: random.Random
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By unit: what the gateway said last, which must be what it said first."""
    unanswered_count: int = 0

    async def cast(self, session: aiohttp.ClientSession, owner: Owner, after_s: float) -> None:
        """One owner's ballot, the same bytes until the gateway acknowledges them; and then once
        more, as an impatient thumb does."""
        await asyncio.sleep(after_s)
        act = self.electorate.ballot(owner, MOTION)
        answer = await self._answer(session, act)
        self.acknowledged[owner.unit_id] = answer
        again = await self._answer(session, act)
        assert (again["sha256"], again["tx_id"]) == (answer["sha256"], answer["tx_id"])

    async def _answer(self, session: aiohttp.ClientSession, act: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/jose"}
        place = f"{self.url}/v1/communities/{CHANNEL}/acts"
        while True:
            try:
                async with session.post(place, data=act, headers=headers) as response:
                    answer: dict[str, Any] = await response.json()
                    if response.status == HTTPStatus.OK:
                        return answer
                    passing = (HTTPStatus.ACCEPTED, HTTPStatus.SERVICE_UNAVAILABLE)
                    assert response.status in passing, answer
            except (aiohttp.ClientError, TimeoutError):
                self.unanswered_count += 1
            await asyncio.sleep(PAUSE_S * self.chance.uniform(0.5, 1.5))

    async def until(self, count: int) -> None:
        """Return once so many ballots are acknowledged."""
        while len(self.acknowledged) < count:
            await asyncio.sleep(0.002)


@dataclass
class Gateway:
    """One gateway, always at the same address."""

    config: Path
    log: Path
    process: GatewayProcess | None = None

    async def start(self) -> None:
        self.process = await start_gateway(self.config, self.log)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.process.wait()


@asynccontextmanager
async def gateway(network: RunningNetwork, folder: Path, port: int) -> AsyncIterator[Gateway]:
    """The property company's gateway; stopped as an operator does at the end."""
    sections = {"limits": {"address_per_s": 10_000.0, "address_burst": 100_000}}
    config = folder / "gateway.toml"
    text = settings_text(network.network, Org.PROPERTY, port=port, sections=sections)
    config.write_text(text, encoding="utf-8")
    found = Gateway(config, folder / "log")
    await found.start()
    try:
        yield found
    finally:
        assert found.process is not None
        assert await found.process.stop() == 0, found.log.read_text()[-2_000:]


async def opened(network: RunningNetwork, electorate: Electorate) -> None:
    """Everything that casting needs is on the ledger, and the window is open."""
    async with stating(network.network) as state:
        await electorate.settle(state)
        opens_at = await electorate.open_motion(
            state, MOTION, opens_in_ms=2_000, window_ms=WINDOW_MS
        )
    await asyncio.sleep(max(0, opens_at - now_ms()) / 1000)


async def killing(vote: Vote, victim: Gateway, kills_count: int) -> None:
    """Kill after so many acknowledgements, chosen at random, and a random moment more."""
    last = len(vote.electorate.owners) - 1
    for count in sorted(vote.chance.sample(range(last), kills_count)):
        await vote.until(count)
        await asyncio.sleep(vote.chance.uniform(0, 0.2))
        await victim.kill()
        await victim.start()


async def all_is_there_once(network: RunningNetwork, vote: Vote) -> None:
    """Every acknowledged ballot is the one on record, and the only one of its unit."""
    slots = asyncio.Semaphore(ASKED_AT_ONCE)
    lost, doubled = [], []
    async with asking(network.network) as ask:

        async def one(unit_id: str, answer: dict[str, Any]) -> None:
            async with slots:
                found = await ask("ballot_receipt", {"motion_id": MOTION, "unit_id": unit_id})
            if found is None or found["act_sha256"] != answer["sha256"]:
                lost.append(unit_id)
            elif found["earlier_count"] or found["tx_id"] != answer["tx_id"]:
                doubled.append(unit_id)

        async with asyncio.TaskGroup() as group:
            for unit_id, answer in vote.acknowledged.items():
                group.create_task(one(unit_id, answer))
    assert (lost, doubled) == ([], [])


@pytest.fixture
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four organisations with the real chaincode, for one vote."""
    written = document(("python", "-m", "chaincode"))
    with running_network(tmp_path_factory.mktemp("killed"), written) as running:
        yield running


async def killed_during_a_vote(
    network: RunningNetwork, folder: Path, owners_count: int, spread_s: float, kills_count: int
) -> None:
    """The whole vote, and what the ledger says of it."""
    seed = time.time_ns()
    print(f"seed {seed}")
    port = quiet_port()
    electorate = Electorate.generate(CHANNEL, CHANNEL, owners_count)
    vote = Vote(electorate, f"http://127.0.0.1:{port}", random.Random(seed))
    await opened(network, electorate)
    timeout, connector = aiohttp.ClientTimeout(total=ANSWER_S_MAX), aiohttp.TCPConnector(limit=0)
    began_s = time.monotonic()
    async with (
        gateway(network, folder, port) as victim,
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.timeout(ALL_ANSWERED_S_MAX),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(killing(vote, victim, kills_count))
        for owner in electorate.owners:
            group.create_task(vote.cast(session, owner, vote.chance.uniform(0, spread_s)))
    took_s = time.monotonic() - began_s
    assert len(vote.acknowledged) == owners_count
    await all_is_there_once(network, vote)
    print(
        f"{owners_count} owners, {kills_count} kills, {vote.unanswered_count} tries unanswered,"
        f" {took_s:.0f} s: none lost, none doubled"
    )


@pytest.mark.timeout(600)
async def test_what_was_acknowledged_is_there_once(network: RunningNetwork, tmp_path: Path) -> None:
    await killed_during_a_vote(network, tmp_path, owners_count=600, spread_s=15, kills_count=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_whole_town_casts_while_the_gateway_is_killed(
    network: RunningNetwork, tmp_path: Path
) -> None:
    await killed_during_a_vote(network, tmp_path, owners_count=3_000, spread_s=60, kills_count=10)
