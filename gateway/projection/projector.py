"""Follows the channels' blocks into the read model, and knows how old its answers are."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

from gateway.database import DatabaseUnavailable
from gateway.errors import FAULTS_TOLD_MAX, LedgerError, NotReady, require_some
from gateway.fabric.errors import FabricError
from gateway.ledger import FabricLedger
from gateway.projection.apply import OtherChain, OutOfOrder, Projection
from gateway.projection.blocks import BlockFacts, BlockUnreadable, read_block

RETRY_S: Final = 1.0
"""After a stream ended or the database was away."""
CONFIRM_S: Final = 2.0
"""Between two questions whether the read model is at the end of the chain."""
STALE_MS: Final = 60_000
"""A channel whose read model is older is not served as it should be."""

_log = logging.getLogger(__name__)


class BlockSource(Protocol):
    """Where blocks come from."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Those to follow, new ones behind the others."""
        ...

    async def wait_for_more_channels(self, count: int) -> None:
        """Return once there are more than `count`."""
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

    async def wait_for_more_channels(self, count: int) -> None:
        """See `BlockSource.wait_for_more_channels`."""
        await self._ledger.wait_for_more_channels(count)

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

    async def wait_for_more_channels(self, count: int) -> None:
        """None will come."""
        await asyncio.Event().wait()

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

    `run` never ends by itself, and takes up channels that come while it runs. A channel that was
    made anew stays as it is, and not ready, until the read model is rebuilt.
    """

    def __init__(
        self, source: BlockSource, projection: Projection, clock_ms: Callable[[], int]
    ) -> None:
        self._source = source
        self._projection = projection
        self._clock_ms = clock_ms
        self._heights: dict[str, int] = {}
        self._confirmed_at: dict[str, int] = {}
        self._begun_at: dict[str, int] = {}
        self._first: tuple[str, ...] = ()
        """The channels that were there at the start."""
        self._faults: dict[str, str] = {}
        self._changed = asyncio.Condition()

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels it follows."""
        return self._source.channels

    async def wait_for_more_channels(self, count: int) -> None:
        """Return once there are more than `count`."""
        await self._source.wait_for_more_channels(count)

    def age_ms(self, channel: str, block_at: int) -> int:
        """How old an answer of this channel may be (see `AsOf`)."""
        return max(0, self._clock_ms() - self._confirmed_at.get(channel, block_at))

    def behind_ms(self, channel: str) -> int:
        """Since when the read model is not known to be at the end of the chain."""
        now = self._clock_ms()
        return max(0, now - self._confirmed_at.get(channel, self._begun_at.get(channel, now)))

    def height(self, channel: str) -> int:
        """How many blocks of the channel are in the read model, as far as this projector knows."""
        return self._heights.get(channel, 0)

    async def wait_beyond(self, channel: str, height: int) -> None:
        """Return once the read model has more blocks than `height`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.height(channel) > height)

    async def require_ready(self) -> None:
        """Raises NotReady when no channel can be followed, or those that were there at the start
        are still being read and may soon be; PartlyReady when some are behind."""
        told = [self._fault(channel) for channel in self.channels]
        faults = [fault for fault in told if fault]
        if faults and any(self._is_beginning(channel) for channel in self._first):
            raise NotReady("; ".join(faults[:FAULTS_TOLD_MAX]))
        require_some(len(told), faults)

    def _fault(self, channel: str) -> str:
        """Why a channel is not served as it should be, nothing when it is."""
        if channel in self._faults:
            return self._faults[channel]
        if channel not in self._confirmed_at or self.behind_ms(channel) > STALE_MS:
            return f"channel {channel}: the read model is behind"
        return ""

    def _is_beginning(self, channel: str) -> bool:
        is_known = channel in self._confirmed_at or channel in self._faults
        return not is_known and self.behind_ms(channel) <= STALE_MS

    async def run(self) -> None:
        """Follow every channel, those that come later too, until cancelled."""
        self._first = self.channels
        count = 0
        async with asyncio.TaskGroup() as group:
            while True:
                for channel in self.channels[count:]:
                    count += 1
                    self._begun_at[channel] = self._clock_ms()
                    group.create_task(self._keep_following(channel))
                    group.create_task(self._keep_confirming(channel))
                await self.wait_for_more_channels(count)

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
            except Exception as error:  # the other channels outlive it, whatever it was
                self._faults[channel] = f"channel {channel}: {type(error).__name__}"
                _log.exception("the read model of a channel stands still")
                return
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
