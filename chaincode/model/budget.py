"""A budget: a decision turned into money that may be spent."""

from enum import StrEnum

from chaincode.model.base import Count, Fen, Id, PositiveFen, Record, Sha256, ShortText, TimeMs
from chaincode.model.effect import Effect, UseFund


class BudgetSource(StrEnum):
    """Which decision a budget stands on.

    DELEGATION: the committee, within a limit that owners delegated. EMERGENCY: a listed cause with
    proof, capped, to be ratified by owners in time (Civil Code Art. 281). RESOLUTION: a signed
    resolution made elsewhere and recorded by the regulator, where there is no voting. AWARD: a
    dispute was decided so.
    """

    MOTION = "motion"
    DELEGATION = "delegation"
    EMERGENCY = "emergency"
    RESOLUTION = "resolution"
    AWARD = "award"


class EmergencyCause(StrEnum):
    """Dangers that may be repaired before a vote (上海市住宅物业管理规定, 2020)."""

    LIFT = "lift"
    WATER_PUMP = "water-pump"
    FIRE_SYSTEM = "fire-system"
    FACADE = "facade"
    LEAK = "leak"


class Budget(Record):
    """What may be spent, on what, to whom, until when, and by whose decision.

    What is held and settled is not stored here: it is the sum over the budget's holds. `units`
    bear the cost; empty for all units of the community. Of `payee_id` and `payee_class` one is
    set: a single payee, or any payee of a class. For an emergency `ratify_by_at` says when owners
    must have ratified it. `closed_fen` is what went back to the fund at the closing.
    """

    budget_id: Id
    fund_id: Id
    amount_fen: PositiveFen
    purpose: ShortText
    payee_id: Id | None
    payee_class: Id | None
    valid_until_at: TimeMs
    units: tuple[Id, ...]
    source: BudgetSource
    source_id: Id
    opened_at: TimeMs
    opened_tx: str
    ratify_by_at: TimeMs | None = None
    ratified_by: Id | None = None
    cause: EmergencyCause | None = None
    proof_sha256: Sha256 | None = None
    closed_at: TimeMs | None = None
    closed_fen: Fen = 0


class Delegation(Record):
    """What owners let the committee decide alone: per budget, in all, and how often.

    `ended_at` is when a later delegation for the fund takes its place.
    """

    delegation_id: Id
    fund_id: Id
    amount_fen_max: PositiveFen
    total_fen_max: PositiveFen
    count_max: Count
    from_at: TimeMs
    until_at: TimeMs
    decided_by: Id
    ended_at: TimeMs | None = None


class DelegationUse(Record):
    """One budget that the committee opened under a delegation; a closed one counts as well."""

    budget_id: Id
    amount_fen: PositiveFen


class AwaitsRatification(Record):
    """An emergency budget that owners have not ratified yet."""

    budget_id: Id
    amount_fen: PositiveFen
    ratify_by_at: TimeMs


class Hold(Record):
    """Money that one payment has reserved or used: the facts a budget is summed from.

    `held_fen` is what is reserved now, `settled_fen` what left less what came back.
    """

    payment_id: Id
    held_fen: Fen
    settled_fen: Fen


class DelegatedBudget(Record):
    """What the committee decides on under a delegation (subject `delegated-budget`)."""

    budget_id: Id
    delegation_id: Id
    use: UseFund


class EmergencyBudget(Record):
    """What the committee decides on in an emergency (subject `emergency-budget`)."""

    budget_id: Id
    use: UseFund
    cause: EmergencyCause
    proof_sha256: Sha256


class BudgetClosing(Record):
    """What the committee decides on to close a budget early (subject `budget-closing`)."""

    budget_id: Id


class Elected(Record):
    """The committee that a resolution names."""

    members: tuple[Id, ...]
    seat_count: Count
    alternates: tuple[Id, ...] = ()


class Resolution(Record):
    """A signed resolution made elsewhere, and what it brings about; recorded by the regulator
    where a community uses funds without voting. `elected` goes with the seating of a committee."""

    resolution_id: Id
    resolution_sha256: Sha256
    effect: Effect
    elected: Elected | None
    at: TimeMs
    tx_id: str
