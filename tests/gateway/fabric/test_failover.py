"""One peer is used until it fails; then the next, and it stays with that one."""

import asyncio

import grpc
import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, ConnectionOptions, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.errors import EndorseError, EvaluateError, SubmitError, Throttled
from gateway.fabric.identity import Identity, Signer
from gateway.fabric.rpc import Call
from tests.gateway.fabric.conftest import QUICK, Until
from tests.support.fake_certificates import Issued, issue, make_root
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import CHAINCODE, CHANNEL, Fail, Hang

Code = grpc.StatusCode


async def test_the_first_peer_is_kept_while_it_is_healthy(
    contract: Contract, peers: list[FakePeer]
) -> None:
    for _ in range(5):
        await contract.evaluate("read")
    assert [len(peer.calls) for peer in peers] == [5, 0]


async def test_a_stopped_peer_is_left_for_good(contract: Contract, peers: list[FakePeer]) -> None:
    await contract.evaluate("read")
    await peers[0].stop()
    await contract.submit("cast")
    await peers[0].start()
    await contract.submit("cast")
    assert [len(peer.calls) for peer in peers] == [1, 6]


async def test_back_to_the_first_when_the_second_fails(
    contract: Contract, peers: list[FakePeer]
) -> None:
    await peers[0].stop()
    await contract.evaluate("read")
    await peers[0].start()
    await peers[1].stop()
    assert await contract.evaluate("read") == b"ok"


@pytest.mark.parametrize("call", [Call.EVALUATE, Call.ENDORSE, Call.COMMIT_STATUS])
async def test_an_unavailable_step_goes_to_the_next_peer(
    contract: Contract, peers: list[FakePeer], call: Call
) -> None:
    peers[0].script[call].append(Fail(Code.UNAVAILABLE, "Socket closed"))
    if call is Call.EVALUATE:
        await contract.evaluate("read")
    else:
        await contract.submit("cast")
    assert len(peers[1].seen(call)) == 1


async def test_an_answer_of_the_network_is_not_asked_for_twice(
    contract: Contract, peers: list[FakePeer]
) -> None:
    peers[0].script[Call.ENDORSE].append(Fail(Code.FAILED_PRECONDITION, "no combination of peers"))
    with pytest.raises(EndorseError):
        await contract.submit("cast")
    assert peers[1].calls == []


async def test_a_silent_peer_is_left_after_its_timeout(
    contract: Contract, peers: list[FakePeer]
) -> None:
    peers[0].script[Call.EVALUATE].append(Hang())
    with pytest.raises(EvaluateError) as caught:
        await contract.proposal("read").evaluate(timeout_s=0.2)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    await contract.evaluate("read")
    assert len(peers[1].seen(Call.EVALUATE)) == 1


async def test_all_peers_down_is_told_after_bounded_tries(
    contract: Contract, peers: list[FakePeer]
) -> None:
    for peer in peers:
        await peer.stop()
    async with asyncio.timeout(QUICK.evaluate_s):
        with pytest.raises(EvaluateError) as caught:
            await contract.evaluate("read")
    assert caught.value.code is Code.UNAVAILABLE


async def test_submit_with_no_peer_left_was_surely_not_sent(
    contract: Contract, peers: list[FakePeer]
) -> None:
    transaction = await contract.proposal("cast").endorse()
    for peer in peers:
        await peer.stop()
    with pytest.raises(SubmitError) as caught:
        await transaction.commit()
    assert caught.value.may_be_ordered is False


def test_at_least_one_peer() -> None:
    with pytest.raises(ValueError, match="at least one peer"):
        Connection([], Tls(root_certificates=b""))


@pytest.mark.parametrize(
    "options", [{"keepalive_s": 59.9}, {"calls_max": 0}, {"commit_waits_max": 0}]
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least"):
        ConnectionOptions(**options)  # type: ignore[arg-type]


def test_keepalive_and_message_size_reach_grpc() -> None:
    options = dict(ConnectionOptions().grpc_options("peer0.bank"))
    assert options["grpc.keepalive_time_ms"] == 120_000
    assert options["grpc.max_receive_message_length"] == 100 * 1024 * 1024
    assert options["grpc.max_send_message_length"] == 100 * 1024 * 1024
    assert options["grpc.ssl_target_name_override"] == "peer0.bank"


async def test_messages_beyond_the_grpc_default_of_4_mb(contract: Contract, peer: FakePeer) -> None:
    peer.answer = b"x" * (5 * 1024 * 1024)
    assert await contract.evaluate("read", b"y" * (5 * 1024 * 1024)) == peer.answer


async def test_a_peer_of_another_root_is_not_trusted(
    peers: list[FakePeer], identity: Identity, signer: Signer
) -> None:
    tls = Tls(root_certificates=make_root("other").certificate_pem)
    async with Connection([PeerAddress(peers[0].address)], tls) as connection:
        client = FabricClient(connection, identity, signer, timeouts=QUICK)
        with pytest.raises(EvaluateError) as caught:
            await client.channel(CHANNEL).contract(CHAINCODE).evaluate("read")
    assert caught.value.code is Code.UNAVAILABLE
    assert peers[0].calls == []


async def test_client_certificate_and_its_hash(
    root: Issued, ledger: object, identity: Identity, signer: Signer
) -> None:
    peer = FakePeer(ledger, issue(root, "peer"))  # type: ignore[arg-type]
    await peer.start(client_roots=root.certificate_pem)
    own = issue(root, "client")
    tls = Tls(
        root_certificates=root.certificate_pem,
        client_certificate=own.certificate_pem,
        client_key=own.key_pem,
    )
    async with Connection([PeerAddress(peer.address)], tls) as connection:
        client = FabricClient(connection, identity, signer, timeouts=QUICK)
        async with client.channel(CHANNEL).blocks(start_block=0) as blocks:
            assert (await anext(blocks)).header.number == 0
    await peer.stop()
    assert peer.tls_hashes == [tls.client_certificate_hash()]
    assert len(peer.tls_hashes[0]) == 32


def test_the_text_of_tls_holds_no_key(user: Issued) -> None:
    tls = Tls(
        root_certificates=b"",
        client_certificate=user.certificate_pem,
        client_key=user.key_pem,
    )
    assert "PRIVATE KEY" not in repr(tls)


def test_a_client_certificate_needs_its_key(user: Issued) -> None:
    tls = Tls(root_certificates=b"", client_certificate=user.certificate_pem)
    with pytest.raises(ValueError, match="belong together"):
        tls.credentials()


async def test_too_many_calls_wait_in_the_client_and_are_throttled(
    root: Issued, peer: FakePeer, identity: Identity, signer: Signer, until: Until
) -> None:
    options = ConnectionOptions(calls_max=1)
    tls = Tls(root_certificates=root.certificate_pem)
    async with Connection([PeerAddress(peer.address)], tls, options) as connection:
        contract = FabricClient(connection, identity, signer, timeouts=QUICK).channel("c")
        peer.script[Call.EVALUATE].append(Hang())
        hanging = asyncio.create_task(contract.contract("c").evaluate("read"))
        await until(lambda: peer.open_calls == 1)
        with pytest.raises(Throttled) as caught:
            await contract.contract("c").proposal("read").evaluate(timeout_s=0.05)
        assert caught.value.call is Call.EVALUATE
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert await contract.contract("c").evaluate("read") == b"ok"
