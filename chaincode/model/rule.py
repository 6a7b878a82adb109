"""A decision rule as data: who counts, by which measures, how much is enough, and in what times.

A motion pins one whole `DecisionRule` at notice time. Ratios are pairs of integers, durations are
milliseconds, dates are ISO strings, so that every endorser compares the same integers.
Imported by the rules, the contract and the gateway.
"""

from enum import StrEnum

import msgspec


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


class Bar(StrEnum):
    """What arrears or a conflict of interest take away."""

    NONE = "none"
    NO_CANDIDACY = "no-candidacy"
    NO_VOTE = "no-vote"
    OUT = "no-vote-and-out-of-denominator"


class DeveloperUnsold(StrEnum):
    """Unsold units of the developer: one head together (SPC interpretation Art. 9) or left out."""

    ONE_HEAD = "one-head"
    EXCLUDED = "excluded"


class Scope(StrEnum):
    """Which owners a vote under this rule is put to; the motion names the buildings or units."""

    COMMUNITY = "community"
    BUILDINGS = "buildings"
    ENTRANCES = "entrances"
    UNITS = "units"


class OwnerStatus(StrEnum):
    """Who is an owner: on the register only, or also a buyer in lawful possession (SPC Art. 1)."""

    REGISTERED = "registered"
    POSSESSION = "possession"


class RollAsOf(StrEnum):
    """When the roll is frozen."""

    NOTICE = "notice"
    OPEN = "open"
    EVENT = "event"


class AreaSource(StrEnum):
    """Where an area was taken from (SPC interpretation Art. 8, in order of preference)."""

    REGISTERED = "registered"
    SURVEYED = "surveyed"
    CONTRACT = "contract"


class Revote(StrEnum):
    """Whether an owner may cast again until the deadline."""

    LAST_COUNTS = "last-counts"
    IRREVOCABLE = "irrevocable"


class CoOwner(StrEnum):
    """How the co-owners of one unit vote."""

    REPRESENTATIVE = "representative"
    ALL_SIGN = "all-sign"


class Precedence(StrEnum):
    """Which ballot stands when a unit has one online and one on paper."""

    ONLINE = "online"
    PAPER = "paper"
    LATEST = "latest"
    FIRST = "first"


class Secrecy(StrEnum):
    """What the public board shows; SECRET is reserved for sums without single ballots."""

    NAMED_MASKED = "named-masked"
    SEALED_THEN_NAMED = "sealed-then-named"
    SECRET = "secret"  # noqa: S105  a mode's name


class Initiator(StrEnum):
    """Who may ask for a motion under a rule."""

    COMMITTEE = "committee"
    PETITION = "petition"
    REGULATOR = "regulator"
    PROPERTY = "property"


class Host(StrEnum):
    """Where the vote must be held: here, or in the housing authority's own system."""

    SYSTEM = "system"
    CITY_SYSTEM = "city-system"


class MeasureSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measure of a rule; `merge` matters for heads, `sources` (best first) for area."""

    measure: Measure
    merge: Merge = Merge.NONE
    sources: tuple[AreaSource, ...] = ()


class TurnoutClause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Participating weight `op` num/den of the scope's total, in one measure."""

    measure: Measure
    op: Op
    num: int
    den: int


class Turnout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many must take part; no clause means that any turnout will do."""

    combine: Combine = Combine.ALL
    clauses: tuple[TurnoutClause, ...] = ()


class PassClause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counted weight `op` num/den of the basis, in one measure; no `<=` 1/3 is an objection vote.

    For elections and choices YES is the weight of one candidate or option.
    """

    measure: Measure
    count: Counted
    op: Op
    num: int
    den: int
    basis: Basis


class Passing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What carries a motion, a candidate or an option."""

    combine: Combine = Combine.ALL
    clauses: tuple[PassClause, ...] = ()


class SecondCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A repeat of an inquorate vote, not earlier than `after_ms`, with its own turnout."""

    after_ms: int
    turnout: Turnout
    once: bool = True


class FollowMajority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unreturned ballots follow the majority (从众), only where the owners' own rules say so.

    `clause` cites that rule. `counts_for_turnout` is contested since Art. 278 speaks of those
    taking part, so it is off unless the cited clause says otherwise.
    """

    clause: str
    requires_served: bool = True
    counts_for_turnout: bool = False


class Ranking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How options are put in order, best first."""

    by: RankBy
    ties: tuple[TieBreak, ...]


class MultiSeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seats to fill from candidates that each meet the pass clauses.

    Fewer elected than `seats_min` loses the election. With `nota_blocks` a candidate must also
    rank strictly above none-of-these.
    """

    seats: int
    seats_min: int
    max_choices: int
    alternates_max: int
    ranking: Ranking
    nota_blocks: bool


class Grade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One grade of a rating: the option's id and its score."""

    option: str
    score: int


class BallotForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a ballot offers: `options` here are always on it, the motion adds its own."""

    kind: BallotKind = BallotKind.DECISION
    options: tuple[str, ...] = (Option.FOR, Option.AGAINST, Option.ABSTAIN)
    multi_seat: MultiSeat | None = None
    choice_ranking: Ranking | None = None
    grades: tuple[Grade, ...] = ()


class ProxyTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Voting by written grant.

    One proxy may hold at most `cap_count` units (0 is no cap); in a community of more than
    `cap_count_lots_max` lots (if not 0) at most `cap_percent` of the lots instead.
    """

    allowed: bool
    cap_count: int = 0
    cap_count_lots_max: int = 0
    cap_percent: int = 0
    split_mandate: bool = False
    owner_overrides: bool = True
    redelegation: bool = False
    expiry_ms_max: int = 0


class Channels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How ballots may arrive, and which one stands if two did."""

    online: bool = True
    paper: bool = True
    precedence: Precedence = Precedence.ONLINE
    double_entry: bool = True


class Times(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods of a vote in milliseconds; 0 means the rule sets none.

    `late_quorum_ms`: turnout reached with less than this left extends the window to it, once.
    """

    notice_ms: int = 0
    candidate_notice_ms: int = 0
    window_min_ms: int = 0
    window_max_ms: int = 0
    extension_ms: int = 0
    extensions_max: int = 0
    late_quorum_ms: int = 0
    objection_ms: int = 0
    result_due_ms: int = 0
    publication_ms: int = 0
    filing_due_ms: int = 0
    records_ms: int = 0


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may start a vote, and which reviews (named steps, in order) come before it opens.

    A petition needs `petition_num / petition_den` of the heads, or also of the area if
    `petition_by_area` (either will do).
    """

    initiators: tuple[Initiator, ...]
    petition_num: int = 1
    petition_den: int = 5
    petition_by_area: bool = False
    approvals_before_open: tuple[str, ...] = ()
    host: Host = Host.SYSTEM


class Electorate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is counted, in the denominators and as a voter."""

    scope: Scope = Scope.COMMUNITY
    owner_status: OwnerStatus = OwnerStatus.POSSESSION
    roll_as_of: RollAsOf = RollAsOf.NOTICE
    arrears: Bar = Bar.NONE
    conflicted: Bar = Bar.NONE
    parking_counts: bool = False
    developer_unsold: DeveloperUnsold = DeveloperUnsold.ONE_HEAD


class DecisionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way of deciding, with its legal basis and its dates in force (last day included).

    `effective_to` and `superseded_by` are empty while the rule is in force.
    `abstain_participates` and `spoiled_participates` say whether such a ballot is turnout and
    part of the participating weight; it is never a yes or a no.
    """

    id: str
    version: int
    title: str
    legal_basis: tuple[str, ...]
    jurisdiction: str
    matter_class: str
    effective_from: str
    effective_to: str = ""
    superseded_by: str = ""
    electorate: Electorate = Electorate()
    measures: tuple[MeasureSpec, ...]
    turnout: Turnout
    second_call: SecondCall | None = None
    passing: Passing
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
    authority: Authority
