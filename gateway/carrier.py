"""Takes batches of acts to the ledger and answers each act, whatever happens on the way.

What stands in the way of a batch (a conflict, a defect) is found by halving, and its neighbours go
on without it. An unknown outcome is asked for, for a while, before it is answered as such.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

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
)
from gateway.ledger import Ledger, PreparedActs
from gateway.metrics import Metrics

WHOLE_TRIES_MAX: Final = 2
"""How often a batch is sent as a whole before it is halved."""
TRIES_MAX: Final = 8
"""How often one act is sent before its conflict is answered."""
RETRY_FIRST_S: Final = 0.05
RETRY_CAP_S: Final = 1.0
RESOLVE_TRIES_MAX: Final = 20
RESOLVE_PAUSE_S: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An act on the ledger; `block_number` is None when it had been accepted before."""

    sha256: str
    tx_id: str
    block_number: int | None


class Item:
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


class Carrier:
    """Takes batches of one community to the ledger and answers their acts."""

    def __init__(self, ledger: Ledger, community: str, metrics: Metrics) -> None:
        self._ledger = ledger
        self._community = community
        self._metrics = metrics

    async def carry(self, batch: Sequence[Item]) -> None:
        """Answer every act of the batch, whatever happens."""
        try:
            await self._carry(batch, 1)
        except Exception:
            _log.exception("a batch of %d acts failed", len(batch))
            fail_all(batch, OutcomeUnknown(""))
        except asyncio.CancelledError:
            fail_all(batch, OutcomeUnknown(""))
            raise

    async def _carry(self, items: Sequence[Item], attempt: int) -> None:
        try:
            await self._once(items)
        except Refusal as refusal:
            fail_all(items, refusal)
        except LedgerError as error:
            await self._after(error, items, attempt)

    async def _once(self, items: Sequence[Item]) -> None:
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

    async def _after(self, error: LedgerError, items: Sequence[Item], attempt: int) -> None:
        """Send anew what may be sent anew, as a whole or in halves; answer the rest."""
        reason = _reason_to_retry(error)
        if reason is None:
            fail_all(items, error)
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
            fail_all(items, error)
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


def _answer(item: Item, answer: Answer, block_number: int | None) -> None:
    if answer.code == ACCEPTED:
        item.future.set_result(Accepted(item.act.sha256, answer.tx_id, block_number))
    else:
        item.fail(REFUSALS[answer.status](answer.code, **answer.details))


def fail_all(items: Iterable[Item], error: Refusal | GatewayError) -> None:
    """Give everyone who still waits the same end."""
    for item in items:
        if not item.future.done():
            item.fail(error)
