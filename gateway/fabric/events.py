"""Streams of events that survive lost connections: nothing is left out, nothing comes twice."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc

from gateway.fabric.backoff import delay_s
from gateway.fabric.connection import Peer
from gateway.fabric.context import Context
from gateway.fabric.errors import EventsError
from gateway.fabric.rpc import RpcFailure, rpc_failure

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)

_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Answers that waiting does not change; another peer may still answer otherwise."""

_log = logging.getLogger(__name__)


class Feed(Protocol[Item_co]):
    """What differs between kinds of events; it knows the position and moves it."""

    channel_name: str

    @property
    def is_positioned(self) -> bool:
        """Whether the first block to come is settled, so that a lost stream can be resumed."""

    @property
    def is_resumable(self) -> bool:
        """False for a request signed elsewhere that names no block to start from."""

    async def open(self, peer: Peer) -> Any:
        """Start a stream at the position."""

    def accept(self, message: Any) -> Iterable[Item_co]:
        """The new items of a message; the position moves past them.

        Raises RpcFailure for a message that says the stream cannot go on.
        """


class EventStream(Generic[Item]):
    """An async iterator over a feed; close it (`async with`, `aclose`) when done.

    Cancelling a wait for the next item loses none. Raises EventsError when every peer refuses the
    request, when the stream stays away for `Reconnect.failures_max` attempts, or when going on
    would leave a gap.
    """

    def __init__(self, context: Context, feed: Feed[Item]) -> None:
        self._connection = context.connection
        self._reconnect = context.reconnect
        self._feed = feed
        self._items: deque[Item] = deque()
        self._call: Any = None
        self._peer = self._connection.peer
        self._failures = 0
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        while not self._items:
            if self._is_closed:
                raise StopAsyncIteration
            await self._advance()
        return self._items.popleft()

    async def open(self) -> None:
        """Return once the position is settled: later blocks will not be missed."""
        while self._call is None or not self._feed.is_positioned:
            await self._advance()

    async def aclose(self) -> None:
        """End the stream on the peer as well."""
        self._is_closed = True
        self._hang_up()

    async def _advance(self) -> None:
        """One step: connect, or take in one message, or recover from a loss."""
        try:
            if self._call is None:
                self._peer = self._connection.peer
                self._call = await self._feed.open(self._peer)
            else:
                self._items.extend(self._feed.accept(await self._read()))
                self._failures = 0
        except grpc.aio.AioRpcError as error:
            await self._recover(rpc_failure(error, self._peer.address))
        except RpcFailure as failure:
            failure.address = failure.address or self._peer.address
            await self._recover(failure)
        except BaseException:
            self._hang_up()  # a cancelled read has cancelled its call
            raise

    async def _read(self) -> Any:
        message = await self._call.read()
        if message is grpc.aio.EOF:
            raise RpcFailure(grpc.StatusCode.UNAVAILABLE, "the peer ended the stream")
        return message

    async def _recover(self, failure: RpcFailure) -> None:
        self._hang_up()
        self._failures += 1
        if not self._may_go_on(failure):
            raise EventsError(self._feed.channel_name, failure) from failure
        self._connection.fail_over(self._peer)
        _log.info(
            "events of %s from %s lost: %s",
            self._feed.channel_name,
            failure.address,
            failure.code.name,
        )
        options = self._reconnect
        await asyncio.sleep(
            delay_s(self._failures - 1, first_s=options.first_s, cap_s=options.cap_s)
        )

    def _may_go_on(self, failure: RpcFailure) -> bool:
        if not self._feed.is_resumable or self._failures >= self._reconnect.failures_max:
            return False
        return failure.code not in _REFUSALS or self._failures < self._connection.peer_count

    def _hang_up(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
