"""Publication: fund reports made from the book, the company's disclosures, and refill alarms."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import codec, keys
from chaincode.contract import books
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.errors import Conflict
from chaincode.model.base import Id, Record, Sha256
from chaincode.model.budget import Budget
from chaincode.model.fund import Entry, Fund, Payee
from chaincode.model.motion import Document
from chaincode.model.payment import Payment
from chaincode.model.publication import (
    Disclosure,
    DueReport,
    FundReport,
    LowAccount,
    ReportFigures,
    Topic,
    TopicState,
)
from chaincode.rules import publication as rule
from chaincode.rules.alarm import low_units
from chaincode.rules.book import entry_id, owners_fen
from chaincode.rules.fund import needs_refill
from chaincode.world import World

# --- Requests, answers, events ---


class ReportRequest(Request):
    """Name a fund's period, as "2026-Q4" or "2026-H2"."""

    fund_id: Id
    period: Id


class ReportsRequest(Request):
    """Name a fund."""

    fund_id: Id


class PublishDisclosure(Request):
    """Make a document on one topic of Art. 943 public."""

    disclosure_id: Id
    topic: Topic
    document: Document


class Reports(Record):
    """A fund's reports, oldest first."""

    reports: tuple[FundReport, ...]


class DueReports(Record):
    """Reports that could be published and are not, those overdue included."""

    reports: tuple[DueReport, ...]


class Disclosures(Record):
    """What the company made public, and each topic's state."""

    topics: tuple[TopicState, ...]
    disclosures: tuple[Disclosure, ...]


class LowAccounts(Record):
    """Maintenance funds and units' parts that are to be refilled."""

    accounts: tuple[LowAccount, ...]


class ReportPublished(Record):
    """Event: a fund's report was made from its book."""

    community: str
    fund_id: str
    period: str
    figures_sha256: Sha256
    event: str = "ReportPublished"


class DisclosurePublished(Record):
    """Event: the company made a document public."""

    community: str
    disclosure_id: str
    topic: Topic
    event: str = "DisclosurePublished"


# --- Transactions ---


async def publish_report(world: World, call: Call, request: ReportRequest) -> FundReport:
    """Publish a fund's report for a period; the figures come from the book alone.

    Anyone's gateway calls it when due, and again gets the same record. It writes the book that
    every entry reads, so that an entry of the period cannot be committed afterwards. Refused if
    there is no such fund (404 ``fund/unknown``); another period is next (409
    ``report/not-next``); or the period is not over (422 ``report/not-due``).
    """
    fund = await books.load_fund(world, request.fund_id)
    key = keys.fund_report(world.community, request.fund_id, request.period)
    existing = await world.find(key, FundReport)
    if existing is not None:
        return existing
    last = await _last_report(world, fund.fund_id)
    rule.require_due(rule.next_period(fund, last), request.period, call.now_ms)
    figures = await _figures(world, fund, last)
    report = FundReport(
        figures=figures,
        figures_sha256=hashlib.sha256(codec.encode(figures)).hexdigest(),
        published_by=call.org,
        published_at=call.now_ms,
        published_tx=call.tx_id,
    )
    world.save(key, report)
    book_key = keys.book(world.community, fund.fund_id)
    world.save(book_key, await books.load_book(world, fund.fund_id))
    world.emit(
        ReportPublished(
            community=world.community,
            fund_id=fund.fund_id,
            period=request.period,
            figures_sha256=report.figures_sha256,
        )
    )
    return report


async def publish_disclosure(world: World, call: Call, request: PublishDisclosure) -> Disclosure:
    """Make a document public as the company (Civil Code Art. 943).

    The same request again gets the same record. Refused (409 ``disclosure/exists``) if the id
    stands for another document or topic.
    """
    key = keys.disclosure(world.community, request.disclosure_id)
    existing = await world.find(key, Disclosure)
    if existing is not None:
        if (existing.topic, existing.document) != (request.topic, request.document):
            raise Conflict("disclosure/exists")
        return existing
    disclosure = Disclosure(
        disclosure_id=request.disclosure_id,
        topic=request.topic,
        document=request.document,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    world.save(key, disclosure)
    world.emit(
        DisclosurePublished(
            community=world.community,
            disclosure_id=disclosure.disclosure_id,
            topic=disclosure.topic,
        )
    )
    return disclosure


# --- Queries ---


async def fund_report(world: World, _call: Call, request: ReportRequest) -> FundReport:
    """One report; 404 ``report/unknown``."""
    key = keys.fund_report(world.community, request.fund_id, request.period)
    return await world.load(key, FundReport, "report/unknown")


async def fund_reports(world: World, _call: Call, request: ReportsRequest) -> Reports:
    """A fund's reports, oldest first; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    return Reports(reports=tuple(await _reports(world, request.fund_id)))


async def due_reports(world: World, call: Call, _request: Request) -> DueReports:
    """Reports of all funds that could be published; an overdue one is shown as such."""
    due: list[DueReport] = []
    for fund in await _funds(world):
        due += rule.due_reports(fund, await _last_report(world, fund.fund_id), call.now_ms)
    return DueReports(reports=tuple(due))


async def disclosures(world: World, call: Call, _request: Request) -> Disclosures:
    """What the company made public, and which topics of Art. 943 are overdue."""
    found = [one for _, one in await world.scan(keys.disclosures(world.community), Disclosure)]
    return Disclosures(topics=rule.topic_states(found, call.now_ms), disclosures=tuple(found))


async def low_accounts(world: World, _call: Call, _request: Request) -> LowAccounts:
    """Maintenance funds and units' parts below 30 % of the first deposit."""
    low: list[LowAccount] = []
    for fund in await _funds(world):
        book = await books.load_book(world, fund.fund_id)
        if needs_refill(fund, book):
            low.append(
                LowAccount(
                    fund_id=fund.fund_id,
                    unit_id=None,
                    balance_fen=owners_fen(book),
                    first_deposit_fen=fund.first_deposit_fen,
                )
            )
        low += [
            LowAccount(
                fund_id=fund.fund_id,
                unit_id=account.unit_id,
                balance_fen=account.balance_fen,
                first_deposit_fen=account.first_deposit_fen,
            )
            for account in low_units(await books.unit_accounts(world, fund.fund_id))
        ]
    return LowAccounts(accounts=tuple(low))


# --- Helpers ---


async def _funds(world: World) -> list[Fund]:
    return [fund for _, fund in await world.scan(keys.funds(world.community), Fund)]


async def _reports(world: World, fund_id: str) -> list[FundReport]:
    found = await world.scan(keys.fund_reports(world.community, fund_id), FundReport)
    return sorted((report for _, report in found), key=lambda one: one.figures.period.from_at)


async def _last_report(world: World, fund_id: str) -> FundReport | None:
    reports = await _reports(world, fund_id)
    return reports[-1] if reports else None


async def _figures(world: World, fund: Fund, last: FundReport | None) -> ReportFigures:
    period = rule.next_period(fund, last)
    first = entry_id(last.figures.entries_until + 1 if last else 1)
    found = await world.scan(keys.entries(world.community, fund.fund_id), Entry, from_id=first)
    entries = rule.entries_of(period, [entry for _, entry in found])
    payments = await _payments(world, entries)
    budgets = await _budgets(world, entries, [budget_id for budget_id, _ in payments.values()])
    return rule.report_figures(fund, period, last, entries, payments, budgets)


async def _payments(world: World, entries: Sequence[Entry]) -> Mapping[str, tuple[str | None, str]]:
    """Budget and payee class of each payment that the entries name."""
    named = {entry.reference for entry in entries if entry.cause in rule.PAYMENT_CAUSES}
    found = {}
    for payment_id in sorted(named):
        payment_key = keys.payment(world.community, payment_id)
        payment = await world.load(payment_key, Payment, "payment/unknown")
        payee_key = keys.payee(world.community, payment.content.payee_id)
        payee = await world.load(payee_key, Payee, "payee/unknown")
        found[payment_id] = (payment.content.budget_id, payee.payee_class)
    return found


async def _budgets(
    world: World, entries: Sequence[Entry], of_payments: Sequence[str | None]
) -> Mapping[str, Budget]:
    named = {entry.reference for entry in entries if entry.cause in rule.BUDGET_CAUSES}
    named.update(budget_id for budget_id in of_payments if budget_id is not None)
    found = {}
    for budget_id in sorted(named):
        key = keys.budget(world.community, budget_id)
        found[budget_id] = await world.load(key, Budget, "budget/unknown")
    return found


HANDLERS: Final[Mapping[str, Handler]] = {
    "publish_report": Handler(request=ReportRequest, run=publish_report),
    "publish_disclosure": Handler(request=PublishDisclosure, run=publish_disclosure),
    "fund_report": Handler(request=ReportRequest, run=fund_report),
    "fund_reports": Handler(request=ReportsRequest, run=fund_reports),
    "due_reports": Handler(request=Request, run=due_reports),
    "disclosures": Handler(request=Request, run=disclosures),
    "low_accounts": Handler(request=Request, run=low_accounts),
}
