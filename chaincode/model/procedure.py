"""The procedure of a vote as data: who is counted, by which way ballots come, in what times.

Durations are milliseconds. Part of `DecisionRule`; imported by the rules, contract and gateway.
"""

from enum import StrEnum

from chaincode.model.base import Count, Record, ShortText, TimeMs


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


class ProxyTerms(Record):
    """Voting by written grant. Who holds one cannot hand it on: re-delegation does not exist.

    One proxy may hold at most `cap_count` units (0 is no cap); in a community of more than
    `cap_count_lots_max` lots (if not 0) at most `cap_percent` of the lots instead.
    """

    allowed: bool
    cap_count: Count = 0
    cap_count_lots_max: Count = 0
    cap_percent: Count = 0
    split_mandate: bool = False
    owner_overrides: bool = True
    expiry_ms_max: TimeMs = 0


class Channels(Record):
    """How ballots may arrive, and which one stands if two did."""

    online: bool = True
    paper: bool = True
    precedence: Precedence = Precedence.ONLINE
    double_entry: bool = True


class Times(Record):
    """Periods of a vote in milliseconds; 0 means the rule sets none.

    `late_quorum_ms`: turnout reached with less than this left extends the window to it, once.
    """

    notice_ms: TimeMs = 0
    candidate_notice_ms: TimeMs = 0
    window_min_ms: TimeMs = 0
    window_max_ms: TimeMs = 0
    extension_ms: TimeMs = 0
    extensions_max: Count = 0
    late_quorum_ms: TimeMs = 0
    objection_ms: TimeMs = 0
    result_due_ms: TimeMs = 0
    publication_ms: TimeMs = 0
    filing_due_ms: TimeMs = 0
    records_ms: TimeMs = 0


class Authority(Record):
    """Who may start a vote, and which reviews (named steps, in order) come before it opens.

    A petition needs `petition_num / petition_den` of the heads, or also of the area if
    `petition_by_area` (either will do).
    """

    initiators: tuple[Initiator, ...]
    petition_num: Count = 1
    petition_den: Count = 5
    petition_by_area: bool = False
    approvals_before_open: tuple[ShortText, ...] = ()
    host: Host = Host.SYSTEM


class Electorate(Record):
    """Who is counted, in the denominators and as a voter."""

    scope: Scope = Scope.COMMUNITY
    owner_status: OwnerStatus = OwnerStatus.POSSESSION
    roll_as_of: RollAsOf = RollAsOf.NOTICE
    arrears: Bar = Bar.NONE
    conflicted: Bar = Bar.NONE
    parking_counts: bool = False
    developer_unsold: DeveloperUnsold = DeveloperUnsold.ONE_HEAD
