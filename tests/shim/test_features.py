"""Creator, transient data, private data, key-level policies, events, other chaincodes."""

import hashlib
import json
from typing import Any

import pytest
from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import proposal_response_pb2

from chaincode.shim.contract import Contract, Response
from chaincode.shim.errors import EventAlreadySetError, PeerError, ProposalError, UsageError
from chaincode.shim.policy import SignerRole, signed_by_all
from chaincode.shim.stub import Stub
from tests.shim.conftest import Services
from tests.shim.pki import Authority, ca_extension, identity
from tests.shim.test_state import decoded, raised_by
from tests.support.fake_peer import FakePeer, Message
from tests.support.proposals import binding_of

# --- The proposal ---


async def test_creator_with_attributes(peer: FakePeer) -> None:
    pair = Authority("ca").issue("clerk", ca_extension({"role": "bank-clerk", "名": "值"}))
    answer = await peer.invoke("creator", creator=identity(pair))
    assert decoded(answer) == {
        "msp_id": "BankMSP",
        "common_name": "clerk",
        "attributes": {"role": "bank-clerk", "名": "值"},
    }


async def test_creator_without_attributes(peer: FakePeer) -> None:
    answer = await peer.invoke("creator", creator=identity(Authority("ca").issue("clerk")))
    assert decoded(answer)["attributes"] == {}


@pytest.mark.parametrize(
    "extension", [b"no json", b"[]", b"{}", b'{"attrs": []}', b'{"attrs": {"a": 1}}', b"\xff"]
)
async def test_unreadable_attributes_are_an_error(services: Services, extension: bytes) -> None:
    creator = identity(Authority("ca").issue("clerk", extension))
    assert type(await _read_from_creator(services, creator, "attributes")) is ProposalError


@pytest.mark.parametrize("creator", [b"\xff\xff", b"", None])
async def test_an_unreadable_creator_is_an_error(services: Services, creator: bytes | None) -> None:
    encoded = b"\x0a\x03MSP" if creator is None else creator
    assert type(await _read_from_creator(services, encoded, "common_name")) is ProposalError


async def _read_from_creator(services: Services, creator: bytes, name: str) -> Exception:
    class Reading(Contract):
        raised: Exception | None = None

        async def invoke(self, stub: Stub) -> Response:
            try:
                getattr(stub.creator, name)
            except Exception as problem:
                self.raised = problem
                raise
            return Response(200)

    contract = Reading()
    peer = await services.peer(contract)
    assert (await peer.invoke("any", creator=creator)).status == 500
    assert contract.raised is not None
    return contract.raised


async def test_what_a_transaction_knows_about_itself(peer: FakePeer) -> None:
    answer = await peer.invoke(
        "transaction", tx_id="abc", channel="garden", timestamp_ms=1_700_000_000_007
    )
    assert decoded(answer) == {
        "tx_id": "abc",
        "channel_id": "garden",
        "timestamp_ms": 1_700_000_000_007,
        "binding": binding_of().hex(),
        "decorations": [],
    }


async def test_transient_data(peer: FakePeer) -> None:
    answer = await peer.invoke("transient", transient={"b": b"2", "a": b"1"})
    assert decoded(answer) == {"a": "1", "b": "2"}
    assert decoded(await peer.invoke("transient")) == {}


async def test_the_function_name_must_be_text(peer: FakePeer) -> None:
    answer = await peer.invoke("x", b"\xff")
    assert answer.status == 404
    message = await _invoke_bytes(peer, b"\xff")
    assert message.status == 500


async def _invoke_bytes(peer: FakePeer, function: bytes) -> Any:
    return await peer.invoke(function)  # type: ignore[arg-type]


# --- Private data ---


async def test_private_data(any_peer: FakePeer) -> None:
    peer = any_peer
    assert (await peer.submit("private_put", "c", "a", transient={"value": b"1"}))[1]
    assert (await peer.invoke("private_get", "c", "a")).payload == b"1"
    assert (await peer.invoke("private_get", "other", "a")).status == 404
    assert (await peer.invoke("get", "a")).status == 404
    assert decoded(await peer.invoke("private_get_many", "c", "a", "b", "a")) == ["1", None, "1"]
    assert decoded(await peer.invoke("private_scan", "c", "", "")) == [["a", "1"]]
    digest = decoded(await peer.invoke("private_hash", "c", "a"))
    assert digest == hashlib.sha256(b"1").hexdigest()
    assert decoded(await peer.invoke("private_hash", "c", "b")) is None


@pytest.mark.parametrize(("function", "purges"), [("private_delete", 0), ("private_purge", 1)])
async def test_delete_and_purge_private_data(
    any_peer: FakePeer, function: str, purges: int
) -> None:
    any_peer.ledger().put("a", b"1", "c")
    answer, committed = await any_peer.submit(function, "c", "a")
    assert (committed, any_peer.ledger().value("a", "c")) == (True, None)
    assert len(answer.simulation.purges) == purges


async def test_public_state_has_no_hash_and_no_purge(services: Services) -> None:
    async def read_hash(stub: Stub) -> None:
        await stub._public.hash("a")

    async def purge(stub: Stub) -> None:
        stub._public.purge("a")

    assert type(await raised_by(services, read_hash)) is UsageError
    assert type(await raised_by(services, purge)) is UsageError


# --- Key-level endorsement policies ---


@pytest.mark.parametrize("prefix", [(), ("c",)])
async def test_key_level_policy(any_peer: FakePeer, prefix: tuple[str, ...]) -> None:
    name = "private_" if prefix else ""
    any_peer.ledger().put("a", b"1", *prefix)
    assert decoded(await any_peer.invoke(f"{name}policy", *prefix, "a")) is None
    assert (await any_peer.submit(f"{name}set_policy", *prefix, "a", "BankMSP", "CommitteeMSP"))[1]
    found = decoded(await any_peer.invoke(f"{name}policy", *prefix, "a"))
    assert found == signed_by_all(["BankMSP", "CommitteeMSP"]).hex()
    assert any_peer.ledger().value("a", *prefix) == b"1"


def test_a_policy_names_every_msp_once_in_order() -> None:
    policy = policies_pb2.SignaturePolicyEnvelope.FromString(signed_by_all(["B", "A", "B"]))
    roles = [
        msp_principal_pb2.MSPRole.FromString(principal.principal) for principal in policy.identities
    ]
    assert [role.msp_identifier for role in roles] == ["A", "B"]
    assert {role.role for role in roles} == {msp_principal_pb2.MSPRole.PEER}
    assert policy.rule.n_out_of.n == 2
    assert [rule.signed_by for rule in policy.rule.n_out_of.rules] == [0, 1]


def test_a_policy_is_the_same_bytes_in_any_order() -> None:
    assert signed_by_all(["B", "A"]) == signed_by_all(iter(["A", "B", "A"]))
    assert signed_by_all(["A"]) != signed_by_all(["A"], SignerRole.MEMBER)


@pytest.mark.parametrize("msp_ids", [[], [""], ["A", ""]])
def test_a_policy_without_names_is_refused(msp_ids: list[str]) -> None:
    with pytest.raises(UsageError):
        signed_by_all(msp_ids)


# --- Events ---


async def test_an_event_travels_with_the_answer(any_peer: FakePeer) -> None:
    answer = await any_peer.invoke("event", "MotionOpened", "payload")
    assert answer.event == ("MotionOpened", b"payload")


async def test_no_event_unless_set(peer: FakePeer) -> None:
    assert (await peer.invoke("put", "a", "1")).event is None


async def test_a_second_event_is_an_error(services: Services) -> None:
    async def step(stub: Stub) -> None:
        stub.set_event("first", b"1")
        stub.set_event("second", b"2")

    assert type(await raised_by(services, step)) is EventAlreadySetError


# --- Other chaincodes ---


@pytest.mark.parametrize(("channel", "target"), [("", "other"), ("far", "other/far")])
async def test_calling_another_chaincode(peer: FakePeer, channel: str, target: str) -> None:
    answer = proposal_response_pb2.Response(status=409, message="no", payload=b"why")
    peer.requests.other_chaincodes[target] = answer
    result = await peer.invoke("call", "other", channel, "function", "argument")
    assert (result.status, result.message, result.payload) == (409, "no", b"why")


async def test_calling_a_chaincode_that_is_not_there(peer: FakePeer) -> None:
    assert (await peer.invoke("call", "nobody", "", "function")).status == 500


async def test_a_called_chaincode_with_an_unknown_status(peer: FakePeer) -> None:
    peer.requests.other_chaincodes["odd"] = proposal_response_pb2.Response(status=0)
    assert (await peer.invoke("call", "odd", "", "function")).status == 500


# --- Errors of the peer ---

REQUESTS = {
    Message.GET_STATE: ("get", "a"),
    Message.GET_STATE_BY_RANGE: ("scan", "a", "b"),
    Message.GET_HISTORY_FOR_KEY: ("history", "a"),
    Message.GET_STATE_METADATA: ("policy", "a"),
    Message.GET_PRIVATE_DATA_HASH: ("private_hash", "c", "a"),
    Message.PUT_STATE: ("put", "a", "1"),
    Message.DEL_STATE: ("delete", "a"),
    Message.PUT_STATE_METADATA: ("set_policy", "a", "BankMSP"),
    Message.PURGE_PRIVATE_DATA: ("private_purge", "c", "a"),
    Message.INVOKE_CHAINCODE: ("call", "other", "", "function"),
}


@pytest.mark.parametrize("message_type", REQUESTS, ids=Message.Type.Name)
async def test_an_error_of_the_peer_fails_the_transaction(
    peer: FakePeer, message_type: int
) -> None:
    peer.errors[message_type] = "the peer's own words"
    answer, committed = await peer.submit(*REQUESTS[message_type])
    assert (answer.status, committed) == (500, False)
    assert "own words" not in answer.message
    assert (await peer.invoke("creator", creator=identity(Authority("ca").issue("x")))).is_endorsed


@pytest.mark.parametrize(
    ("message_type", "call"),
    [
        (Message.WRITE_BATCH_STATE, ("put", "a", "1")),
        (Message.GET_STATE_MULTIPLE, ("get_many", "a", "b")),
    ],
    ids=["write batch", "read batch"],
)
async def test_an_error_about_a_batch(
    services: Services, message_type: int, call: tuple[str, ...]
) -> None:
    peer = await services.peer(reads_max=5, writes_max=5)
    peer.errors[message_type] = "no"
    assert (await peer.submit(*call))[0].status == 500


async def test_a_contract_can_catch_an_error_of_the_peer(services: Services) -> None:
    class Catching(Contract):
        async def invoke(self, stub: Stub) -> Response:
            try:
                await stub.get("a")
            except PeerError as problem:
                return Response(200, json.dumps([problem.request, problem.text]).encode())
            return Response(500)

    peer = await services.peer(Catching())
    peer.errors[Message.GET_STATE] = "broken"
    assert decoded(await peer.invoke("any")) == ["GET_STATE", "broken"]


async def test_an_error_in_the_middle_of_a_scan(peer: FakePeer) -> None:
    await peer.submit("put_many", "k", "9", "v")
    peer.errors[Message.QUERY_STATE_NEXT] = "broken"
    assert (await peer.invoke("scan", "k", "l")).status == 500
