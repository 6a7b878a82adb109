"""Server-sent events (WHATWG HTML, 9.2): one community's events, from a position on.

A stream is a position on the ledger that moves forward. So nothing is queued for a client: what
it has not read yet stays in memory or in the database, and a client that comes back with the last
id it saw goes on right behind it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiohttp import web

from gateway.access import Reader
from gateway.errors import Problem
from gateway.live.tail import PAGE, Tail
from gateway.live.visible import may_see
from gateway.projection.answers import LedgerEvent, Position
from gateway.projection.readmodel import ReadModel

HEARTBEAT_S: Final = 15.0
SEND_S_MAX: Final = 10.0
"""A client that takes no bytes for so long is dropped."""
RETRY_MS: Final = 2_000
"""When a browser comes back after a stream ended."""
STREAMS_MAX: Final = 2_000
STREAMS_PER_CREDENTIAL_MAX: Final = 10
HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class Slow(Exception):
    """The client does not take what it is sent, or is too far behind."""


class Places:
    """How many streams there are, in all and of each credential."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    def take(self, credential: str) -> None:
        """Raises Problem 503 ``gateway/full`` or 429 ``gateway/too-many-requests``."""
        if self._of.total() >= STREAMS_MAX:
            raise Problem(503, "gateway/full", retry_after_s=RETRY_MS // 1000)
        if self._of[credential] >= STREAMS_PER_CREDENTIAL_MAX:
            raise Problem(429, "gateway/too-many-requests", retry_after_s=RETRY_MS // 1000)
        self._of[credential] += 1

    def give_back(self, credential: str) -> None:
        """The stream is over."""
        self._of[credential] -= 1
        self._of += Counter()  # forget who has none


class Stream:
    """One client's stream."""

    def __init__(
        self, response: web.StreamResponse, reader: Reader, community: str, tail: Tail
    ) -> None:
        self._response = response
        self._reader = reader
        self._community = community
        self._tail = tail
        self._is_live = False

    async def run(
        self, model: ReadModel, position: Position | None, stopping: asyncio.Event
    ) -> None:
        """Send events behind `position`, or from now on, until the client leaves, is too slow, or
        the service stops. Raises DatabaseUnavailable."""
        with suppress(ConnectionError, Slow):
            await self._send(f"retry: {RETRY_MS}\n\n")
            end = await self._tail.wait_until_begun()
            at = end if position is None else position
            while not stopping.is_set():
                events, at = await self._next(model, at)
                await self._send(self._text(events, at))
                if not events:
                    await self._wait(at, stopping)

    async def _next(self, model: ReadModel, at: Position) -> tuple[list[LedgerEvent], Position]:
        """The next events and the position behind them: of the database first, and of the tail
        once it holds them all."""
        floor, events = self._tail.floor, self._tail.after(at)
        if events is not None:
            self._is_live = True
            events = events[:PAGE]
        elif self._is_live:
            await self._send(f"event: behind\ndata: {json.dumps({'resume': str(at)})}\n\n")
            raise Slow
        else:
            assert floor is not None
            events = await model.events(self._tail.channel, at, limit=PAGE)
            at = at if events else max(at, floor)
        return events, events[-1].position if events else at

    async def _wait(self, at: Position, stopping: asyncio.Event) -> None:
        waits = [
            asyncio.ensure_future(self._tail.wait_beyond(at)),
            asyncio.ensure_future(stopping.wait()),
        ]
        try:
            await asyncio.wait(waits, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)

    def _text(self, events: list[LedgerEvent], at: Position) -> str:
        """Events as the client may see them. A last id alone moves the client's position past what
        it may not see, and keeps the connection open."""
        parts = [
            _message(event)
            for event in events
            if event.community == self._community and may_see(self._reader, event.name)
        ]
        return "".join(parts) + f"id: {at}\n\n"

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_S_MAX):
                await self._response.write(text.encode())
        except TimeoutError:
            raise Slow from None


def _message(event: LedgerEvent) -> str:
    data = json.loads(event.payload) | {"tx_id": event.tx_id, "at": event.at}
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return f"id: {event.position}\nevent: {event.name}\ndata: {text}\n\n"
