"""Follows the channels' blocks into the read model, and knows how old its answers are."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

from gateway.database import DatabaseUnavailable
from gateway.errors import LedgerError, NotReady
from gateway.fabric.errors import FabricError
from gateway.ledger import FabricLedger
from gateway.projection.apply import OtherChain, OutOfOrder, Projection
from gateway.projection.blocks import BlockFacts, BlockUnreadable, read_block

RETRY_S: Final = 1.0
"""After a stream ended or the database was away."""
CONFIRM_S: Final = 2.0
"""Between two questions whether the read model is at the end of the chain."""
STALE_MS: Final = 60_000
"""A gateway whose read model is older is not ready."""

_log = logging.getLogger(__name__)


class BlockSource(Protocol):
    """Where blocks come from."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Those to follow."""
        ...

    def blocks(
        self, channel: str, start_block: int
    ) -> AbstractAsyncContextManager[AsyncIterator[BlockFacts]]:
        """All blocks from one on, as they are committed. Raises FabricError, BlockUnreadable."""
        ...

    async def height(self, channel: str) -> int:
        """How many blocks there are. Raises LedgerError."""
        ...


class FabricBlocks:
    """The blocks of the organisation's own peers."""

    def __init__(self, ledger: FabricLedger, chaincode: str) -> None:
        self._ledger = ledger
        self._chaincode = chaincode

    @property
    def channels(self) -> tuple[str, ...]:
        """See `BlockSource.channels`."""
        return self._ledger.channels

    @asynccontextmanager
    async def blocks(
        self, channel: str, start_block: int
    ) -> AsyncIterator[AsyncIterator[BlockFacts]]:
        """See `BlockSource.blocks`."""
        async with self._ledger.fabric_channel(channel).blocks(start_block=start_block) as stream:
            yield self._read(channel, stream)

    async def height(self, channel: str) -> int:
        """See `BlockSource.height`."""
        return await self._ledger.height(channel)

    async def _read(self, channel: str, stream: AsyncIterator[Any]) -> AsyncIterator[BlockFacts]:
        async for block in stream:
            yield read_block(channel, self._chaincode, block)


class NoBlocks:
    """For a ledger that has none to follow."""

    channels: tuple[str, ...] = ()

    def blocks(
        self, channel: str, start_block: int
    ) -> AbstractAsyncContextManager[AsyncIterator[BlockFacts]]:
        """There is no channel to ask for."""
        raise LookupError(channel, start_block)

    async def height(self, channel: str) -> int:
        """There is no channel to ask for."""
        raise LookupError(channel)


NO_BLOCKS: Final = NoBlocks()


class Projector:
    """Keeps the read model at the end of every channel; others wait for what is new.

    `run` never ends by itself. A channel that was made anew stays as it is, and not ready, until
    the read model is rebuilt.
    """

    def __init__(
        self, source: BlockSource, projection: Projection, clock_ms: Callable[[], int]
    ) -> None:
        self._source = source
        self._projection = projection
        self._clock_ms = clock_ms
        self._heights: dict[str, int] = {}
        self._confirmed_at: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._changed = asyncio.Condition()

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels it follows."""
        return self._source.channels

    def age_ms(self, channel: str, block_at: int) -> int:
        """How old an answer of this channel may be (see `AsOf`)."""
        return max(0, self._clock_ms() - self._confirmed_at.get(channel, block_at))

    def height(self, channel: str) -> int:
        """How many blocks of the channel are in the read model, as far as this projector knows."""
        return self._heights.get(channel, 0)

    async def wait_beyond(self, channel: str, height: int) -> None:
        """Return once the read model has more blocks than `height`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.height(channel) > height)

    async def require_ready(self) -> None:
        """Raises NotReady when a channel cannot be followed or is far behind."""
        for channel in self._source.channels:
            fault = self._faults.get(channel)
            if fault is not None:
                raise NotReady(fault)
            if self.age_ms(channel, 0) > STALE_MS:
                raise NotReady(f"channel {channel}: the read model is behind")

    async def run(self) -> None:
        """Follow every channel until cancelled."""
        async with asyncio.TaskGroup() as group:
            for channel in self._source.channels:
                group.create_task(self._keep_following(channel))
                group.create_task(self._keep_confirming(channel))

    async def catch_up(self, channel: str, height: int) -> None:
        """Project until the read model has so many blocks. Raises what stops it."""
        while (start := await self._projection.next_block(channel)) < height:
            async with self._source.blocks(channel, start) as blocks:
                async for block in blocks:
                    await self._take(block)
                    if block.number + 1 >= height:
                        break

    async def _keep_following(self, channel: str) -> None:
        while True:
            try:
                await self._follow(channel)
            except (OtherChain, BlockUnreadable) as error:
                self._faults[channel] = str(error)
                _log.error("the read model stands still: %s", error)
                return
            except (FabricError, OutOfOrder, DatabaseUnavailable, TimeoutError) as error:
                _log.info("blocks of %s end: %s", channel, type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _follow(self, channel: str) -> None:
        start = await self._projection.next_block(channel)
        await self._moved(channel, start)
        async with self._source.blocks(channel, start) as blocks:
            async for block in blocks:
                await self._take(block)

    async def _take(self, block: BlockFacts) -> None:
        await self._projection.apply(block)
        await self._moved(block.channel, block.number + 1)

    async def _moved(self, channel: str, height: int) -> None:
        async with self._changed:
            self._heights[channel] = height
            self._changed.notify_all()

    async def _keep_confirming(self, channel: str) -> None:
        while True:
            await self._confirm(channel)
            await asyncio.sleep(CONFIRM_S)

    async def _confirm(self, channel: str) -> None:
        asked_at = self._clock_ms()
        try:
            if await self._source.height(channel) <= self.height(channel):
                self._confirmed_at[channel] = asked_at
        except (LedgerError, TimeoutError) as error:
            _log.info("height of %s unknown: %s", channel, type(error).__name__)
