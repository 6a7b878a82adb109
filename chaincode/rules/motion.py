"""The way of a motion: its phase, and the facts that move it on.

Every function takes a motion with the transaction's time and gives the motion with one more fact,
or refuses. Phases are never stored; `phase` derives them, `require_phase` is the one guard.
"""

from bisect import bisect_left
from collections.abc import Sequence

from chaincode.errors import Conflict, NotAllowed, RuleForbids
from chaincode.model.base import Org, changed
from chaincode.model.motion import (
    Applied,
    Closed,
    Counted,
    Extension,
    ExtensionReason,
    Finalised,
    Motion,
    Opinion,
    Phase,
    PinnedRoll,
    Publication,
    Review,
    Voided,
)
from chaincode.model.procedure import Initiator
from chaincode.model.tally import Outcome, UnitWeight, weight
from chaincode.rules.clauses import compare
from chaincode.rules.decision import terms_of
from chaincode.rules.weights import weigh

RESULT_DUE_MS = 7 * 24 * 60 * 60 * 1000
"""How long a step towards the result is waited for where the rule sets no time of its own."""
COMMITTEE_STEP = "committee"
"""The review step that the committee's own signed decision passes."""

# --- Phase ---


def phase(motion: Motion, now_ms: int) -> Phase:
    """Where the motion stands at `now_ms`; the latest fact decides, then the time."""
    if motion.voided is not None:
        return Phase.VOID
    if motion.finalised is not None:
        return Phase.FINAL
    if motion.counted is not None:
        return Phase.PRELIMINARY
    if motion.closed is not None:
        return Phase.CLOSED
    if motion.publication is None:
        return Phase.DRAFT
    if now_ms >= closes_at(motion):
        return Phase.ENDED
    is_open = now_ms >= motion.publication.opens_at and motion.roll is not None
    return Phase.OPEN if is_open else Phase.NOTICE


def require_phase(motion: Motion, now_ms: int, *needed: Phase) -> None:
    """Refuse (Conflict `motion/wrong-phase`, with both) a motion that is in none of `needed`."""
    found = phase(motion, now_ms)
    if found not in needed:
        raise Conflict("motion/wrong-phase", phase=found, needed=",".join(needed))


def require_casting(motion: Motion, now_ms: int) -> None:
    """Refuse (Conflict) a ballot outside the window.

    Where a late turnout extends the window, whether it did is known once somebody has closed:
    till then a ballot is told to come again, for it may still be in time. (The extension follows
    from all ballots, and a ballot that read them all would die by every other one.) Raises
    `motion/close-awaited`, otherwise `motion/wrong-phase`.
    """
    if phase(motion, now_ms) is Phase.ENDED and now_ms < _late_quorum_latest(motion):
        raise Conflict("motion/close-awaited", ended_at=closes_at(motion))
    require_phase(motion, now_ms, Phase.OPEN)


def published(motion: Motion) -> Publication:
    """The publication of a motion whose phase says that it has one."""
    assert motion.publication is not None, motion.motion_id
    return motion.publication


def pinned(motion: Motion) -> PinnedRoll:
    """The pinned roll of a motion that has one.

    Raises Conflict `motion/roll-not-pinned` for a motion that ended without its roll.
    """
    if motion.roll is None:
        raise Conflict("motion/roll-not-pinned")
    return motion.roll


def closes_at(motion: Motion) -> int:
    """When the window ends, extensions included (UTC ms)."""
    if motion.extensions:
        return motion.extensions[-1].closes_at
    return published(motion).closes_at


def result_due_ms(motion: Motion) -> int:
    """How long anybody's silence may hold up the result: the rule's own time, or seven days."""
    return published(motion).rule.times.result_due_ms or RESULT_DUE_MS


def is_overdue(motion: Motion, now_ms: int) -> bool:
    """Whether a closed motion has waited for its count as long as silence may hold it up."""
    assert motion.closed is not None, motion.motion_id
    return now_ms >= motion.closed.at + result_due_ms(motion)


def is_carried(motion: Motion) -> bool:
    """Whether the motion is final and carried: what an effect, and a budget, need."""
    is_final = motion.finalised is not None and motion.voided is None
    return is_final and motion.counted is not None and motion.counted.outcome is Outcome.CARRIED


# --- Review ---


def review_org(motion: Motion, step: str) -> Org | None:
    """Which organisation does a review step; None for the committee's own signed decision.

    A step whose first word names an organisation is that one's; other bodies (street office,
    residents' committee) have no node and speak through the regulator. The committee cannot hold
    up a petition or the regulator's motion by silence (物业管理条例 Art. 13, 51): there its step is
    the regulator's.
    """
    first = step.split("-", maxsplit=1)[0]
    if step == COMMITTEE_STEP:
        own = motion.drafted.initiator in (Initiator.COMMITTEE, Initiator.PROPERTY)
        return None if own else Org.REGULATOR
    return Org(first) if first in set(Org) else Org.REGULATOR


def next_step(motion: Motion, steps: Sequence[str]) -> str | None:
    """The first review step that is not done yet; None when all are."""
    done = {review.step for review in motion.reviews}
    return next((step for step in steps if step not in done), None)


def review(motion: Motion, steps: Sequence[str], entry: Review) -> Motion:
    """Record one review step; the steps are done in order, each once.

    The committee's own step needs its carried decision, which the caller checks. Refused:
    NotAllowed `motion/review-not-yours`, Conflict `motion/wrong-phase`,
    `motion/review-out-of-order`.
    """
    org = review_org(motion, entry.step)
    decided = entry.decision_id is not None and entry.opinion is Opinion.PASSED
    if not (decided if org is None else entry.org is org):
        raise NotAllowed("motion/review-not-yours", step=entry.step)
    require_phase(motion, entry.at, Phase.DRAFT)
    expected = next_step(motion, steps)
    if entry.step != expected:
        raise Conflict("motion/review-out-of-order", expected=expected or "none")
    return changed(motion, reviews=(*motion.reviews, entry))


def require_reviewed(motion: Motion, steps: Sequence[str]) -> None:
    """Refuse a motion whose review is not complete, or that a reviewer rejected.

    Raises Conflict `motion/review-rejected`, `motion/review-incomplete`.
    """
    for entry in motion.reviews:
        if entry.opinion is Opinion.REJECTED:
            raise Conflict("motion/review-rejected", step=entry.step)
    missing = next_step(motion, steps)
    if missing is not None:
        raise Conflict("motion/review-incomplete", step=missing)


# --- The window ---


def require_times(publication: Publication) -> None:
    """Refuse a notice or a window that is not as long as the rule says.

    Notice 15 days: 物业管理条例 Art. 14; windows: local rules. Raises RuleForbids
    `motion/notice-too-short`, `motion/window-too-short`, `motion/window-too-long`.
    """
    times, form = publication.rule.times, publication.rule.ballot
    notice_ms = max(times.notice_ms, times.candidate_notice_ms if form.multi_seat else 0)
    given_ms = publication.opens_at - publication.at
    if given_ms < notice_ms:
        raise RuleForbids("motion/notice-too-short", given_ms=given_ms, least_ms=notice_ms)
    window_ms = publication.closes_at - publication.opens_at
    if window_ms < max(times.window_min_ms, 1):
        raise RuleForbids("motion/window-too-short", least_ms=times.window_min_ms)
    if times.window_max_ms and window_ms > times.window_max_ms:
        raise RuleForbids("motion/window-too-long", most_ms=times.window_max_ms)


def require_begun(motion: Motion, now_ms: int) -> None:
    """Refuse (Conflict) to pin the roll of a window that has not begun, or not any more.

    Raises `motion/wrong-phase`, `motion/not-begun`.
    """
    require_phase(motion, now_ms, Phase.NOTICE)
    opens_at = published(motion).opens_at
    if now_ms < opens_at:
        raise Conflict("motion/not-begun", opens_at=opens_at)


def extend(motion: Motion, *, now_ms: int, tx_id: str) -> Motion:
    """Extend an open window by the rule's period, as often as the rule allows.

    Refused: Conflict `motion/wrong-phase`, RuleForbids `motion/no-extension-left`.
    """
    require_phase(motion, now_ms, Phase.OPEN)
    times = published(motion).rule.times
    decided = [e for e in motion.extensions if e.reason is ExtensionReason.DECIDED]
    if len(decided) >= times.extensions_max:
        raise RuleForbids("motion/no-extension-left", extensions_max=times.extensions_max)
    return _extended(
        motion, ExtensionReason.DECIDED, closes_at(motion) + times.extension_ms, now_ms, tx_id
    )


def late_quorum_end(motion: Motion, reached_at: int | None, now_ms: int) -> int | None:
    """The new end if the turnout was reached late and time is left; None when it stays.

    `reached_at` is when the turnout was first met. Once per motion.
    """
    if reached_at is None:
        return None
    end = min(reached_at + published(motion).rule.times.late_quorum_ms, _late_quorum_latest(motion))
    return end if end > max(closes_at(motion), now_ms) else None


def _late_quorum_latest(motion: Motion) -> int:
    """The latest end that a late turnout can bring; the end that stands once it has, or cannot."""
    if any(e.reason is ExtensionReason.LATE_QUORUM for e in motion.extensions):
        return closes_at(motion)
    return closes_at(motion) + published(motion).rule.times.late_quorum_ms


def turnout_reached_at(motion: Motion, returned: Sequence[tuple[int, UnitWeight]]) -> int | None:
    """When the turnout clauses were first met; None if they are not.

    `returned` has each unit with a ballot and when its first one came. Spoiled ballots and
    abstentions are not told apart here: sealed ones cannot be, and a longer window harms nobody.
    """
    ordered = sorted(returned, key=lambda item: (item[0], item[1].unit_id))
    # More ballots never weigh less, so the first sufficient number can be searched by halves.
    count = bisect_left(
        range(len(ordered) + 1), True, key=lambda n: _is_quorate(motion, ordered[:n])
    )
    if count > len(ordered):
        return None
    return ordered[count - 1][0] if count else published(motion).opens_at


def _is_quorate(motion: Motion, returned: Sequence[tuple[int, UnitWeight]]) -> bool:
    rule, totals = published(motion).rule, pinned(motion).totals
    weights = weigh(rule, [unit for _, unit in returned])
    return all(
        compare(
            clause.op,
            weight(weights, clause.measure) * clause.den,
            weight(totals, clause.measure) * clause.num,
        )
        for clause in terms_of(rule, motion.call)[0].clauses
    )


def extend_late(motion: Motion, end_at: int, *, now_ms: int, tx_id: str) -> Motion:
    """The motion with its window extended because the turnout was reached late."""
    return _extended(motion, ExtensionReason.LATE_QUORUM, end_at, now_ms, tx_id)


def _extended(
    motion: Motion, reason: ExtensionReason, end_at: int, now_ms: int, tx_id: str
) -> Motion:
    entry = Extension(reason=reason, closes_at=end_at, at=now_ms, tx_id=tx_id)
    return changed(motion, extensions=(*motion.extensions, entry))


def close(motion: Motion, *, now_ms: int, tx_id: str) -> Motion:
    """No ballot from here on. Refused before the end: Conflict `motion/wrong-phase`."""
    require_phase(motion, now_ms, Phase.ENDED)
    return changed(motion, closed=Closed(at=now_ms, tx_id=tx_id))


# --- Result ---


def counted(motion: Motion, outcome: Outcome, *, now_ms: int, tx_id: str) -> Motion:
    """The motion with its preliminary outcome; the objection window runs from here."""
    window_ms = published(motion).rule.times.objection_ms
    fact = Counted(outcome=outcome, objections_until_at=now_ms + window_ms, at=now_ms, tx_id=tx_id)
    return changed(motion, counted=fact)


def finalised(motion: Motion, *, now_ms: int, tx_id: str) -> Motion:
    """The motion whose result stands."""
    return changed(motion, finalised=Finalised(at=now_ms, tx_id=tx_id))


def void(motion: Motion, order: Voided) -> Motion:
    """End the motion without a result. What is final only an award ends.

    Refused: Conflict `motion/wrong-phase`.
    """
    may_end_final = order.org is Org.ARBITRATION or order.dispute_id is not None
    endable = [p for p in Phase if p is not Phase.VOID and (may_end_final or p is not Phase.FINAL)]
    require_phase(motion, order.at, *endable)
    return changed(motion, voided=order)


def applied(motion: Motion, *, now_ms: int, tx_id: str) -> Motion:
    """The motion whose effect was brought about.

    Refused: Conflict `motion/wrong-phase`, RuleForbids `motion/not-carried`.
    """
    require_phase(motion, now_ms, Phase.FINAL)
    if not is_carried(motion):
        raise RuleForbids("motion/not-carried")
    return changed(motion, applied=Applied(at=now_ms, tx_id=tx_id))


# --- Second call ---


def call_again(motion: Motion, motion_id: str, *, now_ms: int, tx_id: str) -> tuple[Motion, Motion]:
    """The inquorate motion and its repeat: the same content and reviews, the second call's terms.

    Refused: Conflict `motion/wrong-phase`, `motion/repeated-already`, RuleForbids
    `motion/not-inquorate`, `rule/call-not-allowed`.
    """
    require_phase(motion, now_ms, Phase.FINAL)
    if motion.repeated_by is not None:
        raise Conflict("motion/repeated-already", repeated_by=motion.repeated_by)
    if motion.counted is None or motion.counted.outcome is not Outcome.INQUORATE:
        raise RuleForbids("motion/not-inquorate")
    terms_of(published(motion).rule, motion.call + 1)
    drafted = changed(motion.drafted, at=now_ms, tx_id=tx_id)
    repeat = Motion(
        motion_id=motion_id,
        content=motion.content,
        drafted=drafted,
        call=motion.call + 1,
        repeats=motion.motion_id,
        reviews=motion.reviews,
    )
    return changed(motion, repeated_by=motion_id), repeat


def require_second_call_due(first: Motion, opens_at: int) -> None:
    """Refuse (RuleForbids `motion/second-call-too-early`) a repeat that opens before its time."""
    second = published(first).rule.second_call
    assert second is not None, first.motion_id
    assert first.closed is not None, first.motion_id
    earliest = first.closed.at + second.after_ms
    if opens_at < earliest:
        raise RuleForbids("motion/second-call-too-early", earliest_at=earliest)
