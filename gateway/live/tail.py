"""The newest events of each channel in memory, so that a thousand streams cost one query."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from chaincode.model.base import INT_MAX
from gateway.projection.answers import LedgerEvent, Position
from gateway.projection.projector import Projector
from gateway.projection.readmodel import ReadModel

EVENTS_MAX: Final = 4_096
"""Of one channel in memory; who is further behind reads the database or starts anew."""
PAGE: Final = 500


class Tail:
    """The end of one channel's events. `run` keeps it there until cancelled."""

    def __init__(self, channel: str, projector: Projector, model: ReadModel) -> None:
        self.channel = channel
        self._projector = projector
        self._model = model
        self._events: list[LedgerEvent] = []
        self._floor: Position | None = None
        self._changed = asyncio.Condition()

    @property
    def floor(self) -> Position | None:
        """The position behind which all events are in memory; None before the first block."""
        return self._floor

    @property
    def end(self) -> Position | None:
        """The position of the newest event, or of the last block without one; None before the
        first block."""
        return self._events[-1].position if self._events else self._floor

    def after(self, position: Position) -> list[LedgerEvent] | None:
        """The events behind a position; None if some of them are no longer in memory."""
        if self._floor is None or position < self._floor:
            return None
        return self._events[bisect_right(self._events, position, key=_position) :]

    async def wait_beyond(self, position: Position) -> None:
        """Return once there is an event behind the position."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.end is not None and position < self.end)

    async def wait_until_begun(self) -> Position:
        """The end, once there is one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.end is not None)
        assert self.end is not None
        return self.end

    async def run(self) -> None:
        """Take in what the projector projects."""
        await self._projector.wait_beyond(self.channel, 0)
        height = self._projector.height(self.channel)
        async with self._changed:
            # Behind every event of the last block that is in the read model already.
            self._floor = Position(height - 1, INT_MAX, INT_MAX)
            self._changed.notify_all()
        while True:
            await self._projector.wait_beyond(self.channel, height)
            height = self._projector.height(self.channel)
            await self._take_in()

    async def _take_in(self) -> None:
        assert self.end is not None
        while page := await self._model.events(self.channel, self.end, limit=PAGE):
            await self._append(page)

    async def _append(self, events: Iterable[LedgerEvent]) -> None:
        async with self._changed:
            self._events += events
            over = len(self._events) - EVENTS_MAX
            if over > 0:
                self._floor = self._events[over - 1].position
                del self._events[:over]
            self._changed.notify_all()


class Tails:
    """A tail for each channel that the projector follows; `run` adds those that come."""

    def __init__(self, projector: Projector, model: ReadModel) -> None:
        self._projector = projector
        self._model = model
        self.by_channel: dict[str, Tail] = {}

    async def run(self, when_grown: Callable[[], object]) -> None:
        """Keep every tail at its end until cancelled, and tell each time that there are more."""
        async with asyncio.TaskGroup() as group:
            while True:
                for channel in self._projector.channels[len(self.by_channel) :]:
                    tail = Tail(channel, self._projector, self._model)
                    self.by_channel[channel] = tail
                    group.create_task(tail.run())
                when_grown()
                await self._projector.wait_for_more_channels(len(self.by_channel))


def _position(event: LedgerEvent) -> Position:
    return event.position
