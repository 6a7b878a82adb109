"""Archives of a real network on which every call was made, and a forger who has all its keys."""

import asyncio
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.archive import export
from tests.scenarios.funds import FUNDS
from tests.scenarios.motions import MOTIONS
from tests.scenarios.people import PEOPLE
from tests.scenarios.races import late_ballots
from tests.scenarios.steps import scenario
from tests.support.gateways import calling
from tests.support.network import FOUR_ORGS, RunningNetwork, document, running_network
from tests.support.real_town import play_together
from tests.verify.forger import Forger
from tests.verify.paid import gate_paid
from tests.verify.substituted import one_substitution

CHAINCODE = ("python", "-m", "chaincode")
STRICT = {"require": ["bank", "committee", "property"]}
TOWN, STAND_IN = "town", "stand-in"
MADE_S_MAX = 900
"""The first test of the package also waits for every scenario, on a busy machine."""


@dataclass(frozen=True)
class Made:
    """A network that is up, with two exported channels."""

    network: RunningNetwork
    town: Path
    stand_in: Path
    certificate: bytes
    """The record of motion `gate`, as a gateway answers it."""


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Five organisations; all scenarios on one channel, a silent organisation on the other."""
    orgs = copy.deepcopy(FOUR_ORGS["orgs"])
    orgs["arbitration"] = {"msp": "ArbitrationMSP", "orderers": 0}
    channels = [
        {"name": TOWN, "communities": [TOWN], "endorsement": STRICT},
        {"name": STAND_IN, "communities": [STAND_IN]},
    ]
    folder = tmp_path_factory.mktemp("verify")
    with running_network(folder, document(CHAINCODE, orgs=orgs, channels=channels)) as network:
        certificate = asyncio.run(_play(network))
        files = folder / "town.archive", folder / "stand-in.archive"
        for channel, file in zip((TOWN, STAND_IN), files, strict=True):
            asyncio.run(export(network.network, channel, file))
        yield Made(network, *files, certificate)


async def _play(network: RunningNetwork) -> bytes:
    own = (scenario(late_ballots, "close_motion"), scenario(gate_paid, "record_statement"))
    await play_together(network, (*PEOPLE, *MOTIONS, *FUNDS, *own), TOWN)
    await one_substitution(network, STAND_IN)
    async with calling(network, "bank", channel=TOWN) as bank:
        asked = json.dumps({"community": "decision", "motion_id": "gate"})
        return await bank.contract.evaluate("certificate", asked)


@pytest.fixture(scope="package")
def forger(made: Made) -> Forger:
    """Who holds every key of the network."""
    return Forger.of(made.network.home)
