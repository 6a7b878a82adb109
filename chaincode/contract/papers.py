"""Paper ballots as two clerks enter them, the hand count, and evidence of service."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.ballot_messages import (
    AcknowledgeNotice,
    BallotRequest,
    EnterPaper,
    HandCounted,
    NoticeServed,
    PaperEntered,
    RecordHandCount,
    RecordService,
)
from chaincode.contract.committees import committee_now
from chaincode.contract.drafts import load_motion
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.errors import NotAllowed, NotFound
from chaincode.model.ballot import (
    Ballot,
    HandCount,
    PaperEntry,
    PaperSheet,
    Service,
    ServiceKind,
)
from chaincode.model.base import Role
from chaincode.model.motion import Motion, Phase
from chaincode.model.roll import RollEntry, Unit
from chaincode.rules import paper as rule
from chaincode.rules.ballot import options_of, require_not_barred
from chaincode.rules.committee import require_seated
from chaincode.rules.count import require_choices
from chaincode.rules.motion import closes_at, pinned, published, require_phase
from chaincode.rules.motion_draft import in_scope
from chaincode.rules.roll import is_owner
from chaincode.rules.sealing import is_sealed
from chaincode.world import World

# --- Paper ---


async def enter_paper(world: World, call: Call, actor: Actor, body: EnterPaper) -> None:
    """Enter a paper ballot as one of two clerks; it stands when two different ones read the same.

    A clerk who misread enters it again. Clerks are the regulator's and the committee's; the
    company, which may be the subject of the vote, has none. Refused if the reading contradicts
    itself (400 ``paper/spoiled-with-choices``, ``paper/choices-missing``,
    ``paper/signers-unsorted``) or is no ballot of the motion (400 ``ballot/option-unknown``,
    ``ballot/option-repeated``, ``ballot/choices-too-many``, ``ballot/choices-contradict``); the
    person is no such clerk (403 ``caller/not-seated``) or who signed was no owner (403
    ``paper/signer-not-owner``); there is no such motion (404 ``motion/unknown``) or unit (404
    ``unit/unknown``), or it is not put to the unit (404 ``ballot/unit-not-in-roll``); the motion
    takes no paper yet or any more (409 ``motion/wrong-phase``); the sheet stands as entered (409
    ``paper/agreed-already``) or has too many readings (409 ``paper/too-many-readings``); the
    seller has voted (409 ``ballot/seller-voted``); the rule takes no paper (422
    ``paper/not-allowed``), the sheet came out of time (422 ``paper/not-in-window``), a co-owner
    has not signed (422 ``paper/signature-missing``), or the unit may not vote (422
    ``ballot/unit-barred``).
    """
    await _require_clerk(world, call, actor)
    motion = await load_motion(world, body.motion_id)
    unit = await world.find(keys.unit(world.community, body.unit_id), Unit)
    entry = await _entry(world, motion, body.unit_id)
    if motion.publication is not None and not body.content.spoiled:
        found = motion.publication.rule
        require_choices(found, options_of(motion), body.content.choices)
    rule.require_signer(body.content, unit, entry)
    _require_paper_phase(motion, call.now_ms)
    sheet = await _enter(world, call, actor, motion, body)
    _require_allowed(motion, body, unit, entry)
    world.save(keys.paper_sheet(world.community, motion.motion_id, body.unit_id), sheet)
    world.emit(
        PaperEntered(
            community=world.community,
            motion_id=motion.motion_id,
            unit_id=body.unit_id,
            agreed=rule.resolved(published(motion).rule, sheet) is not None,
        )
    )


async def _enter(
    world: World, call: Call, actor: Actor, motion: Motion, body: EnterPaper
) -> PaperSheet:
    community, motion_id, unit_id = world.community, motion.motion_id, body.unit_id
    key = keys.paper_sheet(community, motion_id, unit_id)
    reading = PaperEntry(
        clerk_id=actor.credential.holder_id,
        content=body.content,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    earlier = await world.find(key, PaperSheet)
    sheet = rule.enter(published(motion).rule, earlier, reading, motion_id, unit_id)
    ballot = await world.find(keys.ballot(community, motion_id, unit_id), Ballot)
    rule.require_no_sellers_ballot(body.content, ballot)
    return sheet


def _require_allowed(
    motion: Motion, body: EnterPaper, unit: Unit | None, entry: RollEntry | None
) -> None:
    assert unit is not None, body.unit_id
    found = published(motion)
    rule.require_received(found.rule, body.content, found.opens_at, closes_at(motion))
    rule.require_signatures(found.rule, body.content, unit)
    require_not_barred(motion, entry)


def _require_paper_phase(motion: Motion, now_ms: int) -> None:
    """Paper is entered until the count; where ballots are sealed, not before the end."""
    phases = [Phase.ENDED, Phase.CLOSED]
    if motion.publication is not None and not is_sealed(motion.publication):
        phases.insert(0, Phase.OPEN)
    require_phase(motion, now_ms, *phases)


async def record_hand_count(world: World, call: Call, actor: Actor, body: RecordHandCount) -> None:
    """State what one has counted by hand, were it nothing; it replaces one's earlier statement.

    Refused if an option is named twice (400 ``paper/option-repeated``) or is none of the motion
    (400 ``ballot/option-unknown``); the person is no clerk (403 ``caller/not-seated``); there is
    no such motion (404 ``motion/unknown``); or it is not closed, or counted (409
    ``motion/wrong-phase``).
    """
    await _require_clerk(world, call, actor)
    motion = await load_motion(world, body.motion_id)
    if motion.publication is not None:
        rule.require_options(options_of(motion), [item.option for item in body.options])
    require_phase(motion, call.now_ms, Phase.CLOSED)
    hand = HandCount(
        motion_id=motion.motion_id,
        sheets_count=body.sheets_count,
        spoiled_count=body.spoiled_count,
        options=body.options,
        evidence_sha256=body.evidence_sha256,
        clerk_id=actor.credential.holder_id,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    world.save(keys.hand_count(world.community, motion.motion_id, hand.clerk_id), hand)
    world.emit(HandCounted(community=world.community, motion_id=motion.motion_id))


async def paper_sheet(world: World, _call: Call, request: BallotRequest) -> PaperSheet:
    """All readings of one unit's paper ballot; 404 ``paper/unknown``."""
    key = keys.paper_sheet(world.community, request.motion_id, request.unit_id)
    return await world.load(key, PaperSheet, "paper/unknown")


# --- Service ---


async def record_service(world: World, call: Call, actor: Actor, body: RecordService) -> None:
    """State, with evidence, that the notice reached the owners of units (送达).

    What is on record for a unit stays. Refused if the person is no clerk of the regulator, the
    company or the committee (403 ``caller/not-seated``); there is no such motion (404
    ``motion/unknown``) or it is not put to a unit (404 ``ballot/unit-not-in-roll``); or it is not
    published, or counted (409 ``motion/wrong-phase``).
    """
    if actor.credential.role is not Role.COMPANY_CLERK:
        await _require_clerk(world, call, actor)
    await _serve(world, call, actor, body, body.kind)


async def acknowledge_notice(
    world: World, call: Call, actor: Actor, body: AcknowledgeNotice
) -> None:
    """An owner has seen the notice on their own device; that counts as served.

    Refused as ``record_service``, and if a unit is not on the register (404 ``unit/unknown``) or
    not the owner's (403 ``ballot/not-your-unit``).
    """
    for unit_id in body.unit_ids:
        unit = await world.find(keys.unit(world.community, unit_id), Unit)
        if unit is None:
            raise NotFound("unit/unknown")
        if not is_owner(unit, actor.credential.holder_id):
            raise NotAllowed("ballot/not-your-unit", unit=unit_id)
    await _serve(world, call, actor, body, ServiceKind.OWN_DEVICE)


async def _serve(
    world: World,
    call: Call,
    actor: Actor,
    body: RecordService | AcknowledgeNotice,
    kind: ServiceKind,
) -> None:
    motion = await load_motion(world, body.motion_id)
    for unit_id in body.unit_ids:
        if await _entry(world, motion, unit_id) is None and motion.roll is not None:
            raise NotFound("ballot/unit-not-in-roll")
    phases = (Phase.NOTICE, Phase.OPEN, Phase.ENDED, Phase.CLOSED)
    require_phase(motion, call.now_ms, *phases)
    for unit_id in body.unit_ids:
        key = keys.service(world.community, motion.motion_id, unit_id)
        if await world.find(key, Service) is None:
            world.save(key, _service(call, actor, body, kind, unit_id))
    world.emit(
        NoticeServed(community=world.community, motion_id=motion.motion_id, unit_ids=body.unit_ids)
    )


def _service(
    call: Call,
    actor: Actor,
    body: RecordService | AcknowledgeNotice,
    kind: ServiceKind,
    unit_id: str,
) -> Service:
    return Service(
        motion_id=body.motion_id,
        unit_id=unit_id,
        kind=kind,
        evidence_sha256=body.evidence_sha256,
        by=actor.credential.holder_id,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )


# --- Helpers ---


async def _require_clerk(world: World, call: Call, actor: Actor) -> None:
    """A clerk of the regulator, or a member who is seated now (403 ``caller/not-seated``)."""
    if actor.credential.role is not Role.REGULATOR_CLERK:
        require_seated(await committee_now(world), actor.credential.holder_id, call.now_ms)


async def _entry(world: World, motion: Motion, unit_id: str) -> RollEntry | None:
    """The unit in the motion's pinned roll, if the motion is put to it."""
    if motion.roll is None:
        return None
    key = keys.roll_entry(world.community, pinned(motion).roll_id, unit_id)
    entry = await world.find(key, RollEntry)
    return entry if entry is not None and in_scope(motion.content.scope, entry) else None


HANDLERS: Final[Mapping[str, Handler]] = {
    "enter_paper": Handler(request=EnterPaper, run=enter_paper),
    "record_hand_count": Handler(request=RecordHandCount, run=record_hand_count),
    "paper_sheet": Handler(request=BallotRequest, run=paper_sheet),
    "record_service": Handler(request=RecordService, run=record_service),
    "acknowledge_notice": Handler(request=AcknowledgeNotice, run=acknowledge_notice),
}
