"""Gateway processes on a real network: every acknowledged act is on the ledger, once."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from scripts.benchmarks.electorate import Electorate, Owner, now_ms
from scripts.benchmarks.gateways import GatewayProcess, start_gateway, stating
from scripts.clients import asking, settings_text
from tests.support.network import CHANNEL, RunningNetwork, document, running_network

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(600)]

OWNERS_COUNT = 40
WINDOW_MS = 3_600_000
DEADLINE_S = 120.0
KILLS = 3
ELECTORATE = Electorate.generate(CHANNEL, CHANNEL, OWNERS_COUNT)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four orgs with the real chaincode, and a community of owners with credentials."""
    folder = tmp_path_factory.mktemp("gateway")
    with running_network(folder, document(("python", "-m", "chaincode"))) as running:
        asyncio.run(_settle(running))
        yield running


async def _settle(running: RunningNetwork) -> None:
    async with stating(running.network) as state:
        await ELECTORATE.settle(state)


async def opened(running: RunningNetwork, motion_id: str, window_ms: int = WINDOW_MS) -> None:
    """A motion whose window is open now."""
    async with stating(running.network) as state:
        opens_at = await ELECTORATE.open_motion(
            state, motion_id, opens_in_ms=500, window_ms=window_ms
        )
    await asyncio.sleep(max(0, opens_at - now_ms()) / 1000)


@asynccontextmanager
async def gateway(
    running: RunningNetwork, folder: Path, org: str = "property", **sections: Any
) -> AsyncIterator[GatewayProcess]:
    """One org's gateway, stopped as an operator would."""
    home = folder / org
    home.mkdir(exist_ok=True)
    config = home / "gateway.toml"
    config.write_text(settings_text(running.network, org, sections=sections), encoding="utf-8")
    process = await start_gateway(config, home / "log")
    try:
        yield process
    finally:
        if process.process.returncode is None:
            assert await process.stop() == 0, (home / "log").read_text()[-2_000:]


async def send(session: aiohttp.ClientSession, url: str, act: bytes) -> tuple[int, Any]:
    headers = {"Content-Type": "application/jose"}
    place = f"{url}/v1/communities/{CHANNEL}/acts"
    async with session.post(place, data=act, headers=headers) as response:
        return response.status, await response.json()


async def receipts(running: RunningNetwork, motion_id: str) -> dict[str, Any]:
    """What the ledger has for each owner's unit."""
    async with asking(running.network) as ask:
        return {
            owner.unit_id: await ask(
                "ballot_receipt", {"motion_id": motion_id, "unit_id": owner.unit_id}
            )
            for owner in ELECTORATE.owners
        }


async def test_owners_cast_and_each_is_told_the_truth(
    network: RunningNetwork, tmp_path: Path
) -> None:
    await opened(network, "m-cast")
    stranger = Electorate.generate(CHANNEL, CHANNEL, 1).owners[0]
    async with gateway(network, tmp_path) as one, aiohttp.ClientSession() as session:
        acts = [ELECTORATE.ballot(owner, "m-cast") for owner in ELECTORATE.owners]
        forged = ELECTORATE.ballot(stranger, "m-cast")
        answers = await asyncio.gather(*(send(session, one.url, act) for act in (*acts, forged)))
        assert [status for status, _ in answers] == [200] * OWNERS_COUNT + [403]
        assert answers[-1][1]["code"] == "act/forged"
        transactions = {answer["tx_id"] for _, answer in answers[:-1]}
        assert len(transactions) < OWNERS_COUNT, "many ballots in one transaction"
        again = await send(session, one.url, acts[0])
        assert again[1]["tx_id"] == answers[0][1]["tx_id"]
    found = await receipts(network, "m-cast")
    for owner, (_, answer) in zip(ELECTORATE.owners, answers, strict=False):
        receipt = found[owner.unit_id]
        assert (receipt["act_sha256"], receipt["tx_id"]) == (answer["sha256"], answer["tx_id"])
        assert receipt["earlier_count"] == 0


async def test_one_act_through_two_gateways_counts_once(
    network: RunningNetwork, tmp_path: Path
) -> None:
    await opened(network, "m-two")
    async with (
        gateway(network, tmp_path, "property") as one,
        gateway(network, tmp_path, "bank") as other,
        aiohttp.ClientSession() as session,
    ):
        for owner in ELECTORATE.owners[:10]:
            act = ELECTORATE.ballot(owner, "m-two")
            first, second = await asyncio.gather(
                send(session, one.url, act), send(session, other.url, act)
            )
            assert (first[0], second[0]) == (200, 200)
            assert first[1]["tx_id"] == second[1]["tx_id"]
    found = await receipts(network, "m-two")
    assert all(found[owner.unit_id]["earlier_count"] == 0 for owner in ELECTORATE.owners[:10])


async def test_a_due_motion_is_closed_and_counted_by_whoever_is_awake(
    network: RunningNetwork, tmp_path: Path
) -> None:
    await opened(network, "m-due", window_ms=6_000)
    every = {"clock": {"every_s": 0.2}}
    async with (
        gateway(network, tmp_path, "property", **every) as one,
        gateway(network, tmp_path, "committee", **every),
        aiohttp.ClientSession() as session,
    ):
        owner = ELECTORATE.owners[0]
        status, _ = await send(session, one.url, ELECTORATE.ballot(owner, "m-due"))
        assert status in (HTTPStatus.OK, HTTPStatus.CONFLICT)
        async with asking(network.network) as ask, asyncio.timeout(DEADLINE_S):
            while (view := await ask("motion", {"motion_id": "m-due"}))["phase"] not in (
                "preliminary",
                "final",
            ):
                await asyncio.sleep(0.1)
        late = await send(session, one.url, ELECTORATE.ballot(owner, "m-due"))
        assert late == (409, late[1])
        assert late[1]["code"] == "motion/wrong-phase"
    assert view["motion"]["counted"]["outcome"] == "inquorate"


async def test_a_community_is_added_and_every_gateway_serves_it(
    network: RunningNetwork, tmp_path: Path
) -> None:
    """Without a touch of the gateways: its channel, its opening, its records, its figures."""
    token = tmp_path / "operator.token"
    token.write_text("t" * 40)
    token.chmod(0o600)
    async with (
        gateway(network, tmp_path, "regulator", gateway={"operator_token_file": str(token)}) as one,
        gateway(network, tmp_path, "bank") as other,
        aiohttp.ClientSession() as session,
    ):
        await network.add_community("garden")
        async with asyncio.timeout(DEADLINE_S):
            await _until(lambda: _is_opened(session, one.url, token.read_text(), "garden"))
            for served in (one, other):
                await _until(lambda url=served.url: _lists(session, url, "garden"))
                async with session.get(f"{served.operations_url}/metrics") as response:
                    assert 'gateway_channel_blocks{channel="garden"}' in await response.text()
                async with session.get(f"{served.url}/v1/communities/garden/acts") as response:
                    assert (await response.json())["channel"] == "garden"
                async with session.get(f"{served.operations_url}/readyz") as response:
                    assert response.status == HTTPStatus.OK


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():
        await asyncio.sleep(0.2)


async def _is_opened(session: aiohttp.ClientSession, url: str, token: str, community: str) -> bool:
    """The regulator's operator opens the community on its channel, once that is there."""
    async with session.put(
        f"{url}/v1/communities/{community}",
        json={"channel": community, "modules": ["voting"]},
        headers={"Authorization": f"Bearer {token}"},
    ) as response:
        return response.status == HTTPStatus.OK


async def _lists(session: aiohttp.ClientSession, url: str, community: str) -> bool:
    async with session.get(f"{url}/v1/communities") as response:
        return community in (await response.json())["communities"]


@pytest.mark.faults
async def test_a_killed_gateway_loses_nothing_that_it_acknowledged(
    network: RunningNetwork, tmp_path: Path
) -> None:
    """Owners cast; the gateway is killed again and again; who had no answer sends the same act."""
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    await opened(network, "m-kill")
    acts = {owner.unit_id: ELECTORATE.ballot(owner, "m-kill") for owner in ELECTORATE.owners}
    acknowledged: dict[str, Any] = {}
    for attempt in range(KILLS + 1):
        async with gateway(network, tmp_path) as one, aiohttp.ClientSession() as session:
            missing = [o for o in ELECTORATE.owners if o.unit_id not in acknowledged]
            casting = [
                asyncio.create_task(_cast(session, one.url, owner, acts, acknowledged, chance))
                for owner in missing
            ]
            if attempt < KILLS:
                await asyncio.sleep(chance.uniform(0.05, 0.8))
                one.kill()
                await one.process.wait()
            await asyncio.gather(*casting)
    assert len(acknowledged) == OWNERS_COUNT
    found = await receipts(network, "m-kill")
    for unit_id, answer in acknowledged.items():
        assert found[unit_id]["act_sha256"] == answer["sha256"], seed
        assert found[unit_id]["tx_id"] == answer["tx_id"], seed
        assert found[unit_id]["earlier_count"] == 0, seed


async def _cast(
    session: aiohttp.ClientSession,
    url: str,
    owner: Owner,
    acts: dict[str, bytes],
    acknowledged: dict[str, Any],
    chance: random.Random,
) -> None:
    await asyncio.sleep(chance.uniform(0, 1.0))
    try:
        status, answer = await send(session, url, acts[owner.unit_id])
    except aiohttp.ClientError:
        return
    if status == HTTPStatus.OK:
        acknowledged[owner.unit_id] = answer
