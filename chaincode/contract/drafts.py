"""Drafting a motion, petitions for one, and its review."""

import hashlib
from collections.abc import Mapping
from typing import Final

from chaincode import codec, keys
from chaincode.contract import units
from chaincode.contract.committees import committee_now, require_committee_decision
from chaincode.contract.communities import require_community
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.contract.motion_messages import (
    CallAgain,
    DraftMotion,
    DraftOfficialMotion,
    MotionDrafted,
    MotionRequest,
    MotionReviewed,
    PetitionSigned,
    PetitionView,
    ReviewMotion,
    SignPetition,
)
from chaincode.contract.rulebook import rule_for, word_list
from chaincode.errors import Conflict, NotAllowed, RuleForbids
from chaincode.model.base import Module, Role
from chaincode.model.motion import (
    Content,
    Drafted,
    Motion,
    PetitionSignature,
    Phase,
    Review,
)
from chaincode.model.procedure import Initiator
from chaincode.model.roll import RollEntry
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import Weights
from chaincode.rules import motion as rule
from chaincode.rules import motion_draft, motion_petition
from chaincode.rules.committee import require_seated
from chaincode.rules.result import units_of
from chaincode.rules.roll import freeze
from chaincode.rules.weights import totals
from chaincode.rules.wordfilter import require_clean
from chaincode.world import World

COMMITTEE_SUBJECT: Final = "motion"
"""The subject of a committee decision that a motion be put."""

# --- Drafting ---


async def draft_motion(world: World, call: Call, actor: Actor, body: DraftMotion) -> None:
    """Draft a motion; its content never changes afterwards. A petition counts its drafter.

    Refused if the content contradicts itself (400 ``motion/scope-contradicts``,
    ``motion/option-reserved``, ``motion/option-repeated``, ``motion/attachment-repeated``,
    ``motion/payee-contradicts``, ``motion/term-contradicts``) or the regulator is named (400
    ``motion/initiator-not-by-act``); the person is not seated (403 ``caller/not-seated``), no
    owner (403 ``caller/not-owner``) or no clerk of the company (403 ``caller/not-the-company``);
    the matter class has no rule (404 ``rule/unknown``); the id is taken (409 ``motion/exists``);
    the rule does not allow it (422 ``motion/initiator-not-allowed``, ``motion/held-elsewhere``,
    ``motion/scope-not-of-rule``, ``motion/options-not-for-kind``, ``motion/too-few-options``,
    ``motion/label-names-candidate``, ``motion/label-missing``, ``motion/effect-not-for-kind``,
    ``rule/...``), or the community has no funds to decide on (422
    ``motion/effect-module-not-used``); or a text holds a listed word (422
    ``motion/forbidden-word``).
    """
    holder_id = actor.credential.holder_id
    await _require_initiator(world, call, actor, body.initiator)
    drafted = Drafted(
        initiator=body.initiator,
        at=call.now_ms,
        tx_id=call.tx_id,
        by=holder_id,
        act_sha256=actor.act_sha256,
    )
    await _draft(world, body.motion_id, body.content, drafted)
    if body.initiator is Initiator.PETITION:
        _sign(world, call, actor, body.motion_id)


async def draft_official_motion(world: World, call: Call, request: DraftOfficialMotion) -> Motion:
    """Draft a motion as the regulator; the same request again gets the same record.

    Refused as ``draft_motion``, but for the person (400, 404 ``rule/unknown``, 409
    ``motion/exists``, 422).
    """
    existing = await world.find(keys.motion(world.community, request.motion_id), Motion)
    if existing is not None and _is_same_official(existing, request.content):
        return existing
    drafted = Drafted(initiator=Initiator.REGULATOR, at=call.now_ms, tx_id=call.tx_id)
    return await _draft(world, request.motion_id, request.content, drafted)


async def call_again(world: World, call: Call, request: CallAgain) -> Motion:
    """Put an inquorate motion again on the terms of the rule's second call.

    Its reviews hold. The same request again gets the same record. Refused if there is no such
    motion (404 ``motion/unknown``); the new id is taken (409 ``motion/exists``); the first is not
    final (409 ``motion/wrong-phase``) or was repeated (409 ``motion/repeated-already``); it was
    not inquorate (422 ``motion/not-inquorate``) or the rule has no such call (422
    ``rule/call-not-allowed``).
    """
    first = await load_motion(world, request.repeats)
    key = keys.motion(world.community, request.motion_id)
    existing = await world.find(key, Motion)
    if existing is not None and existing.repeats == request.repeats:
        return existing
    if existing is not None:
        raise Conflict("motion/exists")
    first, repeat = rule.call_again(first, request.motion_id, now_ms=call.now_ms, tx_id=call.tx_id)
    save_motion(world, first)
    save_motion(world, repeat)
    world.emit(_drafted_event(world, repeat))
    return repeat


async def _require_initiator(world: World, call: Call, actor: Actor, initiator: Initiator) -> None:
    holder_id = actor.credential.holder_id
    if initiator is Initiator.COMMITTEE:
        require_seated(await committee_now(world), holder_id, call.now_ms)
    elif initiator is Initiator.PROPERTY:
        if actor.credential.role is not Role.COMPANY_CLERK:
            raise NotAllowed("caller/not-the-company")
    elif not await units.is_on_register(world, holder_id):
        raise NotAllowed("caller/not-owner")


async def _draft(world: World, motion_id: str, content: Content, drafted: Drafted) -> Motion:
    found = await rule_for(world, content.matter_class)
    key = keys.motion(world.community, motion_id)
    if await world.find(key, Motion) is not None:
        raise Conflict("motion/exists")
    motion_draft.require_fits(found.rule, content, drafted.initiator)
    await _require_module(world, content)
    require_clean(await word_list(world), motion_draft.texts(content))
    motion = Motion(motion_id=motion_id, content=content, drafted=drafted)
    save_motion(world, motion)
    world.emit(_drafted_event(world, motion))
    return motion


async def _require_module(world: World, content: Content) -> None:
    community = await require_community(world)
    if motion_draft.needs_funds(content) and Module.FUNDS not in community.modules:
        raise RuleForbids("motion/effect-module-not-used")


def _drafted_event(world: World, motion: Motion) -> MotionDrafted:
    return MotionDrafted(
        community=world.community,
        motion_id=motion.motion_id,
        initiator=motion.drafted.initiator,
    )


def _is_same_official(existing: Motion, content: Content) -> bool:
    official = existing.drafted.initiator is Initiator.REGULATOR and existing.repeats is None
    return official and existing.content == content


# --- Petition ---


async def sign_petition(world: World, call: Call, actor: Actor, body: SignPetition) -> None:
    """An owner asks for the motion; enough of them, and it must be put (物业管理条例 Art. 13).

    Refused if the person owns nothing here (403 ``caller/not-owner``); there is no such motion
    (404 ``motion/unknown``); it is published or void (409 ``motion/wrong-phase``); the owner
    signed (409 ``petition/signed-already``); or nobody petitions for it (422
    ``petition/not-a-petition``).
    """
    holder_id = actor.credential.holder_id
    if not await units.is_on_register(world, holder_id):
        raise NotAllowed("caller/not-owner")
    motion = await load_motion(world, body.motion_id)
    rule.require_phase(motion, call.now_ms, Phase.DRAFT)
    key = keys.petition_signature(world.community, body.motion_id, holder_id)
    if await world.find(key, PetitionSignature) is not None:
        raise Conflict("petition/signed-already")
    if motion.drafted.initiator is not Initiator.PETITION:
        raise RuleForbids("petition/not-a-petition")
    _sign(world, call, actor, body.motion_id)


def _sign(world: World, call: Call, actor: Actor, motion_id: str) -> None:
    signature = PetitionSignature(
        motion_id=motion_id,
        holder_id=actor.credential.holder_id,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    key = keys.petition_signature(world.community, motion_id, signature.holder_id)
    world.save(key, signature)
    world.emit(PetitionSigned(community=world.community, motion_id=motion_id))


async def petition(world: World, _call: Call, request: MotionRequest) -> PetitionView:
    """How far a petition is on the register as it stands now.

    404 ``motion/unknown``, ``rule/unknown``.
    """
    motion = await load_motion(world, request.motion_id)
    found = (await rule_for(world, motion.content.matter_class)).rule
    _, entries = freeze((await units.register(world)).values())
    supporting, whole, count = await petition_support(world, motion, found, entries)
    authority = found.authority
    return PetitionView(
        motion_id=motion.motion_id,
        signatures_count=count,
        supporting=supporting,
        totals=whole,
        num=authority.petition_num,
        den=authority.petition_den,
        by_area=authority.petition_by_area,
        is_supported=motion_petition.is_supported(found, supporting, whole),
    )


async def petition_support(
    world: World, motion: Motion, found: DecisionRule, entries: tuple[RollEntry, ...]
) -> tuple[Weights, Weights, int]:
    """What the signers weigh, what all of the scope weigh, and how many signed."""
    signed = await world.scan(keys.petition(world.community, motion.motion_id), PetitionSignature)
    signers = {signature.holder_id for _, signature in signed}
    owners = {entry.unit_id: entry.owner_ids for entry in entries}
    members = units_of(motion, entries)
    pairs = [(unit, owners[unit.unit_id]) for unit in members]
    return motion_petition.support(found, pairs, signers), totals(found, members), len(signers)


# --- Review ---


async def review_motion(world: World, call: Call, request: ReviewMotion) -> Motion:
    """Do one review step, in the order of the rule; the same request again gets the same record.

    Refused if the step is another organisation's (403 ``motion/review-not-yours``); there is no
    such motion (404 ``motion/unknown``), rule (404 ``rule/unknown``) or committee decision (404
    ``committee-decision/unknown``); the motion is no draft (409 ``motion/wrong-phase``); another
    step is due (409 ``motion/review-out-of-order``); or the decision is about something else (409
    ``committee-decision/other-content``) or not carried (422
    ``committee-decision/not-carried``).
    """
    motion = await load_motion(world, request.motion_id)
    found = await rule_for(world, motion.content.matter_class)
    entry = Review(
        step=request.step,
        org=call.org,
        opinion=request.opinion,
        evidence_sha256=request.evidence_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
        decision_id=request.decision_id,
    )
    if any(_is_same_review(earlier, entry) for earlier in motion.reviews):
        return motion
    reviewed = rule.review(motion, found.rule.authority.approvals_before_open, entry)
    if request.decision_id is not None:
        await require_committee_decision(
            world,
            request.decision_id,
            subject=COMMITTEE_SUBJECT,
            subject_id=motion.motion_id,
            content_sha256=content_sha256(motion.content),
        )
    save_motion(world, reviewed)
    world.emit(
        MotionReviewed(
            community=world.community,
            motion_id=motion.motion_id,
            step=entry.step,
            opinion=entry.opinion,
        )
    )
    return reviewed


def _is_same_review(earlier: Review, entry: Review) -> bool:
    def said(review: Review) -> tuple[object, ...]:
        return (review.step, review.org, review.opinion, review.evidence_sha256, review.decision_id)

    return said(earlier) == said(entry)


# --- For other modules ---


async def load_motion(world: World, motion_id: str) -> Motion:
    """The motion; 404 ``motion/unknown``."""
    return await world.load(keys.motion(world.community, motion_id), Motion, "motion/unknown")


def save_motion(world: World, motion: Motion) -> None:
    """Write the motion with its newest fact."""
    world.save(keys.motion(world.community, motion.motion_id), motion)


def content_sha256(content: Content) -> str:
    """Hash of the content's canonical bytes: what a committee decision agrees to."""
    return hashlib.sha256(codec.encode(content)).hexdigest()


HANDLERS: Final[Mapping[str, Handler]] = {
    "draft_motion": Handler(request=DraftMotion, run=draft_motion),
    "draft_official_motion": Handler(request=DraftOfficialMotion, run=draft_official_motion),
    "call_again": Handler(request=CallAgain, run=call_again),
    "sign_petition": Handler(request=SignPetition, run=sign_petition),
    "petition": Handler(request=MotionRequest, run=petition),
    "review_motion": Handler(request=ReviewMotion, run=review_motion),
}
