"""One block stream tells many transactions what became of them."""

import asyncio

import grpc
import pytest
from fabric_protos.common import common_pb2

from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.errors import CommitError, ErrorDetail, EventsError
from gateway.fabric.rpc import Call
from tests.gateway.fabric.conftest import Until
from tests.support.fake_certificates import Issued, issue
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import (
    CHANNEL,
    INSUFFICIENT_ORDERERS,
    Fail,
    FakeLedger,
    FakeTransaction,
    Invalid,
)

Code = grpc.StatusCode


def asked(*peers: FakePeer) -> int:
    return sum(len(peer.seen(Call.COMMIT_STATUS)) for peer in peers)


def streams(peer: FakePeer) -> int:
    return sum(1 for name, _ in peer.calls if name == "DeliverFiltered")


async def test_many_transactions_one_stream_and_no_commit_status(
    client: FabricClient, contract: Contract, peer: FakePeer
) -> None:
    async with client.channel(CHANNEL).follower() as follower:
        done = await asyncio.gather(
            *(contract.submit("cast", follower=follower) for _ in range(50))
        )
    assert sorted(item.block_number for item in done) == list(range(1, 51))
    assert asked(peer) == 0
    assert streams(peer) == 1


async def test_an_invalid_transaction(
    client: FabricClient, contract: Contract, peer: FakePeer
) -> None:
    peer.script[Call.SUBMIT].append(Invalid(12))
    async with client.channel(CHANNEL).follower() as follower:
        with pytest.raises(CommitError) as caught:
            await contract.submit("cast", follower=follower)
    assert caught.value.code_name == "PHANTOM_READ_CONFLICT"
    assert asked(peer) == 0


async def test_committed_although_unacknowledged(
    client: FabricClient, contract: Contract, peer: FakePeer
) -> None:
    detail = ErrorDetail("orderer.bank:7050", "BankMSP", "connection refused")
    fail = Fail(Code.UNAVAILABLE, INSUFFICIENT_ORDERERS, [detail], commits=True)
    peer.script[Call.SUBMIT].append(fail)
    async with client.channel(CHANNEL).follower() as follower:
        assert (await contract.submit("cast", follower=follower)).block_number == 1
    assert asked(peer) == 0
    assert len(peer.seen(Call.SUBMIT)) == 1


async def test_commits_during_a_lost_stream_are_not_missed(
    client: FabricClient, contract: Contract, peers: list[FakePeer], until: Until
) -> None:
    peers[0].stream_losses.append(1)
    async with client.channel(CHANNEL).follower() as follower:
        done = await asyncio.gather(*(contract.submit("cast", follower=follower) for _ in range(9)))
        await until(lambda: follower.last_block == 9)
    assert sorted(item.block_number for item in done) == list(range(1, 10))
    assert asked(*peers) == 0
    assert streams(peers[1]) == 1


async def test_a_stopped_peer_is_replaced(
    client: FabricClient, contract: Contract, peers: list[FakePeer]
) -> None:
    async with client.channel(CHANNEL).follower() as follower:
        await contract.submit("cast", follower=follower)
        await peers[0].stop()
        assert (await contract.submit("cast", follower=follower)).block_number == 2
    assert streams(peers[1]) == 1


async def test_a_duplicate_mark_is_not_the_outcome(
    client: FabricClient, contract: Contract, peer: FakePeer
) -> None:
    transaction = await contract.proposal("cast").endorse()
    await peer.ledger.commit(FakeTransaction(transaction.tx_id))
    async with client.channel(CHANNEL).follower() as follower:
        committed = await transaction.commit(follower=follower)
    assert peer.ledger.blocks[2][0].code == 9
    assert committed.block_number == 1
    assert asked(peer) == 1


async def test_a_refused_stream_is_told_at_the_start(
    client: FabricClient, peers: list[FakePeer]
) -> None:
    for peer in peers:
        peer.stream_refusals.append(common_pb2.FORBIDDEN)
    with pytest.raises(EventsError) as caught:
        async with client.channel(CHANNEL).follower():
            raise AssertionError("not reached")
    assert caught.value.code is Code.PERMISSION_DENIED


async def test_when_the_stream_ends_for_good_each_transaction_is_asked_for(
    client: FabricClient, contract: Contract, peers: list[FakePeer], until: Until
) -> None:
    peers[0].stream_losses.append(1)
    async with client.channel(CHANNEL).follower() as follower:
        for peer in peers:
            peer.stream_refusals.extend([common_pb2.FORBIDDEN] * 2)
        await until(lambda: follower.failure is not None)
        assert (await contract.submit("cast", follower=follower)).block_number == 1
    assert isinstance(follower.failure, EventsError)
    assert asked(*peers) == 1


async def test_a_follower_that_shows_nothing_is_doubted(
    root: Issued, contract: Contract, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.fabric.submission.FOLLOW_S_MAX", 0.05)
    elsewhere = FakePeer(FakeLedger(), issue(root, "peer"))
    await elsewhere.start()
    tls = Tls(root_certificates=root.certificate_pem)
    context = contract._context
    async with Connection([PeerAddress(elsewhere.address)], tls) as connection:
        silent = FabricClient(connection, context.identity, context.signer).channel(CHANNEL)
        async with silent.follower() as follower:
            assert (await contract.submit("cast", follower=follower)).block_number == 1
    await elsewhere.stop()
    assert asked(peer) == 1


async def test_closing_ends_the_stream_and_frees_who_waits(
    client: FabricClient, peer: FakePeer, until: Until
) -> None:
    async with client.channel(CHANNEL).follower() as follower:
        await until(lambda: peer.open_calls == 1)
        with follower.expect("never") as waiter:
            waiting = asyncio.create_task(waiter.status(60))
            await follower.__aexit__(None, None, None)
            assert await waiting is None
            assert waiter.is_over
    await until(lambda: peer.open_calls == 0)


async def test_nothing_is_kept_of_a_wait_that_was_cancelled(
    client: FabricClient, contract: Contract
) -> None:
    async with client.channel(CHANNEL).follower() as follower:
        with pytest.raises(RuntimeError), follower.expect("a"), follower.expect("a"):
            raise RuntimeError
        assert follower._waiting == {}
