"""A peer's side of the chaincode protocol, over a real gRPC connection.

Follows Fabric `core/chaincode/handler.go`: one request of a transaction at a time (a second one is
dropped), queries in batches, a transaction's queries closed with its answer. Tests add faults:
`errors` (answer ERROR), `gates` (answer later), `drop`, `half_close`, `send` (any message).
"""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc.aio
from fabric_protos.peer import (
    chaincode_pb2,
    chaincode_shim_pb2,
    chaincode_shim_pb2_grpc,
    proposal_response_pb2,
)

from tests.support.fake_ledger import FakeLedger, LedgerError, Simulation
from tests.support.fake_requests import Requests, RunningTransaction
from tests.support.proposals import DEFAULT_CREATOR, signed_proposal

Message = chaincode_shim_pb2.ChaincodeMessage
MAX_MESSAGE_BYTES = 100 * 1024 * 1024
OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)


class StreamEndedError(Exception):
    """The stream ended while a transaction was waiting for its answer."""


@dataclass(frozen=True)
class Answer:
    """A finished transaction. `error` is the text of an ERROR message, empty otherwise."""

    status: int
    payload: bytes
    message: str
    event: tuple[str, bytes] | None
    error: str
    simulation: Simulation
    open_queries: int

    @property
    def is_endorsed(self) -> bool:
        return not self.error and self.status < 400


class FakePeer:
    """One peer with its ledgers, and its connection to one service."""

    def __init__(
        self,
        *,
        reads_max: int = 0,
        writes_max: int = 0,
        query_batch: int = 3,
        query_max: int = 10**6,
    ) -> None:
        self.params = chaincode_pb2.ChaincodeAdditionalParams(
            use_get_multiple_keys=reads_max > 0,
            max_size_get_multiple_keys=reads_max,
            use_write_batch=writes_max > 0,
            max_size_write_batch=writes_max,
        )
        self.requests = Requests(self.params, query_batch, query_max)
        self.ledgers: dict[str, FakeLedger] = {}
        self.errors: dict[int, str] = {}
        self.gates: dict[int, asyncio.Event] = {}
        self.received: list[Any] = []
        self.dropped = 0
        self.registered_as = ""
        self.is_ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._running: dict[tuple[str, str], RunningTransaction] = {}
        self._numbers = itertools.count(1)
        self._answering: set[asyncio.Task[None]] = set()

    # --- The connection ---

    async def connect(
        self, target: str, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        """Dial the service as a peer does, and serve the stream in the background."""
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, options=OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=OPTIONS)
        self.call: Any = chaincode_shim_pb2_grpc.ChaincodeStub(self._channel).Connect()
        self._writing = asyncio.Lock()
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        self.drop()
        await asyncio.gather(self._reader, *self._answering, return_exceptions=True)
        await self._channel.close()

    def drop(self) -> None:
        """Lose the stream without a word."""
        self.call.cancel()

    async def half_close(self) -> None:
        await self.call.done_writing()

    async def send(self, message: Any) -> None:
        async with self._writing:
            await self.call.write(message)

    def ledger(self, channel: str = "ch") -> FakeLedger:
        return self.ledgers.setdefault(channel, FakeLedger())

    def count(self, message_type: int) -> int:
        """How many messages of this type the chaincode has sent."""
        return sum(message.type == message_type for message in self.received)

    async def _read(self) -> None:
        try:
            while (message := await self.call.read()) is not grpc.aio.EOF:
                self.received.append(message)
                await self._dispatch(message)
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            pass
        finally:
            self.ended.set()
            for running in self._running.values():
                if not running.answer.done():
                    running.answer.set_exception(StreamEndedError())

    async def _dispatch(self, message: Any) -> None:
        if message.type == Message.REGISTER:
            self.registered_as = chaincode_pb2.ChaincodeID.FromString(message.payload).name
            await self.send(Message(type=Message.REGISTERED))
            await self.send(Message(type=Message.READY, payload=self.params.SerializeToString()))
            self.is_ready.set()
        elif message.type != Message.KEEPALIVE:
            self._on_transaction_message(message)

    # --- Transactions ---

    async def invoke(
        self,
        function: str,
        *args: str | bytes,
        channel: str = "ch",
        tx_id: str = "",
        timestamp_ms: int = 1_700_000_000_123,
        creator: bytes = DEFAULT_CREATOR,
        transient: Mapping[str, bytes] | None = None,
        message_type: int = Message.TRANSACTION,
    ) -> Answer:
        """Have the chaincode simulate one transaction; nothing is committed."""
        tx_id = tx_id or f"tx-{next(self._numbers):04d}"
        encoded = [arg.encode() if isinstance(arg, str) else arg for arg in (function, *args)]
        message = Message(
            type=message_type,
            txid=tx_id,
            channel_id=channel,
            payload=chaincode_pb2.ChaincodeInput(args=encoded).SerializeToString(),
            proposal=signed_proposal(channel, tx_id, timestamp_ms, creator, transient or {}),
        )
        simulation = Simulation(self.ledger(channel), tx_id, timestamp_ms)
        running = RunningTransaction(simulation, asyncio.get_running_loop().create_future())
        self._running[channel, tx_id] = running
        await self.send(message)
        return _answer(await running.answer, running)

    async def submit(
        self, function: str, *args: str | bytes, **options: Any
    ) -> tuple[Answer, bool]:
        """Simulate and, if it is endorsed, commit; return whether it was valid at commit."""
        answer = await self.invoke(function, *args, **options)
        return answer, answer.is_endorsed and answer.simulation.commit()

    def _on_transaction_message(self, message: Any) -> None:
        running = self._running.get((message.channel_id, message.txid))
        if running is None:
            return
        if message.type in (Message.COMPLETED, Message.ERROR):
            del self._running[message.channel_id, message.txid]
            if not running.answer.done():
                running.answer.set_result(message)
        elif running.is_busy:
            self.dropped += 1
        else:
            running.is_busy = True
            task = asyncio.create_task(self._respond(message, running))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _respond(self, message: Any, running: RunningTransaction) -> None:
        if gate := self.gates.get(message.type):
            await gate.wait()
        answer = Message(type=Message.RESPONSE, txid=message.txid, channel_id=message.channel_id)
        try:
            answer.payload = self._payload(message, running)
        except LedgerError as problem:
            answer.type = Message.ERROR
            answer.payload = str(problem).encode()
        running.is_busy = False
        await self.send(answer)

    def _payload(self, message: Any, running: RunningTransaction) -> bytes:
        if message.type in self.errors:
            raise LedgerError(self.errors[message.type])
        return self.requests.answer(message, running)


def _answer(message: Any, running: RunningTransaction) -> Answer:
    if message.type == Message.ERROR:
        text = message.payload.decode()
        return Answer(0, b"", "", None, text, running.simulation, len(running.queries))
    response = proposal_response_pb2.Response.FromString(message.payload)
    event = message.chaincode_event
    return Answer(
        status=response.status,
        payload=response.payload,
        message=response.message,
        event=(event.event_name, event.payload) if message.HasField("chaincode_event") else None,
        error="",
        simulation=running.simulation,
        open_queries=len(running.queries),
    )
