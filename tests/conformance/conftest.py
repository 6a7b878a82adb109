"""One real network with the probe contract for all conformance tests, and clients of it."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.gateways import Caller, calling
from tests.support.network import CHANNEL, RunningNetwork, document, running_network

STRICT = "strict"
"""A channel whose endorsement rule names no substitute."""


@pytest.fixture(scope="package")
def fabric_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four orgs, BFT, two channels; down again when the last conformance test is done."""
    strict = {
        "name": STRICT,
        "communities": [STRICT],
        "endorsement": {"require": ["bank", "committee", "property"]},
    }
    channels = [{"name": CHANNEL, "communities": [CHANNEL]}, strict]
    written = document(channels=channels)
    with running_network(tmp_path_factory.mktemp("conformance"), written) as network:
        yield network


@pytest.fixture
async def bank(fabric_network: RunningNetwork) -> AsyncIterator[Caller]:
    """The bank's gateway."""
    async with calling(fabric_network, "bank") as caller:
        yield caller


@pytest.fixture
async def committee(fabric_network: RunningNetwork) -> AsyncIterator[Caller]:
    """The committee's gateway."""
    async with calling(fabric_network, "committee") as caller:
        yield caller


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"k-{uuid.uuid4().hex}-"
