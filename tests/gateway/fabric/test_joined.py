"""Which channels a peer has joined: asked of the peer itself."""

import grpc
import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.errors import EvaluateError, Throttled, chaincode_response
from gateway.fabric.rpc import Call
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import THROTTLED, Fail


async def test_the_channels_of_the_peer(client: FabricClient, peer: FakePeer) -> None:
    peer.joined = ["garden", "avenue"]
    assert await client.joined_channels() == ("avenue", "garden")


async def test_a_peer_without_channels(client: FabricClient, peer: FakePeer) -> None:
    peer.joined = []
    assert await client.joined_channels() == ()


async def test_only_members_may_ask(client: FabricClient, peer: FakePeer) -> None:
    peer.is_member = False
    with pytest.raises(EvaluateError, match="access denied") as refused:
        await client.joined_channels()
    assert chaincode_response(refused.value) == (500, "access denied for [GetChannels]")


async def test_a_full_peer(client: FabricClient, peer: FakePeer) -> None:
    peer.script[Call.PROCESS_PROPOSAL].append(Fail(grpc.StatusCode.UNKNOWN, THROTTLED))
    with pytest.raises(Throttled):
        await client.joined_channels()


async def test_another_peer_answers_for_one_that_is_gone(
    client: FabricClient, peers: list[FakePeer]
) -> None:
    await peers[0].stop()
    peers[1].joined = ["garden"]
    assert await client.joined_channels() == ("garden",)
