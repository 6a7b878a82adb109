"""What is due is done by whichever gateway is awake: closed, counted, made final, brought about.

Each round asks the ledger itself what stands where and states what has come due. Another gateway
may do the same at the same moment: the transactions are harmless twice, and a conflict is tried
anew. Times are the transaction's own, which every endorser compares with its clock (120 s).

Which communities there are, and whether anything happened in one since it was last asked, is read
from the read model. A quiet community is asked again when a time that its records name has come,
and every minute in any case, for times that only the rules can tell.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

from aiohttp import web

from chaincode.errors import NotFound, Refusal
from gateway.appkeys import CLOCK_MS, LEDGER, METRICS, SETTINGS
from gateway.database import DatabaseUnavailable
from gateway.due import SOURCES, Source, Step, due_freezes
from gateway.errors import LedgerError
from gateway.ledger import Ledger
from gateway.metrics import Metrics
from gateway.parts import Part
from gateway.projection.keys import READ_MODEL
from gateway.projection.readmodel import ReadModel
from gateway.settings import Seconds, Section

COMMUNITIES_AT_ONCE_MAX: Final = 4
REFUSED_FIRST_S: Final = 30.0
REFUSED_CAP_S: Final = 600.0
"""A step that was refused (paper still to be resolved, a trustee's key missing) rests so long."""
JITTER: Final = 0.2
RESTING_MAX: Final = 10_000
QUIET_MS_MAX: Final = 60_000
"""A community in which nothing happens is asked this often."""
UNKNOWN_BLOCK: Final = -1
"""Without a read model nobody knows whether anything happened."""

_log = logging.getLogger(__name__)


class ClockSection(Section, frozen=True):
    """How often the ledger is asked; `enabled` off leaves it to the other gateways."""

    name = "clock"
    enabled: bool = True
    every_s: Seconds = 5.0


@dataclass(frozen=True, slots=True)
class _Quiet:
    """Nothing was due at this block of the community, and time alone changes that then."""

    block: int
    until_at: int


class Clock:
    """Rounds over the communities of a ledger, and of a read model where there is one."""

    def __init__(
        self,
        ledger: Ledger,
        metrics: Metrics,
        now_ms: Callable[[], int],
        *,
        read_model: ReadModel | None = None,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._now_ms = now_ms
        self._read_model = read_model
        self._sources: Sequence[Source] = SOURCES
        if read_model is not None:
            self._sources = (*SOURCES, due_freezes(read_model))
        self._quiet: dict[str, _Quiet] = {}
        self._resting: dict[tuple[str, Step], tuple[float, float]] = {}
        """Until when (loop time) a refused step rests, and for how long the next time."""

    async def run(self, every_s: float) -> None:
        """Round after round until cancelled; one that fails is followed by the next."""
        while True:
            try:
                await self.round()
            except Exception:  # the clock outlives a round, whatever ended it
                _log.exception("a round of the clock failed")
                self._metrics.clock_rounds.labels("failed").inc()
            else:
                self._metrics.clock_rounds.labels("done").inc()
            await asyncio.sleep(every_s * SystemRandom().uniform(1 - JITTER, 1 + JITTER))

    async def round(self) -> None:
        """Do what is due in every community. Raises LedgerError when they cannot be listed."""
        slots = asyncio.Semaphore(COMMUNITIES_AT_ONCE_MAX)

        async def one(community: str, block: int) -> None:
            async with slots:
                await self._visit(community, block)

        communities = await self._communities()
        async with asyncio.TaskGroup() as group:
            for community, block in communities.items():
                group.create_task(one(community, block))

    async def do_due(self, community: str) -> int | None:
        """Do what is due in one community; until when (UTC ms) it is quiet if nothing happens, None
        when something was due or could not be asked."""
        now_ms = self._now_ms()
        quiet_until: int | None = now_ms + QUIET_MS_MAX
        for source in self._sources:
            try:
                due = await source(self._ledger, community, now_ms)
            except NotFound:  # a module the community does not use
                continue
            except (Refusal, LedgerError, DatabaseUnavailable) as error:
                _log.warning("cannot ask what is due: %s", type(error).__name__)
                quiet_until = None
                continue
            for step in due.steps:
                await self._do(community, step)
            if due.steps:
                quiet_until = None
            elif quiet_until is not None and due.next_at is not None:
                quiet_until = min(quiet_until, due.next_at)
        return quiet_until

    async def _communities(self) -> Mapping[str, int]:
        """The communities with the last block in which anything happened there."""
        if self._read_model is not None:
            try:
                return await self._read_model.communities()
            except DatabaseUnavailable:
                _log.warning("the read model is away, asking the ledger")
        return dict.fromkeys(await self._ledger.communities(), UNKNOWN_BLOCK)

    async def _visit(self, community: str, block: int) -> None:
        quiet = self._quiet.pop(community, None)
        if quiet is None or quiet.block != block or self._now_ms() >= quiet.until_at:
            until_at = await self.do_due(community)
            quiet = None if until_at is None else _Quiet(block, until_at)
        if quiet is not None and block != UNKNOWN_BLOCK:
            self._quiet[community] = quiet

    async def _do(self, community: str, step: Step) -> None:
        now_s = asyncio.get_running_loop().time()
        until_s, rest_s = self._resting.get((community, step), (0.0, REFUSED_FIRST_S))
        if now_s < until_s:
            return
        outcome = await self._state(community, step)
        self._metrics.clock_steps.labels(step.function, outcome).inc()
        if outcome == "done":
            self._resting.pop((community, step), None)
        elif outcome == "refused":
            if len(self._resting) >= RESTING_MAX:
                self._resting.clear()
            rest = (now_s + rest_s, min(rest_s * 2, REFUSED_CAP_S))
            self._resting[community, step] = rest

    async def _state(self, community: str, step: Step) -> str:
        try:
            await self._ledger.transact(community, step.function, dict(step.fields))
        except Refusal as refusal:
            _log.info("%s is due and was refused: %s", step.function, refusal.code)
            return "refused"
        except LedgerError as error:
            _log.info("%s is due and failed: %s", step.function, type(error).__name__)
            return "failed"
        return "done"


async def _life(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS].of(ClockSection)
    if not settings.enabled:
        yield
        return
    read_model = app.get(READ_MODEL)
    clock = Clock(app[LEDGER], app[METRICS], app[CLOCK_MS], read_model=read_model)
    task = asyncio.create_task(clock.run(settings.every_s))
    yield
    task.cancel()
    await asyncio.wait((task,))


PART: Final = Part(name="clock", sections=(ClockSection,), life=_life)
