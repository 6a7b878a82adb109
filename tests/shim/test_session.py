"""One stream: its stages, many transactions at once, contracts that misbehave, lost streams."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from chaincode.shim.contract import Contract, Response
from chaincode.shim.session import Stage
from chaincode.shim.stub import Stub
from tests.shim.conftest import DEADLINE_S, Services, until
from tests.support.fake_peer import FakePeer, Message, StreamEndedError


class Gate(Contract):
    """Transactions named `wait` stay until `open`; counts those inside."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = 0
        self.inside_max = 0
        self.cancelled = 0

    async def invoke(self, stub: Stub) -> Response:
        self.inside += 1
        self.inside_max = max(self.inside, self.inside_max)
        try:
            if stub.function == "wait":
                await self.open.wait()
            return Response(200)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside -= 1


class RawPeer(FakePeer):
    """Answers nothing by itself, so that a test can send anything."""

    async def _dispatch(self, message: Any) -> None:
        pass


async def raw_peer(services: Services, *messages: Any) -> RawPeer:
    server = await services.start()
    peer = RawPeer()
    await peer.connect(str(services.addresses[server]))
    services._peers.append(peer)
    await until(lambda: peer.received != [])
    for message in messages:
        await peer.send(message)
    return peer


async def ended(peer: FakePeer) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await peer.ended.wait()


REGISTERED = Message(type=Message.REGISTERED)
READY = Message(type=Message.READY)
TRANSACTION = Message(type=Message.TRANSACTION, txid="t", channel_id="ch")
KEEPALIVE = Message(type=Message.KEEPALIVE)

# --- Stages ---


async def test_the_first_message_registers_the_package_id(services: Services) -> None:
    peer = await services.peer()
    assert peer.received[0].type == Message.REGISTER
    assert peer.registered_as == "probe:1"


@pytest.mark.parametrize(
    "messages",
    [
        (READY,),
        (TRANSACTION,),
        (Message(type=Message.RESPONSE, txid="t"),),
        (Message(type=Message.ERROR),),
        (REGISTERED, REGISTERED),
        (REGISTERED, TRANSACTION),
        (REGISTERED, Message(type=Message.RESPONSE, txid="t")),
        (REGISTERED, READY, READY),
        (REGISTERED, READY, REGISTERED),
        (REGISTERED, READY, Message(type=Message.COMPLETED, txid="t")),
        (REGISTERED, READY, Message(type=Message.GET_STATE, txid="t")),
        (REGISTERED, READY, Message(type=Message.UNDEFINED)),
        (REGISTERED, READY, Message(type=99)),
        (REGISTERED, Message(type=Message.READY, payload=b"\xff\xff")),
    ],
    ids=lambda messages: "-".join(str(message.type) for message in messages),
)
async def test_a_message_out_of_turn_ends_the_stream(
    services: Services, messages: tuple[Any, ...]
) -> None:
    peer = await raw_peer(services, *messages)
    await ended(peer)
    assert all(message.type == Message.REGISTER for message in peer.received)


@pytest.mark.parametrize("before", [(), (REGISTERED,), (REGISTERED, READY)])
async def test_keepalive_is_echoed_in_every_stage(
    services: Services, before: tuple[Any, ...]
) -> None:
    peer = await raw_peer(services, *before, KEEPALIVE)
    await until(lambda: peer.count(Message.KEEPALIVE) == 1)


async def test_a_ready_without_payload_means_no_batches(services: Services) -> None:
    peer = await raw_peer(services, REGISTERED, READY)
    (session,) = next(iter(services.addresses))._sessions
    await until(lambda: session.stage is Stage.READY)
    assert (session._batching.reads_max, session._batching.writes_max) == (0, 0)
    assert peer.count(Message.REGISTER) == 1


async def test_a_peer_that_never_registers_loses_the_stream(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaincode.shim.session.REGISTRATION_S", 0.05)
    await ended(await raw_peer(services))


async def test_a_late_answer_is_ignored(peer: FakePeer) -> None:
    await peer.send(Message(type=Message.RESPONSE, txid="unknown", channel_id="ch"))
    await peer.send(Message(type=Message.ERROR, txid="unknown", channel_id="ch"))
    assert (await peer.invoke("put", "a", "1")).is_endorsed


async def test_init_is_run_like_a_transaction(peer: FakePeer) -> None:
    answer = await peer.invoke("put", "a", "1", message_type=Message.INIT)
    assert (answer.status, answer.simulation.writes) == (200, {("", "a"): b"1"})


async def test_input_that_cannot_be_read(services: Services) -> None:
    broken = Message(type=Message.TRANSACTION, txid="t", channel_id="ch", payload=b"\xff")
    peer = await raw_peer(services, REGISTERED, READY, broken)
    await until(lambda: peer.count(Message.COMPLETED) == 1)


# --- Many transactions ---


async def test_interleaved_transactions_get_their_own_answers(any_peer: FakePeer) -> None:
    """The same keys on two channels, answers held back and let go together."""
    for channel in ("one", "two"):
        for number in range(40):
            any_peer.ledger(channel).put(f"k{number}", f"{channel} {number}".encode())
    any_peer.gates[Message.GET_STATE] = asyncio.Event()
    tasks = {
        (channel, number): asyncio.create_task(
            any_peer.invoke("get", f"k{number}", channel=channel, tx_id=f"tx{number}")
        )
        for number in range(40)
        for channel in ("one", "two")
    }
    await until(lambda: any_peer.count(Message.GET_STATE) == 80)
    any_peer.gates.pop(Message.GET_STATE).set()
    for (channel, number), task in tasks.items():
        assert (await task).payload == f"{channel} {number}".encode()
    assert any_peer.dropped == 0


async def test_two_hundred_at_once(any_peer: FakePeer) -> None:
    answers = await asyncio.gather(
        *(any_peer.invoke("three_reads_two_writes", f"a{n}", f"b{n}", "c") for n in range(200))
    )
    assert all(answer.is_endorsed and len(answer.simulation.writes) == 2 for answer in answers)


async def test_requests_of_one_transaction_take_turns(services: Services) -> None:
    """A peer drops a second request of a transaction while one is pending."""

    class Gathering(Contract):
        async def invoke(self, stub: Stub) -> Response:
            values = await asyncio.gather(*(stub.get(key) for key in ("a", "b", "c")))
            return Response(200, json.dumps([str(value) for value in values]).encode())

    peer = await services.peer(Gathering())
    peer.ledger().put("b", b"1")
    answer = await peer.invoke("any")
    assert answer.payload == b'["None", "b\'1\'", "None"]'
    assert peer.dropped == 0


async def test_no_more_than_the_cap_run_at_once(services: Services) -> None:
    gate = Gate()
    server = await services.start(gate, concurrency=3)
    peer = await services.dial(server)
    await peer.is_ready.wait()
    tasks = [asyncio.create_task(peer.invoke("wait")) for _ in range(8)]
    await until(lambda: server._service.waiting_count == 5)
    assert (gate.inside, server._service.running_count) == (3, 3)
    gate.open.set()
    assert all(answer.is_endorsed for answer in await asyncio.gather(*tasks))
    assert (gate.inside_max, server._service.waiting_count) == (3, 0)
    assert server._service.running_count == 0


async def test_the_cap_counts_all_streams(services: Services) -> None:
    gate = Gate()
    server = await services.start(gate, concurrency=1)
    peers = [await services.dial(server) for _ in range(2)]
    for peer in peers:
        await peer.is_ready.wait()
    tasks = [asyncio.create_task(peer.invoke("wait")) for peer in peers]
    await until(lambda: server._service.waiting_count == 1 and gate.inside == 1)
    gate.open.set()
    assert all(answer.is_endorsed for answer in await asyncio.gather(*tasks))


async def test_a_transaction_sent_again_while_it_runs_is_turned_away(services: Services) -> None:
    gate = Gate()
    peer = await services.peer(gate)
    first = asyncio.create_task(peer.invoke("wait", tx_id="same"))
    await until(lambda: gate.inside == 1)
    second = await peer.invoke("wait", tx_id="same")
    assert second.error == "the chaincode cannot take this transaction now"
    await until(lambda: gate.cancelled == 1)
    first.cancel()
    gate.open.set()
    assert (await peer.invoke("wait", tx_id="same")).is_endorsed


# --- Contracts that misbehave ---


def _raise(problem: BaseException) -> Callable[[Stub], Any]:
    async def invoke(stub: Stub) -> Any:
        stub.put("a", b"1")
        stub.set_event("event", b"1")
        raise problem

    return invoke


async def _leave_timeout(stub: Stub) -> Any:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def _answer_nothing(stub: Stub) -> Any:
    stub.put("a", b"1")


async def _answer_odd_status(stub: Stub) -> Any:
    return Response(199)


async def _answer_too_much(stub: Stub) -> Any:
    return Response(200, bytes(100 * 1024 * 1024))


async def _write_too_much(stub: Stub) -> Any:
    stub.put("a", bytes(100 * 1024 * 1024))
    return Response(200)


async def _await_cancelled(stub: Stub) -> Any:
    task = asyncio.create_task(asyncio.Event().wait())
    task.cancel()
    await task


@pytest.mark.parametrize(
    "invoke",
    [
        _raise(RuntimeError("secret")),
        _raise(SystemExit(3)),
        _raise(ExceptionGroup("secret", [ValueError("secret")])),
        _raise(asyncio.CancelledError("secret")),
        _leave_timeout,
        _answer_nothing,
        _answer_odd_status,
        _answer_too_much,
        _write_too_much,
        _await_cancelled,
    ],
)
async def test_a_failing_contract_is_answered_at_once(services: Services, invoke: Any) -> None:
    class Failing(Contract):
        async def invoke(self, stub: Stub) -> Response:
            response: Response = await invoke(stub)
            return response

    peer = await services.peer(Failing())
    async with asyncio.timeout(DEADLINE_S):
        answer = await peer.invoke("any", tx_id="tx-9")
    assert (answer.status, answer.payload, answer.event) == (500, b"", None)
    assert answer.message == "transaction tx-9 failed in the chaincode; its log says where"
    assert answer.simulation.writes == {}
    assert not peer.ended.is_set()


async def test_a_contract_that_never_answers_runs_out_of_time(services: Services) -> None:
    server = await services.start(execute_timeout_s=0.05)
    peer = await services.dial(server)
    await peer.is_ready.wait()
    answer = await peer.invoke("block")
    assert answer.status == 500
    assert server._service.running_count == 0


async def test_no_answer_is_taken_for_that_of_a_cancelled_request(services: Services) -> None:
    """A contract that gives up a read may not read the late answer as that of its next one."""

    class Impatient(Contract):
        async def invoke(self, stub: Stub) -> Response:
            try:
                async with asyncio.timeout(0.01):
                    await stub.get("a")
            except TimeoutError:
                return Response(200, await stub.get("b") or b"")
            return Response(200, b"too fast")

    peer = await services.peer(Impatient())
    peer.ledger().put("a", b"value of a")
    peer.gates[Message.GET_STATE] = asyncio.Event()
    answer = await peer.invoke("any")
    peer.gates[Message.GET_STATE].set()
    assert (answer.status, answer.payload) == (500, b"")


# --- Lost streams ---


@pytest.mark.parametrize("how", ["drop", "half_close"])
async def test_a_lost_stream_cancels_its_transactions(services: Services, how: str) -> None:
    gate = Gate()
    server = await services.start(gate)
    peer = await services.dial(server)
    await peer.is_ready.wait()
    tasks = [asyncio.create_task(peer.invoke("wait")) for _ in range(3)]
    await until(lambda: gate.inside == 3)
    if how == "drop":
        peer.drop()
    else:
        await peer.half_close()
    await until(lambda: gate.cancelled == 3 and not server._sessions)
    assert server._service.running_count == 0
    for task in tasks:
        with pytest.raises(StreamEndedError):
            await task


async def test_a_lost_stream_does_not_touch_another(services: Services) -> None:
    gate = Gate()
    server = await services.start(gate)
    lost, kept = [await services.dial(server) for _ in range(2)]
    await lost.is_ready.wait()
    await kept.is_ready.wait()
    task = asyncio.create_task(kept.invoke("wait", tx_id="same"))
    other = asyncio.create_task(lost.invoke("wait", tx_id="same"))
    await until(lambda: gate.inside == 2)
    lost.drop()
    await until(lambda: gate.cancelled == 1)
    gate.open.set()
    assert (await task).is_endorsed
    with pytest.raises(StreamEndedError):
        await other


async def test_a_peer_can_dial_again(services: Services) -> None:
    server = await services.start()
    first = await services.dial(server)
    await first.is_ready.wait()
    first.drop()
    await until(lambda: not server._sessions)
    second = await services.dial(server)
    await second.is_ready.wait()
    assert (await second.invoke("put", "a", "1")).is_endorsed
