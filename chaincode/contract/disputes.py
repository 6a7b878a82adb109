"""Disputes: brought, argued with evidence, and ended by an award that the ledger carries out."""

from collections.abc import Callable, Mapping
from typing import Final

from chaincode import keys
from chaincode.contract import awards
from chaincode.contract.dispute_messages import (
    AddEvidence,
    AddOfficialEvidence,
    ArbitrationJoined,
    AwardRecorded,
    DisputeList,
    DisputeOpened,
    DisputeRequest,
    DisputeView,
    DisputeWithdrawn,
    EvidenceAdded,
    ListDisputes,
    OpenDispute,
    OpenOfficialDispute,
    RecordAward,
    WithdrawDispute,
)
from chaincode.contract.handlers import Actor, Call, Handler, Request
from chaincode.errors import Conflict, NotFound
from chaincode.model.base import Record
from chaincode.model.budget import Budget
from chaincode.model.dispute import (
    ArbitrationBody,
    Award,
    Claim,
    Dispute,
    DisputePhase,
    Evidence,
    EvidenceKind,
    Matter,
    Party,
)
from chaincode.model.fund import Fund
from chaincode.model.motion import Motion
from chaincode.model.payment import Payment
from chaincode.rules import dispute as rule
from chaincode.world import World

_SUBJECTS: Final[Mapping[Matter, tuple[Callable[[str, str], str], type[Record]]]] = {
    Matter.FUND: (keys.fund, Fund),
    Matter.BUDGET: (keys.budget, Budget),
    Matter.PAYMENT: (keys.payment, Payment),
    Matter.MOTION: (keys.motion, Motion),
}

# --- Bringing ---


async def open_dispute(world: World, call: Call, actor: Actor, body: OpenDispute) -> None:
    """Bring a dispute on a fund, budget, payment or motion as a person.

    Refused if a respondent is neither an organisation nor a person, or named twice (400
    ``dispute/bad-parties``), or oneself (400 ``dispute/against-oneself``); there is no such
    subject (404 ``dispute/no-subject``); or the id is taken (409 ``dispute/exists``).
    """
    claimant = Party(holder_id=actor.credential.holder_id)
    await _require_bringable(world, body.claim, claimant)
    if await _find(world, body.dispute_id) is not None:
        raise Conflict("dispute/exists")
    _bring(world, call, body.dispute_id, body.claim, claimant)


async def open_official_dispute(world: World, call: Call, request: OpenOfficialDispute) -> Dispute:
    """Bring a dispute as an organisation; the same request again gets the same record.

    Refused as ``open_dispute`` (400 ``dispute/bad-parties``, ``dispute/against-oneself``, 404
    ``dispute/no-subject``, 409 ``dispute/exists``).
    """
    claimant = Party(org=call.org)
    await _require_bringable(world, request.claim, claimant)
    existing = await _find(world, request.dispute_id)
    if existing is not None:
        if (existing.claim, existing.claimant) != (request.claim, claimant):
            raise Conflict("dispute/exists")
        return existing
    return _bring(world, call, request.dispute_id, request.claim, claimant)


async def _require_bringable(world: World, claim: Claim, claimant: Party) -> None:
    rule.require_not_oneself(claim, claimant)
    key_of, kind = _SUBJECTS[claim.matter]
    if await world.find(key_of(world.community, claim.subject_id), kind) is None:
        raise NotFound("dispute/no-subject")


def _bring(world: World, call: Call, dispute_id: str, claim: Claim, claimant: Party) -> Dispute:
    dispute = Dispute(
        dispute_id=dispute_id,
        claim=claim,
        claimant=claimant,
        opened_at=call.now_ms,
        opened_tx=call.tx_id,
    )
    _save(world, dispute)
    world.emit(
        DisputeOpened(
            community=world.community,
            dispute_id=dispute_id,
            matter=claim.matter,
            subject_id=claim.subject_id,
        )
    )
    return dispute


# --- Evidence ---


async def add_evidence(world: World, call: Call, actor: Actor, body: AddEvidence) -> None:
    """Give evidence as a party, by its salted hash; the same again changes nothing.

    Refused if the person is no party (403 ``dispute/not-a-party``); there is no such dispute (404
    ``dispute/unknown``); it has ended (409 ``dispute/not-open``); or the evidence was given by
    another, or as another kind (409 ``evidence/given-already``).
    """
    party = Party(holder_id=actor.credential.holder_id)
    await _add(world, call, body.dispute_id, body.sha256, body.kind, party)


async def add_official_evidence(world: World, call: Call, request: AddOfficialEvidence) -> Evidence:
    """Give evidence as an organisation that is a party; refused as ``add_evidence``.

    403 ``dispute/not-a-party``, 404 ``dispute/unknown``, 409 ``dispute/not-open``,
    ``evidence/given-already``.
    """
    party = Party(org=call.org)
    return await _add(world, call, request.dispute_id, request.sha256, request.kind, party)


async def _add(
    world: World, call: Call, dispute_id: str, sha256: str, kind: EvidenceKind, by: Party
) -> Evidence:
    dispute = await _load(world, dispute_id)
    rule.require_party(dispute, by)
    key = keys.evidence(world.community, dispute_id, sha256)
    earlier = await world.find(key, Evidence)
    if earlier is not None:
        if (earlier.kind, earlier.by) != (kind, by):
            raise Conflict("evidence/given-already")
        return earlier
    rule.require_open(dispute)
    evidence = Evidence(
        dispute_id=dispute_id, sha256=sha256, kind=kind, by=by, at=call.now_ms, tx_id=call.tx_id
    )
    world.save(key, evidence)
    world.emit(
        EvidenceAdded(community=world.community, dispute_id=dispute_id, sha256=sha256, kind=kind)
    )
    return evidence


# --- The end ---


async def withdraw_dispute(world: World, call: Call, actor: Actor, body: WithdrawDispute) -> None:
    """Take one's own dispute back; its evidence stays.

    Refused if another brought it (403 ``dispute/not-yours``), there is no such dispute (404
    ``dispute/unknown``), or it has ended (409 ``dispute/not-open``).
    """
    dispute = await _load(world, body.dispute_id)
    party = Party(holder_id=actor.credential.holder_id)
    _withdraw(world, rule.withdraw(dispute, party, call.now_ms))


async def withdraw_official_dispute(world: World, call: Call, request: DisputeRequest) -> Dispute:
    """Take back a dispute that the organisation brought; again without harm.

    Refused as ``withdraw_dispute`` (403 ``dispute/not-yours``, 404 ``dispute/unknown``, 409
    ``dispute/not-open``).
    """
    dispute = await _load(world, request.dispute_id)
    party = Party(org=call.org)
    if dispute.claimant == party and rule.phase(dispute) is DisputePhase.WITHDRAWN:
        return dispute
    withdrawn = rule.withdraw(dispute, party, call.now_ms)
    _withdraw(world, withdrawn)
    return withdrawn


def _withdraw(world: World, withdrawn: Dispute) -> None:
    _save(world, withdrawn)
    world.emit(DisputeWithdrawn(community=world.community, dispute_id=withdrawn.dispute_id))


async def join_arbitration(world: World, call: Call, _request: Request) -> ArbitrationBody:
    """Say that an arbitration body is on the channel; from then on the regulator decides no more.

    Doing it again changes nothing; it is never refused to the arbitration body.
    """
    existing = await _arbitration(world)
    if existing is not None:
        return existing
    body = ArbitrationBody(since_at=call.now_ms, since_tx=call.tx_id)
    world.save(keys.arbitration(world.community), body)
    world.emit(ArbitrationJoined(community=world.community))
    return body


async def record_award(world: World, call: Call, request: RecordAward) -> Dispute:
    """Record the award and do what it orders, all of it or nothing.

    It lifts freezes, ends payments that were not ordered, cancels budgets, directs payments in
    the place of the committee's approval, and voids motions, final ones as well. The same request
    again gets the same record. Refused if

    * 400: a use of a fund contradicts itself (``budget/payee-contradicts``,
      ``budget/unit-twice``);
    * 403: an arbitration body is on the channel and another decides
      (``award/arbitration-decides``), or the one who decides is a party (``award/own-case``);
    * 404: there is no such dispute (``dispute/unknown``), or what is ordered names what is not
      there (``freeze/unknown``, ``payment/unknown``, ``budget/unknown``, ``fund/unknown``,
      ``payee/unknown``, ``motion/unknown``);
    * 409: the dispute has ended (``dispute/not-open``), a freeze is not in force
      (``freeze/not-in-force``), a payment is at the bank or over (``payment/wrong-phase``), a
      motion is void (``motion/wrong-phase``), or a payment cannot be held, as in
      ``request_payment``;
    * 422: an opened budget is not covered (``budget/fund-too-small``, ``budget/over``), or a
      payment is not, as in ``request_payment``.
    """
    dispute = await _load(world, request.dispute_id)
    if _is_decided_so(dispute, call, request):
        return dispute
    rule.require_arbiter(dispute, call.org, await _arbitration(world))
    award = Award(
        org=call.org,
        award_sha256=request.award_sha256,
        orders=request.orders,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    decided = rule.decide(dispute, award)
    for order in award.orders:
        await awards.carry_out(world, call, decided, order)
    _save(world, decided)
    world.emit(
        AwardRecorded(
            community=world.community,
            dispute_id=decided.dispute_id,
            org=award.org,
            orders_count=len(award.orders),
        )
    )
    return decided


def _is_decided_so(dispute: Dispute, call: Call, request: RecordAward) -> bool:
    award = dispute.award
    if award is None:
        return False
    decided = (award.org, award.award_sha256, award.orders)
    return decided == (call.org, request.award_sha256, request.orders)


# --- Queries ---


async def dispute(world: World, _call: Call, request: DisputeRequest) -> DisputeView:
    """A dispute with its evidence in the order of its time; 404 ``dispute/unknown``."""
    found = await _load(world, request.dispute_id)
    given = await world.scan(keys.evidences(world.community, request.dispute_id), Evidence)
    timeline = sorted((one for _, one in given), key=lambda one: (one.at, one.sha256))
    return DisputeView(dispute=found, phase=rule.phase(found), timeline=tuple(timeline))


async def disputes(world: World, _call: Call, request: ListDisputes) -> DisputeList:
    """The community's disputes, open ones only or all."""
    found = [one for _, one in await world.scan(keys.disputes(world.community), Dispute)]
    wanted = [
        one
        for one in found
        if one.dispute_id > request.after
        and (rule.phase(one) is DisputePhase.OPEN or not request.is_open)
    ]
    return DisputeList(disputes=tuple(wanted[: request.limit]))


async def arbitration_body(world: World, _call: Call, _request: Request) -> ArbitrationBody:
    """Since when an arbitration body is on the channel; 404 ``arbitration/none``."""
    key = keys.arbitration(world.community)
    return await world.load(key, ArbitrationBody, "arbitration/none")


# --- Helpers ---


async def _find(world: World, dispute_id: str) -> Dispute | None:
    return await world.find(keys.dispute(world.community, dispute_id), Dispute)


async def _load(world: World, dispute_id: str) -> Dispute:
    return await world.load(keys.dispute(world.community, dispute_id), Dispute, "dispute/unknown")


async def _arbitration(world: World) -> ArbitrationBody | None:
    return await world.find(keys.arbitration(world.community), ArbitrationBody)


def _save(world: World, dispute: Dispute) -> None:
    world.save(keys.dispute(world.community, dispute.dispute_id), dispute)


HANDLERS: Final[Mapping[str, Handler]] = {
    "open_dispute": Handler(request=OpenDispute, run=open_dispute),
    "open_official_dispute": Handler(request=OpenOfficialDispute, run=open_official_dispute),
    "add_evidence": Handler(request=AddEvidence, run=add_evidence),
    "add_official_evidence": Handler(request=AddOfficialEvidence, run=add_official_evidence),
    "withdraw_dispute": Handler(request=WithdrawDispute, run=withdraw_dispute),
    "withdraw_official_dispute": Handler(request=DisputeRequest, run=withdraw_official_dispute),
    "join_arbitration": Handler(request=Request, run=join_arbitration),
    "record_award": Handler(request=RecordAward, run=record_award),
    "dispute": Handler(request=DisputeRequest, run=dispute),
    "disputes": Handler(request=ListDisputes, run=disputes),
    "arbitration_body": Handler(request=Request, run=arbitration_body),
}
