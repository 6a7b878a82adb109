"""Reads what camt.053 and camt.054 have in common: accounts, amounts, booked entries.

Both schemas share these shapes, so the objects are taken by attribute. Every refusal carries the
message's own kind, e.g. `camt.053/currency`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from gateway.bank import money
from gateway.bank.errors import MessageRefused
from gateway.bank.limits import ID_CHARS_MAX
from gateway.bank.types import Direction, Entry, EntryDetail

BOOKED = "BOOK"
NOT_PROVIDED = "NOTPROVIDED"  # the usual placeholder where a payer gave no EndToEndId


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads parts of one message of `kind` that concerns only `own_accounts`."""

    kind: str
    own_accounts: Collection[str]

    def refuse(self, condition: str, path: str, reason: str, **details: str | int) -> NoReturn:
        """Raises MessageRefused `<kind>/<condition>`."""
        raise MessageRefused(f"{self.kind}/{condition}", path, reason, **details)

    def fen(self, amount: Any, path: str, *, least: int = 1) -> int:
        """The amount in fen; refused unless CNY, exact to the fen and >= `least`."""
        if amount.ccy != money.CURRENCY:
            self.refuse("currency", f"{path}/@Ccy", "not CNY", currency=amount.ccy)
        return self.sum_fen(amount.value, path, least=least)

    def sum_fen(self, value: Decimal, path: str, *, least: int = 0) -> int:
        """A sum without a currency of its own, in fen."""
        try:
            amount_fen = money.fen(value)
        except ValueError as error:
            self.refuse("amount", path, str(error))
        if amount_fen < least:
            self.refuse("amount", path, "must be above zero", amount_fen=amount_fen)
        return amount_fen

    def identifier(self, value: str | None, path: str) -> str:
        """A reference that is present, printable and without blanks at its ends."""
        if not value or len(value) > ID_CHARS_MAX or not _is_plain(value):
            self.refuse("reference", path, "missing or unusable")
        return value

    def own_account(self, account: Any, path: str) -> str:
        """The number of an account that is ours. Its currency, where given, is CNY."""
        number = account_number(account)
        if number not in self.own_accounts:
            self.refuse("account", f"{path}/Id", "not an account of ours")
        if account.ccy not in (None, money.CURRENCY):
            self.refuse("currency", f"{path}/Ccy", "not CNY", currency=account.ccy)
        return number

    def single_page(self, pagination: Any, path: str) -> None:
        """Refuses a page of a longer message: half a statement cannot be checked."""
        if pagination and (int(pagination.pg_nb) != 1 or not pagination.last_pg_ind):
            self.refuse("pages", path, "not the only page")

    def day(self, moment: Any, path: str) -> date:
        """The calendar day, as the bank writes it."""
        if moment is None:
            self.refuse("date", path, "missing")
        chosen: date = moment.dt.to_date() if moment.dt else moment.dt_tm.to_datetime().date()
        return chosen

    def entries(self, items: list[Any], path: str) -> tuple[Entry, ...]:
        """All entries; two with one reference are refused."""
        read = [self.entry(item, step(path, "Ntry", index)) for index, item in enumerate(items)]
        seen: set[str] = set()
        for index, entry in enumerate(read):
            if entry.entry_ref in seen:
                self.refuse(
                    "duplicate", step(path, "Ntry", index), "a reference twice", ref=entry.entry_ref
                )
            seen.add(entry.entry_ref)
        return tuple(read)

    def entry(self, item: Any, path: str) -> Entry:
        """One booked entry with its details, which add up to it."""
        if item.sts.cd != BOOKED:
            self.refuse("status", f"{path}/Sts", "not booked")
        amount_fen = self.fen(item.amt, f"{path}/Amt")
        direction = _DIRECTIONS[item.cdt_dbt_ind.value]
        entry = Entry(
            entry_ref=self.identifier(item.acct_svcr_ref, f"{path}/AcctSvcrRef"),
            amount_fen=amount_fen,
            direction=direction,
            booked_on=self.day(item.bookg_dt, f"{path}/BookgDt"),
            valued_on=self.day(item.val_dt, f"{path}/ValDt"),
            reversal=bool(item.rvsl_ind),
            details=self._details(item.ntry_dtls, amount_fen, direction, path),
        )
        self._require_sum(entry, path)
        return entry

    def _details(
        self, groups: list[Any], entry_fen: int, direction: Direction, path: str
    ) -> tuple[EntryDetail, ...]:
        count = sum(len(group.tx_dtls) for group in groups)
        details: list[EntryDetail] = []
        for index, group in enumerate(groups):
            group_path = step(path, "NtryDtls", index)
            self._require_count(group, group_path)
            for inner, item in enumerate(group.tx_dtls):
                item_path = step(group_path, "TxDtls", inner)
                # A lone payment without an amount of its own is the whole entry.
                default = entry_fen if count == 1 else None
                details.append(self._detail(item, default, direction, item_path))
        return tuple(details)

    def _require_count(self, group: Any, path: str) -> None:
        stated = group.btch.nb_of_txs if group.btch else None
        if stated is not None and group.tx_dtls and int(stated) != len(group.tx_dtls):
            self.refuse("details", f"{path}/Btch/NbOfTxs", "not the number of payments given")

    def _detail(
        self, item: Any, default_fen: int | None, entry_direction: Direction, path: str
    ) -> EntryDetail:
        if item.amt is not None:
            amount_fen = self.fen(item.amt, f"{path}/Amt")
        elif default_fen is not None:
            amount_fen = default_fen
        else:
            self.refuse("details", f"{path}/Amt", "a part of a batch without its amount")
        direction = _DIRECTIONS[item.cdt_dbt_ind.value] if item.cdt_dbt_ind else entry_direction
        name, account = _counterparty(item.rltd_pties, direction)
        return EntryDetail(
            amount_fen=amount_fen,
            direction=direction,
            **self._references(item.refs, path),
            counterparty_name=name,
            counterparty_account=account,
            reference=_structured_reference(item.rmt_inf),
            remittance=" ".join(item.rmt_inf.ustrd) if item.rmt_inf else "",
            return_reason=_return_reason(item.rtr_inf),
        )

    def _references(self, refs: Any, path: str) -> dict[str, str | None]:
        if refs is None:
            return {}
        named = {
            "payment_id": (refs.end_to_end_id, "EndToEndId"),
            "order_id": (refs.instr_id, "InstrId"),
            "bank_ref": (refs.acct_svcr_ref or refs.tx_id, "AcctSvcrRef"),
        }
        return {
            key: self.identifier(value, f"{path}/Refs/{tag}")
            for key, (value, tag) in named.items()
            if value is not None and value != NOT_PROVIDED
        }

    def _require_sum(self, entry: Entry, path: str) -> None:
        if not entry.details:
            return
        total_fen = sum(
            detail.amount_fen if detail.direction is entry.direction else -detail.amount_fen
            for detail in entry.details
        )
        if total_fen != entry.amount_fen:
            self.refuse(
                "details",
                f"{path}/NtryDtls",
                "the parts do not add up to the entry",
                parts_fen=total_fen,
                entry_fen=entry.amount_fen,
            )


_DIRECTIONS = {"CRDT": Direction.CREDIT, "DBIT": Direction.DEBIT}


def step(path: str, tag: str, index: int) -> str:
    """The path of the index-th (from 0) child `tag`; the first carries no number."""
    return f"{path}/{tag}" if index == 0 else f"{path}/{tag}[{index + 1}]"


def account_number(account: Any) -> str:
    """The account's number, whether or not it is an IBAN; empty where neither is given."""
    if account is None or account.id is None:
        return ""
    return str(account.id.iban or account.id.othr.id)


def _is_plain(value: str) -> bool:
    return value.isprintable() and value == value.strip()


def _counterparty(parties: Any, direction: Direction) -> tuple[str | None, str | None]:
    """Name and account of the other side: of the payer for a credit, of the payee for a debit."""
    if parties is None:
        return None, None
    incoming = direction is Direction.CREDIT
    party = parties.dbtr if incoming else parties.cdtr
    account = parties.dbtr_acct if incoming else parties.cdtr_acct
    name = party.pty.nm if party and party.pty else None
    return name, account_number(account) or None


def _structured_reference(remittance: Any) -> str | None:
    """The creditor's reference: the first one given."""
    for structured in remittance.strd if remittance else ():
        if structured.cdtr_ref_inf and structured.cdtr_ref_inf.ref:
            return str(structured.cdtr_ref_inf.ref)
    return None


def _return_reason(returned: Any) -> str | None:
    """Why a payment came back: the bank's code, e.g. AC04, or its own word for it."""
    if returned is None:
        return None
    reason = returned.rsn
    return str(reason.cd or reason.prtry) if reason else NOT_PROVIDED
