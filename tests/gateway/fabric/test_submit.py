"""The way of a transaction when all goes well, and every step at which it can fail."""

import asyncio
import logging

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2

from gateway.fabric.client import FabricClient
from gateway.fabric.contract import Contract
from gateway.fabric.errors import (
    CommitError,
    CommitStatusError,
    EndorseError,
    ErrorDetail,
    EvaluateError,
    MalformedMessage,
    SubmitError,
    Throttled,
    chaincode_response,
)
from gateway.fabric.rpc import Call
from tests.gateway.fabric.conftest import Until
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import CHANNEL, THROTTLED, Fail, Hang, Invalid

Code = grpc.StatusCode
REFUSED = 'chaincode response 409, ballot/already-cast {"unit": "1-101"}'
PEER = ErrorDetail("peer0.bank:7051", "BankMSP", REFUSED)
SILENT = ErrorDetail("peer0.property:7051", "PropertyMSP", "connection refused")


def names(peer: FakePeer) -> list[str]:
    return [name for name, _ in peer.calls]


async def test_submit_endorses_submits_and_waits(contract: Contract, peer: FakePeer) -> None:
    committed = await contract.submit("cast", "a")
    assert committed.result == b"ok"
    assert committed.block_number == 1
    assert peer.ledger.blocks[1][0].tx_id == committed.tx_id
    assert names(peer) == [Call.ENDORSE, Call.SUBMIT, Call.COMMIT_STATUS]


async def test_evaluate_asks_once_and_writes_nothing(contract: Contract, peer: FakePeer) -> None:
    assert await contract.evaluate("read", "a") == b"ok"
    assert names(peer) == [Call.EVALUATE]
    assert len(peer.ledger.blocks) == 1


async def test_submit_async_returns_before_the_commit(contract: Contract) -> None:
    result, commit = await contract.submit_async("cast", "a")
    assert result == b"ok"
    assert (await commit.status()).is_valid


async def test_arguments_transient_and_orgs_reach_the_peer(
    contract: Contract, peer: FakePeer
) -> None:
    await contract.evaluate(
        "read", "ä", b"\0\xff", transient={"salt": b"s"}, endorsing_orgs=["CommitteeMSP"]
    )
    (request,) = peer.seen(Call.EVALUATE)
    proposal = proposal_pb2.Proposal.FromString(request.proposed_transaction.proposal_bytes)
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    assert list(spec.input.args) == [b"read", "ä".encode(), b"\0\xff"]
    assert dict(payload.TransientMap) == {"salt": b"s"}
    assert list(request.target_organizations) == ["CommitteeMSP"]


async def test_evaluate_refused_by_the_chaincode(contract: Contract, peer: FakePeer) -> None:
    words = f"evaluate call to endorser returned error: {REFUSED}"
    peer.script[Call.EVALUATE].append(Fail(Code.UNKNOWN, words))
    with pytest.raises(EvaluateError) as caught:
        await contract.evaluate("read")
    assert chaincode_response(caught.value) == (409, 'ballot/already-cast {"unit": "1-101"}')
    assert caught.value.code is Code.UNKNOWN
    assert caught.value.details == ()


async def test_endorse_refused_by_the_chaincode(contract: Contract, peer: FakePeer) -> None:
    peer.script[Call.ENDORSE].append(Fail(Code.ABORTED, "failed to endorse", [SILENT, PEER]))
    with pytest.raises(EndorseError) as caught:
        await contract.submit("cast")
    assert chaincode_response(caught.value) == (409, 'ballot/already-cast {"unit": "1-101"}')
    assert caught.value.details == (SILENT, PEER)
    assert caught.value.tx_id == peer.seen(Call.ENDORSE)[0].transaction_id
    assert names(peer) == [Call.ENDORSE]


async def test_endorse_failed_without_a_chaincode_answer(
    contract: Contract, peer: FakePeer
) -> None:
    peer.script[Call.ENDORSE].append(Fail(Code.ABORTED, "failed to endorse", [SILENT]))
    with pytest.raises(EndorseError) as caught:
        await contract.submit("cast")
    assert chaincode_response(caught.value) is None
    assert "PropertyMSP: connection refused" in str(caught.value)


async def test_endorse_timeout(client: FabricClient, peer: FakePeer) -> None:
    peer.script[Call.ENDORSE].append(Hang())
    proposal = client.channel(CHANNEL).contract("c").proposal("f")
    with pytest.raises(EndorseError) as caught:
        await proposal.endorse(timeout_s=0.1)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_endorse_that_returns_another_transaction_is_not_signed(
    contract: Contract, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = contract.proposal("pay", "everything")

    def swapped(proposal: object, answer: bytes) -> bytes:
        theirs = proposal_pb2.Proposal.FromString(other._signing.message)
        header = common_pb2.Header.FromString(theirs.header)
        return bytes(common_pb2.Payload(header=header).SerializeToString())

    monkeypatch.setattr("tests.support.fake_fabric.prepared", swapped)
    with pytest.raises(MalformedMessage, match="another transaction"):
        await contract.submit("cast")
    assert names(peer) == [Call.ENDORSE]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (Code.INVALID_ARGUMENT, "prepared transaction must be signed"),
        (Code.FAILED_PRECONDITION, "no orderer configuration"),
        (Code.NOT_FOUND, "missing OrdererConfig"),
        (Code.PERMISSION_DENIED, "access denied"),
    ],
)
async def test_submit_refused_before_any_orderer_is_not_looked_up(
    contract: Contract, peer: FakePeer, code: grpc.StatusCode, message: str
) -> None:
    peer.script[Call.SUBMIT].append(Fail(code, message))
    with pytest.raises(SubmitError) as caught:
        await contract.submit("cast")
    assert caught.value.code is code
    assert not caught.value.may_be_ordered
    assert names(peer) == [Call.ENDORSE, Call.SUBMIT]


async def test_a_step_submit_tells_that_the_transaction_may_be_ordered(
    contract: Contract, peer: FakePeer
) -> None:
    peer.script[Call.SUBMIT].append(Fail(Code.UNAVAILABLE, "insufficient", [SILENT]))
    transaction = await contract.proposal("cast").endorse()
    with pytest.raises(SubmitError) as caught:
        await transaction.submit()
    assert caught.value.may_be_ordered
    assert names(peer) == [Call.ENDORSE, Call.SUBMIT]


@pytest.mark.parametrize(
    ("code", "name", "retryable"),
    [
        (11, "MVCC_READ_CONFLICT", True),
        (12, "PHANTOM_READ_CONFLICT", True),
        (10, "ENDORSEMENT_POLICY_FAILURE", False),
        (4, "BAD_CREATOR_SIGNATURE", False),
        (255, "INVALID_OTHER_REASON", False),
    ],
)
async def test_an_invalid_transaction_is_a_commit_error(
    contract: Contract, peer: FakePeer, code: int, name: str, retryable: bool
) -> None:
    peer.script[Call.SUBMIT].append(Invalid(code))
    with pytest.raises(CommitError) as caught:
        await contract.submit("cast")
    assert (caught.value.code, caught.value.code_name) == (code, name)
    assert caught.value.retryable is retryable
    assert caught.value.block_number == 1
    assert len(peer.seen(Call.SUBMIT)) == 1


async def test_commit_status_timeout_of_a_step(contract: Contract, client: FabricClient) -> None:
    commit = client.channel(CHANNEL).commit("0" * 64)
    with pytest.raises(CommitStatusError) as caught:
        await commit.status(timeout_s=0.1)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert caught.value.tx_id == "0" * 64


@pytest.mark.parametrize("call", [Call.ENDORSE, Call.SUBMIT])
async def test_throttled_while_submitting_is_told_apart(
    contract: Contract, peer: FakePeer, call: Call
) -> None:
    peer.script[call].append(Fail(Code.UNKNOWN, THROTTLED))
    with pytest.raises(Throttled) as caught:
        await contract.submit("cast")
    assert caught.value.call is call
    assert len(peer.ledger.blocks) == 1


async def test_throttled_evaluate(contract: Contract, peer: FakePeer) -> None:
    peer.script[Call.EVALUATE].append(Fail(Code.UNKNOWN, THROTTLED))
    with pytest.raises(Throttled):
        await contract.evaluate("read")


async def test_throttled_endorser_of_another_org(contract: Contract, peer: FakePeer) -> None:
    words = THROTTLED.replace("/gateway.Gateway", "/protos.Endorser")
    detail = ErrorDetail("peer0.property:7051", "PropertyMSP", f"rpc error: desc = {words}")
    peer.script[Call.ENDORSE].append(Fail(Code.ABORTED, "failed to endorse", [detail]))
    with pytest.raises(Throttled):
        await contract.submit("cast")


async def test_a_chaincode_that_speaks_of_throttling_is_not_throttling(
    contract: Contract, peer: FakePeer
) -> None:
    peer.script[Call.EVALUATE].append(
        Fail(Code.UNKNOWN, f"evaluate call: chaincode response 422, {THROTTLED}")
    )
    with pytest.raises(EvaluateError) as caught:
        await contract.evaluate("read")
    assert chaincode_response(caught.value) == (422, THROTTLED)


@pytest.mark.parametrize("call", [Call.EVALUATE, Call.ENDORSE, Call.SUBMIT, Call.COMMIT_STATUS])
async def test_cancelling_leaves_nothing_running(
    contract: Contract, peers: list[FakePeer], until: Until, call: Call
) -> None:
    peer = peers[0]
    peer.script[call].append(Hang())
    before = asyncio.all_tasks()
    work = contract.evaluate("read") if call is Call.EVALUATE else contract.submit("cast")
    task = asyncio.create_task(work)
    await until(lambda: peer.open_calls == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: peer.open_calls == 0)
    ours = {t for t in asyncio.all_tasks() - before if "gateway/fabric" in str(t.get_coro())}
    assert ours == set()


async def test_no_payload_in_any_log(
    contract: Contract, peer: FakePeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    peer.script[Call.SUBMIT].append(Fail(Code.UNAVAILABLE, "insufficient", [SILENT], commits=True))
    peer.answer = b"top-secret-answer"
    await contract.submit("cast", "top-secret-ballot", transient={"k": b"top-secret-salt"})
    peer.script[Call.ENDORSE].append(Fail(Code.ABORTED, "failed", [PEER]))
    with pytest.raises(EndorseError):
        await contract.submit("cast", "top-secret-ballot")
    assert any("unacknowledged" in record.getMessage() for record in caplog.records)
    assert "top-secret" not in caplog.text
    assert "1-101" not in caplog.text
