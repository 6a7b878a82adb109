"""A dispute (争议): who is against whom, the evidence, and the award that ends it.

Evidence stays off the ledger; its salted hash shows later that nobody changed it. Nothing of a
dispute is ever deleted. Imported by the rules, the contract and the gateway.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chaincode.model.base import Id, Org, Record, Sha256, ShortText, TimeMs
from chaincode.model.effect import UseFund
from chaincode.model.payment import PaymentContent

PARTIES_MAX: Final = 50
ORDERS_MAX: Final = 50


class Matter(StrEnum):
    """What a dispute is about."""

    FUND = "fund"
    BUDGET = "budget"
    PAYMENT = "payment"
    MOTION = "motion"


class Party(Record):
    """An organisation, or a person by their random id; exactly one of the two."""

    org: Org | None = None
    holder_id: Id | None = None


class Claim(Record):
    """What is in dispute and between whom; the claim itself is in the document of the hash."""

    matter: Matter
    subject_id: Id
    claim_sha256: Sha256
    respondents: Annotated[tuple[Party, ...], msgspec.Meta(min_length=1, max_length=PARTIES_MAX)]


class EvidenceKind(StrEnum):
    """What a piece of evidence is."""

    CLAIM = "claim"
    DEFENCE = "defence"
    CONTRACT = "contract"
    INVOICE = "invoice"
    PHOTOGRAPH = "photograph"
    EXPERT_REPORT = "expert-report"
    STATEMENT = "statement"
    OTHER = "other"


class Evidence(Record):
    """One piece, under its salted hash; given once, by one party."""

    dispute_id: Id
    sha256: Sha256
    kind: EvidenceKind
    by: Party
    at: TimeMs
    tx_id: str


class LiftFreezeOrder(Record, tag_field="kind", tag="lift_freeze"):
    """The award lifts a freeze, whoever set it."""

    freeze_id: Id


class ReleasePaymentOrder(Record, tag_field="kind", tag="release_payment"):
    """The award ends a payment that was not ordered; what is held goes back."""

    payment_id: Id


class CancelBudgetOrder(Record, tag_field="kind", tag="cancel_budget"):
    """The award closes a budget; what is neither held nor settled goes back to the fund."""

    budget_id: Id


class DirectPaymentOrder(Record, tag_field="kind", tag="direct_payment"):
    """The award takes the place of the committee's approval: the payment is held at once.

    `use` opens the budget that the payment names, where there is none yet.
    """

    payment: PaymentContent
    use: UseFund | None = None


class VoidMotionOrder(Record, tag_field="kind", tag="void_motion"):
    """The award declares that a motion has no result, a final one as well."""

    motion_id: Id
    reason: ShortText


AwardOrder = (
    LiftFreezeOrder | ReleasePaymentOrder | CancelBudgetOrder | DirectPaymentOrder | VoidMotionOrder
)


class Award(Record):
    """How a dispute was decided, and what the ledger did at once by it, in this order."""

    org: Org
    award_sha256: Sha256
    orders: Annotated[tuple[AwardOrder, ...], msgspec.Meta(max_length=ORDERS_MAX)]
    at: TimeMs
    tx_id: str


class Dispute(Record):
    """One dispute; it is open until it is withdrawn or an award is recorded."""

    dispute_id: Id
    claim: Claim
    claimant: Party
    opened_at: TimeMs
    opened_tx: str
    withdrawn_at: TimeMs | None = None
    award: Award | None = None


class DisputePhase(StrEnum):
    """Where a dispute stands; derived, never stored."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"
    AWARDED = "awarded"


class ArbitrationBody(Record):
    """Says since when an arbitration body is on the channel; before that the regulator decides."""

    since_at: TimeMs
    since_tx: str
