"""A key that never comes here: every step's bytes and digest go out, a signature comes back."""

from collections.abc import Callable

import grpc
import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection
from gateway.fabric.errors import (
    BadIdentity,
    EvaluateError,
    MalformedMessage,
    NotSigned,
)
from gateway.fabric.identity import Identity, Signer
from gateway.fabric.rpc import Call
from tests.gateway.fabric.conftest import QUICK
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import CHAINCODE, CHANNEL


@pytest.fixture
async def unsigned(connection: Connection, identity: Identity) -> FabricClient:
    return FabricClient(connection, identity, timeouts=QUICK)


async def test_every_step_rebuilt_from_bytes_with_an_outside_signature(
    unsigned: FabricClient, signer: Signer, peer: FakePeer
) -> None:
    contract = unsigned.channel(CHANNEL).contract(CHAINCODE)
    drafted = contract.proposal("cast", "a", endorsing_orgs=["BankMSP"])
    proposal = unsigned.proposal_from_bytes(drafted.to_bytes(), signer(drafted.digest))
    assert (proposal.tx_id, proposal.channel_name) == (drafted.tx_id, CHANNEL)
    assert proposal.endorsing_orgs == ("BankMSP",)
    assert await proposal.evaluate() == b"ok"

    endorsed = await proposal.endorse()
    transaction = unsigned.transaction_from_bytes(endorsed.to_bytes(), signer(endorsed.digest))
    assert (transaction.tx_id, transaction.channel_name) == (drafted.tx_id, CHANNEL)
    assert transaction.result() == b"ok"

    submitted = await transaction.submit()
    commit = unsigned.commit_from_bytes(submitted.to_bytes(), signer(submitted.digest))
    status = await commit.status()
    assert (status.tx_id, status.code_name, status.block_number) == (drafted.tx_id, "VALID", 1)
    assert list(peer.seen(Call.ENDORSE)[0].endorsing_organizations) == ["BankMSP"]


async def test_a_signature_travels_with_the_bytes(unsigned: FabricClient, signer: Signer) -> None:
    proposal = unsigned.channel(CHANNEL).contract(CHAINCODE).proposal("cast")
    proposal.accept(signer(proposal.digest))
    again = unsigned.proposal_from_bytes(proposal.to_bytes())
    assert await again.evaluate() == b"ok"
    assert again.to_bytes() == proposal.to_bytes()


async def test_each_step_refuses_to_run_unsigned(unsigned: FabricClient, peer: FakePeer) -> None:
    proposal = unsigned.channel(CHANNEL).contract(CHAINCODE).proposal("cast")
    with pytest.raises(NotSigned):
        await proposal.evaluate()
    with pytest.raises(NotSigned):
        await proposal.endorse()
    with pytest.raises(NotSigned):
        await unsigned.channel(CHANNEL).commit("tx").status()
    assert peer.calls == []


async def test_an_endorsed_transaction_is_not_submitted_unsigned(
    unsigned: FabricClient, signer: Signer, peer: FakePeer
) -> None:
    proposal = unsigned.channel(CHANNEL).contract(CHAINCODE).proposal("cast")
    proposal.accept(signer(proposal.digest))
    transaction = await proposal.endorse()
    with pytest.raises(NotSigned):
        await transaction.submit()
    assert peer.seen(Call.SUBMIT) == []


async def test_a_signature_over_something_else_is_refused_by_the_peer(
    unsigned: FabricClient, signer: Signer
) -> None:
    proposal = unsigned.channel(CHANNEL).contract(CHAINCODE).proposal("cast")
    proposal.accept(signer(b"\0" * 32))
    with pytest.raises(EvaluateError) as caught:
        await proposal.evaluate()
    assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("signature", [b"x", b"0" * 72, b"\x30\x00"])
async def test_what_is_no_signature_is_not_taken(unsigned: FabricClient, signature: bytes) -> None:
    proposal = unsigned.channel(CHANNEL).contract(CHAINCODE).proposal("cast")
    with pytest.raises(BadIdentity):
        proposal.accept(signature)
    with pytest.raises(BadIdentity):
        unsigned.proposal_from_bytes(proposal.to_bytes(), signature)


@pytest.mark.parametrize(
    "rebuild",
    [
        lambda client: client.proposal_from_bytes(b"\xff"),
        lambda client: client.transaction_from_bytes(b"\xff"),
        lambda client: client.commit_from_bytes(b"\xff"),
        lambda client: client.chaincode_events_from_bytes(b"\xff"),
        lambda client: client.block_events_from_bytes("Deliver", b"\xff"),
    ],
)
async def test_bytes_that_are_no_such_message(
    unsigned: FabricClient, rebuild: Callable[[FabricClient], object]
) -> None:
    with pytest.raises(MalformedMessage):
        rebuild(unsigned)
