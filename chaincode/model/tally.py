"""What is counted and what follows from it: weights, tally, decision.

`UnitWeight` and `CastBallot` are what a count needs of a frozen roll and of the stored ballots.
Areas are in steps of 0.01 m2, every weight is an integer. Imported by rules, contract, gateway.
"""

from enum import StrEnum

from chaincode.model.base import AreaDm2, Count, Id, Record
from chaincode.model.rule import Basis, Counted, Measure, Op


class Outcome(StrEnum):
    """The decision rule applied to a tally."""

    CARRIED = "carried"
    LOST = "lost"
    INQUORATE = "inquorate"


class Stage(StrEnum):
    """Which part of the rule a clause belongs to."""

    TURNOUT = "turnout"
    PASSING = "passing"


class SeatStatus(StrEnum):
    """Where a candidate ended; BELOW_THRESHOLD also if none-of-these blocked it."""

    ELECTED = "elected"
    ALTERNATE = "alternate"
    NOT_ELECTED = "not-elected"
    BELOW_THRESHOLD = "below-threshold"


class Weights(Record):
    """One amount in every measure at once."""

    area_dm2: AreaDm2 = 0
    heads: Count = 0
    lots: Count = 0
    entitlement: Count = 0
    share_value: Count = 0


def weight(weights: Weights, measure: Measure) -> int:
    """The amount in one measure (area in 0.01 m2)."""
    match measure:
        case Measure.AREA:
            return weights.area_dm2
        case Measure.HEADS:
            return weights.heads
        case Measure.LOTS:
            return weights.lots
        case Measure.ENTITLEMENT:
            return weights.entitlement
        case Measure.SHARE_VALUE:
            return weights.share_value


class UnitWeight(Record):
    """One unit of the frozen roll as the count sees it.

    `head_id` is equal for units of an equal owner set, and for all unsold units of the developer.
    """

    unit_id: Id
    head_id: Id
    area_dm2: AreaDm2
    entitlement: Count = 0
    share_value: Count = 0
    developer_unsold: bool = False
    in_arrears: bool = False
    conflicted: bool = False
    parking: bool = False


class CastBallot(Record):
    """The one ballot of a unit that stands: its options, or spoiled with none."""

    unit_id: Id
    choices: tuple[Id, ...]
    paper: bool = False
    spoiled: bool = False


class OptionTally(Record):
    """Weight of one option: by ballots, and apart from them by following the majority."""

    option: Id
    cast: Weights
    followed: Weights


class Tally(Record):
    """The counts only; `options` stand in ballot order.

    A head is returned when one of its units is. `participating` is what the rule counts as taking
    part, without those that only followed the majority. `not_returned` includes `followed`.
    The valid ballots of `split_heads` differ (see `HeadSplit`); `partial_heads` have units returned
    and units still open, so their one head may still move.
    """

    options: tuple[OptionTally, ...]
    participating: Weights
    returned: Weights
    not_returned: Weights
    spoiled: Weights
    followed: Weights
    ballots_count: Count
    paper_count: Count
    spoiled_count: Count
    split_heads: Count
    partial_heads: Count


class ClauseResult(Record):
    """One clause with both sides of the compared integers: `left op right`.

    `left` = value x den, `right` = base x num. `option` is the candidate or option it was applied
    to, empty for turnout. `count` and `basis` are None for turnout (participating, of all).
    """

    stage: Stage
    option: str
    measure: Measure
    count: Counted | None
    basis: Basis | None
    op: Op
    num: Count
    den: Count
    value: Count
    base: Count
    left: int
    right: int
    met: bool


class SeatResult(Record):
    """One candidate's place; `by_lot` if only the lot separated it from a neighbour."""

    candidate: Id
    rank: Count
    status: SeatStatus
    by_lot: bool


class MeanGrade(Record):
    """Mean grade in one measure as an exact ratio; den 0 means that nobody graded."""

    measure: Measure
    num: Count
    den: Count


class Decision(Record):
    """Outcome with its reasons.

    `final`: whatever the units not returned do, the outcome stays (ballots already cast are
    taken as standing). `seats` is filled for a carried election, `chosen` for a carried choice,
    `means` for ratings.
    """

    outcome: Outcome
    clauses: tuple[ClauseResult, ...]
    final: bool
    chosen: str = ""
    seats: tuple[SeatResult, ...] = ()
    seats_unfilled: Count = 0
    means: tuple[MeanGrade, ...] = ()
