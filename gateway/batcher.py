"""Many persons' acts in few transactions, and each person's own answer after the commit.

Each community has a lane of its own, so that none waits for another's. A lane collects acts for a
moment, sends them as one transaction, and may have a few under way at once; acts of one credential
are never in two of them, so they keep their order. What stands in the way of a batch (a conflict,
a defect) is found by halving, and its neighbours go on without it.

An answer is given only when it is known: after the commit, or when nothing was to be committed. So
a crash loses nothing that was answered, and an act sent again gets its first answer.
"""

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Annotated, Final

import msgspec

from chaincode.errors import REFUSALS, Refusal
from chaincode.model.act import ACCEPTED, Answer
from gateway.acts import Act
from gateway.errors import (
    Busy,
    GatewayError,
    LedgerError,
    NotApplied,
    NotEndorsed,
    OutcomeUnknown,
    Problem,
)
from gateway.ledger import Ledger, PreparedActs
from gateway.metrics import Metrics
from gateway.settings import PositiveCount, Seconds, Section

ACTS_PER_BATCH_MAX: Final = 200
"""The chaincode's limit of one transaction."""
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
"""Well below what the orderers take as one message."""
WHOLE_TRIES_MAX: Final = 2
"""How often a batch is sent as a whole before it is halved."""
TRIES_MAX: Final = 8
"""How often one act is sent before its conflict is answered."""
RETRY_FIRST_S: Final = 0.05
RETRY_CAP_S: Final = 1.0
RESOLVE_TRIES_MAX: Final = 20
RESOLVE_PAUSE_S: Final = 5.0
OUTCOMES_KEPT_MAX: Final = 10_000
"""Of acts that ended otherwise than accepted, for who asks later."""
RETRY_AFTER_S: Final = 2

_log = logging.getLogger(__name__)


class BatchSection(Section, frozen=True):
    """How acts are collected."""

    name = "batch"
    window_s: Annotated[float, msgspec.Meta(ge=0, le=0.05)] = 0.05
    acts_max: Annotated[int, msgspec.Meta(ge=1, le=ACTS_PER_BATCH_MAX)] = ACTS_PER_BATCH_MAX
    batches_max: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    """Batches of one community under way at once."""
    waiting_max: PositiveCount = 5_000
    """Acts of one community taken in and not answered."""
    waiting_total_max: PositiveCount = 20_000
    answer_s: Seconds = 20.0
    """How long a caller waits before it is told where to ask later."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An act on the ledger; `block_number` is None when it had been accepted before."""

    sha256: str
    tx_id: str
    block_number: int | None


class _Item:
    """One act under way and who waits for it."""

    __slots__ = ("act", "arrived_s", "future")

    def __init__(self, act: Act, arrived_s: float) -> None:
        self.act = act
        self.arrived_s = arrived_s
        self.future: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        # An outcome nobody waits for any more is no defect.
        self.future.add_done_callback(lambda future: future.exception())

    def fail(self, error: Refusal | GatewayError) -> None:
        self.future.set_exception(error)


Place = tuple[str, str, str]
"""Community, credential and nonce: where an accepted act lies on the ledger."""


def place_of(act: Act) -> Place:
    """Where the ledger would keep the act."""
    return act.community, act.credential_id, act.nonce


class Batcher:
    """Takes acts that were read and verified; answers each when its outcome is known."""

    def __init__(self, ledger: Ledger, settings: BatchSection, metrics: Metrics) -> None:
        self._ledger = ledger
        self._settings = settings
        self._metrics = metrics
        self._lanes: dict[str, _Lane] = {}
        self._under_way: dict[str, _Item] = {}
        self._places: Counter[Place] = Counter()
        self._ended: OrderedDict[Place, Refusal | GatewayError] = OrderedDict()
        self._is_stopping = False

    async def send(self, act: Act) -> Accepted:
        """Carry an act and wait for its outcome.

        The same act sent twice while under way is one act with one answer. Raises Refusal, as the
        chaincode answered it; LedgerError when nothing happened or it is not known; Problem 503
        ``gateway/full`` or ``gateway/stopping``. A caller may stop waiting; the act goes on.
        """
        item = self._under_way.get(act.sha256) or self._take_in(act)
        return await asyncio.shield(item.future)

    @property
    def is_full(self) -> bool:
        """Whether no community's act would be taken in."""
        return len(self._under_way) >= self._settings.waiting_total_max

    def is_under_way(self, place: Place) -> bool:
        """Whether an act of this place is waiting for its outcome."""
        return self._places[place] > 0

    def ended(self, place: Place) -> Refusal | GatewayError | None:
        """How an act ended that was not accepted, if that was not long ago."""
        return self._ended.get(place)

    async def stop(self) -> None:
        """Take nothing in any more and answer everything that was."""
        self._is_stopping = True
        while self._lanes:
            await asyncio.gather(*(lane.finished() for lane in tuple(self._lanes.values())))

    async def abandon(self) -> None:
        """Stop at once: what was not sent is turned away, what was sent is not known."""
        self._is_stopping = True
        await asyncio.gather(*(lane.abandon() for lane in tuple(self._lanes.values())))
        self._lanes.clear()

    def _take_in(self, act: Act) -> _Item:
        lane = self._lanes.get(act.community)
        self._require_room(lane)
        if lane is None:
            carrier = _Carrier(self._ledger, act.community, self._metrics)
            lane = _Lane(carrier, self._settings, lambda: self._lanes.pop(act.community))
            self._lanes[act.community] = lane
            lane.start()
        item = _Item(act, asyncio.get_running_loop().time())
        self._under_way[act.sha256] = item
        self._places[place_of(act)] += 1
        self._metrics.acts_waiting.inc()
        item.future.add_done_callback(lambda future: self._answered(act, future))
        lane.add(item)
        return item

    def _require_room(self, lane: "_Lane | None") -> None:
        if self._is_stopping:
            raise Problem(503, "gateway/stopping", retry_after_s=RETRY_AFTER_S)
        is_lane_full = lane is not None and lane.waiting_count >= self._settings.waiting_max
        if is_lane_full or self.is_full:
            raise Problem(503, "gateway/full", retry_after_s=RETRY_AFTER_S)

    def _answered(self, act: Act, future: "asyncio.Future[Accepted]") -> None:
        del self._under_way[act.sha256]
        place = place_of(act)
        self._places[place] -= 1
        if not self._places[place]:
            del self._places[place]
        self._metrics.acts_waiting.dec()
        error = future.exception()
        self._metrics.acts.labels(_outcome_name(error)).inc()
        if isinstance(error, Refusal | GatewayError):
            self._ended[place] = error
            if len(self._ended) > OUTCOMES_KEPT_MAX:
                self._ended.popitem(last=False)
        else:
            self._ended.pop(place, None)


def _outcome_name(error: BaseException | None) -> str:
    match error:
        case None:
            return "accepted"
        case Refusal():
            return "refused"
        case OutcomeUnknown():
            return "unknown"
        case _:
            return "failed"


@dataclass
class _Lane:
    """The acts of one community: collected, cut into batches, sent. It ends when it is empty."""

    carrier: "_Carrier"
    settings: BatchSection
    when_over: Callable[[], object]
    queue: deque[_Item] = field(default_factory=deque)
    sending: set[asyncio.Task[None]] = field(default_factory=set)
    busy: Counter[str] = field(default_factory=Counter)
    """Credentials with an act in a batch that is under way."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    waiting_count: int = 0
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run, once the first act is queued, until there is nothing left to do."""
        self._task = asyncio.create_task(self._run())

    def add(self, item: _Item) -> None:
        """Queue an act behind the others."""
        self.waiting_count += 1
        self.queue.append(item)
        self.changed.set()

    async def finished(self) -> None:
        """Return when the lane has ended."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def abandon(self) -> None:
        """End it at once; batches that are cut off answer for themselves."""
        tasks = [task for task in (self._task, *self.sending) if task is not None]
        for task in tasks:
            task.cancel()
        _fail(self.queue, Problem(503, "gateway/stopping", retry_after_s=RETRY_AFTER_S))
        await asyncio.wait(tasks)

    async def _run(self) -> None:
        while self.queue or self.sending:
            batch = await self._next_batch()
            if batch:
                self._send(batch)
            else:
                await self._change()
        self.when_over()  # in this very step: no act may be queued behind an end

    async def _next_batch(self) -> list[_Item]:
        """The next batch once it is full or its first act has waited long enough."""
        if not self.queue or len(self.sending) >= self.settings.batches_max:
            return []
        deadline = self.queue[0].arrived_s + self.settings.window_s
        now = asyncio.get_running_loop().time
        while len(self.queue) < self.settings.acts_max and (rest_s := deadline - now()) > 0:
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), rest_s)
            except TimeoutError:
                break
        return self._cut()

    def _cut(self) -> list[_Item]:
        """From the front, leaving acts whose credential has an earlier one under way."""
        batch: list[_Item] = []
        left: deque[_Item] = deque()
        held: set[str] = set()
        size = 0
        while self.queue and len(batch) < self.settings.acts_max:
            item = self.queue.popleft()
            who = item.act.credential_id
            if who in held or self.busy[who]:
                held.add(who)
                left.append(item)
                continue
            if batch and size + len(item.act.compact) > BATCH_BYTES_MAX:
                left.append(item)
                break
            size += len(item.act.compact)
            batch.append(item)
        self.queue.extendleft(reversed(left))
        return batch

    def _send(self, batch: list[_Item]) -> None:
        self.busy.update(item.act.credential_id for item in batch)
        task = asyncio.create_task(self.carrier.carry(batch))
        self.sending.add(task)
        task.add_done_callback(lambda done: self._sent(done, batch))

    def _sent(self, task: asyncio.Task[None], batch: list[_Item]) -> None:
        self.sending.discard(task)
        self.busy.subtract(item.act.credential_id for item in batch)
        self.busy = +self.busy
        self.waiting_count -= len(batch)
        self.changed.set()

    async def _change(self) -> None:
        self.changed.clear()
        await self.changed.wait()


class _Carrier:
    """Takes batches of one community to the ledger and answers their acts."""

    def __init__(self, ledger: Ledger, community: str, metrics: Metrics) -> None:
        self._ledger = ledger
        self._community = community
        self._metrics = metrics

    async def carry(self, batch: Sequence[_Item]) -> None:
        """Answer every act of the batch, whatever happens."""
        try:
            await self._carry(batch, 1)
        except Exception:
            _log.exception("a batch of %d acts failed", len(batch))
            _fail(batch, OutcomeUnknown(""))
        except asyncio.CancelledError:
            _fail(batch, OutcomeUnknown(""))
            raise

    async def _carry(self, items: Sequence[_Item], attempt: int) -> None:
        try:
            await self._once(items)
        except Refusal as refusal:
            _fail(items, refusal)
        except LedgerError as error:
            await self._after(error, items, attempt)

    async def _once(self, items: Sequence[_Item]) -> None:
        self._metrics.batch_acts.observe(len(items))
        acts = [item.act.compact for item in items]
        prepared = await self._ledger.endorse_acts(self._community, acts)
        assert len(prepared.answers) == len(items)
        block_number = None
        if any(answer.tx_id == prepared.tx_id for answer in prepared.answers):
            block_number = await self._commit(prepared)
        for item, answer in zip(items, prepared.answers, strict=True):
            _answer(item, answer, block_number if answer.tx_id == prepared.tx_id else None)

    async def _commit(self, prepared: PreparedActs) -> int:
        """The block. An unknown outcome is asked for, for a while, before it is answered so.

        The credentials stay busy meanwhile: a later act must not overtake this one.
        """
        try:
            return await prepared.commit()
        except OutcomeUnknown:
            self._metrics.batch_retries.labels("unknown").inc()
        for _ in range(RESOLVE_TRIES_MAX - 1):
            try:
                return await prepared.resolve()
            except OutcomeUnknown:
                await asyncio.sleep(RESOLVE_PAUSE_S)
        return await prepared.resolve()

    async def _after(self, error: LedgerError, items: Sequence[_Item], attempt: int) -> None:
        """Send anew what may be sent anew, as a whole or in halves; answer the rest."""
        reason = _reason_to_retry(error)
        if reason is None:
            _fail(items, error)
            return
        may_be_one_of_them = reason != "busy"
        self._metrics.batch_retries.labels(reason).inc()
        if (
            may_be_one_of_them
            and len(items) > 1
            and (attempt >= WHOLE_TRIES_MAX or reason == "defect")
        ):
            middle = len(items) // 2
            await self._carry(items[:middle], WHOLE_TRIES_MAX)
            await self._carry(items[middle:], WHOLE_TRIES_MAX)
        elif reason == "defect" or attempt >= TRIES_MAX:
            _fail(items, error)
        else:
            await asyncio.sleep(_pause_s(attempt))
            await self._carry(items, attempt + 1)


def _reason_to_retry(error: LedgerError) -> str | None:
    match error:
        case Busy():
            return "busy"
        case NotApplied() if error.retryable:
            return "conflict"
        case NotEndorsed() if error.is_defect:
            return "defect"
        case NotEndorsed() if error.retryable:
            return "apart"
        case _:
            return None


def _pause_s(attempt: int) -> float:
    step_s = min(RETRY_CAP_S, RETRY_FIRST_S * 2.0 ** (attempt - 1))
    return step_s * SystemRandom().uniform(0.5, 1.0)


def _answer(item: _Item, answer: Answer, block_number: int | None) -> None:
    if answer.code == ACCEPTED:
        item.future.set_result(Accepted(item.act.sha256, answer.tx_id, block_number))
    else:
        item.fail(REFUSALS[answer.status](answer.code, **answer.details))


def _fail(items: Iterable[_Item], error: Refusal | GatewayError) -> None:
    for item in items:
        if not item.future.done():
            item.fail(error)
