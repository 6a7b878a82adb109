"""The way of a transaction when all goes well, and every step at which it can fail."""

import grpc
import pytest

from gateway.fabric.contract import Contract
from gateway.fabric.rpc import Call
from tests.support.fake_fabric import FakePeer


async def test_submit_endorses_submits_and_waits(contract: Contract, peer: FakePeer) -> None:
    committed = await contract.submit("cast", "a", b"\0b", transient={"k": b"secret"})
    assert committed.result == b"ok"
    assert committed.block_number == 1
    assert [name for name, _ in peer.calls] == [Call.ENDORSE, Call.SUBMIT, Call.COMMIT_STATUS]


async def test_evaluate_asks_once_and_writes_nothing(contract: Contract, peer: FakePeer) -> None:
    assert await contract.evaluate("read", "a") == b"ok"
    assert [name for name, _ in peer.calls] == [Call.EVALUATE]
    assert len(peer.ledger.blocks) == 1
