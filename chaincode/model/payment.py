"""A payment on its way: asked, approved, held, ordered, paid, on the statement."""

from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import Fen, Id, PositiveFen, Record, Sha256, ShortText, TimeMs

PaymentId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,34}\Z")]
"""It travels as EndToEndId, which has 35 characters (ISO 20022, Max35Text)."""


class PaymentPhase(StrEnum):
    """Where a payment stands; derived from its facts, never stored."""

    REQUESTED = "requested"
    HELD = "held"
    ORDERED = "ordered"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    RETURNED = "returned"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    EXPIRED = "expired"


class PaymentContent(Record):
    """What is asked for; the same id with another content is refused.

    `budget_id` None is the company's own pay, spent from the book's `company` account.
    """

    payment_id: PaymentId
    fund_id: Id
    budget_id: Id | None
    amount_fen: PositiveFen
    payee_id: Id
    purpose: ShortText
    invoice_sha256: Sha256
    contract_sha256: Sha256


class Payment(Record):
    """One payment. Its id is made by the client before it is first sent, so a retry is the same.

    Each `*_at` is a fact with its time. Of declined, withdrawn, rejected, expired and settled one
    is set, once; only a committee's decision on a statement line lets a settlement follow one of
    the others. `requested_by` is the holder id of the company's clerk; who asks does not approve.
    `expires_at` is when a hold or an order without an answer may be released. `awaits_handover`
    is the succession after which the committee has not approved it anew; until then it is not
    ordered.

    `booked_fen` and `returned_booked_fen` are what statements show of `settled_fen` and
    `returned_fen`; `entry_ref` is the bank's own reference of the debit, once it is known.
    """

    content: PaymentContent
    requested_by: Id
    requested_at: TimeMs
    requested_tx: str
    expires_at: TimeMs
    held_at: TimeMs | None = None
    awaits_handover: Id | None = None
    order_id: Id | None = None
    ordered_at: TimeMs | None = None
    account_sha256: Sha256 | None = None
    accepted_at: TimeMs | None = None
    settled_at: TimeMs | None = None
    settled_fen: Fen = 0
    booked_fen: Fen = 0
    returned_fen: Fen = 0
    returned_booked_fen: Fen = 0
    entry_ref: Id | None = None
    declined_at: TimeMs | None = None
    withdrawn_at: TimeMs | None = None
    rejected_at: TimeMs | None = None
    rejected_reason: Id | None = None
    expired_at: TimeMs | None = None

    @property
    def payment_id(self) -> str:
        """The client's id."""
        return self.content.payment_id


class PaymentRef(Record):
    """Points at a payment: from its order id, or from its invoice."""

    payment_id: Id


class ReportStatus(StrEnum):
    """What the bank can say of an order."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SETTLED = "settled"
    RETURNED = "returned"


class ReportContent(Record):
    """What the bank said about one payment, once, under the bank's own report id.

    `entry_ref` is the bank's reference of the booked entry (AcctSvcrRef), where it gave one; the
    line of the statement has the same, so that one fact counts once.
    """

    report_id: Id
    payment_id: Id
    status: ReportStatus
    message_sha256: Sha256
    amount_fen: Fen = 0
    reason: Id | None = None
    entry_ref: Id | None = None


class Fit(StrEnum):
    """How a bank's answer fits what is on record."""

    NEWS = "news"
    KNOWN = "known"
    EXCEPTION = "exception"


class BankReport(Record):
    """A report as it was taken in."""

    content: ReportContent
    fit: Fit
    at: TimeMs
    tx_id: str


class ExceptionKind(StrEnum):
    """Why a bank's answer does not fit."""

    NOT_ORDERED = "not-ordered"
    ACCEPTED_AFTER_END = "accepted-after-end"
    SETTLED_AFTER_END = "settled-after-end"
    SETTLED_OTHERWISE = "settled-otherwise"
    """Another amount or another debit than the one on record."""
    AMOUNT_ABOVE_HOLD = "amount-above-hold"
    REJECTED_AFTER_SETTLEMENT = "rejected-after-settlement"
    RETURN_WITHOUT_SETTLEMENT = "return-without-settlement"
    RETURN_ABOVE_SETTLEMENT = "return-above-settlement"
    ENTRY_CHANGED = "entry-changed"
    """The bank's reference stands for another payment or amount already."""
    OTHER_ACCOUNT = "other-account"


class ExceptionResolution(StrEnum):
    """What the committee found of an exception."""

    NO_MONEY_MOVED = "no-money-moved"
    PAID_BY_LINE = "paid-by-line"
    """A statement line that shows it was decided to be this payment."""
    MADE_GOOD = "made-good"
    """The bank undid it; its two lines offset each other."""


class BankException(Record):
    """A bank's answer that came too late or does not fit: listed until it is resolved.

    It moves no money by itself. `source` is the report, or the statement line of the account
    `account_sha256`; what a statement shows stands in suspense until the committee decides on the
    line. `resolved_by` is the decision.
    """

    exception_id: Id
    payment_id: Id
    kind: ExceptionKind
    source: Id
    account_sha256: Sha256 | None
    amount_fen: Fen
    message_sha256: Sha256
    raised_at: TimeMs
    raised_tx: str
    resolution: ExceptionResolution | None = None
    resolved_at: TimeMs | None = None
    resolved_by: Id | None = None


class ExceptionDecision(Record):
    """What the committee decides on about an exception (subject `bank-exception`)."""

    exception_id: Id
    resolution: ExceptionResolution
    evidence_sha256: Sha256
