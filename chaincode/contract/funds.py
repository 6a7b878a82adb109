"""Funds, their accounts and payees: opening them, and looking at them."""

from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import keys
from chaincode.contract import books
from chaincode.contract.fund_messages import (
    ENTRIES_PER_PAGE_MAX,
    ConfirmPayee,
    EmergencyTermsSet,
    EntriesRequest,
    EntryPage,
    FundOpened,
    FundOverview,
    FundRequest,
    Funds,
    OpenFund,
    PayeeRequest,
    PostingView,
    RegisterPayee,
    SetEmergencyTerms,
    UnitAccountRequest,
    UnitAccountView,
)
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.units import register
from chaincode.errors import Conflict
from chaincode.model.base import changed
from chaincode.model.budget import AwaitsRatification
from chaincode.model.fund import (
    BankAccount,
    Book,
    BookAccount,
    Cause,
    CompanyRate,
    Entry,
    Fund,
    FundKind,
    Payee,
)
from chaincode.model.roll import Unit
from chaincode.model.statement import WaitingLine
from chaincode.model.unitaccount import UnitAccount
from chaincode.rules import book as book_rule
from chaincode.rules import fund as rule
from chaincode.rules.calendar import iso_date
from chaincode.rules.unitledger import added, shares_by_area
from chaincode.world import World

# --- Transactions ---


async def open_fund(world: World, call: Call, request: OpenFund) -> Fund:
    """Open a fund with its first account, on a resolution that the regulator has seen.

    The same request again gets the same record. Refused if

    * 400: a unit is listed twice (``fund/unit-twice``);
    * 409: the fund is there with other terms (``fund/exists``), or the account belongs to another
      (``account/used``);
    * 422: the company is given a part of what is the owners' alone (``fund/rate-not-for-kind``),
      units are given for a fund that has no sub-accounts (``fund/no-unit-accounts``), the register
      is empty (``fund/no-units``), or a unit is not on it (``fund/unit-not-on-register``), or the
      units do not sum to the opening (``fund/units-do-not-sum``).
    """
    new = _new_fund(call, request)
    existing = await world.find(keys.fund(world.community, request.fund_id), Fund)
    if existing is not None:
        if not await _is_same(world, existing, new, request.opening_fen):
            raise Conflict("fund/exists")
        return existing
    account_key = keys.bank_account(world.community, request.account_sha256)
    if await world.find(account_key, BankAccount) is not None:
        raise Conflict("account/used")
    rule.require_rate_for_kind(request.kind, request.company_rate_bp)
    units = await register(world) if request.kind is FundKind.MAINTENANCE else {}
    balances = {unit.unit_id: unit.balance_fen for unit in request.units}
    rule.require_unit_openings(request.kind, request.opening_fen, balances, tuple(units))
    world.save(keys.fund(world.community, new.fund_id), new)
    world.save(account_key, _new_account(call, request))
    await _open_book(world, call, request, units)
    world.emit(
        FundOpened(
            community=world.community,
            fund_id=new.fund_id,
            fund_kind=new.kind,
            opening_fen=request.opening_fen,
        )
    )
    return new


async def set_emergency_terms(world: World, _call: Call, request: SetEmergencyTerms) -> Fund:
    """State what the local rule lets the committee spend in an emergency.

    Refused if there is no such fund (404 ``fund/unknown``).
    """
    fund = changed(await books.load_fund(world, request.fund_id), emergency=request.emergency)
    world.save(keys.fund(world.community, fund.fund_id), fund)
    world.emit(
        EmergencyTermsSet(
            community=world.community,
            fund_id=fund.fund_id,
            resolution_sha256=request.resolution_sha256,
        )
    )
    return fund


async def sync_unit_accounts(world: World, call: Call, request: FundRequest) -> Funds:
    """Take the units and areas of the register over into a maintenance fund's sub-accounts.

    New units begin with nothing; one off the register keeps its balance and bears nothing more.
    Doing it twice is harmless. Refused if there is no such fund (404 ``fund/unknown``).
    """
    fund = await books.load_fund(world, request.fund_id)
    if fund.kind is FundKind.MAINTENANCE:
        units = await register(world)
        known = {one.unit_id: one for one in await books.unit_accounts(world, fund.fund_id)}
        for unit_id in sorted({*units, *known}):
            area_dm2 = units[unit_id].area_dm2 if unit_id in units else 0
            account = known.get(unit_id) or _unit_account(call, fund.fund_id, unit_id)
            if account.area_dm2 != area_dm2 or unit_id not in known:
                postings = account.postings if account.tx_id == call.tx_id else ()
                synced = changed(account, area_dm2=area_dm2, tx_id=call.tx_id, postings=postings)
                books.save_unit_account(world, synced)
    return Funds(funds=(fund,))


async def register_payee(world: World, call: Call, request: RegisterPayee) -> Payee:
    """Name somebody who may be paid.

    The same request again gets the same record. Refused if the id stands for another class or
    account (409 ``payee/exists-with-different-content``).
    """
    key = keys.payee(world.community, request.payee_id)
    existing = await world.find(key, Payee)
    if existing is not None:
        same = (existing.payee_class, existing.payee_sha256)
        if same != (request.payee_class, request.payee_sha256):
            raise Conflict("payee/exists-with-different-content")
        return existing
    payee = Payee(
        payee_id=request.payee_id,
        payee_class=request.payee_class,
        payee_sha256=request.payee_sha256,
        registered_at=call.now_ms,
    )
    world.save(key, payee)
    return payee


async def confirm_payee(world: World, call: Call, request: ConfirmPayee) -> Payee:
    """The bank confirms that the account exists in the payee's name; again without harm.

    Refused if there is no such payee (404 ``payee/unknown``) or it has another account (409
    ``payee/other-content``).
    """
    payee = await load_payee(world, request.payee_id)
    confirmed = rule.confirm_payee(payee, request.payee_sha256, call.now_ms)
    world.save(keys.payee(world.community, payee.payee_id), confirmed)
    return confirmed


# --- Queries ---


async def funds(world: World, _call: Call, _request: Request) -> Funds:
    """The funds of the community."""
    found = await world.scan(keys.funds(world.community), Fund)
    return Funds(funds=tuple(fund for _, fund in found))


async def fund_overview(world: World, call: Call, request: FundRequest) -> FundOverview:
    """A fund's money: free, budgeted, held, spent this year, the company's, in suspense.

    404 ``fund/unknown``.
    """
    fund = await books.load_fund(world, request.fund_id)
    book = await books.load_book(world, fund.fund_id)
    accounts = await fund_accounts(world, fund.fund_id)
    waiting = await world.scan(keys.waiting_lines(world.community, fund.fund_id), WaitingLine)
    unratified = await world.scan(
        keys.all_awaiting_ratification(world.community, fund.fund_id), AwaitsRatification
    )
    closing_fen = sum(account.last_closing_fen for account in accounts)
    return FundOverview(
        fund=fund,
        account=await books.load_account(world, fund.account_sha256),
        book=book,
        company_rate_bp=rule.company_rate_bp(fund, call.now_ms),
        spent_fen=_spent_fen(await _entries(world, fund.fund_id), iso_date(call.now_ms)[:4]),
        unbooked_fen=book.bank - closing_fen,
        waiting_count=len(waiting),
        awaiting_ratification_count=len(unratified),
        needs_refill=rule.needs_refill(fund, book),
    )


async def fund_entries(world: World, _call: Call, request: EntriesRequest) -> EntryPage:
    """The entries of a fund's book, page by page; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    limit = max(1, min(request.limit, ENTRIES_PER_PAGE_MAX))
    found = await _entries(world, request.fund_id)
    after = [entry for entry in found if entry.entry_id > request.after]
    page = tuple(after[:limit])
    return EntryPage(entries=page, next_after=page[-1].entry_id if len(after) > limit else None)


async def unit_account(world: World, _call: Call, request: UnitAccountRequest) -> UnitAccountView:
    """A unit's part of a maintenance fund with every posting; 404 ``fund/unit-without-account``."""
    key = keys.unit_account(world.community, request.fund_id, request.unit_id)
    account = await world.load(key, UnitAccount, "fund/unit-without-account")
    postings: list[PostingView] = []
    for tx_id, at, version in await world.history(key, UnitAccount):
        balance_fen = version.balance_fen if version else 0
        for posting in reversed(version.postings if version and version.tx_id == tx_id else ()):
            view = PostingView(
                entry_id=posting.entry_id,
                fen=posting.fen,
                balance_fen=balance_fen,
                tx_id=tx_id,
                at=at,
            )
            postings.append(view)
            balance_fen -= posting.fen
    return UnitAccountView(account=account, postings=tuple(postings))


async def payee(world: World, _call: Call, request: PayeeRequest) -> Payee:
    """One payee; 404 ``payee/unknown``."""
    return await load_payee(world, request.payee_id)


# --- For other modules ---


async def load_payee(world: World, payee_id: str) -> Payee:
    """One payee; 404 ``payee/unknown``."""
    return await world.load(keys.payee(world.community, payee_id), Payee, "payee/unknown")


async def fund_accounts(world: World, fund_id: str) -> list[BankAccount]:
    """Every account the fund ever lay in; those replaced stay in its record."""
    found = await world.scan(keys.bank_accounts(world.community), BankAccount)
    return [account for _, account in found if account.fund_id == fund_id]


# --- Helpers ---


def _new_fund(call: Call, request: OpenFund) -> Fund:
    rate = CompanyRate(
        basis_points=request.company_rate_bp,
        from_at=0,
        until_at=None,
        decided_by=request.resolution_id,
    )
    return Fund(
        fund_id=request.fund_id,
        kind=request.kind,
        account_sha256=request.account_sha256,
        rates=(rate,) if request.company_rate_bp else (),
        emergency=request.emergency,
        approvals_required=request.approvals_required,
        first_deposit_fen=request.first_deposit_fen,
        resolution_id=request.resolution_id,
        resolution_sha256=request.resolution_sha256,
        opened_at=call.now_ms,
        opened_tx=call.tx_id,
    )


def _new_account(call: Call, request: OpenFund) -> BankAccount:
    return BankAccount(
        account_sha256=request.account_sha256,
        fund_id=request.fund_id,
        opening_fen=request.opening_fen,
        decided_by=request.resolution_id,
        opened_at=call.now_ms,
        last_closing_fen=request.opening_fen,
    )


async def _is_same(world: World, existing: Fund, new: Fund, opening_fen: int) -> bool:
    account = await books.load_account(world, existing.account_sha256)
    same = changed(new, opened_at=existing.opened_at, opened_tx=existing.opened_tx) == existing
    return same and account.opening_fen == opening_fen


async def _open_book(
    world: World, call: Call, request: OpenFund, units: Mapping[str, Unit]
) -> None:
    """The first entry, and whose it is unit by unit; the company's part begins with income."""
    fund_id = request.fund_id
    world.save(keys.book(world.community, fund_id), Book(fund_id=fund_id))
    lines = book_rule.at_bank(BookAccount.FREE, request.opening_fen)
    entry = await books.post(world, call, fund_id, Cause.OPENING, request.resolution_id, lines)
    openings = {unit.unit_id: unit for unit in request.units}
    accounts = [
        changed(
            _unit_account(call, fund_id, unit_id),
            area_dm2=unit.area_dm2,
            first_deposit_fen=openings[unit_id].first_deposit_fen if unit_id in openings else 0,
        )
        for unit_id, unit in sorted(units.items())
    ]
    shares = _opening_shares(request, accounts)
    for account in accounts:
        fen = shares.get(account.unit_id, 0)
        opened = added(account, fen, entry_id=entry.entry_id, tx_id=call.tx_id)
        books.save_unit_account(world, opened)


def _opening_shares(request: OpenFund, accounts: Sequence[UnitAccount]) -> dict[str, int]:
    if request.units or not accounts:
        return {unit.unit_id: unit.balance_fen for unit in request.units}
    return shares_by_area(request.opening_fen, accounts)


def _unit_account(call: Call, fund_id: str, unit_id: str) -> UnitAccount:
    return UnitAccount(
        fund_id=fund_id,
        unit_id=unit_id,
        area_dm2=0,
        first_deposit_fen=0,
        balance_fen=0,
        tx_id=call.tx_id,
    )


async def _entries(world: World, fund_id: str) -> list[Entry]:
    found = await world.scan(keys.entries(world.community, fund_id), Entry)
    return [entry for _, entry in found]


def _spent_fen(entries: Sequence[Entry], year: str) -> int:
    """What left for payments in the year, less what came back."""
    return -sum(
        line.fen
        for entry in entries
        if entry.cause in (Cause.SETTLEMENT, Cause.RETURN) and iso_date(entry.at)[:4] == year
        for line in entry.lines
        if line.account in (BookAccount.BANK, BookAccount.SUSPENSE)
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "open_fund": Handler(request=OpenFund, run=open_fund),
    "set_emergency_terms": Handler(request=SetEmergencyTerms, run=set_emergency_terms),
    "sync_unit_accounts": Handler(request=FundRequest, run=sync_unit_accounts),
    "register_payee": Handler(request=RegisterPayee, run=register_payee),
    "confirm_payee": Handler(request=ConfirmPayee, run=confirm_payee),
    "funds": Handler(request=Request, run=funds),
    "fund_overview": Handler(request=FundRequest, run=fund_overview),
    "fund_entries": Handler(request=EntriesRequest, run=fund_entries),
    "unit_account": Handler(request=UnitAccountRequest, run=unit_account),
    "payee": Handler(request=PayeeRequest, run=payee),
}
