"""Our bytes are those of the Go client: same certificate, nonce and time, same message."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.fabric.blocks import BlockKind
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection
from gateway.fabric.identity import Identity
from tests.support.fake_fabric_messages import CHAINCODE, CHANNEL

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text())


def client(connection: Connection, golden: dict[str, Any]) -> FabricClient:
    return FabricClient(
        connection,
        Identity("BankMSP", GOLDEN["certificate_pem"].encode()),
        now_ns=lambda: int(golden.get("now_ns", 0)),
        new_nonce=lambda: bytes.fromhex(golden.get("nonce", "")),
    )


def test_proposal(connection: Connection) -> None:
    golden = GOLDEN["proposal"]
    proposal = (
        client(connection, golden)
        .channel(CHANNEL)
        .contract(CHAINCODE)
        .proposal(
            "cast_ballots",
            "m1",
            b"\x00\x01\xff",
            transient={"salt": b"s"},
            endorsing_orgs=["BankMSP", "CommitteeMSP"],
        )
    )
    assert proposal.to_bytes().hex() == golden["bytes"]
    assert proposal.digest.hex() == golden["digest"]
    assert proposal.tx_id == golden["tx_id"]


def test_chaincode_events_request(connection: Connection) -> None:
    golden = GOLDEN["chaincode_events"]
    channel = client(connection, golden).channel(CHANNEL)
    request = channel.chaincode_events_request(CHAINCODE, start_block=7)
    assert request.to_bytes().hex() == golden["bytes"]
    assert request.digest.hex() == golden["digest"]


def test_filtered_blocks_request(connection: Connection) -> None:
    golden = GOLDEN["filtered_blocks"]
    channel = client(connection, golden).channel(CHANNEL)
    request = channel.block_events_request(BlockKind.FILTERED, start_block=7)
    assert request.to_bytes().hex() == golden["bytes"]
    assert request.digest.hex() == golden["digest"]


@pytest.mark.parametrize("transient", [{"a": b"1", "b": b"2"}, {"b": b"2", "a": b"1"}])
def test_order_of_transient_data_does_not_change_the_bytes(
    connection: Connection, transient: dict[str, bytes]
) -> None:
    contract = client(connection, GOLDEN["proposal"]).channel(CHANNEL).contract(CHAINCODE)
    proposal = contract.proposal("f", transient=transient)
    assert proposal.digest == contract.proposal("f", transient={"a": b"1", "b": b"2"}).digest
