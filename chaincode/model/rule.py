"""A decision rule as data: by which measures, out of what, and how much is enough.

A motion pins one whole `DecisionRule` at notice time. Ratios are pairs of integers and dates are
ISO strings, so that every endorser compares the same integers.
Imported by the rules, the contract and the gateway.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import Count, Id, Record, ShortText
from chaincode.model.procedure import (
    Authority,
    Channels,
    CoOwner,
    Electorate,
    ProxyTerms,
    Revote,
    Secrecy,
    Times,
)

RATIO_MAX = 1_000_000
GRADES_MAX = 100
"""With the fixed options they fit into the mask of a sealed ballot."""
RatioPart = Annotated[int, msgspec.Meta(ge=0, le=RATIO_MAX)]
IsoDate = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class Measure(StrEnum):
    """What is weighed: Civil Code Art. 278 weighs AREA and HEADS together, others elsewhere."""

    AREA = "area"
    HEADS = "heads"
    LOTS = "lots"
    ENTITLEMENT = "entitlement"
    SHARE_VALUE = "share_value"


class Op(StrEnum):
    """Comparison; Civil Code Art. 1259: 以上 includes the number, 过半数 and 超过 do not."""

    AT_LEAST = ">="
    MORE_THAN = ">"
    AT_MOST = "<="
    LESS_THAN = "<"


class Counted(StrEnum):
    """The weight on the left of a pass clause."""

    YES = "yes"
    NO = "no"
    YES_AND_ABSTAIN = "yes+abstain"


class Basis(StrEnum):
    """The weight a pass clause is a part of: those taking part, those choosing, or the scope."""

    PARTICIPATING = "participating"
    CAST = "cast-yes+no"
    ALL = "all"


class Combine(StrEnum):
    """Whether every clause must be met or one is enough."""

    ALL = "all"
    ANY = "any"


class Merge(StrEnum):
    """What is one head: equal owner sets together, or every unit; NONE for measures that add up."""

    OWNER_SET = "owner-set"
    UNIT = "unit"
    NONE = "none"


class HeadSplit(StrEnum):
    """How one head counts whose units' ballots differ.

    The area of each unit always counts as that unit's ballot says. The one head counts for an
    option that all its valid ballots chose. Otherwise NEITHER: the head takes part and is counted
    to no option; MAJORITY_AREA: it is counted to the option chosen by more than half of the area
    of its valid ballots, if there is one.
    """

    NEITHER = "neither"
    MAJORITY_AREA = "majority-area"


class BallotKind(StrEnum):
    """What a motion asks: yes or no, persons for seats, one of several, or a grade."""

    DECISION = "decision"
    ELECTION = "election"
    CHOICE = "choice"
    RATING = "rating"


class Option(StrEnum):
    """Options with a meaning of their own; every other option is an id that the motion lists."""

    FOR = "for"
    AGAINST = "against"
    ABSTAIN = "abstain"
    NONE_OF_THESE = "none-of-these"


class RankBy(StrEnum):
    """What orders candidates; AREA_HEADS adds the shares of participating area and heads."""

    AREA_HEADS = "area+heads"
    AREA = "area"
    HEADS = "heads"
    LOTS = "lots"
    ENTITLEMENT = "entitlement"
    SHARE_VALUE = "share_value"


class TieBreak(StrEnum):
    """What separates equal ranks, in the order the rule lists; LOT is drawn from public data."""

    AREA = "area"
    HEADS = "heads"
    LOT = "lot"


class AreaSource(StrEnum):
    """Where an area was taken from (SPC interpretation Art. 8, in order of preference)."""

    REGISTERED = "registered"
    SURVEYED = "surveyed"
    CONTRACT = "contract"


class MeasureSpec(Record):
    """One measure of a rule; `merge` matters for heads, `sources` (best first) for area."""

    measure: Measure
    merge: Merge = Merge.NONE
    sources: tuple[AreaSource, ...] = ()


class TurnoutClause(Record):
    """Participating weight `op` num/den of the scope's total, in one measure."""

    measure: Measure
    op: Op
    num: RatioPart
    den: RatioPart


class Turnout(Record):
    """How many must take part; no clause means that any turnout will do."""

    combine: Combine = Combine.ALL
    clauses: tuple[TurnoutClause, ...] = ()


class PassClause(Record):
    """Counted weight `op` num/den of the basis, in one measure; no `<=` 1/3 is an objection vote.

    For elections and choices YES is the weight of one candidate or option.
    """

    measure: Measure
    count: Counted
    op: Op
    num: RatioPart
    den: RatioPart
    basis: Basis


class Passing(Record):
    """What carries a motion, a candidate or an option."""

    combine: Combine = Combine.ALL
    clauses: tuple[PassClause, ...] = ()


class SecondCall(Record):
    """A repeat of an inquorate vote, not earlier than `after_ms`, with its own turnout.

    `passing` replaces the rule's own; None keeps it.
    """

    after_ms: Count
    turnout: Turnout
    passing: Passing | None = None
    once: bool = True


class FollowMajority(Record):
    """Unreturned ballots follow the majority (从众), only where the owners' own rules say so.

    `clause` cites that rule. `counts_for_turnout` is contested since Art. 278 speaks of those
    taking part, so it is off unless the cited clause says otherwise.
    """

    clause: ShortText
    requires_served: bool = True
    counts_for_turnout: bool = False


class Ranking(Record):
    """How options are put in order, best first."""

    by: RankBy
    ties: tuple[TieBreak, ...]


class MultiSeat(Record):
    """Seats to fill from candidates that each meet the pass clauses.

    Fewer elected than `seats_min` loses the election. With `nota_blocks` a candidate must also
    rank strictly above none-of-these.
    """

    seats: Count
    seats_min: Count
    max_choices: Count
    alternates_max: Count
    ranking: Ranking
    nota_blocks: bool


class Grade(Record):
    """One grade of a rating: the option's id and its score."""

    option: Id
    score: Count


class BallotForm(Record):
    """What a ballot offers: `options` here are always on it, the motion adds its own."""

    kind: BallotKind = BallotKind.DECISION
    options: tuple[Id, ...] = (Option.FOR, Option.AGAINST, Option.ABSTAIN)
    multi_seat: MultiSeat | None = None
    choice_ranking: Ranking | None = None
    grades: Annotated[tuple[Grade, ...], msgspec.Meta(max_length=GRADES_MAX)] = ()


class DecisionRule(Record):
    """One way of deciding, with its legal basis and its dates in force (last day included).

    `effective_to` and `superseded_by` are None while the rule is in force.
    `abstain_participates` and `spoiled_participates` say whether such a ballot is turnout and
    part of the participating weight; it is never a yes or a no.
    """

    id: Id
    version: Count
    title: ShortText
    legal_basis: tuple[ShortText, ...]
    jurisdiction: ShortText
    matter_class: Id
    effective_from: IsoDate
    measures: tuple[MeasureSpec, ...]
    turnout: Turnout
    passing: Passing
    authority: Authority
    effective_to: IsoDate | None = None
    superseded_by: Id | None = None
    electorate: Electorate = Electorate()
    second_call: SecondCall | None = None
    abstain_participates: bool = True
    spoiled_participates: bool = True
    head_split: HeadSplit = HeadSplit.NEITHER
    follow_majority: FollowMajority | None = None
    ballot: BallotForm = BallotForm()
    proxy: ProxyTerms = ProxyTerms(allowed=True)
    revote: Revote = Revote.LAST_COUNTS
    co_owner: CoOwner = CoOwner.REPRESENTATIVE
    channels: Channels = Channels()
    secrecy: Secrecy = Secrecy.NAMED_MASKED
    times: Times = Times()
