"""Gateway services as processes of their own on a running network."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from chaincode.model.base import Org
from gateway.fabric.backoff import retry_conflicts
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.errors import EvaluateError, chaincode_response
from gateway.fabric.identity import load_identity
from network.home import Network
from network.places import NodeFiles, person_msp
from scripts.benchmarks.electorate import State

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


def settings_text(
    network: Network, org_id: str, *, port: int = 0, sections: Mapping[str, Any] | None = None
) -> str:
    """The TOML settings of an org's gateway on this network."""
    org = network.topology().orgs[org_id]
    msp = person_msp(org, "gateway")
    tables: dict[str, dict[str, Any]] = {
        "gateway": {"org": org_id},
        "fabric": {
            "msp_id": org.msp_id,
            "peers": [peer.address() for peer in org.peers],
            "tls_roots_file": str(NodeFiles(org.peers[0].folder).tls_root),
            "certificate_file": str(next((msp / "signcerts").iterdir())),
            "key_file": str(next((msp / "keystore").iterdir())),
            "channels": [channel.name for channel in network.config.channels],
            "chaincode": network.config.chaincode.name,
        },
        "http": {"address": f"127.0.0.1:{port}", "operations_address": "127.0.0.1:0"},
    }
    for name, table in (sections or {}).items():
        tables.setdefault(name, {}).update(table)
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


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
    """Transactions as any of the network's organisations, in its first community."""
    community = network.config.channels[0].communities[0]
    async with AsyncExitStack() as stack:
        contracts = {
            org_id: await stack.enter_async_context(_contract(network, org_id))
            for org_id in network.topology().orgs
        }

        async def state(org: Org, function: str, fields: dict[str, Any]) -> None:
            request = json.dumps({"community": community, **fields})
            await retry_conflicts(lambda: contracts[org].submit(function, request))

        yield state


Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""A query's answer; None when there is no such thing."""


@asynccontextmanager
async def asking(network: Network, org_id: str = Org.REGULATOR) -> AsyncIterator[Ask]:
    """Queries of one organisation's own peer, in the network's first community."""
    community = network.config.channels[0].communities[0]
    async with _contract(network, org_id) as contract:

        async def ask(function: str, fields: dict[str, Any]) -> Any:
            request = json.dumps({"community": community, **fields})
            try:
                return json.loads(await contract.evaluate(function, request))
            except EvaluateError as error:
                status, _ = chaincode_response(error) or (0, "")
                if status == HTTPStatus.NOT_FOUND:
                    return None
                raise

        yield ask


@asynccontextmanager
async def _contract(network: Network, org_id: str) -> AsyncIterator[Contract]:
    org = network.topology().orgs[org_id]
    root = NodeFiles(org.peers[0].folder).tls_root.read_bytes()
    peers = [PeerAddress(peer.address()) for peer in org.peers]
    msp = person_msp(org, "gateway")
    certificate, key = (next((msp / name).iterdir()) for name in ("signcerts", "keystore"))
    async with Connection(peers, Tls(root_certificates=root)) as connection:
        client = FabricClient(connection, *load_identity(org.msp_id, certificate, key))
        channel = client.channel(network.config.channels[0].name)
        yield channel.contract(network.config.chaincode.name)
