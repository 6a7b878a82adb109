"""A freeze (冻结): money in dispute stands still until it is lifted or runs out.

It stops new holds and the ordering of holds. What was ordered at the bank before settles all the
same: the bank is paying already. Imported by the rules, the contract and the gateway.
"""

from enum import StrEnum
from typing import Final

from chaincode.model.base import AreaDm2, Count, Id, Record, Sha256, TimeMs

DAY_MS: Final = 24 * 60 * 60 * 1000
FREEZE_MS_MIN: Final = DAY_MS
"""The least that a community's terms may let a freeze last at most."""
FREEZE_MS_MAX: Final = 365 * DAY_MS
"""The most of it; a freeze is renewed by setting another one."""


class Frozen(StrEnum):
    """What is frozen; freezing a fund freezes its budgets, and a budget its payments."""

    FUND = "fund"
    BUDGET = "budget"
    PAYMENT = "payment"


class Freezer(StrEnum):
    """Who may freeze. Owners and committee stand beside each other, for an owners' freeze may be
    aimed at the committee; the regulator stands above both, arbitration above all."""

    OWNERS = "owners"
    COMMITTEE = "committee"
    REGULATOR = "regulator"
    ARBITRATION = "arbitration"


class FreezeReason(StrEnum):
    """Why money is frozen; a code, the story is in the evidence."""

    UNAUTHORISED_USE = "unauthorised-use"
    DOCUMENTS_DOUBTED = "documents-doubted"
    CONFLICT_OF_INTEREST = "conflict-of-interest"
    DECISION_DISPUTED = "decision-disputed"
    OFFICE_DISPUTED = "office-disputed"
    WORK_DISPUTED = "work-disputed"
    AUDIT = "audit"
    COURT_ORDER = "court-order"


class LiftReason(StrEnum):
    """Why a freeze was lifted before it ran out."""

    SETTLED = "settled"
    UNFOUNDED = "unfounded"
    SUPPORT_WITHDRAWN = "support-withdrawn"
    AWARD = "award"
    COURT_ORDER = "court-order"


class FreezeTerms(Record):
    """The share of all owners that may freeze, and how long any freeze may last.

    The share counts in heads or, if `by_area`, in area. It is one fifth unless the regulator
    states the community's own: those who may demand a meeting (物业管理条例 Art. 13).
    """

    num: Count = 1
    den: Count = 5
    by_area: bool = True
    freeze_ms_max: TimeMs = 90 * DAY_MS


class FreezeOrder(Record):
    """What is to be frozen, why and until when: exactly what a committee decision agrees to.

    `evidence_sha256` is the salted hash of the proof, which stays off the ledger.
    """

    frozen: Frozen
    subject_id: Id
    reason: FreezeReason
    evidence_sha256: Sha256
    until_at: TimeMs


class LiftOrder(Record):
    """Why a freeze is to be lifted: what a committee decision agrees to."""

    reason: LiftReason
    evidence_sha256: Sha256


class Support(Record):
    """What the owners weigh who support a freeze, and what all owners weigh."""

    heads: Count
    area_dm2: AreaDm2
    of_heads: Count
    of_area_dm2: AreaDm2


class FreezeRequest(Record):
    """An owner's call to freeze, which others may support until `order.until_at`."""

    freeze_id: Id
    order: FreezeOrder
    asked_by: Id
    act_sha256: Sha256
    asked_at: TimeMs


class FreezeSupport(Record):
    """One owner's last word on a call to freeze; earlier ones stay in the key's history."""

    freeze_id: Id
    holder_id: Id
    supports: bool
    act_sha256: Sha256
    at: TimeMs


class Freeze(Record):
    """A freeze as it was set and, if it was, lifted; it is never deleted.

    `support` is what the owners weighed who set it, `decision_id` the committee's decision.
    """

    freeze_id: Id
    by: Freezer
    order: FreezeOrder
    set_at: TimeMs
    set_tx: str
    decision_id: Id | None = None
    support: Support | None = None
    lifted_at: TimeMs | None = None
    lifted_tx: str | None = None
    lifted_by: Freezer | None = None
    lift: LiftOrder | None = None
