"""Periods by the local calendar, and figures equal to a naive recount of the whole book."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import Conflict, RuleForbids
from chaincode.model.base import changed
from chaincode.model.budget import Budget, BudgetSource
from chaincode.model.fund import BookAccount, Cause, EmergencyTerms, Entry, Fund, FundKind, Line
from chaincode.model.motion import Document
from chaincode.model.publication import Disclosure, FundReport, Period, Topic
from chaincode.model.unitaccount import UnitAccount
from chaincode.rules import publication as rule
from chaincode.rules.alarm import has_fallen_low, is_low, low_units
from chaincode.rules.book import entry_id

HASH = "0" * 64
CHINA = timezone(timedelta(hours=8))
DAY_MS = 24 * 60 * 60 * 1000
OWNERS_AND_COMPANY = {"free", "budgeted", "held", "company"}


def at(*when: int) -> int:
    """The UTC ms of a local date and time."""
    local = datetime(*when, tzinfo=CHINA)  # type: ignore[arg-type,misc]
    return (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


OPENED = at(2026, 2, 10)


def fund(kind: FundKind = FundKind.COMMON_INCOME) -> Fund:
    return Fund(
        fund_id="f",
        kind=kind,
        account_sha256=HASH,
        rates=(),
        emergency=EmergencyTerms(fen_max=0, ratify_ms=0),
        approvals_required=0,
        first_deposit_fen=0,
        resolution_id="r",
        resolution_sha256=HASH,
        opened_at=OPENED,
        opened_tx="t",
    )


@pytest.mark.parametrize(
    ("kind", "when", "name", "first", "last"),
    [
        (FundKind.COMMON_INCOME, (2026, 1, 1), "2026-Q1", (2026, 1, 1), (2026, 4, 1)),
        (FundKind.COMMON_INCOME, (2026, 3, 31, 23, 59), "2026-Q1", (2026, 1, 1), (2026, 4, 1)),
        (FundKind.COMMON_INCOME, (2026, 4, 1), "2026-Q2", (2026, 4, 1), (2026, 7, 1)),
        (FundKind.COMMON_INCOME, (2026, 12, 31), "2026-Q4", (2026, 10, 1), (2027, 1, 1)),
        (FundKind.MAINTENANCE, (2028, 2, 29), "2028-H1", (2028, 1, 1), (2028, 7, 1)),
        (FundKind.PROPERTY_FEE, (2026, 7, 1), "2026-H2", (2026, 7, 1), (2027, 1, 1)),
    ],
)
def test_periods_follow_the_local_calendar(
    kind: FundKind, when: tuple[int, ...], name: str, first: tuple[int, ...], last: tuple[int, ...]
) -> None:
    expected = Period(name=name, from_at=at(*first), until_at=at(*last))
    assert rule.period_at(kind, at(*when)) == expected


@given(st.sampled_from(FundKind), st.integers(0, 4_000_000_000_000))
def test_periods_follow_each_other_without_a_gap(kind: FundKind, moment: int) -> None:
    period = rule.period_at(kind, moment)
    assert period.from_at <= moment < period.until_at
    following = rule.period_at(kind, period.until_at)
    assert following.from_at == period.until_at
    assert following.name > period.name


def test_reports_are_due_one_after_another_and_marked_when_late() -> None:
    end = at(2026, 4, 1)
    assert rule.due_reports(fund(), None, end + rule.SETTLED_MS - 1) == ()
    (due,) = rule.due_reports(fund(), None, end + rule.SETTLED_MS)
    assert (due.period.name, due.due_at, due.is_overdue) == ("2026-Q1", end + rule.DUE_MS, False)
    late = rule.due_reports(fund(), None, at(2026, 8, 1))
    assert [(one.period.name, one.is_overdue) for one in late] == [
        ("2026-Q1", True),
        ("2026-Q2", True),
    ]
    on_the_day = rule.due_reports(fund(), None, end + rule.DUE_MS)
    assert [one.is_overdue for one in on_the_day] == [True]


def test_only_the_next_ended_period_is_published() -> None:
    period = rule.period_at(FundKind.COMMON_INCOME, OPENED)
    with pytest.raises(Conflict, match="report/not-next"):
        rule.require_due(period, "2026-Q2", at(2026, 8, 1))
    with pytest.raises(RuleForbids, match="report/not-due"):
        rule.require_due(period, "2026-Q1", period.until_at + rule.SETTLED_MS - 1)
    rule.require_due(period, "2026-Q1", period.until_at + rule.SETTLED_MS)


# --- Figures ---

BUDGETS = {
    name: Budget(
        budget_id=name,
        fund_id="f",
        amount_fen=10_000,
        purpose="gate",
        payee_id=None,
        payee_class="repair",
        valid_until_at=0,
        units=(),
        source=BudgetSource.MOTION,
        source_id=name,
        opened_at=0,
        opened_tx="t",
    )
    for name in ("b1", "b2")
}
PAYMENTS = {"p1": ("b1", "repair"), "p2": ("b1", "facade"), "p3": (None, "pay"), "b1": ("b2", "x")}


@st.composite
def books(draw: st.DrawFn) -> list[Entry]:
    """Entries over two years, in the order of their numbers; clocks differ by up to 120 s."""
    entries, moment = [], OPENED
    for number in range(1, draw(st.integers(0, 25)) + 1):
        moment += draw(st.sampled_from([0, 1_000, 9 * DAY_MS, 40 * DAY_MS]))
        fen = draw(st.integers(-5_000, 5_000).filter(bool))
        one, other = draw(
            st.sampled_from([(a, b) for a in BookAccount for b in BookAccount if a != b])
        )
        sign = 1 if BookAccount.BANK in (one, other) else -1
        entry = Entry(
            entry_id=entry_id(number),
            fund_id="f",
            cause=draw(st.sampled_from(Cause)),
            reference=draw(st.sampled_from([*PAYMENTS])),
            lines=(Line(account=one, fen=fen), Line(account=other, fen=sign * fen)),
            at=moment + draw(st.integers(-120_000, 120_000)),
            tx_id="t",
        )
        entries.append(entry)
    return entries


def published(entries: list[Entry], kind: FundKind, until: int) -> list[FundReport]:
    """All reports due, each from the entries after the last one's."""
    reports: list[FundReport] = []
    the_fund = fund(kind)
    while True:
        last = reports[-1] if reports else None
        period = rule.next_period(the_fund, last)
        if period.until_at > until:
            return reports
        rest = entries[last.figures.entries_until if last else 0 :]
        inside = rule.entries_of(period, rest)
        figures = rule.report_figures(the_fund, period, last, inside, PAYMENTS, BUDGETS)
        reports.append(
            FundReport(
                figures=figures,
                figures_sha256=HASH,
                published_by="bank",  # type: ignore[arg-type]
                published_at=0,
                published_tx="t",
            )
        )


def naive_paid(entries: list[Entry], payment_id: str) -> int:
    causes = {"settlement", "return"}
    return -sum(
        line.fen
        for entry in entries
        if entry.reference == payment_id and entry.cause in causes
        for line in entry.lines
        if line.account in OWNERS_AND_COMPANY
    )


@given(books(), st.sampled_from(FundKind))
def test_the_figures_equal_a_naive_recount(entries: list[Entry], kind: FundKind) -> None:
    reports = published(entries, kind, OPENED + 800 * DAY_MS)
    seen = 0
    for report in reports:
        figures = report.figures
        assert figures.entries_before == seen
        inside = entries[figures.entries_before : figures.entries_until]
        seen = figures.entries_until
        if inside:
            assert inside[-1].at < figures.period.until_at
        assert all(entry.at >= figures.period.until_at for entry in entries[seen:])
        sums = Counter(dict.fromkeys(BookAccount, 0))
        for entry in entries[:seen]:
            for line in entry.lines:
                sums[line.account] += line.fen
        assert {one.account: one.fen for one in figures.closing} == dict(sums)
        moved = Counter(dict.fromkeys(BookAccount, 0))
        for cause in figures.causes:
            moved[cause.account] += cause.added_fen - cause.taken_fen
        opening = {one.account: one.fen for one in figures.opening}
        assert {account: opening[account] + moved[account] for account in BookAccount} == dict(sums)
        assert sum(one.entry_count for one in figures.causes) == 2 * len(inside)
        paid = {one.payment_id: one.paid_fen for one in figures.payments}
        assert {name: paid.get(name, 0) for name in PAYMENTS} == {
            name: naive_paid(inside, name) for name in PAYMENTS
        }
        assert sum(one.paid_fen for one in figures.classes) == sum(paid.values())
        assert sum(one.payment_count for one in figures.classes) == len(paid)
        for budget in figures.budgets:
            of_budget = [name for name, (of, _) in PAYMENTS.items() if of == budget.budget_id]
            assert budget.paid_fen == sum(paid.get(name, 0) for name in of_budget)


def test_a_report_in_figures_by_hand() -> None:
    def entry(number: int, cause: Cause, reference: str, **fens: int) -> Entry:
        lines = tuple(Line(account=BookAccount(name), fen=fen) for name, fen in fens.items())
        return Entry(
            entry_id=entry_id(number),
            fund_id="f",
            cause=cause,
            reference=reference,
            lines=lines,
            at=OPENED,
            tx_id="t",
        )

    entries = [
        entry(1, Cause.OPENING, "r", bank=1_000, free=1_000),
        entry(2, Cause.BUDGET_OPENED, "b1", free=-600, budgeted=600),
        entry(3, Cause.HOLD, "p1", budgeted=-400, held=400),
        entry(4, Cause.SETTLEMENT, "p1", bank=-350, held=-400, budgeted=50),
        entry(5, Cause.RETURN, "p1", bank=30, budgeted=30),
        entry(6, Cause.BUDGET_CLOSED, "b1", budgeted=-280, free=280),
    ]
    period = rule.period_at(FundKind.COMMON_INCOME, OPENED)
    payments = {"p1": ("b1", "repair")}
    found = rule.report_figures(fund(), period, None, entries, payments, {"b1": BUDGETS["b1"]})
    assert {one.account: one.fen for one in found.closing} == {
        "bank": 680,
        "free": 680,
        "budgeted": 0,
        "held": 0,
        "company": 0,
        "suspense": 0,
    }
    (budget,) = found.budgets
    assert (budget.opened_fen, budget.closed_fen, budget.paid_fen) == (600, 280, 320)
    (paid,) = found.payments
    assert (paid.payment_id, paid.budget_id, paid.payee_class, paid.paid_fen) == (
        "p1",
        "b1",
        "repair",
        320,
    )
    (by_class,) = found.classes
    assert (by_class.payee_class, by_class.payment_count, by_class.paid_fen) == ("repair", 1, 320)
    settled = [one for one in found.causes if one.cause is Cause.SETTLEMENT]
    assert [(one.account, one.added_fen, one.taken_fen) for one in settled] == [
        ("bank", 0, 350),
        ("budgeted", 50, 0),
        ("held", 0, 400),
    ]


# --- Disclosures and alarms ---


def test_a_topic_is_overdue_without_a_disclosure_and_a_year_after_it() -> None:
    document = Document(sha256=HASH, bytes_count=1, media_type="text/html")
    first = Disclosure(
        disclosure_id="d1", topic=Topic.FEES, document=document, at=OPENED, tx_id="t"
    )
    second = changed(first, disclosure_id="d2", at=OPENED + 5)
    states = {one.topic: one for one in rule.topic_states([second, first], OPENED + 6)}
    assert (states[Topic.FEES].disclosure_id, states[Topic.FEES].is_overdue) == ("d2", False)
    assert (states[Topic.STAFF].disclosure_id, states[Topic.STAFF].is_overdue) == (None, True)
    for after_ms, late in ((0, False), (1, True)):
        now = second.at + rule.DISCLOSURE_MS_MAX + after_ms
        (fees,) = [one for one in rule.topic_states([second], now) if one.topic is Topic.FEES]
        assert fees.is_overdue is late


@pytest.mark.parametrize(
    ("before", "after", "sounds"),
    [(30, 29, True), (31, 30, False), (29, 28, False), (29, 30, False), (100, -5, True)],
)
def test_the_alarm_sounds_once_at_the_crossing(before: int, after: int, sounds: bool) -> None:
    assert has_fallen_low(before, after, 100) is sounds


def test_units_below_thirty_per_cent_are_listed() -> None:
    accounts = [
        UnitAccount(
            fund_id="f",
            unit_id=f"u{fen}",
            area_dm2=1,
            first_deposit_fen=first,
            balance_fen=fen,
            tx_id="t",
        )
        for fen, first in ((2_999, 10_000), (3_000, 10_000), (0, 0), (-1, 0))
    ]
    assert [one.unit_id for one in low_units(accounts)] == ["u2999", "u-1"]
    assert not is_low(0, 0)
