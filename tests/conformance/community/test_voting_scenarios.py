"""Every voting call on real peers: endorsed by all three orgs, each record as in memory."""

import pytest

from tests.scenarios.motions import MOTIONS
from tests.scenarios.people import PEOPLE
from tests.scenarios.steps import Scenario
from tests.support.community import Commons
from tests.support.real_town import RealTown

pytestmark = pytest.mark.fabric


@pytest.mark.parametrize("played", (*PEOPLE, *MOTIONS), ids=lambda played: played.name)
async def test_scenario(played: Scenario[Commons], town: RealTown) -> None:
    await played.play(town)
    assert played.calls <= town.ledger.called
