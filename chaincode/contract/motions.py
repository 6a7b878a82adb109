"""A motion from its notice to its close: publication, roll, extensions, end, and void."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.committees import committee_now
from chaincode.contract.drafts import content_sha256, load_motion, petition_support, save_motion
from chaincode.contract.handlers import Call, Handler
from chaincode.contract.motion_messages import (
    ListMotions,
    MotionClosed,
    MotionExtended,
    MotionList,
    MotionPublished,
    MotionRequest,
    MotionView,
    MotionVoided,
    PublishMotion,
    RollPinned,
    VoidMotion,
)
from chaincode.contract.rolls import freeze_living_roll, frozen_roll
from chaincode.contract.rulebook import require_in_force, rule_for
from chaincode.contract.trustees import registered_trustees
from chaincode.errors import RuleForbids
from chaincode.model.ballot import Ballot, PaperSheet
from chaincode.model.base import changed
from chaincode.model.committee import CommitteeTerms
from chaincode.model.effect import SeatCommittee
from chaincode.model.motion import (
    Motion,
    Phase,
    PinnedRoll,
    Publication,
    TrusteeKey,
    Voided,
)
from chaincode.model.procedure import Initiator, RollAsOf
from chaincode.model.roll import RollEntry
from chaincode.model.rule import DecisionRule
from chaincode.rules import motion as rule
from chaincode.rules import motion_draft, motion_petition
from chaincode.rules.ballot import unit_weight
from chaincode.rules.paper import resolved
from chaincode.rules.result import units_of
from chaincode.rules.sealing import require_trustees
from chaincode.rules.weights import electorate, weigh
from chaincode.world import World

# --- Publication ---


async def publish_motion(world: World, call: Call, request: PublishMotion) -> Motion:
    """Give notice of a motion: its whole rule is pinned, and so is the roll unless the rule takes
    it at the opening. The same request again gets the same record.

    Refused if the window ends before it begins (400 ``motion/window-contradicts``); there is no
    such motion (404 ``motion/unknown``), rule (404 ``rule/unknown``), roll (404 ``roll/unknown``)
    or unit (404 ``roll/no-units``); the motion is no draft (409 ``motion/wrong-phase``); its
    review is not complete (409 ``motion/review-incomplete``) or failed (409
    ``motion/review-rejected``); a trustee has given no key (409 ``motion/trustee-key-missing``);
    the rule is not in force (422 ``rule/not-in-force``) or does not allow it (422, codes of
    ``draft_motion``); notice or window are not as long as they must be (422
    ``motion/notice-too-short``, ``motion/window-too-short``, ``motion/window-too-long``,
    ``motion/second-call-too-early``); the roll of an event is not named (422
    ``motion/roll-id-contradicts``); the motion names what the roll does not have (422
    ``motion/scope-not-in-roll``, ``motion/conflicted-not-in-scope``,
    ``motion/fund-unit-not-in-scope``, ``motion/candidate-not-an-owner``,
    ``motion/candidate-in-arrears``); nobody may vote (422 ``motion/nobody-votes``); too few
    signed (422 ``petition/too-few``); or the committee to be seated cannot be (422
    ``motion/seats-contradict``).
    """
    motion = await load_motion(world, request.motion_id)
    if _is_same_notice(motion, request):
        return motion
    first = await load_motion(world, motion.repeats) if motion.repeats else None
    found = await _pinned_rule(world, motion, first)
    named = await frozen_roll(world, request.roll_id) if request.roll_id else None
    rule.require_phase(motion, call.now_ms, Phase.DRAFT)
    if first is None:
        rule.require_reviewed(motion, found.authority.approvals_before_open)
    publication = Publication(
        rule=found,
        notice=request.notice,
        opens_at=request.opens_at,
        closes_at=request.closes_at,
        at=call.now_ms,
        tx_id=call.tx_id,
        trustees=await _trustees(world, motion, found),
    )
    _require_allowed(motion, first, publication)
    if (found.electorate.roll_as_of is RollAsOf.EVENT) != (named is not None):
        raise RuleForbids("motion/roll-id-contradicts")
    roll_id = named.roll_id if named else (await freeze_living_roll(world, call)).roll_id
    roll = await roll_of(world, roll_id)
    await _require_in_roll(world, call, motion, found, roll)
    published = changed(motion, publication=publication)
    if motion_draft.pins_at_notice(found):
        published = _pin(world, call, published, roll_id, roll)
    save_motion(world, published)
    world.emit(
        MotionPublished(
            community=world.community,
            motion_id=motion.motion_id,
            opens_at=request.opens_at,
            closes_at=request.closes_at,
        )
    )
    return published


async def pin_roll(world: World, call: Call, request: MotionRequest) -> Motion:
    """Pin the roll as it stands when the window opens, where the rule takes it then.

    Anyone's gateway calls it when due; doing it again changes nothing. Refused if there is no
    such motion (404 ``motion/unknown``) or unit (404 ``roll/no-units``), the motion does not wait
    for its roll (409 ``motion/wrong-phase``) or the window has not begun (409
    ``motion/not-begun``); or nobody may vote (422 ``motion/nobody-votes``).
    """
    motion = await load_motion(world, request.motion_id)
    if motion.roll is not None:
        return motion
    rule.require_begun(motion, call.now_ms)
    roll_id = (await freeze_living_roll(world, call)).roll_id
    pinned = _pin(world, call, motion, roll_id, await roll_of(world, roll_id))
    save_motion(world, pinned)
    return pinned


async def _pinned_rule(world: World, motion: Motion, first: Motion | None) -> DecisionRule:
    """A second call is held under the very rule of the first."""
    if first is not None:
        return rule.published(first).rule
    return (await rule_for(world, motion.content.matter_class)).rule


async def _trustees(world: World, motion: Motion, found: DecisionRule) -> tuple[TrusteeKey, ...]:
    if not motion_draft.seals(found):
        return ()
    return require_trustees(await registered_trustees(world, motion.motion_id))


def _require_allowed(motion: Motion, first: Motion | None, publication: Publication) -> None:
    if first is None:
        require_in_force(publication.rule, publication.at)
    motion_draft.require_fits(publication.rule, motion.content, motion.drafted.initiator)
    rule.require_times(publication)
    if first is not None:
        rule.require_second_call_due(first, publication.opens_at)


async def _require_in_roll(
    world: World, call: Call, motion: Motion, found: DecisionRule, roll: tuple[RollEntry, ...]
) -> None:
    motion_draft.require_in_roll(motion.content, roll)
    motion_draft.require_candidates(found, motion.content, roll)
    if motion.drafted.initiator is Initiator.PETITION and motion.repeats is None:
        supporting, whole, _ = await petition_support(world, motion, found, roll)
        motion_petition.require_supported(found, supporting, whole)
    if isinstance(motion.content.effect, SeatCommittee):
        terms = await committee_terms(world)
        motion_draft.require_seats(found, motion.content.effect, terms, call.now_ms)


def _pin(
    world: World, call: Call, motion: Motion, roll_id: str, roll: tuple[RollEntry, ...]
) -> Motion:
    found = rule.published(motion).rule
    members = electorate(found, units_of(motion, roll))
    if not members:
        raise RuleForbids("motion/nobody-votes")
    fact = PinnedRoll(
        roll_id=roll_id,
        totals=weigh(found, members),
        units_count=len(members),
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    world.emit(RollPinned(community=world.community, motion_id=motion.motion_id, roll_id=roll_id))
    return changed(motion, roll=fact)


def _is_same_notice(motion: Motion, request: PublishMotion) -> bool:
    earlier = motion.publication
    if earlier is None:
        return False
    given = (request.notice, request.opens_at, request.closes_at)
    return (earlier.notice, earlier.opens_at, earlier.closes_at) == given


# --- The end ---


async def extend_motion(world: World, call: Call, request: MotionRequest) -> Motion:
    """Extend an open window by the rule's period.

    Refused if there is no such motion (404 ``motion/unknown``), it is not open (409
    ``motion/wrong-phase``), or the rule allows no further extension (422
    ``motion/no-extension-left``).
    """
    motion = await load_motion(world, request.motion_id)
    extended = rule.extend(motion, now_ms=call.now_ms, tx_id=call.tx_id)
    _save_extended(world, extended)
    return extended


async def close_motion(world: World, call: Call, request: MotionRequest) -> Motion:
    """End the casting once it is due; anyone's gateway may call it, and again without harm.

    It writes the motion that every ballot reads, so a ballot that comes later dies when the peers
    compare versions. Where the rule says so and the turnout was reached late, the window is
    extended instead, once. Refused if there is no such motion (404 ``motion/unknown``) or it has
    not ended (409 ``motion/wrong-phase``).
    """
    motion = await load_motion(world, request.motion_id)
    if motion.closed is not None:
        return motion
    rule.require_phase(motion, call.now_ms, Phase.ENDED)
    end_at = rule.late_quorum_end(motion, await _reached_at(world, motion), call.now_ms)
    if end_at is not None:
        extended = rule.extend_late(motion, end_at, now_ms=call.now_ms, tx_id=call.tx_id)
        _save_extended(world, extended)
        return extended
    closed = rule.close(motion, now_ms=call.now_ms, tx_id=call.tx_id)
    save_motion(world, closed)
    world.emit(MotionClosed(community=world.community, motion_id=motion.motion_id))
    return closed


async def _reached_at(world: World, motion: Motion) -> int | None:
    """When the turnout was reached; asked only where the rule extends a late one."""
    if not rule.published(motion).rule.times.late_quorum_ms or motion.roll is None:
        return None
    community, motion_id = world.community, motion.motion_id
    entries = {entry.unit_id: entry for entry in await roll_of(world, motion.roll.roll_id)}
    first_at: dict[str, int] = {}
    for _, ballot in await world.scan(keys.ballots(community, motion_id), Ballot):
        first_at[ballot.unit_id] = ballot.first_at
    for _, sheet in await world.scan(keys.paper_sheets(community, motion_id), PaperSheet):
        content = resolved(rule.published(motion).rule, sheet)
        if content is not None:
            earlier = first_at.get(sheet.unit_id, content.received_at)
            first_at[sheet.unit_id] = min(earlier, content.received_at)
    returned = [
        (at, unit_weight(motion.content, entries[unit_id])) for unit_id, at in first_at.items()
    ]
    return rule.turnout_reached_at(motion, returned)


def _save_extended(world: World, motion: Motion) -> None:
    save_motion(world, motion)
    world.emit(
        MotionExtended(
            community=world.community,
            motion_id=motion.motion_id,
            closes_at=rule.closes_at(motion),
        )
    )


async def void_motion(world: World, call: Call, request: VoidMotion) -> Motion:
    """Declare that a motion has no result: the regulator before it is final, an award at any time.

    The same order again gets the same record. Refused if there is no such motion (404
    ``motion/unknown``), or it is final and no award says so, or it is void (409
    ``motion/wrong-phase``).
    """
    motion = await load_motion(world, request.motion_id)
    order = Voided(
        org=call.org,
        reason=request.reason,
        evidence_sha256=request.evidence_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    earlier = motion.voided
    if earlier is not None and changed(order, at=earlier.at, tx_id=earlier.tx_id) == earlier:
        return motion
    voided = rule.void(motion, order)
    save_motion(world, voided)
    world.emit(MotionVoided(community=world.community, motion_id=motion.motion_id))
    return voided


# --- Queries ---


async def motion(world: World, call: Call, request: MotionRequest) -> MotionView:
    """One motion and where it stands at the query's time; 404 ``motion/unknown``."""
    return _view(await load_motion(world, request.motion_id), call.now_ms)


async def motions(world: World, call: Call, request: ListMotions) -> MotionList:
    """The community's motions by id, after a given one, at most ``limit``."""
    found = [record for _, record in await world.scan(keys.motions(world.community), Motion)]
    page = [item for item in found if item.motion_id > request.after][: request.limit]
    return MotionList(motions=tuple(_view(item, call.now_ms) for item in page))


def _view(item: Motion, now_ms: int) -> MotionView:
    return MotionView(
        motion=item,
        phase=rule.phase(item, now_ms),
        is_carried=rule.is_carried(item),
        closes_at=rule.closes_at(item) if item.publication else None,
        content_sha256=content_sha256(item.content),
    )


# --- For other modules ---


async def roll_of(world: World, roll_id: str) -> tuple[RollEntry, ...]:
    """All units of a frozen roll by unit id."""
    found = await world.scan(keys.roll_entries(world.community, roll_id), RollEntry)
    return tuple(entry for _, entry in found)


async def committee_terms(world: World) -> CommitteeTerms:
    """The terms of the community's committee, or the usual ones before its first."""
    committee = await committee_now(world)
    return committee.terms if committee else CommitteeTerms()


HANDLERS: Final[Mapping[str, Handler]] = {
    "publish_motion": Handler(request=PublishMotion, run=publish_motion),
    "pin_roll": Handler(request=MotionRequest, run=pin_roll),
    "extend_motion": Handler(request=MotionRequest, run=extend_motion),
    "close_motion": Handler(request=MotionRequest, run=close_motion),
    "void_motion": Handler(request=VoidMotion, run=void_motion),
    "motion": Handler(request=MotionRequest, run=motion),
    "motions": Handler(request=ListMotions, run=motions),
}
