"""The bank's statements, line by line, and what became of each line."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chaincode.model.base import Count, Id, Record, Sha256, TimeMs
from chaincode.model.fund import SignedFen

LINES_MAX: Final = 2_000
"""Lines of one statement; a larger one is cut by the bank at the day."""


class StatementLine(Record):
    """One booked line of a statement; `fen` is positive when money came in.

    No text of a stranger goes onto the ledger: `line_id` is the bank's own reference of the entry
    (AcctSvcrRef), `payment_id` an EndToEndId that we gave out, `reference` a structured reference
    that we gave to payers, and the counterparty a salted hash.
    """

    line_id: Id
    fen: SignedFen
    booked_at: TimeMs
    payment_id: Id | None = None
    reference: Id | None = None
    counterparty_sha256: Sha256 | None = None
    is_return: bool = False


class StatementContent(Record):
    """A statement as the bank gave it (ISO 20022 camt.053)."""

    account_sha256: Sha256
    statement_id: Id
    sequence: Count
    opening_fen: SignedFen
    closing_fen: SignedFen
    lines: Annotated[tuple[StatementLine, ...], msgspec.Meta(max_length=LINES_MAX)]
    message_sha256: Sha256


class Statement(Record):
    """A statement that was taken in whole; its lines have keys of their own."""

    account_sha256: Sha256
    statement_id: Id
    sequence: Count
    opening_fen: SignedFen
    closing_fen: SignedFen
    line_ids: tuple[Id, ...]
    content_sha256: Sha256
    message_sha256: Sha256
    at: TimeMs
    tx_id: str


class LineFate(StrEnum):
    """What a line turned out to be; WAITING is unmatched and listed."""

    ANNOUNCED = "announced"
    """Reported by the bank, not on a statement yet."""
    PAYMENT = "payment"
    RETURN = "return"
    INCOME = "income"
    CHARGE = "charge"
    OFFSET = "offset"
    """Undone by another line of the same fund."""
    WAITING = "waiting"


class Assignment(Record):
    """What two persons say an income line is (act `assign_line`)."""

    income_class: Id
    unit_id: Id | None = None


class Proposal(Record):
    """The first person's word on a waiting line."""

    assignment: Assignment
    by: Id
    act_sha256: Sha256
    at: TimeMs


class BankLine(Record):
    """One entry on an account, under the bank's reference: one fact, however often it is told.

    `suspense_fen` is the part in suspense: all of a waiting line, nothing of any other.
    `entry_id` is the book's entry that explained it.
    """

    account_sha256: Sha256
    fund_id: Id
    line: StatementLine
    fate: LineFate
    statement_id: Id | None = None
    suspense_fen: SignedFen = 0
    entry_id: Id | None = None
    income_class: Id | None = None
    rule_id: Id | None = None
    proposal: Proposal | None = None
    decided_by: Id | None = None
    """The committee's decision that explained the line."""
    offset_by: Id | None = None


class WaitingLine(Record):
    """Lists a line that nobody has explained yet."""

    account_sha256: Sha256
    line_id: Id
    fen: SignedFen


class IncomeRule(Record):
    """Which incoming lines are income of a class, by reference prefix or by payer; one of the two.

    With `unit_in_reference` the reference is the prefix followed by a unit's id, and the income is
    that unit's; otherwise a maintenance fund shares it by area.
    """

    rule_id: Id
    fund_id: Id
    income_class: Id
    reference_prefix: Id | None = None
    payer_sha256: Sha256 | None = None
    unit_in_reference: bool = False


class ActiveIncomeRule(Record):
    """A rule in force, and the decision behind it; `ended_at` once another decision ended it."""

    rule: IncomeRule
    decided_by: Id
    since_at: TimeMs
    ended_at: TimeMs | None = None


class LineKind(StrEnum):
    """What the committee may decide a waiting line to be."""

    PAYMENT = "payment"
    CHARGE = "charge"
    OFFSET = "offset"


class LineDecision(Record):
    """What the committee decides on about a waiting line (subject `bank-line`).

    `payment_id` for PAYMENT; `other_line_id` on `other_account_sha256` for OFFSET. `entry_id` is
    the entry that put the line into suspense, so that a decision serves once.
    """

    account_sha256: Sha256
    line_id: Id
    entry_id: Id
    kind: LineKind
    payment_id: Id | None = None
    other_account_sha256: Sha256 | None = None
    other_line_id: Id | None = None


class LineCorrection(Record):
    """What the committee decides on to undo an explanation (subject `line-correction`)."""

    account_sha256: Sha256
    line_id: Id
    entry_id: Id
    reason_sha256: Sha256
