"""What tests do with a running network: one transaction, its heights, its processes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from network.envelopes import build_proposal
from network.look import open_inspector, status
from network.nodes import MARK
from network.rpc import Client
from tests.support.network import CHANNEL, RunningNetwork

DEADLINE_S = 30.0


def processes_of(home: Path) -> list[str]:
    """Nodes below this home that run, whoever started them and whatever became of that."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK, "")
            if mark.startswith(f"{home}/") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(Path(mark).stem)
        except psutil.Error:
            continue
    return sorted(found)


async def heights(network: RunningNetwork) -> dict[str, int | None]:
    async with open_inspector(network.network) as inspector:
        found: dict[str, int | None] = (await status(inspector))["channels"][0]["heights"]
        return found


async def put(network: RunningNetwork, endorsing: list[str], key: str) -> None:
    """One transaction of the probe contract, endorsed by these orgs, committed at every peer."""
    async with open_inspector(network.network) as inspector:
        contacts, topology = inspector.contacts, inspector.topology
        access = contacts.channel(topology.channel(CHANNEL))
        signer = contacts.signer(topology.orgs["bank"], "gateway")
        peers = [contacts.endpoint(topology.orgs[org].peers[0]) for org in endorsing]
        proposal = build_proposal(signer, CHANNEL, "commonhold", (b"put", key.encode(), b"v"))
        async with Client(DEADLINE_S) as client:
            await client.submit(
                signer, CHANNEL, proposal, endorsers=peers, orderers=access.orderers,
                observers=access.observers, acks=access.acks,
            )  # fmt: skip


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never came about"
        await asyncio.sleep(0.02)
