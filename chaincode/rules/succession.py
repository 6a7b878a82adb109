"""Succession: what was open under an old office is approved anew or ends; both sides sign.

Civil Code Art. 949: a dismissed company hands over what it had. The figures are the ledger's; the
signatures say that both sides agree to them.
"""

from collections.abc import Sequence
from typing import Final

from chaincode.errors import Conflict, NotAllowed
from chaincode.model.base import Role, changed
from chaincode.model.committee import Committee, CommitteeDecision
from chaincode.model.credential import Credential
from chaincode.model.payment import Payment, PaymentPhase
from chaincode.model.succession import (
    HANDOVER_MS,
    Handover,
    HandoverFigures,
    HandoverSignature,
    Office,
    OpenPayment,
    Side,
)
from chaincode.rules import payment as payment_rule
from chaincode.rules.committee import open_decision

OPEN: Final = (PaymentPhase.REQUESTED, PaymentPhase.HELD)
"""Phases of a payment that the bank has not been told of."""

# --- Guards ---


def require_due(from_at: int, now_ms: int) -> None:
    """Refuse (Conflict ``effect/not-due``) a succession before its day."""
    if now_ms < from_at:
        raise Conflict("effect/not-due", due_at=from_at)


def require_side(
    handover: Handover,
    side: Side,
    signer: Credential,
    committees: tuple[Committee | None, Committee | None],
) -> None:
    """Refuse (NotAllowed ``handover/not-your-side``) who does not stand for the side.

    For a company its clerks; for an account the bank's clerk who closes it and a clerk of the
    company that uses the new one; for a committee who held a seat in it when it ended, or holds
    one in the new one. `committees` are the outgoing and the incoming one.
    """
    if not _stands_for(handover, side, signer, committees):
        raise NotAllowed("handover/not-your-side", side=side)


def _stands_for(
    handover: Handover,
    side: Side,
    signer: Credential,
    committees: tuple[Committee | None, Committee | None],
) -> bool:
    outgoing = side is Side.OUTGOING
    figures = handover.figures
    if figures.office is Office.COMPANY:
        company_id = figures.outgoing if outgoing else figures.incoming
        return signer.role is Role.COMPANY_CLERK and signer.company_id == company_id
    if figures.office is Office.ACCOUNT:
        return signer.role is (Role.BANK_CLERK if outgoing else Role.COMPANY_CLERK)
    committee = committees[0] if outgoing else committees[1]
    return committee is not None and _was_member(committee, signer.holder_id)


def _was_member(committee: Committee, holder_id: str) -> bool:
    held = (seat for seat in committee.seats if seat.ended_at is None)
    return any(seat.holder_id == holder_id for seat in held)


# --- Acts ---


def carry_over(payment: Payment, handover: Handover) -> Payment:
    """An open payment under the new office: approved anew in time, or anyone lets it expire.

    What is held stays held and is not ordered before that.
    """
    due_at = min(payment.expires_at, handover.due_at)
    return changed(payment, expires_at=due_at, awaits_handover=handover.handover_id)


def approval_anew(
    payment: Payment, committee: Committee, content_sha256: str, required: int, now_ms: int
) -> CommitteeDecision:
    """The committee's question on a carried-over payment: no earlier word counts any more.

    A smaller committee than the fund's rule asks for decides with all its members.
    """
    return open_decision(
        committee,
        decision_id=payment.payment_id,
        subject=payment_rule.SUBJECT,
        subject_id=payment.payment_id,
        content_sha256=content_sha256,
        required=min(required, committee.seat_count),
        opened_by=payment.requested_by,
        until_at=payment.expires_at,
        now_ms=now_ms,
    )


def sign(
    handover: Handover, earlier: HandoverSignature | None, signature: HandoverSignature
) -> HandoverSignature:
    """One side's signature under exactly these figures.

    Refused (Conflict): ``handover/other-figures``, ``handover/signed-already``.
    """
    if signature.figures_sha256 != handover.figures_sha256:
        raise Conflict("handover/other-figures")
    if earlier is not None:
        raise Conflict("handover/signed-already")
    return signature


def handover(
    handover_id: str, figures: HandoverFigures, figures_sha256: str, tx_id: str
) -> Handover:
    """The change of an office as it is recorded."""
    return Handover(
        handover_id=handover_id,
        figures=figures,
        figures_sha256=figures_sha256,
        due_at=figures.at + HANDOVER_MS,
        tx_id=tx_id,
    )


# --- Derivations ---


def is_awaiting(payment: Payment, handover_id: str) -> bool:
    """Whether the payment is still to be approved anew after this hand-over."""
    return payment.awaits_handover == handover_id and payment_rule.phase(payment) in OPEN


def is_open(payment: Payment, now_ms: int) -> bool:
    """Whether the bank has not been told of the payment and its time is not over."""
    return payment_rule.phase(payment) in OPEN and now_ms < payment.expires_at


def listed(payments: Sequence[Payment]) -> tuple[OpenPayment, ...]:
    """Open payments as the hand-over statement lists them."""
    return tuple(
        OpenPayment(
            payment_id=payment.payment_id,
            phase=payment_rule.phase(payment),
            amount_fen=payment.content.amount_fen,
        )
        for payment in payments
    )
