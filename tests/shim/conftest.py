"""A service with the probe contract, and peers that dial it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from chaincode.shim.contract import Contract
from chaincode.shim.server import Address, ChaincodeServer, Settings
from tests.conformance.probe import Probe
from tests.support.fake_peer import FakePeer

ANY_PORT = Address("127.0.0.1", 0)
DEADLINE_S = 20.0

StartServer = Callable[..., Awaitable[ChaincodeServer]]
DialPeer = Callable[..., Awaitable[FakePeer]]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


def settings(**changes: Any) -> Settings:
    return replace(Settings(chaincode_id="probe:1", server_address=ANY_PORT, tls=None), **changes)


class Services:
    """Starts services and peers, and stops all of them."""

    def __init__(self) -> None:
        self._servers: list[ChaincodeServer] = []
        self._peers: list[FakePeer] = []
        self.addresses: dict[ChaincodeServer, Address] = {}

    async def start(self, contract: Contract | None = None, **changes: Any) -> ChaincodeServer:
        server = ChaincodeServer(contract or Probe(), settings(**changes))
        self.addresses[server] = await server.start()
        self._servers.append(server)
        return server

    async def dial(self, server: ChaincodeServer, credentials: Any = None, **how: Any) -> FakePeer:
        peer = FakePeer(**how)
        await peer.connect(str(self.addresses[server]), credentials)
        self._peers.append(peer)
        return peer

    async def peer(self, contract: Contract | None = None, **how: Any) -> FakePeer:
        """A ready peer of a new service."""
        peer = await self.dial(await self.start(contract), **how)
        async with asyncio.timeout(DEADLINE_S):
            await peer.is_ready.wait()
        return peer

    async def close(self) -> None:
        for peer in self._peers:
            await peer.close()
        for server in self._servers:
            await server.stop()


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    running = Services()
    yield running
    await running.close()


@pytest.fixture
async def peer(services: Services) -> FakePeer:
    """A ready peer that takes no batches: every feature must work this way too."""
    return await services.peer()


@pytest.fixture(params=["single", "batched"])
async def any_peer(request: pytest.FixtureRequest, services: Services) -> FakePeer:
    """A ready peer without and with negotiated batches, of an odd size to cut in the middle."""
    size = 0 if request.param == "single" else 2
    return await services.peer(reads_max=size, writes_max=size)
