"""Funds, the bank accounts they lie in, and their double-entry books.

One fund is money with one legal purpose. Its book has one asset, the money at the bank, and says
whose claim every fen of it is: at every block

    bank = free + budgeted + held + company + suspense
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import INT_MAX, AreaDm2, Fen, Id, Record, Sha256, ShortText, TimeMs

BASIS_POINTS = 10_000

SignedFen = Annotated[int, msgspec.Meta(ge=-INT_MAX, le=INT_MAX)]
RateBp = Annotated[int, msgspec.Meta(ge=0, le=BASIS_POINTS)]


class FundKind(StrEnum):
    """Money by its legal purpose."""

    MAINTENANCE = "maintenance"
    """专项维修资金: the owners' in common, with a sub-account per unit (Civil Code Art. 281)."""
    PROPERTY_FEE = "property-fee"
    """物业费: the company's under the contract system (包干制); under the salary system (酬金制)
    a part of it is its pay, and owners decide on the rest."""
    COMMON_INCOME = "common-income"
    """公共收益: income from common parts is the owners' (Civil Code Art. 282)."""


class Fund(Record):
    """One fund of a community and the account it lies in now."""

    fund_id: Id
    kind: FundKind
    account_id: Id
    company_rate_bp: RateBp
    """The part of each income line that is the company's: 10,000 under the contract system, its
    pay rate under the salary system, 0 for every other fund."""
    opened_at: TimeMs
    opened_tx: str
    decided_by: Id
    """The motion or resolution that set the rate last."""
    first_deposit_fen: Fen = 0
    """What owners paid in first; below 30 % of it the refill alarm sounds."""


class BankAccount(Record):
    """An account at a bank, in the company's name under the bank's supervision."""

    account_id: Id
    fund_id: Id
    number: ShortText
    """IBAN or domestic number of an organisation's account; never a person's."""
    bank_code: ShortText
    decided_by: Id
    opened_at: TimeMs
    closed_at: TimeMs | None = None
    """Set when a decision replaced the account; its history stays."""
    last_statement_id: Id | None = None
    last_closing_fen: SignedFen = 0
    """The closing balance of the newest statement, which the next one must open with."""


class BookAccount(StrEnum):
    """Where a fen of a fund stands."""

    BANK = "bank"
    FREE = "free"
    """The owners', not yet decided on."""
    BUDGETED = "budgeted"
    """Decided on, and free for payments of its budgets."""
    HELD = "held"
    """Reserved for one payment each."""
    COMPANY = "company"
    """The company's own: fees under the contract system, pay under the salary system."""
    SUSPENSE = "suspense"
    """On the bank's statement, not yet explained; may be negative."""


class Cause(StrEnum):
    """Why an entry was made."""

    INCOME = "income"
    BUDGET_OPENED = "budget-opened"
    BUDGET_CLOSED = "budget-closed"
    HOLD = "hold"
    RELEASE = "release"
    SETTLEMENT = "settlement"
    RETURN = "return"
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    TRANSFER = "transfer"
    CORRECTION = "correction"


class Line(Record):
    """One side of an entry: fen onto an account (positive) or off it (negative)."""

    account: BookAccount
    fen: SignedFen


class Entry(Record):
    """One movement of a fund; never edited, only corrected by another."""

    entry_id: Id
    """``time-transaction-number``, so that entries sort as they happened."""
    fund_id: Id
    cause: Cause
    reference: Id
    """The payment, budget, statement line or decision behind it."""
    lines: tuple[Line, ...]
    at: TimeMs
    tx_id: str
    corrects: Id | None = None
    reason: ShortText | None = None


class Book(Record):
    """The balances of a fund after its newest entry; each equals the sum of its entries' lines."""

    fund_id: Id
    entry_count: int = 0
    bank: SignedFen = 0
    free: SignedFen = 0
    budgeted: SignedFen = 0
    held: SignedFen = 0
    company: SignedFen = 0
    suspense: SignedFen = 0


class UnitAccount(Record):
    """A unit's part (分户账) of the maintenance fund; all parts sum to the fund."""

    fund_id: Id
    unit_id: Id
    area_dm2: AreaDm2
    first_deposit_fen: Fen
    balance_fen: SignedFen


class Payee(Record):
    """Who may be paid: a class for budgets, and a salted hash of name and account."""

    payee_id: Id
    payee_class: Id
    payee_sha256: Sha256
    registered_at: TimeMs
