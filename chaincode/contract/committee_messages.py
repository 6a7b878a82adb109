"""What the committee's functions are told and asked, their answers, and their events."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Count, Id, Record, Sha256, TimeMs
from chaincode.model.committee import (
    Committee,
    CommitteeDecision,
    CommitteeTerms,
    DecisionPhase,
    SeatEnd,
    Verdict,
)
from chaincode.rules import committee as rule


class SeatFoundingCommittee(Request):
    """Record the first committee, elected before there was a vote on the ledger.

    The evidence is the hash of the filing (备案) that the street office keeps.
    """

    members: tuple[Id, ...]
    seat_count: Count
    from_at: TimeMs
    until_at: TimeMs
    evidence_sha256: Sha256
    alternates: tuple[Id, ...] = ()
    terms: CommitteeTerms = CommitteeTerms()

    def __post_init__(self) -> None:
        rule.require_terms(self.terms)
        rule.require_persons(self.members, self.alternates)
        rule.require_dates(self.from_at, self.until_at)


class EndSeat(Request):
    """End a member's seat; the first alternate who is still an owner moves up."""

    holder_id: Id
    reason: SeatEnd
    evidence_sha256: Sha256


class OpenCommitteeDecision(ActBody):
    """Put a question to the committee; ``required`` 0 asks for the majority of all members."""

    decision_id: Id
    subject: Id
    subject_id: Id
    content_sha256: Sha256
    until_at: TimeMs
    required: Count = 0


class AnswerCommitteeDecision(ActBody):
    """A member's word on exactly this content."""

    decision_id: Id
    content_sha256: Sha256
    verdict: Verdict


class PastCommitteeRequest(Request):
    """Name one earlier term."""

    term: Count


class CommitteeDecisionRequest(Request):
    """Name one decision of the committee."""

    decision_id: Id


class CommitteeNow(Record):
    """The committee with what follows from the time of asking."""

    committee: Committee
    seated: tuple[str, ...]
    needs_election: bool


class CommitteeDecisionNow(Record):
    """A decision with where it stands at the time of asking."""

    decision: CommitteeDecision
    phase: DecisionPhase


class CommitteeSeated(Record):
    """Event: a committee took office, by an election or by the regulator's record."""

    community: str
    term: Count
    motion_id: str | None
    evidence_sha256: str | None
    event: str = "CommitteeSeated"


class SeatEnded(Record):
    """Event: a member left; ``successor`` is the alternate who moved up."""

    community: str
    term: Count
    holder_id: str
    reason: SeatEnd
    evidence_sha256: str
    successor: str | None
    event: str = "SeatEnded"


class CommitteeDecisionOpened(Record):
    """Event: a question was put to the committee."""

    community: str
    decision_id: str
    subject: str
    subject_id: str
    event: str = "CommitteeDecisionOpened"


class CommitteeDecisionCarried(Record):
    """Event: enough members approved."""

    community: str
    decision_id: str
    subject: str
    subject_id: str
    event: str = "CommitteeDecisionCarried"
