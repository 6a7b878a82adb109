"""What is said to the bank and what it says, as frozen records: money in integer fen.

`PaymentOrder` goes out. `OrderStatus`, `EntryNotice`, `Statement` and `RefusedMessage` come in,
each wrapped in a `BankEvent` that stays pending until it is acknowledged. Names and remittance
texts are personal data: they are carried, never logged.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a payment: `bank` is the 12-digit CNAPS code (大额支付行号)."""

    name: str
    account: str
    bank: str


class OwnAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of ours: the number its first statement has, and the balance that one opens with.

    `opening_fen` None takes whatever the first statement says.
    """

    number: str
    first_sequence: int = 1
    opening_fen: int | None = None


class PaymentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order to pay. Both ids are made by the client before the first attempt, and kept.

    `payment_id` becomes EndToEndId and comes back on every status and entry; `order_id` becomes
    InstrId. `created_at` (UTC ms) dates the message, so that the same order gives the same bytes.
    """

    order_id: str
    payment_id: str
    amount_fen: int
    debtor: Party
    creditor: Party
    remittance: str
    execution_date: date
    created_at: int
    currency: str = "CNY"


class OrderState(StrEnum):
    """What the bank says became of an order.

    DUPLICATE says only that the bank already has this payment: nothing about the first order's
    fate, so it never frees the money held for it.
    """

    ACCEPTED = "accepted"
    SETTLED = "settled"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


class OrderStatus(msgspec.Struct, frozen=True, kw_only=True, tag="order_status"):
    """The state of one order from a pain.002.

    `bank_status` is the bank's own code (ACSP, PDNG, ...), `reason` its reason for a rejection.
    `inferred`: the order was not listed in a report on a partly accepted batch, so it counts as
    accepted; nobody said so of this order by name.
    """

    order_id: str
    payment_id: str
    message_id: str
    state: OrderState
    bank_status: str
    reason: str | None = None
    inferred: bool = False


class Direction(StrEnum):
    """Which way money moved on our account."""

    CREDIT = "credit"
    DEBIT = "debit"


class EntryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One payment inside an entry. `payment_id` is the EndToEndId, `order_id` the InstrId."""

    amount_fen: int
    direction: Direction
    payment_id: str | None = None
    order_id: str | None = None
    bank_ref: str | None = None
    counterparty_name: str | None = None
    counterparty_account: str | None = None
    reference: str | None = None
    remittance: str = ""
    return_reason: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One booked movement. `entry_ref` is the bank's own, unique on the account.

    `details` add up to the entry, or are empty where the bank gave none. `reversal`: the bank marks
    the entry as undoing an earlier one.
    """

    entry_ref: str
    amount_fen: int
    direction: Direction
    booked_on: date
    valued_on: date
    reversal: bool = False
    details: tuple[EntryDetail, ...] = ()

    @property
    def signed_fen(self) -> int:
        """The amount as it changes our balance."""
        return self.amount_fen if self.direction is Direction.CREDIT else -self.amount_fen


class EntryNotice(msgspec.Struct, frozen=True, kw_only=True, tag="entry_notice"):
    """One booked entry announced by a camt.054."""

    account: str
    notice_id: str
    entry: Entry


class Statement(msgspec.Struct, frozen=True, kw_only=True, tag="statement"):
    """One camt.053 statement whose opening balance + entries is its closing balance."""

    account: str
    statement_id: str
    sequence: int
    opening_fen: int
    closing_fen: int
    opened_on: date
    closed_on: date
    entries: tuple[Entry, ...]


class RefusedMessage(msgspec.Struct, frozen=True, kw_only=True, tag="refused_message"):
    """A message that was refused whole; its bytes stay in the journal under `sha256`."""

    sha256: str
    code: str
    path: str
    reason: str


Body = OrderStatus | EntryNotice | Statement | RefusedMessage


class BankEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the bank told us. `event_id` grows in the order in which things were taken in;
    `message_sha256` is the hash of the message that said it first."""

    event_id: int
    message_sha256: str
    body: Body
