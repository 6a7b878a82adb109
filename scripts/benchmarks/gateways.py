"""Gateway services as processes of their own on a running network."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from chaincode.model.base import Org
from gateway.fabric.backoff import retry_conflicts
from network.home import Network
from scripts.benchmarks.electorate import State
from scripts.clients import channel_of

ROOT = Path(__file__).parents[2]
READY_S_MAX = 90.0
READY_PAUSE_S = 0.2
STOP_S_MAX = 60.0


@dataclass(slots=True)
class GatewayProcess:
    """One running gateway."""

    url: str
    operations_url: str
    process: asyncio.subprocess.Process

    def kill(self) -> None:
        """As a power cut does."""
        self.process.send_signal(signal.SIGKILL)

    async def stop(self) -> int:
        """As an operator does; the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), STOP_S_MAX)


async def start_gateway(config: Path, log: Path) -> GatewayProcess:
    """Start a gateway; gives it once it is ready, its read model caught up."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gateway", "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=config.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), READY_S_MAX)
    except BaseException:
        process.kill()
        raise
    if not line.startswith(b"serving "):
        raise RuntimeError(f"the gateway did not start, see {log}")
    service, operations = line.decode().split()[1:3]
    gateway = GatewayProcess(f"http://{service}", f"http://{operations}", process)
    try:
        await _ready(gateway)
    except BaseException:
        gateway.kill()
        raise
    return gateway


async def _ready(gateway: GatewayProcess) -> None:
    async with asyncio.timeout(READY_S_MAX), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{gateway.operations_url}/readyz") as response:
                if response.status == HTTPStatus.OK:
                    return
            await asyncio.sleep(READY_PAUSE_S)


@asynccontextmanager
async def stating(network: Network) -> AsyncIterator[State]:
    """Transactions as any of the network's organisations, in its first community; each until every
    organisation has it, for the next one builds on it."""
    community = network.config.channels[0].communities[0]
    async with AsyncExitStack() as stack:
        channels = {
            org_id: await stack.enter_async_context(channel_of(network, org_id))
            for org_id in network.topology().orgs
        }

        async def state(org: Org, function: str, fields: dict[str, Any]) -> Any:
            contract = channels[org].contract(network.config.chaincode.name)
            request = json.dumps({"community": community, **fields})
            committed = await retry_conflicts(lambda: contract.submit(function, request))
            commits = (channel.commit(committed.tx_id) for channel in channels.values())
            await asyncio.gather(*(commit.status() for commit in commits))
            return json.loads(committed.result)

        yield state
