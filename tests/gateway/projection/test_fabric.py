"""The read model over a real network with the real chaincode."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.__main__ import sections
from gateway.app import utc_ms
from gateway.ledger import FabricLedger
from gateway.projection.answers import AsOf
from gateway.projection.part import ProjectionSection, projection
from gateway.projection.projector import FabricBlocks, Projector
from gateway.projection.readmodel import BEGINNING, ReadModel
from gateway.projection.schema import open_read_model_database
from gateway.settings import FabricSection, Settings, load_settings
from network.places import person_msp
from tests.support.network import RunningNetwork, document, running_network
from tests.support.real_ledger import ENDORSERS, RealLedger, real_ledger
from tests.support.real_town import RealTown

pytestmark = pytest.mark.fabric

CHAINCODE = ("python", "-m", "chaincode")
CHANNEL = "town"
DEADLINE_S = 120


@pytest.fixture(scope="module")
def town_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four orgs; all three required ones must endorse."""
    channels = [{"name": CHANNEL, "communities": [CHANNEL]}]
    strict = {"require": ["bank", "committee", "property"]}
    written = document(CHAINCODE, channels=channels, endorsement=strict)
    with running_network(tmp_path_factory.mktemp("projection"), written) as network:
        yield network


def config_file(network: RunningNetwork, folder: Path) -> Path:
    """The settings of the regulator's gateway."""
    org = network.org("regulator")
    msp = person_msp(org.org, "gateway")
    certificate, key = (next((msp / name).iterdir()) for name in ("signcerts", "keystore"))
    roots = folder / "roots.pem"
    roots.write_bytes(b"".join(peer.tls_root for peer in org.peers))
    file = folder / "gateway.toml"
    file.write_text(
        f"""
        [gateway]
        org = "regulator"
        [fabric]
        msp_id = "{org.msp_id}"
        peers = {json.dumps([peer.address for peer in org.peers])}
        tls_roots_file = "{roots}"
        certificate_file = "{certificate}"
        key_file = "{key}"
        channels = ["{CHANNEL}"]
        [projection]
        database = "{folder / "readmodel.sqlite3"}"
        """
    )
    return file


async def require_same(settings: Settings, ledger: RealLedger) -> AsOf:
    """State, history and endorsers in the database are what the network committed."""
    database = await open_read_model_database(settings_database(settings))
    try:
        model = ReadModel(database, lambda _, block_at: 0)
        for key, items in ledger.histories.items():
            history = await model.history("fabric-town", key)
            assert [(one.tx_id, one.at, one.value) for one in history.versions] == [
                (one.tx_id, one.timestamp_ms, one.value and json.loads(one.value)) for one in items
            ], key
            _, record = await model.record("fabric-town", key)
            assert (record and record.value) == history.versions[-1].value
        listed = await model.transactions("fabric-town")
        assert {tuple(one.endorsers) for one in listed.transactions} == {ENDORSERS}
        events = await model.events(CHANNEL, BEGINNING, community="fabric-town", limit=1000)
        assert [one.position for one in events] == sorted({one.position for one in events})
        return listed.as_of
    finally:
        await database.close()


def settings_database(settings: Settings) -> str:
    return settings.of(ProjectionSection).database


async def test_rebuilt_and_followed_it_is_what_the_network_committed(
    town_network: RunningNetwork, tmp_path: Path
) -> None:
    file = config_file(town_network, tmp_path)
    settings = load_settings(file, {}, sections())
    async with real_ledger(town_network, CHANNEL) as ledger:
        town = RealTown(ledger=ledger, community="fabric-town")
        await town.settle()
        command = [sys.executable, "-m", "gateway.projection", "rebuild", "--config", file]
        rebuild = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[3])
        assert await rebuild.wait() == 0
        before = await require_same(settings, ledger)

        await town.drafted("m1")
        fabric = settings.of(FabricSection)
        database = await open_read_model_database(settings_database(settings))
        async with FabricLedger(fabric) as gateway, asyncio.timeout(DEADLINE_S):
            blocks = FabricBlocks(gateway, fabric.chaincode)
            projector = Projector(blocks, projection(settings, database), utc_ms)
            following = asyncio.create_task(projector.run())
            await projector.wait_beyond(CHANNEL, before.block + 1)
            following.cancel()
            await asyncio.wait((following,))
        await database.close()
        after = await require_same(settings, ledger)
        assert after.block > before.block
