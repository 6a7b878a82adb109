"""The owners' committee (业主委员会): its seats, its terms, and what its members decide k-of-n.

Power comes from a seat that is held now, whatever a credential says. Imported by the rules, the
contract and the gateway.
"""

from enum import StrEnum
from typing import Final

from chaincode.model.base import Count, Id, Record, Sha256, TimeMs

TERM_MS_MAX: Final = (5 * 365 + 2) * 24 * 60 * 60 * 1000
"""Five years (《业主大会和业主委员会指导规则》 Art. 32; up to two leap days)."""
DECISION_MS_MAX: Final = 60 * 24 * 60 * 60 * 1000
"""How long a committee decision may stay open."""


class CommitteeTerms(Record):
    """How a committee is made up and decides.

    5 to 11 members, an odd number (指导规则 Art. 31); local rules allow 3 in small communities.
    A decision needs more than `approve_num / approve_den` of ALL members, and takes part of more
    than `quorum_num / quorum_den` of them (指导规则 Art. 39: both one half).
    """

    seats_min: Count = 5
    seats_max: Count = 11
    odd: bool = True
    term_ms_max: TimeMs = TERM_MS_MAX
    quorum_num: Count = 1
    quorum_den: Count = 2
    approve_num: Count = 1
    approve_den: Count = 2


class SeatEnd(StrEnum):
    """Why a member's seat ended before the term."""

    RESIGNED = "resigned"
    NOT_AN_OWNER = "no-longer-an-owner"
    DIED = "died"
    DISMISSED = "dismissed-by-owners"
    JUDGMENT = "court-judgment"


class Seat(Record):
    """One person's place; `ended_at` is None while it is held, and the term still limits it."""

    holder_id: Id
    since_at: TimeMs
    ended_at: TimeMs | None = None
    end: SeatEnd | None = None


class Committee(Record):
    """One term of office.

    Exactly one of `motion_id` (elected by the owners) and `evidence_sha256` (founding committee,
    recorded by the regulator before the first vote) is set. `seat_count` is the number of members
    that majorities are taken of, vacant places included.
    """

    term: Count
    seat_count: Count
    seats: tuple[Seat, ...]
    alternates: tuple[Id, ...]
    terms: CommitteeTerms
    from_at: TimeMs
    until_at: TimeMs
    seated_tx: str
    motion_id: Id | None = None
    evidence_sha256: Sha256 | None = None
    ended_at: TimeMs | None = None


class Verdict(StrEnum):
    """A member's word on a committee decision."""

    APPROVE = "approve"
    REJECT = "reject"


class Approval(Record):
    """One member's signed word; the last one counts while the decision is open."""

    holder_id: Id
    verdict: Verdict
    act_sha256: Sha256
    at: TimeMs


class CommitteeDecision(Record):
    """Something the committee decides by signed acts: `subject` names its kind ("motion",
    "payment"), `subject_id` the thing and `content_sha256` exactly what is agreed to.

    `required` is k; it is never less than the terms' majority. `carried_at` is the time of the
    approval that completed it; a later change of seats does not undo what was decided.
    """

    decision_id: Id
    subject: Id
    subject_id: Id
    content_sha256: Sha256
    term: Count
    required: Count
    opened_by: Id
    opened_at: TimeMs
    until_at: TimeMs
    approvals: tuple[Approval, ...] = ()
    carried_at: TimeMs | None = None


class DecisionPhase(StrEnum):
    """Where a committee decision stands; derived, never stored."""

    OPEN = "open"
    CARRIED = "carried"
    LAPSED = "lapsed"
