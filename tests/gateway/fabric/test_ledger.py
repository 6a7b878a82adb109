"""Reading a channel's ledger and configuration."""

import grpc
import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.errors import EvaluateError, MalformedMessage
from gateway.fabric.ledger import Ledger
from gateway.fabric.rpc import Call
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import CHANNEL, Fail, FakeTransaction

DENIED = "evaluate call: chaincode response 500, access denied for [GetTransactionByID]"


@pytest.fixture
async def ledger_of_channel(client: FabricClient, peer: FakePeer) -> Ledger:
    await peer.ledger.commit(FakeTransaction("a"), FakeTransaction("b", code=11))
    return client.channel(CHANNEL).ledger


async def test_chain_info(ledger_of_channel: Ledger) -> None:
    info = await ledger_of_channel.chain_info()
    assert (info.height, info.current_hash, info.previous_hash) == (2, b"\1", b"")


async def test_blocks(ledger_of_channel: Ledger) -> None:
    assert list((await ledger_of_channel.block(1)).data.data) == [b"a", b"b"]
    assert (await ledger_of_channel.block_of("b")).header.number == 1


async def test_transaction_with_its_code(ledger_of_channel: Ledger) -> None:
    found = await ledger_of_channel.transaction("b")
    assert found is not None
    assert found.validationCode == 11


async def test_no_such_transaction(ledger_of_channel: Ledger) -> None:
    assert await ledger_of_channel.transaction("c") is None


async def test_a_refusal_is_not_taken_for_absence(
    ledger_of_channel: Ledger, peer: FakePeer
) -> None:
    peer.script[Call.EVALUATE].append(Fail(grpc.StatusCode.UNKNOWN, DENIED))
    with pytest.raises(EvaluateError):
        await ledger_of_channel.transaction("a")


async def test_config(ledger_of_channel: Ledger) -> None:
    assert (await ledger_of_channel.config()).sequence == 7
    assert (await ledger_of_channel.config_block()).header.number == 0


async def test_an_answer_that_is_no_block(ledger_of_channel: Ledger, peer: FakePeer) -> None:
    async def nonsense(args: object, context: object) -> bytes:
        return b"\xff"

    peer._system_answer = nonsense  # type: ignore[method-assign]
    with pytest.raises(MalformedMessage):
        await ledger_of_channel.block(1)
