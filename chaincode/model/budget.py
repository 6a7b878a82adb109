"""A budget: a decision turned into money that may be spent."""

from enum import StrEnum

from chaincode.model.base import Count, Id, PositiveFen, Record, Sha256, ShortText, TimeMs


class BudgetSource(StrEnum):
    """Which decision a budget stands on."""

    MOTION = "motion"
    DELEGATION = "delegation"
    """The committee, within a limit that owners delegated by a motion."""
    EMERGENCY = "emergency"
    """A listed cause with proof, capped, to be ratified by owners in time (Civil Code Art. 281)."""
    RESOLUTION = "resolution"
    """A signed resolution made elsewhere, recorded by the regulator: for funds without voting."""


class Budget(Record):
    """What may be spent, on what, to whom, until when, and by whose decision.

    What is held and settled is not stored here: it is the sum over the budget's holds.
    """

    budget_id: Id
    fund_id: Id
    amount_fen: PositiveFen
    purpose: ShortText
    payee_id: Id | None
    payee_class: Id | None
    """One of the two: a single payee, or any payee of a class."""
    valid_until_at: TimeMs
    units: tuple[Id, ...]
    """Units whose sub-accounts bear the cost; empty for all units of the community."""
    source: BudgetSource
    source_id: Id
    opened_at: TimeMs
    opened_tx: str
    ratify_by_at: TimeMs | None = None
    """For an emergency: when owners must have ratified it."""
    ratified_by: Id | None = None
    cause: Id | None = None
    proof_sha256: Sha256 | None = None
    closed_at: TimeMs | None = None


class Delegation(Record):
    """What owners let the committee decide alone, until when."""

    delegation_id: Id
    fund_id: Id
    amount_fen_max: PositiveFen
    """The largest single budget."""
    count_max: Count
    """How many budgets in all while the delegation runs."""
    valid_until_at: TimeMs
    decided_by: Id
    ended_at: TimeMs | None = None
