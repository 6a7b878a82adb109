"""What is due is done by whichever gateway is awake: closed, counted, made final, brought about.

Each round asks the ledger itself what stands where and states what has come due. Another gateway
may do the same at the same moment: the transactions are harmless twice, and a conflict is tried
anew. Times are the transaction's own, which every endorser compares with its clock (120 s).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from random import SystemRandom
from typing import Final

from aiohttp import web

from chaincode.errors import NotFound, Refusal
from gateway.appkeys import CLOCK_MS, LEDGER, METRICS, SETTINGS
from gateway.due import SOURCES, Source, Step
from gateway.errors import LedgerError
from gateway.ledger import Ledger
from gateway.metrics import Metrics
from gateway.parts import Part
from gateway.settings import Seconds, Section

COMMUNITIES_AT_ONCE_MAX: Final = 4
REFUSED_FIRST_S: Final = 30.0
REFUSED_CAP_S: Final = 600.0
"""A step that was refused (paper still to be resolved, a trustee's key missing) rests so long."""
JITTER: Final = 0.2
RESTING_MAX: Final = 10_000

_log = logging.getLogger(__name__)


class ClockSection(Section, frozen=True):
    """How often the ledger is asked; `enabled` off leaves it to the other gateways."""

    name = "clock"
    enabled: bool = True
    every_s: Seconds = 5.0


class Clock:
    """Rounds over the communities of a ledger."""

    def __init__(
        self,
        ledger: Ledger,
        metrics: Metrics,
        now_ms: Callable[[], int],
        sources: Sequence[Source] = SOURCES,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._now_ms = now_ms
        self._sources = sources
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

        async def one(community: str) -> None:
            async with slots:
                await self.do_due(community)

        communities = await self._ledger.communities()
        async with asyncio.TaskGroup() as group:
            for community in communities:
                group.create_task(one(community))

    async def do_due(self, community: str) -> None:
        """Do what is due in one community."""
        for source in self._sources:
            try:
                steps = await source(self._ledger, community, self._now_ms())
            except NotFound:  # a module the community does not use
                continue
            except (Refusal, LedgerError) as error:
                _log.warning("cannot ask what is due: %s", type(error).__name__)
                continue
            for step in steps:
                await self._do(community, step)

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
    clock = Clock(app[LEDGER], app[METRICS], app[CLOCK_MS])
    task = asyncio.create_task(clock.run(settings.every_s))
    yield
    task.cancel()
    await asyncio.wait((task,))


PART: Final = Part(name="clock", sections=(ClockSection,), life=_life)
