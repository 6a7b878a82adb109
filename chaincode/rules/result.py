"""The result: which ballot of each unit stands, the count, the decision, and what makes it final.

Counting is in `count`, the rule's thresholds in `decision`; here their input is gathered from what
was cast, entered on paper and opened.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from chaincode.errors import Conflict, NotAllowed, NotFound, Refusal
from chaincode.model.ballot import Ballot, PaperSheet
from chaincode.model.base import changed
from chaincode.model.motion import Motion, Phase
from chaincode.model.result import (
    Channel,
    CountedBallot,
    Objection,
    ObjectionAnswer,
    UnopenedBallot,
    UnopenedReason,
)
from chaincode.model.roll import RollEntry, Unit
from chaincode.model.tally import CastBallot, Decision, Tally, UnitWeight
from chaincode.rules.ballot import options_of, unit_weight
from chaincode.rules.count import count, require_choices
from chaincode.rules.decision import decide
from chaincode.rules.motion import pinned, published, require_phase, result_due_ms
from chaincode.rules.motion_draft import in_scope, own_options
from chaincode.rules.paper import paper_stands, resolved, standing_entries
from chaincode.rules.roll import is_owner
from chaincode.rules.sealing import Plain, choices_of, commitment, write_base64url
from chaincode.rules.seats import lot_seed

# --- Data ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The one ballot of a unit that stands, a sealed one not opened yet."""

    unit_id: str
    ballot: Ballot | None
    paper: PaperSheet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was counted and what follows."""

    tally: Tally
    decision: Decision


Opened = Mapping[str, Plain | UnopenedReason]
"""By unit: what a sealed ballot holds, or why it could not be read."""

# --- Which ballot stands ---


def standing(
    motion: Motion, ballots: Sequence[Ballot], sheets: Sequence[PaperSheet]
) -> tuple[Standing, ...]:
    """For each unit with a ballot the one that stands, sorted by unit id."""
    rule = published(motion).rule
    online = {ballot.unit_id: ballot for ballot in ballots}
    entered = {sheet.unit_id: sheet for sheet in sheets if resolved(rule, sheet) is not None}
    found: list[Standing] = []
    for unit_id in sorted({*online, *entered}):
        ballot, sheet = online.get(unit_id), entered.get(unit_id)
        content = resolved(rule, sheet)
        on_paper = content is not None and paper_stands(rule, ballot, content)
        found.append(
            Standing(
                unit_id=unit_id,
                ballot=None if on_paper else ballot,
                paper=sheet if on_paper else None,
            )
        )
    return tuple(found)


def counted_ballots(
    motion: Motion, stands: Sequence[Standing], opened: Opened
) -> tuple[CountedBallot, ...]:
    """The standing ballots as they are counted, in the same order."""
    return tuple(_counted(motion, item, opened) for item in stands)


def _counted(motion: Motion, item: Standing, opened: Opened) -> CountedBallot:
    if item.paper is not None:
        return _counted_paper(motion, item.paper)
    ballot = item.ballot
    assert ballot is not None, item.unit_id
    channel = Channel.ONLINE if ballot.grant_id is None else Channel.PROXY
    if ballot.sealed is None:
        return CountedBallot(
            unit_id=ballot.unit_id,
            channel=channel,
            act_sha256=ballot.act_sha256,
            choices=ballot.choices,
            spoiled=False,
        )
    choices = read_sealed(motion, ballot, opened)
    readable = not isinstance(choices, UnopenedReason)
    plain = opened.get(ballot.unit_id)
    return CountedBallot(
        unit_id=ballot.unit_id,
        channel=channel,
        act_sha256=ballot.act_sha256,
        choices=choices if not isinstance(choices, UnopenedReason) else (),
        spoiled=not readable,
        commitment=ballot.sealed.commitment,
        salt=write_base64url(plain.salt) if isinstance(plain, Plain) and readable else None,
    )


def _counted_paper(motion: Motion, sheet: PaperSheet) -> CountedBallot:
    entries = standing_entries(published(motion).rule, sheet)
    content = entries[0].content
    return CountedBallot(
        unit_id=sheet.unit_id,
        channel=Channel.PAPER,
        act_sha256="+".join(sorted(entry.act_sha256 for entry in entries)),
        choices=content.choices,
        spoiled=content.spoiled,
    )


def read_sealed(motion: Motion, ballot: Ballot, opened: Opened) -> tuple[str, ...] | UnopenedReason:
    """The choices of a sealed ballot, or why it counts as spoiled."""
    assert ballot.sealed is not None, ballot.unit_id
    plain = opened.get(ballot.unit_id, UnopenedReason.KEY_MISSING)
    if isinstance(plain, UnopenedReason):
        return plain
    if commitment(motion.motion_id, ballot.unit_id, plain) != ballot.sealed.commitment:
        return UnopenedReason.MISMATCH
    options = options_of(motion)
    choices = choices_of(options, plain.mask)
    if choices is None or not _is_valid(motion, options, choices):
        return UnopenedReason.INVALID_CHOICE
    return choices


def _is_valid(motion: Motion, options: Sequence[str], choices: tuple[str, ...]) -> bool:
    try:
        require_choices(published(motion).rule, options, choices)
    except Refusal:
        return False
    return True


def unopened(
    motion: Motion, stands: Sequence[Standing], opened: Opened
) -> tuple[UnopenedBallot, ...]:
    """The sealed ballots that count as spoiled, each with its reason."""
    found: list[UnopenedBallot] = []
    for item in stands:
        if item.ballot is not None and item.ballot.sealed is not None:
            choices = read_sealed(motion, item.ballot, opened)
            if isinstance(choices, UnopenedReason):
                found.append(UnopenedBallot(unit_id=item.unit_id, reason=choices))
    return tuple(found)


# --- Count and decide ---


def units_of(motion: Motion, roll: Sequence[RollEntry]) -> tuple[UnitWeight, ...]:
    """The units of the motion's scope as the count sees them."""
    scope = motion.content.scope
    return tuple(unit_weight(motion.content, entry) for entry in roll if in_scope(scope, entry))


def figures(
    motion: Motion,
    roll: Sequence[RollEntry],
    ballots: Sequence[CountedBallot],
    served: Collection[str],
) -> Figures:
    """Count the ballots and apply the pinned rule; the two results stay apart."""
    rule, own = published(motion).rule, own_options(motion.content)
    units = units_of(motion, roll)
    cast = [
        CastBallot(
            unit_id=ballot.unit_id,
            choices=ballot.choices,
            paper=ballot.channel is Channel.PAPER,
            spoiled=ballot.spoiled,
        )
        for ballot in ballots
    ]
    tally = count(rule, units, cast, motion_options=own, served=served)
    seed = lot_seed(motion.motion_id, pinned(motion).roll_id)
    decision = decide(rule, tally, pinned(motion).totals, call=motion.call, seed=seed)
    return Figures(tally=tally, decision=decision)


# --- Objections ---


def object_to(
    motion: Motion,
    entry: RollEntry | None,
    unit: Unit | None,
    existing: Objection | None,
    new: Objection,
) -> Objection:
    """Record an owner's objection to a preliminary result (异议), one each.

    Owners of the roll may object, and those who have bought since. Refused: NotFound
    `ballot/unit-not-in-roll`, NotAllowed `ballot/not-your-unit`, Conflict `motion/wrong-phase`,
    `objection/window-over`, `objection/made-already`.
    """
    if entry is None or not in_scope(motion.content.scope, entry):
        raise NotFound("ballot/unit-not-in-roll")
    owns = unit is not None and is_owner(unit, new.holder_id)
    if new.holder_id not in entry.owner_ids and not owns:
        raise NotAllowed("ballot/not-your-unit", unit=entry.unit_id)
    require_phase(motion, new.at, Phase.PRELIMINARY)
    assert motion.counted is not None, motion.motion_id
    if new.at >= motion.counted.objections_until_at:
        raise Conflict("objection/window-over", until_at=motion.counted.objections_until_at)
    if existing is not None:
        raise Conflict("objection/made-already")
    return new


def answer_objection(
    motion: Motion, objection: Objection, answer: ObjectionAnswer, sha256: str, now_ms: int
) -> Objection:
    """The objection with the regulator's answer, once.

    Refused: Conflict `motion/wrong-phase`, `objection/answered-already`.
    """
    require_phase(motion, now_ms, Phase.PRELIMINARY)
    if objection.answer is not None:
        raise Conflict("objection/answered-already")
    return changed(objection, answer=answer, answer_sha256=sha256, answered_at=now_ms)


def require_final(motion: Motion, objections: Sequence[Objection], now_ms: int) -> None:
    """Refuse to call a result final before its objections are heard.

    An upheld objection leaves only to void the motion; one that is never answered lapses, so that
    no silence holds up a result for ever. Raises Conflict `motion/wrong-phase`,
    `motion/objections-open`, `objection/unanswered`, `objection/upheld`.
    """
    require_phase(motion, now_ms, Phase.PRELIMINARY)
    assert motion.counted is not None, motion.motion_id
    if now_ms < motion.counted.objections_until_at:
        raise Conflict("motion/objections-open", until_at=motion.counted.objections_until_at)
    lapse_at = motion.counted.objections_until_at + result_due_ms(motion)
    open_count = unanswered(objections)
    if open_count and now_ms < lapse_at:
        raise Conflict("objection/unanswered", count=open_count, lapse_at=lapse_at)
    upheld_count = sum(objection.answer is ObjectionAnswer.UPHELD for objection in objections)
    if upheld_count:
        raise Conflict("objection/upheld", count=upheld_count)


def unanswered(objections: Sequence[Objection]) -> int:
    """How many objections have no answer; of a final result, how many lapsed."""
    return sum(objection.answer is None for objection in objections)
