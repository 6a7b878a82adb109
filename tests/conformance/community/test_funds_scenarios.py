"""Every funds call on real peers: endorsed by all three orgs, each record as in memory."""

import pytest

from tests.scenarios.funds import FUNDS
from tests.support.network import RunningNetwork
from tests.support.real_town import play_together

pytestmark = pytest.mark.fabric


async def test_funds(community_network: RunningNetwork) -> None:
    await play_together(community_network, FUNDS)
