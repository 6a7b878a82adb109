"""The owners' committee: seated by the regulator's record or by an election, deciding k of n."""

from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import keys
from chaincode.contract.committee_messages import (
    AnswerCommitteeDecision,
    CommitteeDecisionCarried,
    CommitteeDecisionNow,
    CommitteeDecisionOpened,
    CommitteeDecisionRequest,
    CommitteeNow,
    CommitteeSeated,
    EndSeat,
    OpenCommitteeDecision,
    PastCommitteeRequest,
    SeatEnded,
    SeatFoundingCommittee,
)
from chaincode.contract.handlers import Actor, Call, Handler, Request
from chaincode.contract.units import is_on_register
from chaincode.errors import Conflict, RuleForbids
from chaincode.model.committee import (
    Approval,
    Committee,
    CommitteeDecision,
    CommitteeTerms,
)
from chaincode.rules import committee as rule
from chaincode.world import World

# --- Transactions ---


async def seat_founding_committee(
    world: World, call: Call, request: SeatFoundingCommittee
) -> Committee:
    """Record the first committee; it shows evidence where later ones show their motion.

    The same request again gets the same record. Refused if

    * 400: the terms cannot be met or undercut a majority (``committee/bad-terms``), a person is
      listed twice (``committee/member-twice``), the term ends before it begins
      (``committee/bad-dates``);
    * 409: there is a committee (``committee/exists``);
    * 422: the number of seats or members is outside the terms (``committee/seat-count``,
      ``committee/even-seats``, ``committee/member-count``), the term has not begun
      (``committee/not-yet``), is over (``committee/term-over``) or too long
      (``committee/term-too-long``), or a member or alternate owns no unit
      (``committee/not-an-owner``).
    """
    existing = await committee_now(world)
    founding = rule.new_committee(
        None,
        members=request.members,
        alternates=request.alternates,
        seat_count=request.seat_count,
        terms=request.terms,
        from_at=request.from_at,
        until_at=request.until_at,
        tx_id=call.tx_id,
        evidence_sha256=request.evidence_sha256,
    )
    if existing is not None:
        if not rule.is_same_founding(existing, founding):
            raise Conflict("committee/exists")
        return existing
    seated, _ = rule.seat_committee(None, founding, call.now_ms)
    await _require_owners(world, [*request.members, *request.alternates])
    _save_seated(world, seated)
    return seated


async def end_seat(world: World, call: Call, request: EndSeat) -> Committee:
    """End a member's seat and powers at once: resigned, died, sold, dismissed, by judgment.

    The same request again gets the same record. Refused if the person is no member of this
    committee (404 ``committee/no-such-member``), or the seat has ended for another reason or with
    its term (409 ``committee/seat-ended``).
    """
    committee = await committee_now(world)
    if committee is not None and rule.has_ended_so(committee, request.holder_id, request.reason):
        return committee
    successor = await _successor(world, committee)
    after = rule.end_seat(committee, request.holder_id, request.reason, successor, call.now_ms)
    world.save(keys.committee(world.community), after)
    world.emit(
        SeatEnded(
            community=world.community,
            term=after.term,
            holder_id=request.holder_id,
            reason=request.reason,
            evidence_sha256=request.evidence_sha256,
            successor=successor,
        )
    )
    return after


# --- Acts ---


async def open_committee_decision(
    world: World, call: Call, actor: Actor, body: OpenCommitteeDecision
) -> None:
    """A member puts a question to the committee; the opener's own word is a separate act.

    Refused if the person is not seated (403 ``caller/not-seated``), the id is taken (409
    ``committee-decision/exists``), or more approvals are asked for than there are seats (422
    ``committee-decision/out-of-reach``), it ends at once (422 ``committee-decision/over``) or in
    more than 60 days (422 ``committee-decision/too-long``).
    """
    holder_id = actor.credential.holder_id
    committee = rule.require_seated(await committee_now(world), holder_id, call.now_ms)
    key = keys.committee_decision(world.community, body.decision_id)
    if await world.find(key, CommitteeDecision) is not None:
        raise Conflict("committee-decision/exists")
    decision = rule.open_decision(
        committee,
        decision_id=body.decision_id,
        subject=body.subject,
        subject_id=body.subject_id,
        content_sha256=body.content_sha256,
        required=body.required,
        opened_by=holder_id,
        until_at=body.until_at,
        now_ms=call.now_ms,
    )
    world.save(key, decision)
    world.emit(
        CommitteeDecisionOpened(
            community=world.community,
            decision_id=decision.decision_id,
            subject=decision.subject,
            subject_id=decision.subject_id,
        )
    )


async def answer_committee_decision(
    world: World, call: Call, actor: Actor, body: AnswerCommitteeDecision
) -> None:
    """A member approves or rejects; the last word counts until the decision is carried.

    Refused if the person is not seated (403 ``caller/not-seated``), there is no such decision
    (404 ``committee-decision/unknown``), it is carried or lapsed (409
    ``committee-decision/not-open``), or it is about another content (409
    ``committee-decision/other-content``).
    """
    holder_id = actor.credential.holder_id
    committee = rule.require_seated(await committee_now(world), holder_id, call.now_ms)
    approval = Approval(
        holder_id=holder_id, verdict=body.verdict, act_sha256=actor.act_sha256, at=call.now_ms
    )
    decision = rule.answer_decision(
        await _decision(world, body.decision_id), committee, approval, body.content_sha256
    )
    world.save(keys.committee_decision(world.community, decision.decision_id), decision)
    if decision.carried_at is not None:
        world.emit(
            CommitteeDecisionCarried(
                community=world.community,
                decision_id=decision.decision_id,
                subject=decision.subject,
                subject_id=decision.subject_id,
            )
        )


async def decision_reads(
    world: World, body: OpenCommitteeDecision | AnswerCommitteeDecision
) -> tuple[str, ...]:
    """The keys that both acts read."""
    decision_key = keys.committee_decision(world.community, body.decision_id)
    return keys.committee(world.community), decision_key


# --- Queries ---


async def committee(world: World, call: Call, _request: Request) -> CommitteeNow:
    """The committee and who is seated now; 404 ``committee/none``."""
    found = await world.load(keys.committee(world.community), Committee, "committee/none")
    return CommitteeNow(
        committee=found,
        seated=rule.seated(found, call.now_ms),
        needs_election=rule.needs_election(found, call.now_ms),
    )


async def past_committee(world: World, _call: Call, request: PastCommitteeRequest) -> Committee:
    """A committee that another has replaced; 404 ``committee/unknown-term``."""
    key = keys.past_committee(world.community, request.term)
    return await world.load(key, Committee, "committee/unknown-term")


async def committee_decision(
    world: World, call: Call, request: CommitteeDecisionRequest
) -> CommitteeDecisionNow:
    """One decision and where it stands; 404 ``committee-decision/unknown``."""
    decision = await _decision(world, request.decision_id)
    phase = rule.decision_phase(decision, await committee_now(world), call.now_ms)
    return CommitteeDecisionNow(decision=decision, phase=phase)


# --- For other modules ---


async def committee_now(world: World) -> Committee | None:
    """The committee in office or the last one that was; ask the rules who is seated."""
    return await world.find(keys.committee(world.community), Committee)


async def seat_elected(
    world: World,
    call: Call,
    *,
    motion_id: str,
    members: Sequence[str],
    alternates: Sequence[str],
    seat_count: int,
    until_at: int,
) -> Committee:
    """Seat whom a final, carried election chose, from now on; the old committee ends at once.

    The terms of the committee before hold on. Raises RuleForbids as
    ``seat_founding_committee`` does, but for members who have sold since: they are passed over
    and the alternates move up.
    """
    previous = await committee_now(world)
    terms = CommitteeTerms() if previous is None else previous.terms
    owners = [one for one in (*members, *alternates) if await is_on_register(world, one)]
    rule.require_persons(members, alternates)
    elected = rule.new_committee(
        previous,
        members=owners[: len(members)],
        alternates=owners[len(members) :],
        seat_count=seat_count,
        terms=terms,
        from_at=call.now_ms,
        until_at=until_at,
        tx_id=call.tx_id,
        motion_id=motion_id,
    )
    seated, ended = rule.seat_committee(previous, elected, call.now_ms)
    if ended is not None:
        world.save(keys.past_committee(world.community, ended.term), ended)
    _save_seated(world, seated)
    return seated


async def require_committee_decision(
    world: World, decision_id: str, *, subject: str, subject_id: str, content_sha256: str
) -> CommitteeDecision:
    """A carried decision on exactly this thing.

    Raises NotFound ``committee-decision/unknown``, Conflict ``committee-decision/other-content``
    or RuleForbids ``committee-decision/not-carried``.
    """
    decision = await _decision(world, decision_id)
    about = (decision.subject, decision.subject_id, decision.content_sha256)
    if about != (subject, subject_id, content_sha256):
        raise Conflict("committee-decision/other-content")
    if decision.carried_at is None:
        raise RuleForbids("committee-decision/not-carried", required=decision.required)
    return decision


# --- Helpers ---


async def _decision(world: World, decision_id: str) -> CommitteeDecision:
    key = keys.committee_decision(world.community, decision_id)
    return await world.load(key, CommitteeDecision, "committee-decision/unknown")


async def _require_owners(world: World, persons: Sequence[str]) -> None:
    for person in persons:
        if not await is_on_register(world, person):
            raise RuleForbids("committee/not-an-owner")


async def _successor(world: World, committee: Committee | None) -> str | None:
    for alternate in () if committee is None else committee.alternates:
        if await is_on_register(world, alternate):
            return alternate
    return None


def _save_seated(world: World, seated: Committee) -> None:
    world.save(keys.committee(world.community), seated)
    world.emit(
        CommitteeSeated(
            community=world.community,
            term=seated.term,
            motion_id=seated.motion_id,
            evidence_sha256=seated.evidence_sha256,
        )
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "seat_founding_committee": Handler(request=SeatFoundingCommittee, run=seat_founding_committee),
    "end_seat": Handler(request=EndSeat, run=end_seat),
    "open_committee_decision": Handler(
        request=OpenCommitteeDecision, run=open_committee_decision, reads=decision_reads
    ),
    "answer_committee_decision": Handler(
        request=AnswerCommitteeDecision, run=answer_committee_decision, reads=decision_reads
    ),
    "committee": Handler(request=Request, run=committee),
    "past_committee": Handler(request=PastCommitteeRequest, run=past_committee),
    "committee_decision": Handler(request=CommitteeDecisionRequest, run=committee_decision),
}
