"""Counting a closed motion, hearing objections, and making the result final."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import codec, keys
from chaincode.contract.drafts import load_motion, save_motion
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.contract.motion_messages import MotionRequest
from chaincode.contract.result_messages import (
    AnswerObjection,
    ObjectionAnswered,
    ObjectionList,
    ObjectionMade,
    ObjectToResult,
    ResultFinal,
    ResultPreliminary,
)
from chaincode.contract.tallies import Cast, gather, read, served_units
from chaincode.contract.trustees import releases
from chaincode.model.ballot import HandCount
from chaincode.model.motion import Motion, Phase
from chaincode.model.result import Certificate, Objection, Result
from chaincode.model.roll import RollEntry, Unit
from chaincode.rules import motion as rule
from chaincode.rules.certificate import ballots_sha256, certificate
from chaincode.rules.paper import hand_check, require_hand_count, unresolved
from chaincode.rules.result import (
    answer_objection,
    figures,
    object_to,
    require_final,
    unopened,
)
from chaincode.rules.sealing import is_sealed, require_openable
from chaincode.world import World

# --- Count ---


async def count_motion(world: World, call: Call, request: MotionRequest) -> Result:
    """Count the ballots of a closed motion and apply its rule: the preliminary result.

    Paper is waited for until the rule's time for the result is over (seven days if it sets none);
    then what stands is counted, and the result says what is wrong with the paper. Anyone's gateway
    calls it after the close, and again without harm. Refused if there is no such motion (404
    ``motion/unknown``); it is not closed (409 ``motion/wrong-phase``) or never had its roll (409
    ``motion/roll-not-pinned``); sealed ballots cannot be opened yet (409
    ``motion/not-opened-yet``); or paper is unresolved (409 ``paper/unresolved``), not counted by
    hand (409 ``paper/hand-count-missing``) or counted otherwise (409 ``paper/hand-count-differs``).
    """
    motion = await load_motion(world, request.motion_id)
    key = keys.result(world.community, motion.motion_id)
    if motion.counted is not None:
        return await world.load(key, Result, "result/unknown")
    rule.require_phase(motion, call.now_ms, Phase.CLOSED)
    await _require_openable(world, call, motion)
    gathered = await gather(world, motion)
    hands = await _hand_counts(world, motion)
    if not rule.is_overdue(motion, call.now_ms):
        require_hand_count(rule.published(motion).rule, gathered.sheets, hands)
    result = await _result(world, call, motion, gathered, hands)
    counted = rule.counted(motion, result.decision.outcome, now_ms=call.now_ms, tx_id=call.tx_id)
    world.save(key, result)
    save_motion(world, counted)
    assert counted.counted is not None, motion.motion_id
    world.emit(
        ResultPreliminary(
            community=world.community,
            motion_id=motion.motion_id,
            outcome=result.decision.outcome,
            objections_until_at=counted.counted.objections_until_at,
        )
    )
    return result


async def _require_openable(world: World, call: Call, motion: Motion) -> None:
    if is_sealed(rule.published(motion)):
        given = [release for release in await releases(world, motion) if release is not None]
        require_openable(motion, len(given), call.now_ms)


async def _hand_counts(world: World, motion: Motion) -> list[HandCount]:
    """What each clerk counted; asked only where the rule takes paper."""
    if not rule.published(motion).rule.channels.paper:
        return []
    prefix = keys.hand_counts(world.community, motion.motion_id)
    return [hand for _, hand in await world.scan(prefix, HandCount)]


async def _result(
    world: World, call: Call, motion: Motion, gathered: Cast, hands: Sequence[HandCount]
) -> Result:
    served = await served_units(world, motion)
    told = await read(world, motion, gathered.stands)
    counted = figures(motion, gathered.roll, told.ballots, served)
    pinned, found = rule.pinned(motion), rule.published(motion).rule
    return Result(
        motion_id=motion.motion_id,
        roll_id=pinned.roll_id,
        totals=pinned.totals,
        tally=counted.tally,
        decision=counted.decision,
        ballots_sha256=ballots_sha256(told.ballots),
        served_count=len(served),
        unopened=unopened(motion, gathered.stands, told.opened),
        hand_check=hand_check(found, gathered.sheets, hands),
        unresolved_paper=unresolved(found, gathered.sheets),
        at=call.now_ms,
        tx_id=call.tx_id,
    )


# --- Objections ---


async def object_to_result(world: World, call: Call, actor: Actor, body: ObjectToResult) -> None:
    """An owner objects to the preliminary result, with evidence (SPC interpretation Art. 12).

    Refused if there is no such motion (404 ``motion/unknown``) or it was not put to the unit (404
    ``ballot/unit-not-in-roll``); the person does not own the unit (403 ``ballot/not-your-unit``);
    there is no preliminary result (409 ``motion/wrong-phase``), the window is over (409
    ``objection/window-over``) or the owner objected already (409 ``objection/made-already``).
    """
    motion = await load_motion(world, body.motion_id)
    holder_id = actor.credential.holder_id
    key = keys.objection(world.community, motion.motion_id, holder_id)
    objection = Objection(
        motion_id=motion.motion_id,
        holder_id=holder_id,
        evidence_sha256=body.evidence_sha256,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    made = object_to(
        motion,
        await _entry(world, motion, body.unit_id),
        await world.find(keys.unit(world.community, body.unit_id), Unit),
        await world.find(key, Objection),
        objection,
    )
    world.save(key, made)
    world.emit(ObjectionMade(community=world.community, motion_id=motion.motion_id))


async def answer_objection_to_result(
    world: World, call: Call, request: AnswerObjection
) -> Objection:
    """Answer an objection; one that is upheld leaves only to void the motion.

    The same answer again gets the same record. Refused if there is no such motion (404
    ``motion/unknown``) or objection (404 ``objection/unknown``); there is no preliminary result
    (409 ``motion/wrong-phase``); or it was answered otherwise (409
    ``objection/answered-already``).
    """
    motion = await load_motion(world, request.motion_id)
    key = keys.objection(world.community, motion.motion_id, request.holder_id)
    objection = await world.load(key, Objection, "objection/unknown")
    if (objection.answer, objection.answer_sha256) == (request.answer, request.evidence_sha256):
        return objection
    answered = answer_objection(
        motion, objection, request.answer, request.evidence_sha256, call.now_ms
    )
    world.save(key, answered)
    world.emit(
        ObjectionAnswered(
            community=world.community, motion_id=motion.motion_id, answer=request.answer
        )
    )
    return answered


async def _entry(world: World, motion: Motion, unit_id: str) -> RollEntry | None:
    if motion.roll is None:
        return None
    key = keys.roll_entry(world.community, motion.roll.roll_id, unit_id)
    return await world.find(key, RollEntry)


# --- Final ---


async def finalise_motion(world: World, call: Call, request: MotionRequest) -> Certificate:
    """Make the result final after the objection window, and write its certificate.

    Anyone's gateway calls it when due, and again without harm. Refused if there is no such motion
    (404 ``motion/unknown``); it has no preliminary result (409 ``motion/wrong-phase``); the window
    runs (409 ``motion/objections-open``); or an objection is unanswered (409
    ``objection/unanswered``) or upheld (409 ``objection/upheld``). An objection lapses when nobody
    has answered it within the rule's time for the result after the window (seven days if the rule
    sets none); the certificate says how many did.
    """
    motion = await load_motion(world, request.motion_id)
    key = keys.certificate(world.community, motion.motion_id)
    if motion.finalised is not None:
        return await world.load(key, Certificate, "certificate/unknown")
    found = await world.scan(keys.objections(world.community, motion.motion_id), Objection)
    objections = [objection for _, objection in found]
    require_final(motion, objections, call.now_ms)
    result = await world.load(
        keys.result(world.community, motion.motion_id), Result, "result/unknown"
    )
    final = rule.finalised(motion, now_ms=call.now_ms, tx_id=call.tx_id)
    document = certificate(final, result, _sha256(result), objections)
    world.save(key, document)
    save_motion(world, final)
    world.emit(
        ResultFinal(
            community=world.community,
            motion_id=motion.motion_id,
            outcome=result.decision.outcome,
        )
    )
    return document


def _sha256(result: Result) -> str:
    return hashlib.sha256(codec.encode(result)).hexdigest()


# --- Queries ---


async def result(world: World, _call: Call, request: MotionRequest) -> Result:
    """The figures of a counted motion; 404 ``result/unknown``."""
    key = keys.result(world.community, request.motion_id)
    return await world.load(key, Result, "result/unknown")


async def motion_certificate(world: World, _call: Call, request: MotionRequest) -> Certificate:
    """The document of a final result; 404 ``certificate/unknown``."""
    key = keys.certificate(world.community, request.motion_id)
    return await world.load(key, Certificate, "certificate/unknown")


async def objections(world: World, _call: Call, request: MotionRequest) -> ObjectionList:
    """The objections to a motion's result; none if there are none."""
    found = await world.scan(keys.objections(world.community, request.motion_id), Objection)
    return ObjectionList(objections=tuple(objection for _, objection in found))


HANDLERS: Final[Mapping[str, Handler]] = {
    "count_motion": Handler(request=MotionRequest, run=count_motion),
    "object_to_result": Handler(request=ObjectToResult, run=object_to_result),
    "answer_objection": Handler(request=AnswerObjection, run=answer_objection_to_result),
    "finalise_motion": Handler(request=MotionRequest, run=finalise_motion),
    "result": Handler(request=MotionRequest, run=result),
    "certificate": Handler(request=MotionRequest, run=motion_certificate),
    "objections": Handler(request=MotionRequest, run=objections),
}
