"""One real network with the real chaincode for every community test; a community for each."""

import copy
import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.network import FOUR_ORGS, RunningNetwork, document, running_network
from tests.support.real_ledger import RealLedger, real_ledger
from tests.support.real_town import RealTown

CHAINCODE = ("python", "-m", "chaincode")
STRICT = {"require": ["bank", "committee", "property"]}


@pytest.fixture(scope="package")
def community_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four founding orgs and an arbitration body; all three required orgs must endorse."""
    orgs = copy.deepcopy(FOUR_ORGS["orgs"])
    orgs["arbitration"] = {"msp": "ArbitrationMSP", "orderers": 0}
    channels = [{"name": "town", "communities": ["town"]}]
    written = document(CHAINCODE, orgs=orgs, channels=channels, endorsement=STRICT)
    with running_network(tmp_path_factory.mktemp("community"), written) as network:
        yield network


@pytest.fixture
async def ledger(community_network: RunningNetwork) -> AsyncIterator[RealLedger]:
    """The channel as all organisations see it."""
    async with real_ledger(community_network, "town") as ledger:
        yield ledger


@pytest.fixture
def town(ledger: RealLedger, request: pytest.FixtureRequest) -> RealTown:
    """A community of this test's own, not open yet."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return RealTown(ledger=ledger, community=name)
