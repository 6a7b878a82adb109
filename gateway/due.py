"""What is due in a community now: one function per kind, each asking the ledger itself.

The ledger decides again when the step is stated; a step that was no longer due is refused there.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from chaincode.model.budget import Budget
from chaincode.model.freeze import Freeze, Freezer, FreezeRequest
from chaincode.model.fund import Fund
from chaincode.model.motion import Motion, Phase
from chaincode.model.payment import Payment, PaymentPhase
from chaincode.model.publication import DueReport
from gateway.ledger import Ledger, ask
from gateway.projection.readmodel import ReadModel

PAGE_LENGTH: Final = 100
PAGES_MAX: Final = 100
_EXPIRING: Final = frozenset(
    {
        PaymentPhase.REQUESTED,
        PaymentPhase.HELD,
        PaymentPhase.ORDERED,
        PaymentPhase.ACCEPTED,
    }
)
"""Where a payment waits for somebody, and not for ever."""


@dataclass(frozen=True, slots=True)
class Step:
    """A due transaction: its function and its fields."""

    function: str
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Due:
    """What is due, and when (UTC ms) the passing of time alone makes more due, as far as the
    records name a time."""

    steps: Sequence[Step]
    next_at: int | None = None


Source = Callable[[Ledger, str, int], Awaitable[Due]]
"""What is due in a community at a time (UTC ms)."""


class _MotionView(msgspec.Struct, frozen=True):
    """What the clock needs of the query `motions`."""

    motion: Motion
    phase: Phase
    is_carried: bool
    closes_at: int | None


class _MotionList(msgspec.Struct, frozen=True):
    motions: tuple[_MotionView, ...]


async def due_motions(ledger: Ledger, community: str, now_ms: int) -> Due:
    """What is due of the community's motions; nothing where it does not vote."""
    steps = []
    times: list[int | None] = []
    after = ""
    for _ in range(PAGES_MAX):
        page = (
            await ask(ledger, community, "motions", _MotionList, after=after, limit=PAGE_LENGTH)
        ).motions
        for view in page:
            function = due_step(view.motion, view.phase, view.is_carried, now_ms)
            if function is not None:
                steps.append(Step(function, (("motion_id", view.motion.motion_id),)))
            times += _times_of(view)
        if len(page) < PAGE_LENGTH:
            break
        after = page[-1].motion.motion_id
    return Due(steps, _next(times, now_ms))


def _times_of(view: _MotionView) -> tuple[int | None, ...]:
    """When a motion opens, closes, and nobody can object any more."""
    publication, counted = view.motion.publication, view.motion.counted
    return (
        None if publication is None else publication.opens_at,
        view.closes_at,
        None if counted is None else counted.objections_until_at,
    )


def _next(times: Iterable[int | None], now_ms: int) -> int | None:
    return min((at for at in times if at is not None and at > now_ms), default=None)


def due_step(motion: Motion, phase: Phase, is_carried: bool, now_ms: int) -> str | None:
    """The transaction that is due for a motion, if there is one."""
    match phase:
        case Phase.NOTICE:
            publication = motion.publication
            begins = publication is not None and now_ms >= publication.opens_at
            return "pin_roll" if begins and motion.roll is None else None
        case Phase.ENDED:
            return "close_motion"
        case Phase.CLOSED:
            return "count_motion"
        case Phase.PRELIMINARY:
            assert motion.counted is not None, motion.motion_id
            is_over = now_ms >= motion.counted.objections_until_at
            return "finalise_motion" if is_over else None
        case Phase.FINAL:
            is_due = is_carried and motion.content.effect is not None and motion.applied is None
            return "apply_effect" if is_due else None
        case _:
            return None


class _Funds(msgspec.Struct, frozen=True):
    funds: tuple[Fund, ...]


class _PaymentRow(msgspec.Struct, frozen=True):
    payment: Payment
    phase: PaymentPhase


class _PaymentList(msgspec.Struct, frozen=True):
    payments: tuple[_PaymentRow, ...]


class _BudgetList(msgspec.Struct, frozen=True):
    budgets: tuple[Budget, ...]


class _DueReports(msgspec.Struct, frozen=True):
    reports: tuple[DueReport, ...]


async def due_money(ledger: Ledger, community: str, now_ms: int) -> Due:
    """Payments and budgets whose time is over, in all funds."""
    steps = []
    times = []
    for fund in (await ask(ledger, community, "funds", _Funds)).funds:
        place = {"fund_id": fund.fund_id}
        payments = await ask(ledger, community, "payments", _PaymentList, **place)
        for row in payments.payments:
            if row.phase not in _EXPIRING:
                continue
            times.append(row.payment.expires_at)
            if now_ms >= row.payment.expires_at:
                steps.append(Step("expire_payment", (("payment_id", row.payment.payment_id),)))
        budgets = await ask(ledger, community, "fund_budgets", _BudgetList, **place)
        for budget in budgets.budgets:
            if budget.closed_at is not None:
                continue
            times.append(budget.valid_until_at)
            if now_ms >= budget.valid_until_at:
                steps.append(Step("close_budget", (("budget_id", budget.budget_id),)))
    return Due(steps, _next(times, now_ms))


async def due_reports(ledger: Ledger, community: str, _now_ms: int) -> Due:
    """Reports of funds that could be published."""
    found = await ask(ledger, community, "due_reports", _DueReports)
    return Due(
        [
            Step("publish_report", (("fund_id", due.fund_id), ("period", due.period.name)))
            for due in found.reports
        ]
    )


SOURCES: Final[tuple[Source, ...]] = (due_motions, due_money, due_reports)


class _FreezeView(msgspec.Struct, frozen=True):
    freeze: Freeze
    is_in_force: bool


class _FreezeList(msgspec.Struct, frozen=True):
    freezes: tuple[_FreezeView, ...]


class _CallView(msgspec.Struct, frozen=True):
    """What the clock needs of the query `freeze_request`."""

    is_supported: bool


def due_freezes(read_model: ReadModel) -> Source:
    """What owners called for and enough of them support is frozen, and thawed when they no longer
    are enough. Which calls there are is read from the read model, the rest asked of the ledger.

    A source raises DatabaseUnavailable as well.
    """

    async def due(ledger: Ledger, community: str, now_ms: int) -> Due:
        found = await ask(ledger, community, "freezes", _FreezeList)
        known = {view.freeze.freeze_id for view in found.freezes}
        calls = await _open_calls(read_model, community, now_ms)
        steps = [
            Step("set_owners_freeze", (("freeze_id", freeze_id),))
            for freeze_id in calls
            if freeze_id not in known and await _is_supported(ledger, community, freeze_id)
        ]
        steps += [
            Step("lift_owners_freeze", (("freeze_id", view.freeze.freeze_id),))
            for view in found.freezes
            if view.is_in_force
            and view.freeze.by is Freezer.OWNERS
            and not await _is_supported(ledger, community, view.freeze.freeze_id)
        ]
        return Due(steps)

    return due


async def _open_calls(read_model: ReadModel, community: str, now_ms: int) -> list[str]:
    """The calls to freeze whose time is not over."""
    calls: list[str] = []
    after = ""
    for _ in range(PAGES_MAX):
        page = await read_model.records(community, "freeze-request", after=after)
        for row in page.records:
            call = msgspec.convert(row.value, type=FreezeRequest)
            if now_ms < call.order.until_at:
                calls.append(call.freeze_id)
        if page.next_after is None:
            break
        after = page.next_after
    return calls


async def _is_supported(ledger: Ledger, community: str, freeze_id: str) -> bool:
    return (
        await ask(ledger, community, "freeze_request", _CallView, freeze_id=freeze_id)
    ).is_supported
