"""A payment on its way: asked, approved, held, ordered, paid, on the statement."""

from enum import StrEnum

from chaincode.model.base import Fen, Id, PositiveFen, Record, Sha256, ShortText, TimeMs


class Phase(StrEnum):
    """Where a payment stands; derived from its facts, never stored."""

    REQUESTED = "requested"
    HELD = "held"
    ORDERED = "ordered"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    RETURNED = "returned"
    DECLINED = "declined"
    REJECTED = "rejected"
    RELEASED = "released"
    EXPIRED = "expired"


class Payment(Record):
    """One payment. Its id is made by the client before it is first sent, so a retry is the same.

    Each ``*_at`` is a fact with its time; at most one of declined, rejected, released, expired
    and settled is ever set, and once.
    """

    payment_id: Id
    budget_id: Id | None
    """None for the company's own pay, which is spent from the book's ``company`` account."""
    fund_id: Id
    amount_fen: PositiveFen
    payee_id: Id
    purpose: ShortText
    invoice_sha256: Sha256
    contract_sha256: Sha256
    requested_by: Id
    """Holder id of the company's clerk; who asks does not approve."""
    requested_at: TimeMs
    requested_tx: str
    held_at: TimeMs | None = None
    expires_at: TimeMs | None = None
    """When a hold that was not ordered, or an order that was never answered, may be released."""
    order_id: Id | None = None
    ordered_at: TimeMs | None = None
    accepted_at: TimeMs | None = None
    settled_at: TimeMs | None = None
    settled_fen: Fen = 0
    returned_fen: Fen = 0
    declined_at: TimeMs | None = None
    rejected_at: TimeMs | None = None
    rejected_reason: Id | None = None
    released_at: TimeMs | None = None
    expired_at: TimeMs | None = None
    statement_id: Id | None = None
    statement_line_id: Id | None = None


class Approval(Record):
    """One committee member's consent to one payment."""

    payment_id: Id
    holder_id: Id
    credential_id: Id
    act_sha256: Sha256
    approved_at: TimeMs


class Hold(Record):
    """Money of a budget that one payment has reserved or used: the facts budgets are summed from.

    ``held_fen`` is what is reserved now, ``settled_fen`` what left less what came back.
    """

    budget_id: Id
    payment_id: Id
    held_fen: Fen
    settled_fen: Fen


class BankReport(Record):
    """What the bank said about one payment, once, under the bank's own report id."""

    report_id: Id
    payment_id: Id
    status: Phase
    amount_fen: Fen
    reason: Id | None
    message_sha256: Sha256
    reported_at: TimeMs


class ExceptionKind(StrEnum):
    """Why a bank answer could not be applied."""

    SETTLED_AFTER_END = "settled-after-end"
    AMOUNT_ABOVE_HOLD = "amount-above-hold"
    REJECTED_AFTER_SETTLEMENT = "rejected-after-settlement"
    RETURN_ABOVE_SETTLEMENT = "return-above-settlement"


class BankException(Record):
    """A bank answer that came too late or does not fit: listed until a person resolves it."""

    exception_id: Id
    payment_id: Id
    kind: ExceptionKind
    amount_fen: Fen
    message_sha256: Sha256
    raised_at: TimeMs
    resolved_at: TimeMs | None = None
    resolved_by: Id | None = None
    resolution: ShortText | None = None
