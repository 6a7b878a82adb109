"""Reports from the book, disclosures and refill alarms through the contract."""

import hashlib

import pytest

from chaincode import codec
from chaincode.contract.fund_messages import UnitOpening
from chaincode.errors import NotFound
from chaincode.model.base import Org
from chaincode.model.fund import FundKind
from chaincode.model.motion import Document
from chaincode.model.payment import ReportContent, ReportStatus
from chaincode.model.publication import FundReport, Topic
from chaincode.rules.publication import SETTLED_MS, period_at
from tests.support.funds import (
    ACCOUNT,
    DAY_MS,
    FEE,
    MAINTENANCE,
    OPENING_FEN,
    Treasury,
    fund_terms,
    sha,
    treasury,
)
from tests.support.memory_ledger import ReadConflict
from tests.support.offices import events, refused

REPAIR = 50_000


def end_of_period(town: Treasury, kind: FundKind = FundKind.MAINTENANCE) -> str:
    """Move to when the running period can be published; its name."""
    period = period_at(kind, town.now_ms)
    town.ledger.now_ms = period.until_at + SETTLED_MS
    return period.name


def publish(town: Treasury, period: str, fund_id: str = MAINTENANCE) -> FundReport:
    answer = town.run("publish_report", Org.BANK, fund_id=fund_id, period=period)
    assert isinstance(answer, FundReport)
    return answer


def test_reports_are_made_from_the_book_and_follow_each_other() -> None:
    town = treasury()
    budget_id = town.open_budget(REPAIR)
    paid = town.ordered_payment(budget_id, REPAIR)
    town.report(paid, "settled", amount_fen=REPAIR - 1)
    first = publish(town, end_of_period(town))
    balances = {one.account: one.fen for one in first.figures.closing}
    book = town.book()
    assert balances == {account: getattr(book, account) for account in balances}
    assert first.figures_sha256 == hashlib.sha256(codec.encode(first.figures)).hexdigest()
    assert [one.paid_fen for one in first.figures.payments] == [REPAIR - 1]
    assert [one.budget_id for one in first.figures.budgets] == [budget_id]
    assert first.published_by == Org.BANK
    assert publish(town, first.figures.period.name) == first
    town.report(paid, "returned", amount_fen=1_000, entry_ref="back")
    second = publish(town, end_of_period(town))
    assert second.figures.opening == first.figures.closing
    assert second.figures.entries_before == first.figures.entries_until
    assert [one.paid_fen for one in second.figures.classes] == [-1_000]
    assert second.figures.budgets[0].opened_fen == 0
    assert town.ask("fund_reports", fund_id=MAINTENANCE).reports == (first, second)
    named = {"fund_id": MAINTENANCE, "period": second.figures.period.name}
    assert town.ask("fund_report", **named) == second
    assert [one["period"] for one in events(town, "ReportPublished")] == [
        first.figures.period.name,
        second.figures.period.name,
    ]


def test_an_entry_endorsed_before_the_report_and_sent_after_it_fails() -> None:
    town = treasury()
    budget_id = town.open_budget(REPAIR)
    payment_id = town.ordered_payment(budget_id, REPAIR)
    report = ReportContent(
        report_id="late",
        payment_id=payment_id,
        status=ReportStatus.SETTLED,
        message_sha256=sha("pain.002"),
        amount_fen=REPAIR,
    )
    late, _ = town.endorse("report_payment", Org.BANK, report=report)
    publish(town, end_of_period(town))
    with pytest.raises(ReadConflict):
        late.commit()


def test_common_income_is_due_every_quarter_and_shown_when_late() -> None:
    town = treasury()
    common = fund_terms(
        fund_id="common",
        kind=FundKind.COMMON_INCOME,
        account_sha256=sha("common account"),
        opening_fen=0,
        first_deposit_fen=0,
    )
    town.run("open_fund", **common)
    assert town.ask("due_reports").reports == ()
    end_of_period(town, FundKind.COMMON_INCOME)
    due = town.ask("due_reports").reports
    assert [(one.fund_id, one.period.name, one.is_overdue) for one in due] == [
        ("common", "2026-Q3", False)
    ]
    town.pass_ms(200 * DAY_MS)
    late = [one for one in town.ask("due_reports").reports if one.fund_id == "common"]
    assert [(one.period.name, one.is_overdue) for one in late] == [
        ("2026-Q3", True),
        ("2026-Q4", True),
        ("2027-Q1", False),
    ]
    publish(town, late[0].period.name, "common")
    left = [one for one in town.ask("due_reports").reports if one.fund_id == "common"]
    assert left == late[1:]


def test_the_refusals_of_publishing_in_order() -> None:
    town = treasury()
    name = period_at(FundKind.MAINTENANCE, town.now_ms).name
    call = {"fund_id": MAINTENANCE, "period": "1999-H1"}
    assert refused(town, "publish_report", **{**call, "fund_id": "f"}) == "404 fund/unknown"
    assert refused(town, "publish_report", **call) == "409 report/not-next"
    assert refused(town, "publish_report", **{**call, "period": name}) == "422 report/not-due"
    with pytest.raises(NotFound, match="report/unknown"):
        town.ask("fund_report", **call)
    with pytest.raises(NotFound, match="fund/unknown"):
        town.ask("fund_reports", fund_id="f")


# --- Disclosures ---


def test_the_company_makes_documents_public_once() -> None:
    town = treasury()
    document = Document(sha256=sha("fees"), bytes_count=5, media_type="text/html")
    call = {"disclosure_id": "d1", "topic": Topic.FEES, "document": document}
    first = town.run("publish_disclosure", Org.PROPERTY, **call)
    assert town.run("publish_disclosure", Org.PROPERTY, **call) == first
    assert len(events(town, "DisclosurePublished")) == 1
    other = {**call, "topic": Topic.STAFF}
    assert refused(town, "publish_disclosure", Org.PROPERTY, **other) == "409 disclosure/exists"
    found = town.ask("disclosures")
    assert found.disclosures == (first,)
    assert [one.topic for one in found.topics if not one.is_overdue] == [Topic.FEES]


# --- Refill ---


def test_the_alarm_sounds_once_for_fund_and_units_and_the_list_stays() -> None:
    town = treasury()
    spent = OPENING_FEN * 7 // 10
    budget_id = town.open_budget(OPENING_FEN)
    assert events(town, "RefillNeeded") == []
    for fen in (spent, OPENING_FEN // 10, 1):
        paid = town.ordered_payment(budget_id, fen)
        town.report(paid, "settled", amount_fen=fen)
    needed = events(town, "RefillNeeded")
    assert [one["unit_id"] for one in needed].count(None) == 1
    whole = next(one for one in needed if one["unit_id"] is None)
    assert whole["balance_fen"] == OPENING_FEN - spent - OPENING_FEN // 10
    assert whole["first_deposit_fen"] == OPENING_FEN
    assert len(needed) == len({one["unit_id"] for one in needed})
    low = town.ask("low_accounts").accounts
    assert [one.unit_id for one in low if one.unit_id is None] == [None]
    assert town.ask("fund_overview", fund_id=MAINTENANCE).needs_refill


def test_a_unit_is_alarmed_by_its_own_first_deposit() -> None:
    town = treasury()
    terms = fund_terms(
        fund_id="other",
        account_sha256=sha("other"),
        opening_fen=1_000,
        first_deposit_fen=0,
    )
    unit = {"unit_id": "1-1-101", "balance_fen": 1_000, "first_deposit_fen": 1_000}
    town.run("open_fund", **terms, units=(UnitOpening(**unit),))  # type: ignore[arg-type]
    budget_id = town.open_budget(900, fund_id="other", unit_ids=("1-1-101",))
    for fen in (700, 1, 1):
        paid = town.ordered_payment(budget_id, fen, fund_id="other")
        town.report(paid, "settled", amount_fen=fen)
    assert [(one["unit_id"], one["balance_fen"]) for one in events(town, "RefillNeeded")] == [
        ("1-1-101", 299)
    ]
    low = town.ask("low_accounts").accounts
    assert [(one.fund_id, one.unit_id, one.balance_fen) for one in low] == [
        ("other", "1-1-101", 298)
    ]


def test_an_account_that_waits_for_nothing_is_no_alarm() -> None:
    town = treasury()
    assert town.ask("low_accounts").accounts == ()
    assert town.account(ACCOUNT).fund_id == MAINTENANCE
    assert town.book(FEE).free == 0
