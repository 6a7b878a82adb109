"""The committee: who is seated now, how a term begins and ends, and what k of n members decide.

指导规则 stands for 《业主大会和业主委员会指导规则》 (建房[2009]274号).
"""

from collections.abc import Sequence

from chaincode.errors import BadInput, Conflict, NotAllowed, NotFound, RuleForbids
from chaincode.model.base import changed
from chaincode.model.committee import (
    DECISION_MS_MAX,
    Approval,
    Committee,
    CommitteeDecision,
    CommitteeTerms,
    DecisionPhase,
    Seat,
    SeatEnd,
    Verdict,
)

# --- Guards ---


def require_terms(terms: CommitteeTerms) -> None:
    """Refuse (BadInput ``committee/bad-terms``) terms that cannot be met or undercut a majority."""
    quorum = 2 * terms.quorum_num >= terms.quorum_den >= terms.quorum_num + 1
    approve = 2 * terms.approve_num >= terms.approve_den >= terms.approve_num + 1
    if not (1 <= terms.seats_min <= terms.seats_max and terms.term_ms_max and quorum and approve):
        raise BadInput("committee/bad-terms")


def require_persons(members: Sequence[str], alternates: Sequence[str]) -> None:
    """Refuse (BadInput ``committee/member-twice``) a person listed twice."""
    persons = [*members, *alternates]
    if len(set(persons)) < len(persons):
        raise BadInput("committee/member-twice")


def require_dates(from_at: int, until_at: int) -> None:
    """Refuse (BadInput ``committee/bad-dates``) a term that ends before it begins."""
    if from_at >= until_at:
        raise BadInput("committee/bad-dates")


def require_seated(committee: Committee | None, holder_id: str, now_ms: int) -> Committee:
    """The committee in which the person is seated now; NotAllowed ``caller/not-seated``."""
    if committee is None or not is_seated(committee, holder_id, now_ms):
        raise NotAllowed("caller/not-seated")
    return committee


# --- Acts ---


def new_committee(
    previous: Committee | None,
    *,
    members: Sequence[str],
    alternates: Sequence[str],
    seat_count: int,
    terms: CommitteeTerms,
    from_at: int,
    until_at: int,
    tx_id: str,
    motion_id: str | None = None,
    evidence_sha256: str | None = None,
) -> Committee:
    """The next term of office, not yet checked."""
    return Committee(
        term=1 if previous is None else previous.term + 1,
        seat_count=seat_count,
        seats=tuple(Seat(holder_id=member, since_at=from_at) for member in members),
        alternates=tuple(alternates),
        terms=terms,
        from_at=from_at,
        until_at=until_at,
        seated_tx=tx_id,
        motion_id=motion_id,
        evidence_sha256=evidence_sha256,
    )


def seat_committee(
    previous: Committee | None, new: Committee, now_ms: int
) -> tuple[Committee, Committee | None]:
    """The new committee, and the ended one that it replaces.

    5 to 11 members, an odd number, at most five years (指导规则 Art. 31-32) unless the terms say
    otherwise. The old members' powers end at ``now_ms``, whatever was left of their term; the new
    ones' have begun by then, so that the community is never without.
    """
    terms = new.terms
    if not terms.seats_min <= new.seat_count <= terms.seats_max:
        raise RuleForbids("committee/seat-count", seats=new.seat_count)
    if terms.odd and new.seat_count % 2 == 0:
        raise RuleForbids("committee/even-seats", seats=new.seat_count)
    if not terms.seats_min <= len(new.seats) <= new.seat_count:
        raise RuleForbids("committee/member-count", members=len(new.seats))
    if new.from_at > now_ms:
        raise RuleForbids("committee/not-yet", from_at=new.from_at)
    if new.until_at <= now_ms:
        raise RuleForbids("committee/term-over", until_at=new.until_at)
    if new.until_at - new.from_at > terms.term_ms_max:
        raise RuleForbids("committee/term-too-long", term_ms_max=terms.term_ms_max)
    if previous is None:
        return new, None
    return new, changed(previous, ended_at=min(now_ms, previous.until_at))


def end_seat(
    committee: Committee | None, holder_id: str, end: SeatEnd, successor: str | None, now_ms: int
) -> Committee:
    """The committee after a member has left; the first alternate still an owner moves up.

    ``successor`` is that alternate; those before them in the list have lost their place.
    """
    if committee is None or not any(seat.holder_id == holder_id for seat in committee.seats):
        raise NotFound("committee/no-such-member")
    if not is_seated(committee, holder_id, now_ms):
        raise Conflict("committee/seat-ended")
    seats = [
        changed(seat, ended_at=now_ms, end=end)
        if seat.holder_id == holder_id and seat.ended_at is None
        else seat
        for seat in committee.seats
    ]
    if successor is None:
        return changed(committee, seats=tuple(seats), alternates=())
    seats.append(Seat(holder_id=successor, since_at=now_ms))
    place = committee.alternates.index(successor)
    return changed(committee, seats=tuple(seats), alternates=committee.alternates[place + 1 :])


def open_decision(
    committee: Committee,
    *,
    decision_id: str,
    subject: str,
    subject_id: str,
    content_sha256: str,
    required: int,
    opened_by: str,
    until_at: int,
    now_ms: int,
) -> CommitteeDecision:
    """A question put to the committee; ``required`` below the majority means the majority."""
    if required > committee.seat_count:
        raise RuleForbids("committee-decision/out-of-reach", seats=committee.seat_count)
    if until_at <= now_ms:
        raise RuleForbids("committee-decision/over", until_at=until_at)
    if until_at - now_ms > DECISION_MS_MAX:
        raise RuleForbids("committee-decision/too-long", ms_max=DECISION_MS_MAX)
    return CommitteeDecision(
        decision_id=decision_id,
        subject=subject,
        subject_id=subject_id,
        content_sha256=content_sha256,
        term=committee.term,
        required=needed(committee, required),
        opened_by=opened_by,
        opened_at=now_ms,
        until_at=until_at,
    )


def answer_decision(
    decision: CommitteeDecision, committee: Committee, approval: Approval, content_sha256: str
) -> CommitteeDecision:
    """The decision with one member's word; their earlier word no longer counts."""
    if decision_phase(decision, committee, approval.at) is not DecisionPhase.OPEN:
        raise Conflict("committee-decision/not-open")
    if content_sha256 != decision.content_sha256:
        raise Conflict("committee-decision/other-content")
    others = [given for given in decision.approvals if given.holder_id != approval.holder_id]
    approvals = tuple(sorted([*others, approval], key=lambda given: given.holder_id))
    carried = approved_by(committee, approvals, decision.required, approval.at)
    return changed(decision, approvals=approvals, carried_at=approval.at if carried else None)


# --- Derivations ---


def is_in_office(committee: Committee, now_ms: int) -> bool:
    """Whether the term runs."""
    return committee.ended_at is None and committee.from_at <= now_ms < committee.until_at


def is_same_founding(one: Committee, other: Committee) -> bool:
    """Whether both were recorded alike, whatever seats have ended since."""

    def recorded(committee: Committee) -> tuple[object, ...]:
        persons = [seat.holder_id for seat in committee.seats] + list(committee.alternates)
        about = (committee.terms, committee.seat_count, committee.from_at, committee.until_at)
        return (committee.evidence_sha256, tuple(persons), *about)

    return recorded(one) == recorded(other)


def has_ended_so(committee: Committee, holder_id: str, end: SeatEnd) -> bool:
    """Whether the person's last seat has ended for this reason already."""
    ends = [seat.end for seat in committee.seats if seat.holder_id == holder_id]
    return ends[-1:] == [end]


def seated(committee: Committee | None, now_ms: int) -> tuple[str, ...]:
    """The members who hold a seat now, sorted."""
    if committee is None or not is_in_office(committee, now_ms):
        return ()
    held = (seat for seat in committee.seats if seat.ended_at is None)
    return tuple(sorted(seat.holder_id for seat in held if seat.since_at <= now_ms))


def is_seated(committee: Committee | None, holder_id: str, now_ms: int) -> bool:
    """Whether the person holds a seat now."""
    return holder_id in seated(committee, now_ms)


def needs_election(committee: Committee | None, now_ms: int) -> bool:
    """Whether half of the places or more are vacant, or the term is over."""
    return committee is None or 2 * len(seated(committee, now_ms)) <= committee.seat_count


def needed(committee: Committee, k: int = 0) -> int:
    """How many approvals carry: k, and always more than the terms' part of ALL (Art. 39)."""
    terms = committee.terms
    return max(k, committee.seat_count * terms.approve_num // terms.approve_den + 1)


def approved_by(
    committee: Committee | None, approvals: Sequence[Approval], k: int, now_ms: int
) -> bool:
    """Whether k of n members approve; k = 0 asks for the majority of all members.

    Only members seated now count, each once, by their last word. More than the terms' quorum of
    all members must have given theirs. Used for opening motions and for approving payments.
    """
    if committee is None:
        return False
    last = {given.holder_id: given.verdict for given in sorted(approvals, key=lambda it: it.at)}
    verdicts = [last[member] for member in seated(committee, now_ms) if member in last]
    terms = committee.terms
    quorate = len(verdicts) * terms.quorum_den > committee.seat_count * terms.quorum_num
    return quorate and verdicts.count(Verdict.APPROVE) >= needed(committee, k)


def decision_phase(
    decision: CommitteeDecision, committee: Committee | None, now_ms: int
) -> DecisionPhase:
    """CARRIED for good once carried; LAPSED when its time or the committee's term is over."""
    if decision.carried_at is not None:
        return DecisionPhase.CARRIED
    if committee is None or committee.term != decision.term or now_ms >= decision.until_at:
        return DecisionPhase.LAPSED
    return DecisionPhase.OPEN if is_in_office(committee, now_ms) else DecisionPhase.LAPSED
