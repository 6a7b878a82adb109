"""Funds, the bank accounts they lie in, and their double-entry books.

One fund is money with one legal purpose. Its book has one asset, the money at the bank, and says
whose claim every fen of it is: at every block

    bank = free + budgeted + held + company + suspense
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chaincode.model.base import INT_MAX, Count, Fen, Id, Record, Sha256, ShortText, TimeMs
from chaincode.model.effect import BasisPoints

SignedFen = Annotated[int, msgspec.Meta(ge=-INT_MAX, le=INT_MAX)]

REFILL_BP: Final = 3_000
"""Below this part of the first deposit a fund is to be refilled (30 %)."""


class FundKind(StrEnum):
    """Money by its legal purpose."""

    MAINTENANCE = "maintenance"
    """专项维修资金: the owners' in common, with a sub-account per unit (Civil Code Art. 281)."""
    PROPERTY_FEE = "property-fee"
    """物业费: the company's under the contract system (包干制); under the salary system (酬金制)
    a part of it is its pay, and owners decide on the rest."""
    COMMON_INCOME = "common-income"
    """公共收益: income from common parts is the owners' (Civil Code Art. 282)."""


class CompanyRate(Record):
    """The part of each income line that is the company's, from a day until a day.

    10,000 under the contract system, its pay rate under the salary system. `decided_by` is the
    motion or resolution.
    """

    basis_points: BasisPoints
    from_at: TimeMs
    until_at: TimeMs | None
    decided_by: Id


class EmergencyTerms(Record):
    """What the committee may spend before owners have voted, and by when they must have ratified.

    `fen_max` limits all emergency budgets of the fund together that are not ratified.
    """

    fen_max: Fen
    ratify_ms: TimeMs


class Fund(Record):
    """One fund of a community and the account it lies in now.

    `approvals_required` is k of the committee's k-of-n for a payment; 0 is the majority of all
    members. `rates` are in the order in which they were adopted; where none holds, nothing is the
    company's. `first_deposit_fen` is what owners paid in first, for the refill alarm.
    """

    fund_id: Id
    kind: FundKind
    account_sha256: Sha256
    rates: tuple[CompanyRate, ...]
    emergency: EmergencyTerms
    approvals_required: Count
    first_deposit_fen: Fen
    resolution_id: Id
    resolution_sha256: Sha256
    opened_at: TimeMs
    opened_tx: str


class BankAccount(Record):
    """An account at a bank, in the company's name under the bank's supervision.

    The ledger holds the salted hash of its number only, and this hash is its id. A new statement
    must open with `last_closing_fen` and have the next sequence number. `closed_at` is set when a
    decision replaced the account; its history stays.
    """

    account_sha256: Sha256
    fund_id: Id
    opening_fen: SignedFen
    decided_by: Id
    opened_at: TimeMs
    last_closing_fen: SignedFen
    last_statement_id: Id | None = None
    last_sequence: Count | None = None
    closed_at: TimeMs | None = None


class BookAccount(StrEnum):
    """Where a fen of a fund stands.

    FREE is the owners' and not yet decided on; BUDGETED is decided on and free for payments of its
    budgets; HELD is reserved for one payment each; COMPANY is the company's own; SUSPENSE is on
    the bank's statement and not yet explained, and may be negative.
    """

    BANK = "bank"
    FREE = "free"
    BUDGETED = "budgeted"
    HELD = "held"
    COMPANY = "company"
    SUSPENSE = "suspense"


class Cause(StrEnum):
    """Why an entry was made."""

    OPENING = "opening"
    INCOME = "income"
    BUDGET_OPENED = "budget-opened"
    BUDGET_CLOSED = "budget-closed"
    HOLD = "hold"
    RELEASE = "release"
    SETTLEMENT = "settlement"
    RETURN = "return"
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    CHARGE = "charge"
    CORRECTION = "correction"


class Line(Record):
    """One side of an entry: fen onto an account (positive) or off it (negative)."""

    account: BookAccount
    fen: SignedFen


class Entry(Record):
    """One movement of a fund; never edited, only corrected by another.

    `entry_id` is its number in the fund's book with leading zeros, so that entries sort as they
    happened. `reference` is the payment, budget, statement line or decision behind it.
    """

    entry_id: Id
    fund_id: Id
    cause: Cause
    reference: Id
    lines: tuple[Line, ...]
    at: TimeMs
    tx_id: str
    corrects: Id | None = None
    reason: ShortText | None = None


class Book(Record):
    """The balances of a fund after its newest entry; each equals the sum of its entries' lines."""

    fund_id: Id
    entry_count: Count = 0
    bank: SignedFen = 0
    free: SignedFen = 0
    budgeted: SignedFen = 0
    held: SignedFen = 0
    company: SignedFen = 0
    suspense: SignedFen = 0


class Payee(Record):
    """Who may be paid: a class for budgets, and a salted hash of name and account.

    The company names a payee; no money is ordered to one before the bank has confirmed that the
    account exists in this name.
    """

    payee_id: Id
    payee_class: Id
    payee_sha256: Sha256
    registered_at: TimeMs
    confirmed_at: TimeMs | None = None
