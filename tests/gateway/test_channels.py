"""Channels that come while the gateway runs are served; one that does not answer disturbs none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chaincode.errors import NotFound
from chaincode.model.base import Org
from gateway.access import Who
from gateway.appkeys import READINESS
from gateway.errors import LedgerError, NotReady, PartlyReady, require_some
from gateway.fabric.timeouts import Timeouts
from gateway.health import operations_app
from gateway.ledger import FabricLedger
from gateway.settings import FabricSection
from tests.support.api import as_, serving
from tests.support.community import Commons
from tests.support.fake_certificates import Issued, issue, make_root
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import CHANNEL, FakeLedger

LOOK_EVERY_S = 0.01
DEADLINE_S = 20.0
OPERATOR = as_(Who.OPERATOR)
GARDEN = {"channel": "garden", "modules": ["voting"]}

Open = Callable[..., AbstractAsyncContextManager[FabricLedger]]


@pytest.fixture(scope="module")
def root() -> Issued:
    return make_root()


@pytest.fixture
async def peer(root: Issued) -> AsyncIterator[FakePeer]:
    found = FakePeer(FakeLedger(), issue(root, "peer"))
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
def opened(peer: FakePeer, root: Issued, tmp_path: Path) -> Open:
    """The ledger behind the peer, with the channels of the settings."""
    user = issue(root, "user")
    files = {"roots": root.certificate_pem, "cert": user.certificate_pem, "key": user.key_pem}
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    section = partial(
        FabricSection,
        msp_id="RegulatorMSP",
        peers=(peer.address,),
        tls_roots_file=tmp_path / "roots",
        certificate_file=tmp_path / "cert",
        key_file=tmp_path / "key",
    )
    timeouts = Timeouts(evaluate_s=2, endorse_s=2, submit_s=2)
    return lambda *channels: FabricLedger(
        section(channels=channels), timeouts=timeouts, look_every_s=LOOK_EVERY_S
    )


async def until_ready(ledger: FabricLedger) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await ledger.require_ready()
            except NotReady:
                await asyncio.sleep(LOOK_EVERY_S)


async def test_what_the_peer_has_joined_is_served_from_the_start(
    opened: Open, peer: FakePeer
) -> None:
    peer.joined = ["garden", "avenue"]
    async with opened() as ledger:
        assert ledger.channels == ("avenue", "garden")


async def test_a_channel_that_comes_is_served(opened: Open, peer: FakePeer) -> None:
    async with opened() as ledger, asyncio.timeout(DEADLINE_S):
        assert ledger.channels == (CHANNEL,)
        peer.joined = ["a-first", CHANNEL]
        await ledger.wait_for_more_channels(1)
        assert ledger.channels == (CHANNEL, "a-first")
        assert await ledger.channel_of("a-first") == "a-first"
        assert await ledger.communities() == ("a-first", CHANNEL)
        stated = await ledger.transact("new", "open_community", {}, channel="a-first")
        assert stated.block_number > 0


async def test_a_list_in_the_settings_is_the_whole_list(opened: Open, peer: FakePeer) -> None:
    peer.joined = [CHANNEL, "garden"]
    async with opened(CHANNEL) as ledger:
        assert ledger.channels == (CHANNEL,)
        assert not any(name == "ProcessProposal" for name, _ in peer.calls)


async def test_a_channel_of_one_peer_only_stays_served(opened: Open, peer: FakePeer) -> None:
    async with opened() as ledger, asyncio.timeout(DEADLINE_S):
        peer.joined = ["garden"]
        await ledger.wait_for_more_channels(1)
        assert ledger.channels == (CHANNEL, "garden")


async def test_a_peer_that_is_away_at_the_start(opened: Open, peer: FakePeer) -> None:
    await peer.stop()
    async with opened() as ledger:
        with pytest.raises(NotReady, match="does not tell its channels"):
            await ledger.require_ready()
        await peer.start()
        async with asyncio.timeout(DEADLINE_S):
            await ledger.wait_for_more_channels(0)
        await until_ready(ledger)


async def test_a_peer_of_others_tells_nothing(opened: Open, peer: FakePeer) -> None:
    peer.is_member = False
    async with opened() as ledger:
        with pytest.raises(NotReady, match="does not tell its channels"):
            await ledger.require_ready()


async def test_a_peer_without_channels_is_told(opened: Open, peer: FakePeer) -> None:
    peer.joined = []
    async with opened() as ledger:
        with pytest.raises(NotReady, match="has joined no channel"):
            await ledger.require_ready()
        with pytest.raises(NotFound, match="community/unknown"):
            await ledger.channel_of("garden")


async def test_so_many_channels_and_no_more(
    opened: Open, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.served.CHANNELS_MAX", 3)
    peer.joined = [CHANNEL, "avenue", "garden"]
    async with opened() as ledger, asyncio.timeout(DEADLINE_S):
        assert len(ledger.channels) == 3
        await until_ready(ledger)
        peer.joined.append("z")
        while "more than" not in ledger._channels.fault:
            await asyncio.sleep(LOOK_EVERY_S)
        assert len(ledger.channels) == 3
        with pytest.raises(PartlyReady, match="more than 3 channels"):
            await ledger.require_ready()


async def test_a_channel_without_chaincode_disturbs_no_other(opened: Open, peer: FakePeer) -> None:
    peer.joined, peer.without_chaincode = ["avenue", CHANNEL], {"avenue"}
    async with opened() as ledger:
        assert await ledger.communities() == (CHANNEL,)
        assert await ledger.channel_of("elsewhere-named") == CHANNEL
        with pytest.raises(LedgerError):
            await ledger.channel_of("avenue")
        peer.without_chaincode = set()
        assert await ledger.channel_of("avenue") == "avenue"


async def test_no_channel_with_a_chaincode_is_an_error(opened: Open, peer: FakePeer) -> None:
    peer.without_chaincode = {CHANNEL}
    async with opened() as ledger:
        with pytest.raises(LedgerError):
            await ledger.communities()
        with pytest.raises(LedgerError):
            await ledger.channel_of("anywhere")


async def test_a_community_is_opened_on_a_channel_that_came(opened: Open, peer: FakePeer) -> None:
    town = Commons(community="garden")
    async with opened() as ledger, serving(town, ledger, org=Org.REGULATOR) as api:
        early = await api.request("PUT", "", OPERATOR, json=GARDEN)
        assert early.status == 404
        peer.joined = [CHANNEL, "garden"]
        async with asyncio.timeout(DEADLINE_S):
            await ledger.wait_for_more_channels(1)
        made = await api.request("PUT", "", OPERATOR, json=GARDEN)
        assert made.status == 200, await made.text()
        listed = await (await api.get("/v1/communities")).json()
        assert "garden" in listed["communities"]


@pytest.mark.parametrize(
    ("faults", "status"), [((), 200), (("one",), 200), (("one", "other"), 503)]
)
async def test_only_a_gateway_that_serves_no_channel_is_not_ready(
    faults: tuple[str, ...], status: int
) -> None:
    async def check() -> None:
        require_some(2, faults)

    town = Commons()
    async with serving(town, FabricLedger.__new__(FabricLedger)) as api:
        api.app[READINESS]["ledger"] = check
        async with TestClient(TestServer(operations_app(api.app))) as operations:
            answer = await operations.get("/readyz")
            assert answer.status == status
            told = await answer.json()
            assert told["ready"] is (status == 200)
            assert told["reasons"] == ({"ledger": "; ".join(faults)} if faults else {})


def test_many_faults_are_counted() -> None:
    with pytest.raises(PartlyReady, match=r"; and 5 more$"):
        require_some(16, [f"fault {at}" for at in range(15)])
