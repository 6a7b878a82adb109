"""One stream from one peer: a state machine, one writer, a task for each transaction.

Source: the states are those of the Go shim (`shim/handler.go`): created -> established -> ready.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

import grpc.aio

from chaincode.shim.errors import ProtocolError
from chaincode.shim.execution import Service, execute
from chaincode.shim.link import PeerLink
from chaincode.shim.messages import (
    ERROR,
    INIT,
    KEEPALIVE,
    READY,
    REGISTERED,
    RESPONSE,
    TRANSACTION,
    Batching,
    TransactionKey,
    error,
    register,
    type_name,
)
from chaincode.shim.metrics import Outcome

logger = logging.getLogger(__name__)

REGISTRATION_S: Final = 30.0
"""A peer that has not made the stream ready by then never will."""


class Stage(StrEnum):
    """How far a stream has come."""

    CREATED = "created"
    ESTABLISHED = "established"
    READY = "ready"


class Stream(Protocol):
    """The seam to gRPC: reading gives `grpc.aio.EOF` when the peer has ended its side."""

    async def read(self) -> Any: ...

    async def write(self, message: Any) -> None: ...


class Session:
    """Serves one stream until either side ends it."""

    def __init__(self, service: Service, stream: Stream) -> None:
        self.stage = Stage.CREATED
        self._service = service
        self._stream = stream
        self._batching = Batching()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        """Holds at most one message for each transaction, so it needs no limit of its own."""
        self._links: dict[TransactionKey, PeerLink] = {}
        self._tasks: dict[TransactionKey, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Register and serve; return when the stream is over.

        Running transactions are cancelled then: nobody can take their answers any more.
        """
        self._send(register(self._service.chaincode_id))
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(reader, writer, *self._tasks.values())
        for task in (reader, writer):
            if not task.cancelled() and (problem := task.exception()) is not None:
                raise problem

    async def drain(self) -> None:
        """Wait until no transaction of this stream is running."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    def close(self) -> None:
        """End the stream when everything queued so far has been written."""
        self._outgoing.put_nowait(None)

    # --- The two directions ---

    async def _read(self) -> None:
        async with asyncio.timeout(REGISTRATION_S):
            while self.stage is not Stage.READY:
                if not await self._read_one():
                    return
        while await self._read_one():
            pass

    async def _read_one(self) -> bool:
        message = await self._stream.read()
        if message is grpc.aio.EOF:
            return False
        handle = _HANDLERS.get((self.stage, message.type))
        if handle is None:
            raise ProtocolError(f"{type_name(message.type)} while {self.stage}")
        handle(self, message)
        return True

    async def _write(self) -> None:
        while (message := await self._outgoing.get()) is not None:
            await self._stream.write(message)

    def _send(self, message: Any) -> None:
        self._outgoing.put_nowait(message)

    # --- What each message does ---

    def _on_registered(self, _: Any) -> None:
        self.stage = Stage.ESTABLISHED

    def _on_ready(self, message: Any) -> None:
        self._batching = Batching.negotiated(message.payload)
        self.stage = Stage.READY
        logger.info("stream ready: %s", self._batching)

    def _on_answer(self, message: Any) -> None:
        link = self._links.get((message.channel_id, message.txid))
        if link is None or not link.receive(message):
            logger.debug("late answer for transaction %s", message.txid)

    def _on_transaction(self, message: Any) -> None:
        key = (message.channel_id, message.txid)
        running = self._tasks.get(key)
        if running is not None:
            running.cancel()
        if running is not None or self._service.is_draining:
            self._turn_away(key)
            return
        self._links[key] = PeerLink(key, self._send, self._batching, self._service.metrics)
        self._tasks[key] = asyncio.create_task(self._execute(key, message))

    def _turn_away(self, key: TransactionKey) -> None:
        """Refuse a transaction that cannot run here, so that the gateway asks another peer.

        A peer sends a running transaction again only when it has given the first run up. Its late
        messages could mix with the second run's, so the first is cancelled and the second refused.
        """
        self._service.metrics.count_transaction(Outcome.TURNED_AWAY)
        self._send(error(key, "the chaincode cannot take this transaction now"))

    def _on_keepalive(self, message: Any) -> None:
        self._send(message)

    async def _execute(self, key: TransactionKey, message: Any) -> None:
        try:
            self._send(await execute(self._service, message, self._links[key]))
        finally:
            del self._links[key], self._tasks[key]


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_Handler = Callable[[Session, Any], None]

_HANDLERS: Final[Mapping[tuple[Stage, int], _Handler]] = MappingProxyType(
    {
        (Stage.CREATED, REGISTERED): Session._on_registered,
        (Stage.ESTABLISHED, READY): Session._on_ready,
        (Stage.READY, TRANSACTION): Session._on_transaction,
        (Stage.READY, INIT): Session._on_transaction,
        (Stage.READY, RESPONSE): Session._on_answer,
        (Stage.READY, ERROR): Session._on_answer,
        **{(stage, KEEPALIVE): Session._on_keepalive for stage in Stage},
    }
)
