"""The books of the funds: every movement of money goes through `post`."""

from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import keys
from chaincode.contract.fund_messages import RefillNeeded
from chaincode.contract.handlers import Call
from chaincode.errors import NotFound
from chaincode.model.fund import BankAccount, Book, BookAccount, Cause, Entry, Fund, FundKind, Line
from chaincode.model.unitaccount import UnitAccount, UnitShare, UnitShares
from chaincode.rules import book as rule
from chaincode.rules import unitledger
from chaincode.rules.alarm import has_fallen_low
from chaincode.world import World

PAYMENT: Final = "payment"

# --- Reading ---


async def load_fund(world: World, fund_id: str) -> Fund:
    """The fund; 404 ``fund/unknown``."""
    return await world.load(keys.fund(world.community, fund_id), Fund, "fund/unknown")


async def load_book(world: World, fund_id: str) -> Book:
    """The fund's balances; 404 ``fund/unknown``."""
    return await world.load(keys.book(world.community, fund_id), Book, "fund/unknown")


async def load_account(world: World, account_sha256: str) -> BankAccount:
    """A bank account; 404 ``account/unknown``."""
    key = keys.bank_account(world.community, account_sha256)
    return await world.load(key, BankAccount, "account/unknown")


# --- Writing ---


async def post(
    world: World,
    call: Call,
    fund_id: str,
    cause: Cause,
    reference: str,
    lines: Sequence[Line],
    *,
    corrects: str | None = None,
) -> Entry:
    """Write one entry and the balances after it.

    Refused (422 ``book/overdrawn``) if a claim would fall below nothing.
    """
    book, fund = await load_book(world, fund_id), await load_fund(world, fund_id)
    entry = Entry(
        entry_id=rule.entry_id(book.entry_count + 1),
        fund_id=fund_id,
        cause=cause,
        reference=reference,
        lines=tuple(lines),
        at=call.now_ms,
        tx_id=call.tx_id,
        corrects=corrects,
    )
    after = rule.post(book, entry)
    world.save(keys.book(world.community, fund_id), after)
    if fund.kind is FundKind.MAINTENANCE:
        before_fen, after_fen = rule.owners_fen(book), rule.owners_fen(after)
        _sound(world, fund_id, None, fund.first_deposit_fen, before_fen, after_fen)
    world.save(keys.entry(world.community, fund_id, entry.entry_id), entry)
    return entry


async def move(
    world: World,
    call: Call,
    fund_id: str,
    cause: Cause,
    reference: str,
    change: Mapping[BookAccount, int],
) -> Entry:
    """An entry by the accounts it changes, those it does not left out."""
    lines = [Line(account=account, fen=fen) for account, fen in change.items() if fen]
    return await post(world, call, fund_id, cause, reference, lines)


# --- The units' parts ---


async def bear(
    world: World, call: Call, entry: Entry, units: Sequence[str], place: str = PAYMENT
) -> None:
    """Let the units concerned bear what the entry took from the owners of a maintenance fund, or
    get what it gave them; by area, remembered for the entry's reference. No units means all.

    ``place`` is the account whose line the reference is; else it is a payment.
    """
    fund = await load_fund(world, entry.fund_id)
    fen = rule.owners_part(entry.lines)
    if fund.kind is not FundKind.MAINTENANCE or fen == 0:
        return
    accounts = await _accounts(world, fund.fund_id, units)
    shares = unitledger.shares_by_area(abs(fen), accounts)
    record = UnitShares(
        fund_id=fund.fund_id,
        reference=entry.reference,
        shares=tuple(UnitShare(unit_id=unit, fen=part) for unit, part in sorted(shares.items())),
    )
    world.save(keys.unit_shares(world.community, fund.fund_id, place, entry.reference), record)
    await _add(world, call, entry, shares, sign=1 if fen > 0 else -1)


async def undo(world: World, call: Call, entry: Entry, place: str = PAYMENT) -> None:
    """Undo, in whole or in part, what units bore or got for the entry's reference."""
    fund = await load_fund(world, entry.fund_id)
    fen = rule.owners_part(entry.lines)
    if fund.kind is not FundKind.MAINTENANCE or fen == 0:
        return
    key = keys.unit_shares(world.community, fund.fund_id, place, entry.reference)
    borne = await world.find(key, UnitShares)
    assert borne is not None, entry.reference
    shares = unitledger.shares_borne(abs(fen), borne)
    world.save(key, unitledger.lessened(borne, shares))
    await _add(world, call, entry, shares, sign=1 if fen > 0 else -1)


async def find_unit_account(world: World, fund_id: str, unit_id: str) -> UnitAccount | None:
    """A unit's part of a fund, or None."""
    return await world.find(keys.unit_account(world.community, fund_id, unit_id), UnitAccount)


async def require_unit_accounts(world: World, fund: Fund, units: Sequence[str]) -> None:
    """Refuse (404 ``fund/unit-without-account``) units that could not bear their share."""
    if fund.kind is FundKind.MAINTENANCE:
        for unit_id in units:
            if await find_unit_account(world, fund.fund_id, unit_id) is None:
                raise NotFound("fund/unit-without-account")


async def unit_accounts(world: World, fund_id: str) -> list[UnitAccount]:
    """All units' parts of a fund."""
    found = await world.scan(keys.unit_accounts(world.community, fund_id), UnitAccount)
    return [account for _, account in found]


def save_unit_account(world: World, account: UnitAccount) -> None:
    """Write a unit's part."""
    world.save(keys.unit_account(world.community, account.fund_id, account.unit_id), account)


# --- Helpers ---


async def _accounts(world: World, fund_id: str, units: Sequence[str]) -> list[UnitAccount]:
    if not units:
        return await unit_accounts(world, fund_id)
    wanted = [keys.unit_account(world.community, fund_id, unit_id) for unit_id in units]
    await world.prefetch(wanted)
    return [await world.load(key, UnitAccount, "fund/unit-without-account") for key in wanted]


async def _add(
    world: World, call: Call, entry: Entry, shares: Mapping[str, int], *, sign: int
) -> None:
    concerned = {unit: part for unit, part in sorted(shares.items()) if part}
    for account in await _accounts(world, entry.fund_id, tuple(concerned)):
        fen = sign * concerned[account.unit_id]
        after = unitledger.added(account, fen, entry_id=entry.entry_id, tx_id=call.tx_id)
        save_unit_account(world, after)
        _sound(
            world,
            account.fund_id,
            account.unit_id,
            account.first_deposit_fen,
            account.balance_fen,
            after.balance_fen,
        )


def _sound(
    world: World,
    fund_id: str,
    unit_id: str | None,
    first_deposit_fen: int,
    before_fen: int,
    after_fen: int,
) -> None:
    """Announce, once, that a balance has fallen below 30 % of the first deposit."""
    if has_fallen_low(before_fen, after_fen, first_deposit_fen):
        world.emit(
            RefillNeeded(
                community=world.community,
                fund_id=fund_id,
                unit_id=unit_id,
                balance_fen=after_fen,
                first_deposit_fen=first_deposit_fen,
            )
        )
