"""What the bank said, as the ledger's records have it: reports on payments, and statements.

The ledger knows accounts and parties by salted hashes, times in UTC ms, and one id for each booked
entry: the bank's reference, or that and the place within a batch entry.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import msgspec

from chaincode.model.base import ID_PATTERN
from chaincode.model.payment import ReportContent, ReportStatus
from chaincode.model.statement import StatementContent, StatementLine
from gateway.bank.types import (
    BankEvent,
    Direction,
    Entry,
    EntryDetail,
    EntryNotice,
    OrderState,
    OrderStatus,
    Party,
    Statement,
)

DAY_MS: Final = 24 * 60 * 60 * 1000
LOCAL_OFFSET_MS: Final = 8 * 60 * 60 * 1000
"""UTC+8, the time of all of China; a booking day begins at its midnight."""
EPOCH: Final = date(1970, 1, 1)
SALT_BYTES_MIN: Final = 16
_ID: Final = re.compile(ID_PATTERN)


class Hasher:
    """Salted hashes under which the ledger knows accounts and parties.

    The salt stays with the bank: numbers are few enough to be tried out without one. Raises
    ValueError for a short one.
    """

    def __init__(self, salt: bytes) -> None:
        if len(salt) < SALT_BYTES_MIN:
            raise ValueError(f"the salt must have at least {SALT_BYTES_MIN} bytes")
        self._salt = salt

    def account(self, number: str) -> str:
        """The id of an account."""
        return self._hash("account", number)

    def party(self, party: Party) -> str:
        """The hash of name, account and bank of somebody who is paid."""
        return self._hash("party", party.name, party.account, party.bank)

    def _hash(self, *parts: str) -> str:
        data = "\0".join(parts).encode()
        return hmac.new(self._salt, data, hashlib.sha256).hexdigest()


def reports_of(event: BankEvent) -> list[ReportContent]:
    """What an order's status or an entry's notice says of payments; none for other events.

    "Settled" in a status (ACSC) says that the order was carried out, not how much left the
    account: the amount and its reference come with the entry, so the status counts as accepted. A
    duplicate (see `OrderState`) says nothing.
    """
    match event.body:
        case OrderStatus(state=OrderState.DUPLICATE):
            return []
        case OrderStatus() as status:
            return [_report_of_status(status, event.message_sha256)]
        case EntryNotice() as notice:
            return [
                _report_of_line(line, event.message_sha256)
                for line in _lines(notice.entry, None)
                if line.payment_id is not None
            ]
        case _:
            return []


def statement_of(statement: Statement, message_sha256: str, hasher: Hasher) -> StatementContent:
    """A statement with its lines; text of strangers stays out."""
    return StatementContent(
        account_sha256=hasher.account(statement.account),
        statement_id=statement.statement_id,
        sequence=statement.sequence,
        opening_fen=statement.opening_fen,
        closing_fen=statement.closing_fen,
        lines=tuple(line for entry in statement.entries for line in _lines(entry, hasher)),
        message_sha256=message_sha256,
    )


def day_of(at_ms: int) -> date:
    """The local day of a UTC time in ms."""
    return EPOCH + timedelta(days=(at_ms + LOCAL_OFFSET_MS) // DAY_MS)


def _report_of_status(status: OrderStatus, message_sha256: str) -> ReportContent:
    rejected = status.state is OrderState.REJECTED
    return ReportContent(
        report_id=_report_id(msgspec.json.encode(status)),
        payment_id=status.payment_id,
        status=ReportStatus.REJECTED if rejected else ReportStatus.ACCEPTED,
        message_sha256=message_sha256,
        reason=status.reason if rejected else None,
    )


def _report_of_line(line: StatementLine, message_sha256: str) -> ReportContent:
    assert line.payment_id is not None, line.line_id
    return ReportContent(
        report_id=_report_id(f"{line.line_id}\0{line.payment_id}\0{line.fen}".encode()),
        payment_id=line.payment_id,
        status=ReportStatus.RETURNED if line.is_return else ReportStatus.SETTLED,
        message_sha256=message_sha256,
        amount_fen=abs(line.fen),
        entry_ref=line.line_id,
    )


def _report_id(content: bytes) -> str:
    return f"r-{hashlib.sha256(content).hexdigest()[:40]}"


def _lines(entry: Entry, hasher: Hasher | None) -> Iterator[StatementLine]:
    """An entry's movements: itself, or each part of a batch under a reference of its own."""
    if not entry.details:
        yield StatementLine(
            line_id=entry.entry_ref, fen=entry.signed_fen, booked_at=_day_ms(entry.booked_on)
        )
    for place, detail in enumerate(entry.details, start=1):
        alone = len(entry.details) == 1
        line_id = entry.entry_ref if alone else f"{entry.entry_ref}.{place}"
        yield _line(entry, detail, line_id, hasher)


def _line(entry: Entry, detail: EntryDetail, line_id: str, hasher: Hasher | None) -> StatementLine:
    is_credit = detail.direction is Direction.CREDIT
    comes_back = is_credit and (entry.reversal or detail.return_reason is not None)
    # A stranger's credit may carry an EndToEndId of the stranger's own.
    ours = comes_back or not is_credit
    payer = detail.counterparty_account
    return StatementLine(
        line_id=line_id,
        fen=detail.amount_fen if is_credit else -detail.amount_fen,
        booked_at=_day_ms(entry.booked_on),
        payment_id=_id(detail.payment_id) if ours else None,
        reference=_id(detail.reference),
        counterparty_sha256=hasher.account(payer) if hasher and payer else None,
        is_return=comes_back and _id(detail.payment_id) is not None,
    )


def _id(text: str | None) -> str | None:
    """The text where it can be an id on the ledger."""
    return text if text is not None and _ID.match(text) else None


def _day_ms(day: date) -> int:
    return (day - EPOCH).days * DAY_MS - LOCAL_OFFSET_MS
