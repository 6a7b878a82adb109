"""A payment: asked by one, approved by others, paid by a third; each step once.

Requested -> held (k of n members) -> ordered -> accepted -> settled -> returned, or on the way
declined, withdrawn, rejected or expired. What is held leaves its budget's remaining money; what is
not used goes back there.
"""

from collections.abc import Sequence
from typing import Final

from chaincode.errors import Conflict, NotAllowed, RuleForbids
from chaincode.model.base import Org, Role, changed
from chaincode.model.committee import Committee, CommitteeDecision, Verdict
from chaincode.model.credential import Credential
from chaincode.model.fund import Payee
from chaincode.model.payment import Payment, PaymentContent, PaymentPhase
from chaincode.rules.calendar import DAY_MS
from chaincode.rules.committee import needed, seated

SUBJECT: Final = "payment"
"""The subject of the committee's decision on a payment."""
APPROVAL_MS: Final = 30 * DAY_MS
"""How long a request waits for the committee."""
HOLD_MS: Final = 30 * DAY_MS
"""How long a hold waits for its order."""
ORDER_MS: Final = 180 * DAY_MS
"""How long an order waits for the bank's answer; long, because an order may be paid late."""

ENDED: Final = (
    PaymentPhase.DECLINED,
    PaymentPhase.WITHDRAWN,
    PaymentPhase.REJECTED,
    PaymentPhase.EXPIRED,
)
"""Phases in which nothing is held and nothing was paid."""
PAID: Final = (PaymentPhase.SETTLED, PaymentPhase.RETURNED)
AT_BANK: Final = (PaymentPhase.ORDERED, PaymentPhase.ACCEPTED)

# --- Guards ---


def require_company_clerk(credential: Credential) -> None:
    """Refuse (NotAllowed ``caller/not-the-company``) who is no clerk of the property company."""
    if credential.role is not Role.COMPANY_CLERK or credential.org is not Org.PROPERTY:
        raise NotAllowed("caller/not-the-company")


def require_other_person(payment: Payment, holder_id: str) -> None:
    """Refuse (NotAllowed ``payment/own-request``) the approval of who asked."""
    if payment.requested_by == holder_id:
        raise NotAllowed("payment/own-request")


def require_phase(payment: Payment, *allowed: PaymentPhase) -> None:
    """Refuse (Conflict ``payment/wrong-phase``) a step out of its order."""
    now = phase(payment)
    if now not in allowed:
        raise Conflict("payment/wrong-phase", phase=now)


def require_answerable(payment: Payment) -> None:
    """Refuse (Conflict ``payment/wrong-phase``) the committee's word on what needs none.

    It is asked of a request, and after a succession of what is held.
    """
    if payment.awaits_handover is None:
        require_phase(payment, PaymentPhase.REQUESTED)
    else:
        require_phase(payment, PaymentPhase.REQUESTED, PaymentPhase.HELD)


def require_confirmed(payee: Payee) -> None:
    """Refuse (RuleForbids ``payee/not-confirmed``) an account the bank has not confirmed."""
    if payee.confirmed_at is None:
        raise RuleForbids("payee/not-confirmed")


def require_company_money(company_fen: int, amount_fen: int) -> None:
    """Refuse (RuleForbids ``payment/company-too-small``) more than is the company's own."""
    if amount_fen > company_fen:
        raise RuleForbids("payment/company-too-small", gap_fen=amount_fen - company_fen)


# --- Acts ---


def request(content: PaymentContent, requested_by: str, *, now_ms: int, tx_id: str) -> Payment:
    """What the company asks for; it waits for the committee."""
    return Payment(
        content=content,
        requested_by=requested_by,
        requested_at=now_ms,
        requested_tx=tx_id,
        expires_at=now_ms + APPROVAL_MS,
    )


def hold(payment: Payment, now_ms: int) -> Payment:
    """The payment whose money is reserved; it waits for its order."""
    expires_at = now_ms + HOLD_MS
    return changed(payment, held_at=now_ms, expires_at=expires_at, awaits_handover=None)


def confirm(payment: Payment, now_ms: int) -> Payment:
    """The held payment that the committee approved anew after a succession."""
    return changed(payment, expires_at=now_ms + HOLD_MS, awaits_handover=None)


def decline(payment: Payment, now_ms: int) -> Payment:
    """The payment that the committee does not approve."""
    return changed(payment, declined_at=now_ms)


def withdraw(payment: Payment, now_ms: int) -> Payment:
    """The payment that the company takes back. Refused (409) once the bank may have the order."""
    require_phase(payment, PaymentPhase.REQUESTED, PaymentPhase.HELD)
    return changed(payment, withdrawn_at=now_ms)


def order(payment: Payment, order_id: str, account_sha256: str, now_ms: int) -> Payment:
    """The payment with the id under which the bank is told, written before it is told.

    Refused (409): ``payment/wrong-phase`` unless it is held, ``payment/awaits-handover``,
    ``payment/expired``.
    """
    require_phase(payment, PaymentPhase.HELD)
    if payment.awaits_handover is not None:
        raise Conflict("payment/awaits-handover", handover=payment.awaits_handover)
    if now_ms >= payment.expires_at:
        raise Conflict("payment/expired", expires_at=payment.expires_at)
    return changed(
        payment,
        order_id=order_id,
        ordered_at=now_ms,
        account_sha256=account_sha256,
        expires_at=now_ms + ORDER_MS,
    )


def expire(payment: Payment, now_ms: int) -> Payment:
    """The payment whose time is over: anyone may say so, the bank's late answer is an exception.

    Refused (409): ``payment/wrong-phase`` when it has ended otherwise, ``payment/not-due``.
    """
    require_phase(payment, PaymentPhase.REQUESTED, PaymentPhase.HELD, *AT_BANK)
    if now_ms < payment.expires_at:
        raise Conflict("payment/not-due", due_at=payment.expires_at)
    return changed(payment, expired_at=now_ms)


def accept(payment: Payment, now_ms: int) -> Payment:
    """The payment that the bank has taken on."""
    return changed(payment, accepted_at=now_ms)


def reject(payment: Payment, reason: str | None, now_ms: int) -> Payment:
    """The payment that the bank refused."""
    return changed(payment, rejected_at=now_ms, rejected_reason=reason)


def settle(payment: Payment, fen: int, entry_ref: str | None, now_ms: int) -> Payment:
    """The payment that left the account."""
    return changed(payment, settled_at=now_ms, settled_fen=fen, entry_ref=entry_ref)


def return_part(payment: Payment, fen: int) -> Payment:
    """The payment of which ``fen`` came back."""
    return changed(payment, returned_fen=payment.returned_fen + fen)


# --- Derivations ---


def phase(payment: Payment) -> PaymentPhase:
    """Where the payment stands, from its facts; the gravest first."""
    facts = (
        (payment.returned_fen or None, PaymentPhase.RETURNED),
        (payment.settled_at, PaymentPhase.SETTLED),
        (payment.declined_at, PaymentPhase.DECLINED),
        (payment.withdrawn_at, PaymentPhase.WITHDRAWN),
        (payment.rejected_at, PaymentPhase.REJECTED),
        (payment.expired_at, PaymentPhase.EXPIRED),
        (payment.accepted_at, PaymentPhase.ACCEPTED),
        (payment.ordered_at, PaymentPhase.ORDERED),
        (payment.held_at, PaymentPhase.HELD),
    )
    for fact, reached in facts:
        if fact is not None:
            return reached
    return PaymentPhase.REQUESTED


def is_live(payment: Payment) -> bool:
    """Whether the payment may still be made, or was: its invoice is used up."""
    return phase(payment) not in ENDED


def is_out_of_reach(decision: CommitteeDecision, committee: Committee, now_ms: int) -> bool:
    """Whether too many members reject for the approvals to be reached any more."""
    members = seated(committee, now_ms)
    rejecting = [
        given
        for given in decision.approvals
        if given.verdict is Verdict.REJECT and given.holder_id in members
    ]
    return len(members) - len(rejecting) < needed(committee, decision.required)


def unbooked_fen(payments: Sequence[Payment]) -> int:
    """What the bank has reported and no statement shows yet, as it changes the account.

    At every block: the book's bank = the last closing balance + this.
    """
    return sum(
        (payment.returned_fen - payment.returned_booked_fen)
        - (payment.settled_fen - payment.booked_fen)
        for payment in payments
    )
