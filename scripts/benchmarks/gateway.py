"""Owners of a generated roll cast through one gateway: how long each waits, and that all count."""

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from pathlib import Path

import aiohttp
import yaml
from rich.console import Console

from chaincode.model.base import Org
from network.home import Network, open_network
from network.up import bring_down, bring_up
from scripts.benchmarks.electorate import Electorate, Owner, reach
from scripts.benchmarks.figures import Figures, percentile
from scripts.benchmarks.gateways import GatewayProcess, start_gateway, stating
from scripts.clients import asking, settings_text

CONFIG = Path(__file__).parents[2] / "network" / "network.yaml"
MOTION = "bench"
OWNERS_COUNT = 3_000
SPREAD_S = 60.0
WINDOW_MS = 60 * 60 * 1000
ANSWER_S_MAX = 90.0
ASK_PAUSE_S = 0.5
ASKED_AT_ONCE = 30


async def measure(_args: argparse.Namespace, figures: Figures) -> None:
    """Bring a network up, cast, and compare with the ledger.

    `cast_p50_ms` and `cast_p99_ms` are what owners waited for their answers; `lost` are
    acknowledged ballots that the ledger does not have, `doubled` units with more than one.
    """
    for name, value in (await cast_through_gateway(OWNERS_COUNT, SPREAD_S)).items():
        figures.add(name, value)


async def cast_through_gateway(owners_count: int, spread_s: float) -> dict[str, int | float]:
    """The figures for so many owners who cast within `spread_s`."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="commonhold-bench-") as folder:
        network = _network(Path(folder))
        try:
            await bring_up(network, console)
            return await _measure(network, Path(folder), owners_count, spread_s, console)
        finally:
            await bring_down(network, wipe=False)


async def _measure(
    network: Network, folder: Path, owners_count: int, spread_s: float, console: Console
) -> dict[str, int | float]:
    channel = network.config.channels[0]
    electorate = Electorate.generate(channel.name, channel.communities[0], owners_count)
    async with stating(network) as state:
        console.print(f"setting up {owners_count} owners")
        await electorate.settle(state)
        opens_at = await electorate.open_motion(
            state, MOTION, opens_in_ms=2_000, window_ms=WINDOW_MS
        )
    config = folder / "gateway.toml"
    limits = {"limits": {"address_per_s": 10_000.0, "address_burst": 100_000}}
    config.write_text(settings_text(network, Org.PROPERTY, sections=limits), encoding="utf-8")
    gateway = await start_gateway(config, folder / "gateway.log")
    try:
        await reach(opens_at)
        console.print("casting")
        return await cast_all(gateway, electorate, spread_s, network)
    finally:
        if gateway.process.returncode is None:
            await gateway.stop()


async def cast_all(
    gateway: GatewayProcess, electorate: Electorate, spread_s: float, network: Network
) -> dict[str, int | float]:
    """Every owner casts at a moment of their own within `spread_s`."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
    connector = aiohttp.TCPConnector(limit=0)
    step_s = spread_s / len(electorate.owners)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        started_s = time.monotonic()

        async def one(number: int, owner: Owner) -> float | None:
            await asyncio.sleep(max(0.0, started_s + number * step_s - time.monotonic()))
            return await cast(session, gateway.url, electorate, owner)

        waits = await asyncio.gather(
            *(one(number, owner) for number, owner in enumerate(electorate.owners))
        )
    counts = await ballots_on_ledger(network, electorate)
    acknowledged = [
        owner.unit_id
        for owner, waited_ms in zip(electorate.owners, waits, strict=True)
        if waited_ms is not None
    ]
    known = [waited_ms for waited_ms in waits if waited_ms is not None]
    return {
        "cast_p50_ms": percentile(known, 50),
        "cast_p99_ms": percentile(known, 99),
        "acknowledged": len(acknowledged),
        "lost": sum(not counts[unit_id] for unit_id in acknowledged),
        "doubled": sum(count > 1 for count in counts.values()),
    }


async def cast(
    session: aiohttp.ClientSession, url: str, electorate: Electorate, owner: Owner
) -> float | None:
    """Cast one ballot as a phone does, asking later when told to; what it waited, in ms.

    None when the gateway gave no answer or refused.
    """
    headers = {"Content-Type": "application/jose"}
    place = f"{url}/v1/communities/{electorate.community}/acts"
    began_s = time.monotonic()
    ballot = electorate.ballot(owner, MOTION)
    try:
        async with session.post(place, data=ballot, headers=headers) as response:
            status, later = response.status, response.headers.get("Location", "")
        while status == HTTPStatus.ACCEPTED and time.monotonic() - began_s < ANSWER_S_MAX:
            await asyncio.sleep(ASK_PAUSE_S)
            async with session.get(url + later) as response:
                status = response.status
    except (aiohttp.ClientError, TimeoutError):
        return None
    return (time.monotonic() - began_s) * 1000 if status == HTTPStatus.OK else None


async def ballots_on_ledger(network: Network, electorate: Electorate) -> Counter[str]:
    """How many ballots each unit ever cast, asked of the peer itself."""
    counts: Counter[str] = Counter()
    slots = asyncio.Semaphore(ASKED_AT_ONCE)
    async with asking(network) as ask:

        async def one(owner: Owner) -> None:
            async with slots:
                receipt = await ask(
                    "ballot_receipt", {"motion_id": MOTION, "unit_id": owner.unit_id}
                )
                counts[owner.unit_id] = 0 if receipt is None else receipt["earlier_count"] + 1

        async with asyncio.TaskGroup() as group:
            for owner in electorate.owners:
                group.create_task(one(owner))
    return counts


def _network(folder: Path) -> Network:
    """The shipped network with free ports and a home of its own."""
    written = yaml.safe_load(CONFIG.read_text(encoding="utf-8")) | {"ports": "auto"}
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    return open_network(file, folder / "home")
