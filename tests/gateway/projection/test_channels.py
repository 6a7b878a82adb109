"""The read model and the live events take up channels that come, each for itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.database import Database
from gateway.errors import NotReady, PartlyReady
from gateway.live.tail import Tails
from gateway.metrics import Metrics
from gateway.projection.apply import EndorsementTerms, Projection
from gateway.projection.blocks import BlockFacts
from gateway.projection.figures import ChannelFigures
from gateway.projection.projector import STALE_MS, Projector
from gateway.projection.readmodel import ReadModel
from gateway.projection.schema import open_read_model_database
from tests.support.chain import Chain, ChainSource

TERMS = EndorsementTerms(required=("BankMSP",), substitute="RegulatorMSP")
DEADLINE_S = 20.0


@dataclass
class Sources:
    """Block sources of several channels; more may come. Those in `silent` break at once."""

    of: dict[str, ChainSource] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self.of)

    async def wait_for_more_channels(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.of) > count)

    def blocks(
        self, channel: str, start_block: int
    ) -> AbstractAsyncContextManager[AsyncIterator[BlockFacts]]:
        if channel in self.silent:
            raise RuntimeError("a defect of this channel alone")
        return self.of[channel].blocks(channel, start_block)

    async def height(self, channel: str) -> int:
        return await self.of[channel].height(channel)

    async def add(self, channel: str) -> None:
        """A channel with its configuration block."""
        async with self.changed:
            self.of[channel] = ChainSource(Chain(channel))
            self.changed.notify_all()


@dataclass
class Clock:
    """A clock that tests set."""

    now_ms: int = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_read_model_database(str(tmp_path / "readmodel.sqlite3"))
    yield opened
    await opened.close()


@asynccontextmanager
async def following(
    sources: Sources, database: Database, clock: Clock | None = None
) -> AsyncIterator[Projector]:
    projector = Projector(sources, Projection(database, TERMS), clock or Clock())
    task = asyncio.create_task(projector.run())
    async with asyncio.timeout(DEADLINE_S):
        yield projector
    assert not task.done()
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


async def ready(projector: Projector) -> None:
    while True:
        try:
            return await projector.require_ready()
        except NotReady:
            await asyncio.sleep(0.01)


async def test_a_channel_that_comes_is_followed(database: Database) -> None:
    sources = Sources()
    await sources.add("avenue")
    async with following(sources, database) as projector:
        await ready(projector)
        await sources.add("garden")
        await projector.wait_beyond("garden", 0)
        await ready(projector)
        assert projector.channels == ("avenue", "garden")


async def test_a_defect_of_one_channel_stops_no_other(database: Database) -> None:
    sources = Sources(silent={"garden"})
    await sources.add("avenue")
    async with following(sources, database) as projector:
        await ready(projector)
        await sources.add("garden")
        while "garden: RuntimeError" not in await told(projector):
            await asyncio.sleep(0.01)
        sources.of["avenue"].chain.add_envelopes([], [])
        async with sources.of["avenue"].changed:
            sources.of["avenue"].changed.notify_all()
        await projector.wait_beyond("avenue", 1)


async def told(projector: Projector) -> str:
    """What is wrong with some of the channels."""
    try:
        await projector.require_ready()
    except PartlyReady as error:
        return str(error)
    return ""


async def test_at_the_start_all_are_waited_for_but_not_for_ever(database: Database) -> None:
    sources, clock = Sources(), Clock()
    await sources.add("avenue")
    await sources.add("garden")
    sources.of["garden"].height = never  # type: ignore[method-assign]
    async with following(sources, database, clock) as projector:
        await projector.wait_beyond("avenue", 0)
        while True:
            with pytest.raises(NotReady) as told:
                await projector.require_ready()
            assert not isinstance(told.value, PartlyReady)
            if "avenue" not in str(told.value):
                break
            await asyncio.sleep(0.01)
        clock.now_ms += STALE_MS + 1
        projector._confirmed_at["avenue"] = clock.now_ms
        with pytest.raises(PartlyReady, match="garden: the read model is behind"):
            await projector.require_ready()


async def never(_: str) -> int:
    raise TimeoutError


async def test_figures_of_each_channel(database: Database) -> None:
    sources, clock, metrics = Sources(), Clock(), Metrics()
    await sources.add("avenue")
    async with following(sources, database, clock) as projector:
        metrics.registry.register(ChannelFigures(projector))
        await ready(projector)
        await sources.add("garden")
        await projector.wait_beyond("garden", 0)
        await ready(projector)
        clock.now_ms += 1_500
        text = metrics.text().decode()
    for channel in ("avenue", "garden"):
        assert f'gateway_channel_blocks{{channel="{channel}"}} 1.0' in text
        assert f'gateway_channel_behind_seconds{{channel="{channel}"}} 1.5' in text


async def test_live_events_of_a_channel_that_comes(database: Database) -> None:
    sources, grown = Sources(), asyncio.Event()
    await sources.add("avenue")
    async with following(sources, database) as projector:
        tails = Tails(projector, ReadModel(database, projector.age_ms))
        task = asyncio.create_task(tails.run(grown.set))
        await grown.wait()
        assert set(tails.by_channel) == {"avenue"}
        grown.clear()
        await sources.add("garden")
        await grown.wait()
        await tails.by_channel["garden"].wait_until_begun()
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
