"""A motion's way: drafted, reviewed, announced, open, closed, counted, final, brought about.

What is due by itself (closing, counting, making final, bringing about) the gateways do; here it is
waited for. Every step looks first how far the motion is, so that it may be taken again.
"""

from dataclasses import dataclass
from typing import Any, Final

from scripts.story.clock import now_ms
from scripts.story.desks import Desk
from scripts.story.foundation import evidence
from scripts.story.papers import Paper
from scripts.story.rules import NOTICE_MS, WINDOW_MS
from scripts.story.world import World

LEAD_MS: Final = 1_000
"""Longer than the notice must be: the transaction takes a moment."""
REVIEWS: Final = ("committee", "residents-committee")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is put to the owners, and by whom it is announced."""

    motion_id: str
    title: str
    text: Paper
    matter_class: str
    attachments: tuple[Paper, ...] = ()
    options: tuple[str, ...] = ()
    effect: dict[str, Any] | None = None

    def content(self) -> dict[str, Any]:
        """The motion's content, as a draft gives it."""
        return {
            "title": self.title,
            "text": self.text.document(),
            "matter_class": self.matter_class,
            "attachments": [paper.document() for paper in self.attachments],
            "options": [{"option": option} for option in self.options],
            "effect": self.effect,
        }


class StoryStuck(Exception):
    """The ledger is where the story cannot go on from; only a fresh start helps."""


async def view(world: World, motion_id: str) -> Any:
    """The motion and where it stands; None if there is none."""
    return await world.ask("motion", {"motion_id": motion_id})


async def is_applied(world: World, motion_id: str) -> bool:
    """Whether the motion is carried and brought about."""
    found = await view(world, motion_id)
    return found is not None and found["motion"]["applied"] is not None


async def reviewed_officially(regulator: Desk, motion_id: str) -> None:
    """The reviews of the regulator's own motion, all of which are the regulator's."""
    for step in REVIEWS:
        await _review(regulator, motion_id, step)


async def reviewed_with_committee(
    committee: Desk, regulator: Desk, motion_id: str, decision_id: str
) -> None:
    """The committee's own decision, then the residents' committee through the regulator."""
    await _review(committee, motion_id, REVIEWS[0], decision_id=decision_id)
    await _review(regulator, motion_id, REVIEWS[1])


async def _review(desk: Desk, motion_id: str, step: str, **fields: Any) -> None:
    await desk.state(
        "review_motion",
        motion_id=motion_id,
        step=step,
        opinion="passed",
        evidence_sha256=evidence(f"review {step} of {motion_id}"),
        **fields,
    )


async def publish(world: World, desk: Desk, motion_id: str, notice: Paper) -> None:
    """Give notice, and wait until the window is open for everybody."""
    found = await view(world, motion_id)
    if found["phase"] == "draft":
        opens_at = now_ms() + NOTICE_MS + LEAD_MS
        await desk.state(
            "publish_motion",
            motion_id=motion_id,
            notice=notice.document(),
            opens_at=opens_at,
            closes_at=opens_at + WINDOW_MS,
        )
    await reached(world, motion_id, "open", *PHASES[PHASES.index("open") + 1 :])


PHASES: Final = ("draft", "notice", "open", "ended", "closed", "preliminary", "final")


async def reached(world: World, motion_id: str, *phases: str) -> Any:
    """Wait until every peer has the motion in one of these phases."""
    return await world.seen_by_all(
        "motion",
        {"motion_id": motion_id},
        lambda found: found["phase"] in phases,
        f"the motion {motion_id} becomes {phases[0]}",
    )


async def brought_about(world: World, motion_id: str) -> Any:
    """Wait until the motion is final and, if carried, brought about; the certificate.

    Raises StoryStuck when it is not carried.
    """
    found = await reached(world, motion_id, "final")
    outcome = found["motion"]["counted"]["outcome"]
    if outcome != "carried":
        raise StoryStuck(
            f"the vote {motion_id} ended as {outcome}: an interrupted run left ballots out."
            " Start afresh with --fresh."
        )
    await world.seen_by_all(
        "motion",
        {"motion_id": motion_id},
        lambda found: (
            found["motion"]["content"]["effect"] is None or found["motion"]["applied"] is not None
        ),
        f"the motion {motion_id} is brought about",
    )
    return await world.ask("certificate", {"motion_id": motion_id})
