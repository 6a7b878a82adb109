"""Two fake peers of one organisation, and a client of both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.identity import Identity, Signer, ecdsa_signer
from gateway.fabric.timeouts import Reconnect, Resolution, Timeouts
from tests.support.fake_certificates import Issued, issue, make_root
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import CHAINCODE, CHANNEL, FakeLedger

QUICK = Timeouts(evaluate_s=2, endorse_s=2, submit_s=2, commit_status_s=5)
PATIENT = Resolution(lookup_s=5, resends_max=2)
HASTY = Resolution(lookup_s=0.2, resends_max=2)
QUICK_RECONNECT = Reconnect(first_s=0.01, cap_s=0.05, failures_max=20)

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(scope="session")
def root() -> Issued:
    return make_root()


@pytest.fixture(scope="session")
def user(root: Issued) -> Issued:
    return issue(root, "user")


@pytest.fixture
def identity(user: Issued) -> Identity:
    return Identity("BankMSP", user.certificate_pem)


@pytest.fixture
def signer(user: Issued) -> Signer:
    return ecdsa_signer(user.key)


@pytest.fixture
async def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
async def peers(root: Issued, ledger: FakeLedger) -> AsyncIterator[list[FakePeer]]:
    certificate = issue(root, "peer")
    started = [FakePeer(ledger, certificate) for _ in range(2)]
    for peer in started:
        await peer.start()
    yield started
    for peer in started:
        await peer.stop()


@pytest.fixture
async def peer(peers: list[FakePeer]) -> FakePeer:
    """The one that is asked first."""
    return peers[0]


@pytest.fixture
async def connection(root: Issued, peers: list[FakePeer]) -> AsyncIterator[Connection]:
    tls = Tls(root_certificates=root.certificate_pem)
    async with Connection([PeerAddress(peer.address) for peer in peers], tls) as opened:
        yield opened


@pytest.fixture
async def client(connection: Connection, identity: Identity, signer: Signer) -> FabricClient:
    return FabricClient(
        connection,
        identity,
        signer,
        timeouts=QUICK,
        resolution=PATIENT,
        reconnect=QUICK_RECONNECT,
    )


@pytest.fixture
async def hasty(connection: Connection, identity: Identity, signer: Signer) -> FabricClient:
    """A client that soon gives up looking for a transaction."""
    timeouts = Timeouts(submit_s=1, commit_status_s=0.2)
    return FabricClient(connection, identity, signer, timeouts=timeouts, resolution=HASTY)


@pytest.fixture
async def hasty_contract(hasty: FabricClient) -> Contract:
    return hasty.channel(CHANNEL).contract(CHAINCODE)


@pytest.fixture
async def contract(client: FabricClient) -> Contract:
    return client.channel(CHANNEL).contract(CHAINCODE)


@pytest.fixture
def until() -> Until:
    """Wait for a condition, at most five seconds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)

    return wait
