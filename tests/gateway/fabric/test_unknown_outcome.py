"""A transaction nobody acknowledged: found, sent again as it was, or told to be unknown."""

import grpc
import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection
from gateway.fabric.contract import Contract
from gateway.fabric.errors import (
    CommitError,
    CommitStatusError,
    ErrorDetail,
    NotSigned,
    OutcomeUnknown,
    SubmitError,
)
from gateway.fabric.identity import Identity
from gateway.fabric.rpc import Call
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import (
    CHANNEL,
    INSUFFICIENT_ORDERERS,
    THROTTLED,
    Fail,
    Hang,
    Invalid,
    Swallow,
)

Code = grpc.StatusCode
ORDERER = ErrorDetail("orderer.bank:7050", "BankMSP", "connection refused")
BUSY_ORDERER = ErrorDetail("orderer.bank:7050", "BankMSP", f"rpc error: {THROTTLED}")


def unacknowledged(*, commits: bool) -> list[Fail]:
    """The ways in which a Submit can end without an answer about the transaction."""
    return [
        Fail(Code.UNAVAILABLE, INSUFFICIENT_ORDERERS, [ORDERER], commits),
        Fail(Code.UNAVAILABLE, INSUFFICIENT_ORDERERS, [BUSY_ORDERER], commits),
        Fail(Code.UNAVAILABLE, "no orderers could successfully process transaction", [], commits),
        Fail(Code.UNAVAILABLE, "Socket closed", [], commits),
        Fail(Code.DEADLINE_EXCEEDED, "submit timeout expired", [], commits),
        Fail(Code.ABORTED, "received unsuccessful response from orderer", [], commits),
        Fail(Code.INTERNAL, "stream terminated by RST_STREAM", [], commits),
    ]


def envelopes(*peers: FakePeer) -> list[bytes]:
    requests = [request for peer in peers for request in peer.seen(Call.SUBMIT)]
    return [request.prepared_transaction.SerializeToString() for request in requests]


def endorsed(*peers: FakePeer) -> int:
    return sum(len(peer.seen(Call.ENDORSE)) for peer in peers)


@pytest.mark.parametrize("fail", unacknowledged(commits=True), ids=str)
async def test_committed_although_the_answer_was_an_error(
    contract: Contract, peers: list[FakePeer], fail: Fail
) -> None:
    peers[0].script[Call.SUBMIT].append(fail)
    committed = await contract.submit("cast")
    assert committed.block_number == 1
    assert len(envelopes(*peers)) == 1


@pytest.mark.parametrize("fail", unacknowledged(commits=False), ids=str)
async def test_not_found_so_the_same_envelope_goes_again(
    hasty_contract: Contract, peers: list[FakePeer], fail: Fail
) -> None:
    peers[0].script[Call.SUBMIT].append(fail)
    committed = await hasty_contract.submit("cast")
    assert len(envelopes(*peers)) >= 2
    assert len(set(envelopes(*peers))) == 1
    assert endorsed(*peers) == 1
    assert committed.block_number == 1


async def test_acknowledged_but_never_ordered_goes_again(
    hasty_contract: Contract, peer: FakePeer
) -> None:
    peer.script[Call.SUBMIT].append(Swallow())
    committed = await hasty_contract.submit("cast")
    assert committed.block_number == 1
    assert len(set(envelopes(peer))) == 1
    assert len(envelopes(peer)) >= 2


async def test_unknown_after_every_try_carries_all_that_is_needed_later(
    client: FabricClient, hasty: FabricClient, hasty_contract: Contract, peer: FakePeer
) -> None:
    fail = Fail(Code.UNAVAILABLE, INSUFFICIENT_ORDERERS, [ORDERER])
    peer.script[Call.SUBMIT].extend([fail] * 3)
    with pytest.raises(OutcomeUnknown) as caught:
        await hasty_contract.submit("cast")
    unknown = caught.value
    assert unknown.channel == CHANNEL
    assert unknown.tx_id == peer.seen(Call.ENDORSE)[0].transaction_id
    assert isinstance(unknown.__cause__, SubmitError | CommitStatusError)
    assert len(envelopes(peer)) == 3

    committed = await hasty.transaction_from_bytes(unknown.transaction).resolve()
    assert committed.tx_id == unknown.tx_id
    assert committed.result == b"ok"
    assert len(set(envelopes(peer))) == 1
    assert (await client.channel(CHANNEL).commit(unknown.tx_id).status()).block_number == 1


async def test_resolving_a_committed_transaction_sends_nothing(
    client: FabricClient, contract: Contract, peer: FakePeer
) -> None:
    transaction = await contract.proposal("cast").endorse()
    await transaction.submit()
    resolved = await client.transaction_from_bytes(transaction.to_bytes()).resolve()
    assert (resolved.tx_id, resolved.block_number, resolved.result) == (transaction.tx_id, 1, b"ok")
    assert len(envelopes(peer)) == 1


async def test_resolving_an_invalid_transaction(
    client: FabricClient, contract: Contract, peer: FakePeer
) -> None:
    peer.script[Call.SUBMIT].append(Invalid(10))
    transaction = await contract.proposal("cast").endorse()
    await transaction.submit()
    with pytest.raises(CommitError) as caught:
        await transaction.resolve()
    assert caught.value.code_name == "ENDORSEMENT_POLICY_FAILURE"
    assert len(envelopes(peer)) == 1


async def test_a_refused_resend_does_not_say_that_nothing_happened(
    hasty: FabricClient, hasty_contract: Contract, peer: FakePeer
) -> None:
    transaction = await hasty_contract.proposal("cast").endorse()
    peer.script[Call.SUBMIT].extend([Fail(Code.FAILED_PRECONDITION, "no orderers")] * 2)
    with pytest.raises(OutcomeUnknown):
        await transaction.resolve()


async def test_throttled_look_ups_are_asked_again(contract: Contract, peer: FakePeer) -> None:
    peer.script[Call.COMMIT_STATUS].extend([Fail(Code.UNKNOWN, THROTTLED)] * 2)
    committed = await contract.submit("cast")
    assert committed.block_number == 1
    assert len(peer.seen(Call.COMMIT_STATUS)) == 3
    assert len(envelopes(peer)) == 1


async def test_a_lost_commit_wait_is_asked_again(contract: Contract, peers: list[FakePeer]) -> None:
    peers[0].script[Call.COMMIT_STATUS].append(Fail(Code.UNAVAILABLE, "Socket closed"))
    assert (await contract.submit("cast")).block_number == 1
    assert len(peers[1].seen(Call.COMMIT_STATUS)) == 1
    assert len(envelopes(*peers)) == 1


async def test_throttled_resend_leaves_the_outcome_unknown_not_throttled(
    hasty_contract: Contract, peer: FakePeer
) -> None:
    first = Fail(Code.UNAVAILABLE, INSUFFICIENT_ORDERERS, [ORDERER])
    peer.script[Call.SUBMIT].extend([first, *[Fail(Code.UNKNOWN, THROTTLED)] * 2])
    with pytest.raises(OutcomeUnknown):
        await hasty_contract.submit("cast")
    assert len(envelopes(peer)) == 3


async def test_resolved_as_invalid(hasty_contract: Contract, peer: FakePeer) -> None:
    peer.script[Call.SUBMIT].extend(
        [Fail(Code.UNAVAILABLE, INSUFFICIENT_ORDERERS, [ORDERER]), Invalid(11)]
    )
    with pytest.raises(CommitError) as caught:
        await hasty_contract.submit("cast")
    assert caught.value.retryable


async def test_hanging_submit_is_resolved(hasty_contract: Contract, peers: list[FakePeer]) -> None:
    peers[0].script[Call.SUBMIT].append(Hang())
    assert (await hasty_contract.submit("cast")).block_number == 1
    assert len(set(envelopes(*peers))) == 1


async def test_outcomes_are_not_resolved_without_a_signer(
    connection: Connection, client: FabricClient, identity: Identity, peer: FakePeer
) -> None:
    endorsed_bytes = await client.channel(CHANNEL).contract("c").proposal("f").endorse()
    endorsed_bytes.accept(client._context.signer(endorsed_bytes.digest))  # type: ignore[misc]
    unsigned = FabricClient(connection, identity)
    with pytest.raises(NotSigned):
        await unsigned.transaction_from_bytes(endorsed_bytes.to_bytes()).commit()
    assert envelopes(peer) == []
