"""Reports made from the book: figures by cause, class, budget and payment, and when they are due.

Income from common parts is published every quarter and the other funds every half year (上海市
住宅物业管理规定, 2020; Civil Code Art. 281 and 943 ask for it "regularly"). Nobody gives a figure:
every one is computed from the entries.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from chaincode.errors import Conflict, RuleForbids
from chaincode.model.budget import Budget
from chaincode.model.fund import BookAccount, Cause, Entry, Fund, FundKind
from chaincode.model.publication import (
    Balance,
    BudgetFigures,
    CauseFigures,
    ClassFigures,
    Disclosure,
    DueReport,
    FundReport,
    PaymentFigures,
    Period,
    ReportFigures,
    Topic,
    TopicState,
)
from chaincode.rules.calendar import DAY_MS, LOCAL_OFFSET_MS, iso_date

MONTHS: Final = {FundKind.COMMON_INCOME: 3, FundKind.MAINTENANCE: 6, FundKind.PROPERTY_FEE: 6}
SETTLED_MS: Final = 4 * 60 * 1000
"""How long after a period its report waits: two clocks may each be 120 s off, so that no entry of
the period can come any more."""
DUE_MS: Final = 30 * DAY_MS
"""How long after a period its report is due."""
DISCLOSURE_MS_MAX: Final = 366 * DAY_MS
"""How long a disclosure serves: each topic once a year at least."""
PAYMENT_CAUSES: Final = (Cause.SETTLEMENT, Cause.RETURN)
"""Entries of these causes name a payment, those of the next ones name a budget."""
BUDGET_CAUSES: Final = (Cause.BUDGET_OPENED, Cause.BUDGET_CLOSED)
_CLAIMS: Final = (BookAccount.FREE, BookAccount.BUDGETED, BookAccount.HELD, BookAccount.COMPANY)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_MONTHS_OF_YEAR: Final = 12

# --- Periods ---


def period_at(kind: FundKind, at_ms: int) -> Period:
    """The period of the local calendar in which the time lies."""
    day = date.fromisoformat(iso_date(at_ms))
    months = MONTHS[kind]
    number = (day.month - 1) // months
    following = (number + 1) * months
    letter = "Q" if kind is FundKind.COMMON_INCOME else "H"
    return Period(
        name=f"{day.year:04d}-{letter}{number + 1}",
        from_at=_month_start(day.year, number * months + 1),
        until_at=_month_start(
            day.year + following // _MONTHS_OF_YEAR, following % _MONTHS_OF_YEAR + 1
        ),
    )


def next_period(fund: Fund, last: FundReport | None) -> Period:
    """The period that is to be published next: that of the opening, then one after another."""
    return period_at(fund.kind, fund.opened_at if last is None else last.figures.period.until_at)


def due_reports(fund: Fund, last: FundReport | None, now_ms: int) -> tuple[DueReport, ...]:
    """Every period of the fund that has ended and is not published, the oldest first."""
    due, period = [], next_period(fund, last)
    while _has_ended(period, now_ms):
        due_at = period.until_at + DUE_MS
        due.append(
            DueReport(
                fund_id=fund.fund_id, period=period, due_at=due_at, is_overdue=now_ms >= due_at
            )
        )
        period = period_at(fund.kind, period.until_at)
    return tuple(due)


def require_due(period: Period, name: str, now_ms: int) -> None:
    """Refuse a report out of its order (Conflict ``report/not-next``) or before its period's end
    (RuleForbids ``report/not-due``)."""
    if period.name != name:
        raise Conflict("report/not-next", next=period.name)
    if not _has_ended(period, now_ms):
        raise RuleForbids("report/not-due", due_at=period.until_at + SETTLED_MS)


def _has_ended(period: Period, now_ms: int) -> bool:
    return now_ms >= period.until_at + SETTLED_MS


def _month_start(year: int, month: int) -> int:
    return (date(year, month, 1).toordinal() - _EPOCH) * DAY_MS - LOCAL_OFFSET_MS


# --- Figures ---


def entries_of(period: Period, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Of the entries after the period before, in their order, those up to the period's last.

    Clocks differ by seconds, so an entry of the next period may stand before the last one of this;
    it is counted here, and no entry is counted twice or never.
    """
    inside = [place for place, entry in enumerate(entries) if entry.at < period.until_at]
    return entries[: inside[-1] + 1] if inside else ()


def report_figures(
    fund: Fund,
    period: Period,
    last: FundReport | None,
    entries: Sequence[Entry],
    payments: Mapping[str, tuple[str | None, str]],
    budgets: Mapping[str, Budget],
) -> ReportFigures:
    """The period's figures from its entries, which follow those of the last report.

    `payments` gives budget and payee class of each payment that an entry names, `budgets` each
    budget that an entry or payment names.
    """
    opening = balances_of(last)
    paid = _paid(entries, payments)
    before = last.figures.entries_until if last else 0
    return ReportFigures(
        fund_id=fund.fund_id,
        fund_kind=fund.kind,
        period=period,
        entries_before=before,
        entries_until=before + len(entries),
        opening=opening,
        closing=_closing(opening, entries),
        causes=_causes(entries),
        classes=_classes(paid),
        budgets=_budgets(entries, paid, budgets),
        payments=paid,
    )


def balances_of(last: FundReport | None) -> tuple[Balance, ...]:
    """What the last report closed with; nothing before the first."""
    if last is not None:
        return last.figures.closing
    return tuple(Balance(account=account, fen=0) for account in BookAccount)


def _closing(opening: Sequence[Balance], entries: Sequence[Entry]) -> tuple[Balance, ...]:
    lines = [line for entry in entries for line in entry.lines]
    return tuple(
        Balance(
            account=balance.account,
            fen=balance.fen + sum(line.fen for line in lines if line.account is balance.account),
        )
        for balance in opening
    )


def _causes(entries: Sequence[Entry]) -> tuple[CauseFigures, ...]:
    fens: dict[tuple[Cause, BookAccount], list[int]] = {}
    for entry in entries:
        for line in entry.lines:
            fens.setdefault((entry.cause, line.account), []).append(line.fen)
    return tuple(
        CauseFigures(
            cause=cause,
            account=account,
            entry_count=len(found),
            added_fen=sum(fen for fen in found if fen > 0),
            taken_fen=-sum(fen for fen in found if fen < 0),
        )
        for (cause, account), found in sorted(fens.items())
    )


def _paid(
    entries: Sequence[Entry], payments: Mapping[str, tuple[str | None, str]]
) -> tuple[PaymentFigures, ...]:
    """What each payment took from owners' and company's money, by payment id."""
    fens: dict[str, int] = {}
    for entry in entries:
        if entry.cause in PAYMENT_CAUSES:
            claims = sum(line.fen for line in entry.lines if line.account in _CLAIMS)
            fens[entry.reference] = fens.get(entry.reference, 0) - claims
    return tuple(
        PaymentFigures(
            payment_id=payment_id,
            budget_id=payments[payment_id][0],
            payee_class=payments[payment_id][1],
            paid_fen=fen,
        )
        for payment_id, fen in sorted(fens.items())
        if fen
    )


def _classes(paid: Sequence[PaymentFigures]) -> tuple[ClassFigures, ...]:
    fens: dict[str, list[int]] = {}
    for one in paid:
        fens.setdefault(one.payee_class, []).append(one.paid_fen)
    return tuple(
        ClassFigures(payee_class=name, payment_count=len(found), paid_fen=sum(found))
        for name, found in sorted(fens.items())
    )


def _budgets(
    entries: Sequence[Entry], paid: Sequence[PaymentFigures], budgets: Mapping[str, Budget]
) -> tuple[BudgetFigures, ...]:
    return tuple(
        BudgetFigures(
            budget_id=budget_id,
            source=budget.source,
            amount_fen=budget.amount_fen,
            opened_fen=_moved(entries, budget_id, Cause.BUDGET_OPENED),
            closed_fen=-_moved(entries, budget_id, Cause.BUDGET_CLOSED),
            paid_fen=sum(one.paid_fen for one in paid if one.budget_id == budget_id),
        )
        for budget_id, budget in sorted(budgets.items())
    )


def _moved(entries: Sequence[Entry], budget_id: str, cause: Cause) -> int:
    """What entries of the cause changed on the budgeted money."""
    return sum(
        line.fen
        for entry in entries
        if entry.reference == budget_id and entry.cause is cause
        for line in entry.lines
        if line.account is BookAccount.BUDGETED
    )


# --- Disclosures ---


def topic_states(disclosures: Sequence[Disclosure], now_ms: int) -> tuple[TopicState, ...]:
    """Each topic of Art. 943 with its newest disclosure."""
    return tuple(_topic_state(topic, disclosures, now_ms) for topic in Topic)


def _topic_state(topic: Topic, disclosures: Sequence[Disclosure], now_ms: int) -> TopicState:
    about = [one for one in disclosures if one.topic is topic]
    newest = max(about, key=lambda one: (one.at, one.disclosure_id), default=None)
    return TopicState(
        topic=topic,
        disclosure_id=newest.disclosure_id if newest else None,
        at=newest.at if newest else None,
        is_overdue=newest is None or now_ms - newest.at > DISCLOSURE_MS_MAX,
    )
