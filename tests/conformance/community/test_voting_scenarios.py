"""Every voting call on real peers: endorsed by all three orgs, each record as in memory."""

import pytest

from tests.scenarios.motions import MOTIONS
from tests.scenarios.people import PEOPLE
from tests.scenarios.races import late_ballots
from tests.support.network import RunningNetwork
from tests.support.real_ledger import RealLedger
from tests.support.real_town import RealTown, play_together

pytestmark = pytest.mark.fabric


async def test_people_units_and_offices(community_network: RunningNetwork) -> None:
    await play_together(community_network, PEOPLE)


async def test_motions(community_network: RunningNetwork) -> None:
    """Together, because each mostly waits for its window to end."""
    await play_together(community_network, MOTIONS)


async def test_late_ballots_closes_and_counts_die(town: RealTown) -> None:
    """Endorsed by all three in time, ordered, in a block, and marked invalid on every peer."""
    await late_ballots(town)
    assert isinstance(town.ledger, RealLedger)
    assert town.ledger.conflicts == ["MVCC_READ_CONFLICT"] * 3
