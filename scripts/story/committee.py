"""The owners' committee: who sits in it, and how it decides, each member with their own key."""

import asyncio
from typing import Any, Final

from chaincode.model.base import Org, Role
from scripts.hand.guides import SandboxGuide
from scripts.hand.person import Person
from scripts.story.clock import DAY_MS, now_ms
from scripts.story.desks import Desk
from scripts.story.people import Owner
from scripts.story.world import World

APPROVALS: Final = 4
"""More than half of seven."""


async def members(world: World) -> list[Owner]:
    """The owners who are seated now, in the order of the roll."""
    found = await world.ask("committee", {})
    seated = set(found["seated"]) if found else set()
    return [owner for owner in world.owners if world.holder(owner) in seated]


async def certify_members(world: World) -> None:
    """Each elected owner makes a new key, which is certified as a member's."""
    office = world.gateways[Org.REGULATOR].only(world.places.url(Org.REGULATOR))
    seated = await members(world)
    async with SandboxGuide(world.places.authority) as guide, asyncio.TaskGroup() as group:
        for owner in seated:
            member, who = world.key(owner.member_label), owner.applicant(Role.COMMITTEE_MEMBER)
            group.create_task(member.certify(office, world.community, who, guide))
    world.teller.say(f"{len(seated)} members hold the credential of their office.")


async def are_members_certified(world: World) -> bool:
    """Whether all seated members use their office's key."""
    seated = await members(world)
    return bool(seated) and all(
        world.person(owner) is world.key(owner.member_label) for owner in seated
    )


async def chair(world: World) -> Person:
    """The member who speaks for the committee."""
    return world.person((await members(world))[0])


async def desk(world: World) -> Desk:
    """The committee's gateway in the hands of that member."""
    return world.staff(Org.COMMITTEE, await chair(world))


async def decide(
    world: World, subject: str, subject_id: str, content_sha256: str, decision_id: str
) -> str:
    """Put a question to the committee and have four of seven approve it; the decision's id."""
    found = await world.ask("committee_decision", {"decision_id": decision_id})
    seated = await members(world)
    if found is None:
        await world.act(
            world.person(seated[0]),
            Org.COMMITTEE,
            "open_committee_decision",
            decision_id=decision_id,
            subject=subject,
            subject_id=subject_id,
            content_sha256=content_sha256,
            until_at=now_ms() + DAY_MS,
        )
    await approve(world, decision_id, content_sha256)
    return decision_id


async def approve(world: World, decision_id: str, content_sha256: str) -> None:
    """Four members approve, unless the decision is carried."""
    for owner in (await members(world))[:APPROVALS]:
        found: Any = await world.ask("committee_decision", {"decision_id": decision_id})
        if found is not None and found["phase"] == "carried":
            return
        await world.act(
            world.person(owner),
            Org.COMMITTEE,
            "answer_committee_decision",
            decision_id=decision_id,
            content_sha256=content_sha256,
            verdict="approve",
        )
