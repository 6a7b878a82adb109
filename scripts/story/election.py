"""The first meeting: the owners elect their committee of seven."""

import random
from typing import Any, Final

from chaincode.model.base import Org
from scripts.story import committee
from scripts.story.ballots import PLAIN, Choose, Poll, draw
from scripts.story.clock import YEAR_MS, now_ms
from scripts.story.desks import Desk
from scripts.story.motions import (
    Question,
    brought_about,
    is_applied,
    publish,
    reviewed_officially,
    view,
)
from scripts.story.papers import letter, text
from scripts.story.people import Owner
from scripts.story.rules import CANDIDATES, ELECTION, ORDINARY, SEATS, short_rule
from scripts.story.staff import REGULATOR_CLERK, clerk_of
from scripts.story.world import World

MOTION: Final = "committee-election"
TERM_MS: Final = 3 * YEAR_MS
KNOWN: Final = 3
"""How much better known the first seven candidates are than the others."""
WORDS: Final = ("casino", "lottery")


async def state_rules(world: World) -> None:
    """The regulator states the starting rules, and the words that no motion may hold."""
    regulator = world.operator(Org.REGULATOR)
    for matter_class in (ELECTION, ORDINARY):
        await regulator.state("set_matter_rule", rule=short_rule(matter_class))
    await regulator.state("set_words", words=list(WORDS))
    world.teller.say("Civil Code Art. 278, with short periods: two thirds take part, half agree.")


async def are_rules_stated(world: World) -> bool:
    """Whether both rules and the words are on the ledger."""
    found = await world.ask("matter_rules", {})
    words = await world.ask("words", {})
    return words is not None and found is not None and len(found["rules"]) == 2


async def elect(world: World) -> None:
    """From the draft to the seats; then the elected get the credential of their office."""
    desk = regulator_desk(world)
    if await view(world, MOTION) is None:
        await desk.state(
            "draft_official_motion", motion_id=MOTION, content=_question(world).content()
        )
    if (await view(world, MOTION))["phase"] == "draft":
        await reviewed_officially(desk, MOTION)
    await publish(world, desk, MOTION, letter("Notice: election of the owners' committee"))
    poll = Poll(world, MOTION, draw(world.owners, MOTION, PLAIN, _chosen(world)))
    await poll.cast(desk)
    await poll.counted_by_hand(desk)
    certificate = await brought_about(world, MOTION)
    world.figures["election"] = _figures(world, certificate)
    await committee.certify_members(world)


async def is_elected(world: World) -> bool:
    """Whether the committee is seated and its members certified."""
    return await is_applied(world, MOTION) and await committee.are_members_certified(world)


def regulator_desk(world: World) -> Desk:
    """The regulator's gateway in the hands of its clerk."""
    return world.staff(Org.REGULATOR, clerk_of(world, REGULATOR_CLERK))


def candidates(world: World) -> list[Owner]:
    """The first owners of the roll who own one unit alone."""
    alone = (one for one in world.owners if len(one.units) == 1 and one.wards == one.units)
    return [owner for owner, _ in zip(alone, range(CANDIDATES), strict=False)]


def _question(world: World) -> Question:
    now = now_ms()
    return Question(
        motion_id=MOTION,
        title="Election of the owners' committee",
        text=text("Seven members are elected for three years.\n"),
        matter_class=ELECTION,
        options=tuple(world.holder(one) for one in candidates(world)),
        effect={
            "kind": "seat_committee",
            "term_from_at": now,
            "term_until_at": now + TERM_MS,
        },
    )


def _chosen(world: World) -> Choose:
    """Seven of the nine candidates; those left out are mostly the less known."""
    ids = [world.holder(one) for one in candidates(world)]

    def choose(rng: random.Random) -> list[str]:
        left_out: set[str] = set()
        while len(ids) - len(left_out) > SEATS:
            weights = [1 if place < SEATS else KNOWN**2 for place in range(len(ids))]
            left_out.add(rng.choices(ids, weights)[0])
        return [one for one in ids if one not in left_out]

    return choose


def _figures(world: World, certificate: Any) -> dict[str, Any]:
    labels = {world.holder(one): one.label for one in candidates(world)}
    seats = certificate["decision"]["seats"]
    elected = sorted(labels[one["candidate"]] for one in seats if one["status"] == "elected")
    world.teller.say(f"Elected: {', '.join(elected)}. Seven members, each with a key of their own.")
    return {"outcome": certificate["decision"]["outcome"], "elected": elected}
