"""Streams go on after a loss: nothing left out, nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import pytest
from fabric_protos.common import common_pb2

from gateway.fabric.blocks import BlockKind
from gateway.fabric.chaincode_events import ChaincodeEvent
from gateway.fabric.channel import Channel
from gateway.fabric.checkpoint import Checkpointer
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection
from gateway.fabric.errors import EventsError, NotSigned
from gateway.fabric.identity import Identity, Signer
from gateway.fabric.rpc import Call
from gateway.fabric.timeouts import Reconnect
from tests.gateway.fabric.conftest import Until
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import (
    CHAINCODE,
    CHANNEL,
    THROTTLED,
    Fail,
    FakeEvent,
    FakeTransaction,
)

Code = grpc.StatusCode
TIMEOUT_S = 10


@pytest.fixture
def channel(client: FabricClient) -> Channel:
    return client.channel(CHANNEL)


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    async with asyncio.timeout(TIMEOUT_S):
        return [await anext(stream) for _ in range(count)]


async def commit_events(peer: FakePeer, *blocks: list[str]) -> None:
    """Each block: the transactions in it, each with one event of its own name."""
    for block in blocks:
        await peer.ledger.commit(*(FakeTransaction(tx, event=FakeEvent(tx)) for tx in block))


def ids(events: list[ChaincodeEvent]) -> list[str]:
    return [event.tx_id for event in events]


def number(block: Any) -> int:
    header = getattr(block, "header", None) or getattr(block, "block", block)
    return int(getattr(header, "header", header).number)


@pytest.mark.parametrize("method", ["blocks", "filtered_blocks", "blocks_with_private_data"])
async def test_blocks_from_a_start_block_through_losses_on_both_peers(
    channel: Channel, peers: list[FakePeer], method: str
) -> None:
    for tx in "abcdefgh":
        await peers[0].ledger.commit(FakeTransaction(tx))
    peers[0].stream_losses.extend([2, 0, 1])
    peers[1].stream_losses.extend([0, 3])
    async with getattr(channel, method)(start_block=2) as stream:
        assert [number(block) for block in await take(stream, 7)] == [2, 3, 4, 5, 6, 7, 8]


async def test_without_a_start_the_next_block_is_the_first_even_if_the_stream_is_lost_before(
    channel: Channel, peers: list[FakePeer]
) -> None:
    await peers[0].ledger.commit(FakeTransaction("old"))
    peers[0].stream_losses.append(1)
    async with channel.filtered_blocks() as stream:
        await stream.open()
        for tx in "ab":
            await peers[0].ledger.commit(FakeTransaction(tx))
        assert [block.number for block in await take(stream, 2)] == [2, 3]


async def test_blocks_sent_again_are_dropped(channel: Channel, peers: list[FakePeer]) -> None:
    for tx in "abcd":
        await peers[0].ledger.commit(FakeTransaction(tx))
    peers[0].stream_losses.append(3)
    for peer in peers:
        peer.stream_repeats = 2
    async with channel.blocks(start_block=2) as stream:
        assert [number(block) for block in await take(stream, 3)] == [2, 3, 4]


async def test_a_gap_is_not_handed_on(channel: Channel, peers: list[FakePeer]) -> None:
    for tx in "abcd":
        await peers[0].ledger.commit(FakeTransaction(tx))
    peers[0].stream_repeats = -2
    async with channel.blocks(start_block=1) as stream:
        assert [number(block) for block in await take(stream, 4)] == [1, 2, 3, 4]
    assert [name for name, _ in peers[1].calls] == ["Deliver"]


async def test_a_restarted_peer_is_resumed(channel: Channel, peers: list[FakePeer]) -> None:
    await peers[1].stop()
    async with channel.blocks(start_block=0) as stream:
        assert [number(block) for block in await take(stream, 1)] == [0]
        await peers[0].stop()
        await peers[0].ledger.commit(FakeTransaction("a"))
        await peers[0].start()
        assert [number(block) for block in await take(stream, 1)] == [1]


async def test_a_cancelled_wait_loses_nothing(channel: Channel, peer: FakePeer) -> None:
    async with channel.blocks(start_block=1) as stream:
        for tx in "ab":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await anext(stream)
            await peer.ledger.commit(FakeTransaction(tx))
            (block,) = await take(stream, 1)
            assert list(block.data.data) == [tx.encode()]


async def test_closing_ends_the_stream_on_the_peer(
    channel: Channel, peer: FakePeer, until: Until
) -> None:
    stream = channel.blocks(start_block=0)
    await take(stream, 1)
    await until(lambda: peer.open_calls == 1)
    await stream.aclose()
    await until(lambda: peer.open_calls == 0)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_chaincode_events_through_losses(channel: Channel, peers: list[FakePeer]) -> None:
    await commit_events(peers[0], ["a", "b"], ["c"], [], ["d", "e"], ["f"])
    peers[0].stream_losses.extend([1, 1])
    peers[1].stream_losses.extend([1])
    async with channel.chaincode_events(CHAINCODE, start_block=1) as stream:
        events = await take(stream, 6)
    assert ids(events) == ["a", "b", "c", "d", "e", "f"]
    assert [event.block_number for event in events] == [1, 1, 2, 4, 4, 5]


async def test_only_this_chaincodes_events(channel: Channel, peer: FakePeer) -> None:
    other = FakeEvent("other", chaincode="other")
    await peer.ledger.commit(FakeTransaction("x", event=other), FakeTransaction("y"))
    await commit_events(peer, ["a"])
    async with channel.chaincode_events(CHAINCODE, start_block=1) as stream:
        (event,) = await take(stream, 1)
    assert event == ChaincodeEvent(2, "a", CHAINCODE, "a", b"")


async def test_events_from_the_next_block_even_if_the_stream_is_lost_before_one(
    channel: Channel, peers: list[FakePeer]
) -> None:
    await commit_events(peers[0], ["old"])
    peers[0].stream_losses.append(0)
    async with channel.chaincode_events(CHAINCODE) as stream:
        await stream.open()
        await commit_events(peers[0], ["a"], ["b"])
        assert ids(await take(stream, 2)) == ["a", "b"]


@pytest.mark.parametrize("taken", range(6))
async def test_a_new_reader_goes_on_at_the_checkpoint(
    channel: Channel, peer: FakePeer, taken: int, tmp_path: Path
) -> None:
    await commit_events(peer, ["a", "b", "c"], ["d"], ["e", "f"])
    file = tmp_path / "checkpoint"
    checkpointer = Checkpointer(file)
    async with channel.chaincode_events(
        CHAINCODE, start_block=0, checkpoint=checkpointer
    ) as stream:
        for event in await take(stream, taken):
            await checkpointer.checkpoint_event(event)
    async with channel.chaincode_events(
        CHAINCODE, start_block=0, checkpoint=Checkpointer(file)
    ) as stream:
        assert ids(await take(stream, 6 - taken)) == list(islice("abcdef", taken, None))


async def test_a_checkpoint_at_a_transaction_without_event_leaves_nothing_out(
    channel: Channel, peer: FakePeer
) -> None:
    await commit_events(peer, ["a"], ["b"])
    checkpointer = Checkpointer()
    await checkpointer.checkpoint_transaction(1, "no-event")
    async with channel.chaincode_events(CHAINCODE, checkpoint=checkpointer) as stream:
        assert ids(await take(stream, 2)) == ["a", "b"]


async def test_blocks_from_a_checkpoint(channel: Channel, peer: FakePeer) -> None:
    await commit_events(peer, ["a"], ["b"])
    checkpointer = Checkpointer()
    await checkpointer.checkpoint_block(1)
    async with channel.blocks(start_block=0, checkpoint=checkpointer) as stream:
        assert [number(block) for block in await take(stream, 1)] == [2]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (common_pb2.FORBIDDEN, Code.PERMISSION_DENIED),
        (common_pb2.NOT_FOUND, Code.NOT_FOUND),
        (common_pb2.BAD_REQUEST, Code.INVALID_ARGUMENT),
    ],
)
async def test_a_refusal_by_every_peer_ends_the_stream(
    channel: Channel, peers: list[FakePeer], status: int, code: grpc.StatusCode
) -> None:
    for peer in peers:
        peer.stream_refusals.append(status)
    async with channel.blocks(start_block=0) as stream:
        with pytest.raises(EventsError) as caught:
            await take(stream, 1)
    assert caught.value.code is code
    assert caught.value.address == peers[1].address


async def test_a_refusal_by_one_peer_is_passed_over(
    channel: Channel, peers: list[FakePeer]
) -> None:
    peers[0].stream_refusals.append(common_pb2.NOT_FOUND)
    async with channel.blocks(start_block=0) as stream:
        assert number((await take(stream, 1))[0]) == 0


async def test_a_peer_that_is_not_ready_is_asked_again(
    channel: Channel, peers: list[FakePeer]
) -> None:
    for peer in peers:
        peer.stream_refusals.extend([common_pb2.SERVICE_UNAVAILABLE] * 3)
    async with channel.blocks(start_block=0) as stream:
        assert number((await take(stream, 1))[0]) == 0


async def test_it_gives_up_after_the_allowed_failures(
    connection: Connection, identity: Identity, signer: Signer, peers: list[FakePeer]
) -> None:
    reconnect = Reconnect(first_s=0.001, cap_s=0.001, failures_max=4)
    client = FabricClient(connection, identity, signer, reconnect=reconnect)
    for peer in peers:
        peer.stream_losses.extend([0] * 10)
    async with client.channel(CHANNEL).blocks(start_block=0) as stream:
        with pytest.raises(EventsError) as caught:
            await take(stream, 1)
    assert caught.value.code is Code.UNAVAILABLE
    assert sum(len(peer.calls) for peer in peers) == 4


async def test_events_whose_start_may_not_be_asked_for(
    channel: Channel, peers: list[FakePeer]
) -> None:
    words = "evaluate call: chaincode response 500, access denied for [GetChainInfo]"
    for peer in peers:
        peer.script[Call.EVALUATE].extend([Fail(Code.UNKNOWN, words)] * 2)
    async with channel.chaincode_events(CHAINCODE) as stream:
        with pytest.raises(EventsError) as caught:
            await stream.open()
    assert caught.value.code is Code.PERMISSION_DENIED


async def test_events_whose_start_cannot_be_asked_for_yet(
    channel: Channel, peers: list[FakePeer]
) -> None:
    peers[0].script[Call.EVALUATE].append(Fail(Code.UNKNOWN, THROTTLED))
    async with channel.chaincode_events(CHAINCODE) as stream:
        await stream.open()
        await commit_events(peers[0], ["a"])
        assert ids(await take(stream, 1)) == ["a"]


async def test_a_response_of_unknown_kind_ends_the_stream(
    channel: Channel, peers: list[FakePeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fake_fabric.whole_block", lambda *_: None)
    async with channel.blocks(start_block=0) as stream:
        with pytest.raises(EventsError) as caught:
            await take(stream, 1)
    assert caught.value.code is Code.UNIMPLEMENTED


async def test_a_request_signed_elsewhere_is_resumed(
    connection: Connection, identity: Identity, signer: Signer, peers: list[FakePeer]
) -> None:
    await commit_events(peers[0], ["a"], ["b"], ["c"])
    peers[0].stream_losses.append(1)
    unsigned = FabricClient(connection, identity, reconnect=Reconnect(first_s=0.01))
    request = unsigned.channel(CHANNEL).chaincode_events_request(CHAINCODE, start_block=1)
    signed = unsigned.chaincode_events_from_bytes(request.to_bytes(), signer(request.digest))
    async with signed.events() as stream:
        assert ids(await take(stream, 3)) == ["a", "b", "c"]

    peers[1].stream_losses.append(1)
    block_request = unsigned.channel(CHANNEL).block_events_request(BlockKind.WHOLE, start_block=1)
    block_request.accept(signer(block_request.digest))
    data = block_request.to_bytes()
    async with unsigned.block_events_from_bytes(BlockKind.WHOLE, data).events() as blocks:
        assert [number(block) for block in await take(blocks, 3)] == [1, 2, 3]


async def test_a_request_signed_elsewhere_without_a_start_ends_rather_than_skip(
    connection: Connection, identity: Identity, signer: Signer, peers: list[FakePeer]
) -> None:
    unsigned = FabricClient(connection, identity)
    request = unsigned.channel(CHANNEL).chaincode_events_request(CHAINCODE)
    request.accept(signer(request.digest))
    peers[0].stream_losses.append(0)
    async with request.events() as stream:
        with pytest.raises(EventsError):
            await take(stream, 1)
    assert peers[1].calls == []


async def test_events_need_a_signature(connection: Connection, identity: Identity) -> None:
    channel = FabricClient(connection, identity).channel(CHANNEL)
    with pytest.raises(NotSigned):
        await anext(channel.blocks(start_block=0))
    with pytest.raises(NotSigned):
        await anext(channel.chaincode_events(CHAINCODE, start_block=0))


def test_the_text_of_an_event_holds_no_payload() -> None:
    event = ChaincodeEvent(1, "tx", CHAINCODE, "MotionOpened", b"secret")
    assert "secret" not in repr(event)
