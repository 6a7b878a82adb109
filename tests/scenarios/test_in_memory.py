"""Every scenario on the ledger in memory; `tests/conformance` plays the same on real peers."""

from pathlib import Path

import pytest

from chaincode.access import BY_NAME
from tests.scenarios.funds import FUNDS
from tests.scenarios.fuzemen import fuzemen
from tests.scenarios.motions import MOTIONS
from tests.scenarios.people import PEOPLE
from tests.scenarios.races import RACES
from tests.scenarios.steps import Scenario
from tests.support.community import Commons

PLAYED = (*PEOPLE, *MOTIONS, *RACES, *FUNDS)


@pytest.mark.parametrize("played", PLAYED, ids=lambda played: played.name)
async def test_scenario(played: Scenario[Commons]) -> None:
    town = Commons()
    await played.play(town)
    assert played.calls <= town.ledger.called


def test_every_call_is_in_a_scenario() -> None:
    """A new call without a scenario, and so without a step on a real network, fails here."""
    assert set().union(*(played.calls for played in PLAYED)) == set(BY_NAME)


async def test_the_owners_of_fuzemen_vote(tmp_path: Path) -> None:
    await fuzemen(Commons(), tmp_path)
