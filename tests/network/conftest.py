"""What the tests of a real network share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from network.build import Binaries, ensure_binaries
from network.ca.client import CaClient
from network.ca.model import Credential
from network.ca.server import CA_NAME, REGISTRAR, TLS_CA_NAME
from tests.support.real_ca import RunningCa, prepared

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fabric() -> Binaries:
    """Fabric's programs, built once per checkout."""
    return ensure_binaries(CHECKOUT, print)


@pytest.fixture(scope="session")
def running_ca(tmp_path_factory: pytest.TempPathFactory, fabric: Binaries) -> Iterator[RunningCa]:
    """One Fabric CA server for all tests that only talk to it."""
    made = prepared(tmp_path_factory.mktemp("ca"), fabric)
    try:
        asyncio.run(made.start())
        yield made
    finally:
        asyncio.run(made.stop())


@pytest.fixture
async def ca(running_ca: RunningCa) -> AsyncIterator[CaClient]:
    """A client of the CA for identities."""
    async with running_ca.server.client(CA_NAME) as client:
        yield client


@pytest.fixture
async def tls_ca(running_ca: RunningCa) -> AsyncIterator[CaClient]:
    """A client of the CA for TLS."""
    async with running_ca.server.client(TLS_CA_NAME) as client:
        yield client


@pytest.fixture(scope="session")
def registrar(running_ca: RunningCa) -> Credential:
    """Who may register and revoke at the CA for identities."""

    async def enroll() -> Credential:
        async with running_ca.server.client(CA_NAME) as client:
            got = await client.enroll(REGISTRAR, running_ca.server.registrar_secret())
        return got.credential

    return asyncio.run(enroll())
