"""Every voting call on real peers: endorsed by all three orgs, each record as in memory."""

import pytest

from tests.scenarios.motions import MOTIONS
from tests.scenarios.people import PEOPLE
from tests.scenarios.races import RACES
from tests.support.network import RunningNetwork
from tests.support.real_town import play_together

pytestmark = pytest.mark.fabric


async def test_people_units_and_offices(community_network: RunningNetwork) -> None:
    await play_together(community_network, PEOPLE)


async def test_motions_and_late_ballots(community_network: RunningNetwork) -> None:
    """Together, because each mostly waits for its window to end."""
    await play_together(community_network, (*MOTIONS, *RACES))
