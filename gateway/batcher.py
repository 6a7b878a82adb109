"""Many persons' acts in few transactions, and each person's own answer after the commit.

Each community has a lane of its own, so that none waits for another's. A lane collects acts for a
moment, sends them as one transaction, and may have a few under way at once; acts of one credential
are never in two of them, so they keep their order.

An answer is given only when it is known: after the commit, or when nothing was to be committed. So
a crash loses nothing that was answered, and an act sent again gets its first answer.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from chaincode.errors import Refusal
from gateway.acts import Act
from gateway.carrier import Accepted, Carrier, Item, fail_all
from gateway.errors import (
    GatewayError,
    OutcomeUnknown,
    Problem,
)
from gateway.ledger import Ledger
from gateway.metrics import Metrics
from gateway.settings import PositiveCount, Seconds, Section

ACTS_PER_BATCH_MAX: Final = 200
"""The chaincode's limit of one transaction."""
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
"""Well below what the orderers take as one message."""
OUTCOMES_KEPT_MAX: Final = 10_000
"""Of acts that ended otherwise than accepted, for who asks later."""
RETRY_AFTER_S: Final = 2


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
        self._under_way: dict[str, Item] = {}
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

    def _take_in(self, act: Act) -> Item:
        lane = self._lanes.get(act.community)
        self._require_room(lane)
        if lane is None:
            carrier = Carrier(self._ledger, act.community, self._metrics)
            lane = _Lane(carrier, self._settings, lambda: self._lanes.pop(act.community))
            self._lanes[act.community] = lane
            lane.start()
        item = Item(act, asyncio.get_running_loop().time())
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

    carrier: "Carrier"
    settings: BatchSection
    when_over: Callable[[], object]
    queue: deque[Item] = field(default_factory=deque)
    sending: set[asyncio.Task[None]] = field(default_factory=set)
    busy: Counter[str] = field(default_factory=Counter)
    """Credentials with an act in a batch that is under way."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    waiting_count: int = 0
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run, once the first act is queued, until there is nothing left to do."""
        self._task = asyncio.create_task(self._run())

    def add(self, item: Item) -> None:
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
        fail_all(self.queue, Problem(503, "gateway/stopping", retry_after_s=RETRY_AFTER_S))
        await asyncio.wait(tasks)

    async def _run(self) -> None:
        while self.queue or self.sending:
            batch = await self._next_batch()
            if batch:
                self._send(batch)
            else:
                await self._change()
        self.when_over()  # in this very step: no act may be queued behind an end

    async def _next_batch(self) -> list[Item]:
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

    def _cut(self) -> list[Item]:
        """From the front, leaving acts whose credential has an earlier one under way."""
        batch: list[Item] = []
        left: deque[Item] = deque()
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

    def _send(self, batch: list[Item]) -> None:
        self.busy.update(item.act.credential_id for item in batch)
        task = asyncio.create_task(self.carrier.carry(batch))
        self.sending.add(task)
        task.add_done_callback(lambda done: self._sent(done, batch))

    def _sent(self, task: asyncio.Task[None], batch: list[Item]) -> None:
        self.sending.discard(task)
        self.busy.subtract(item.act.credential_id for item in batch)
        self.busy = +self.busy
        self.waiting_count -= len(batch)
        self.changed.set()

    async def _change(self) -> None:
        self.changed.clear()
        await self.changed.wait()
