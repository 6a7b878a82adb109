"""The main story: the company asks for CNY 8,500 to repair the gate, and the owners decide."""

import asyncio
import hashlib
from typing import Any, Final

from chaincode.model.base import Org
from scripts.hand.errors import Refused
from scripts.story import committee
from scripts.story.ballots import MIXED, Poll, Way, door, draw, mostly_for
from scripts.story.bankfiles import MAINTENANCE, PAYEE_CLASS
from scripts.story.clock import YEAR_MS, now_ms
from scripts.story.election import WORDS, regulator_desk
from scripts.story.foundation import evidence
from scripts.story.funds import yuan
from scripts.story.motions import (
    Question,
    StoryStuck,
    brought_about,
    is_applied,
    publish,
    reviewed_with_committee,
    view,
)
from scripts.story.papers import letter, picture, text
from scripts.story.rules import ORDINARY
from scripts.story.staff import COMPANY_CLERK, REGULATOR_CLERK, clerk_of
from scripts.story.world import World

MOTION: Final = "gate-repair"
BUDGET_FEN: Final = 850_000
NO_FONT: Final = "certificate/no-font"
SERVED_BY_POST: Final = 20
ACKNOWLEDGED: Final = 10
TEXT: Final = text("The gate is broken. The company asks for CNY 8,500.00 to repair it.\n")
QUOTES: Final = (
    letter("Quote A: gate repair, CNY 8,500.00"),
    letter("Quote B: gate repair, CNY 9,120.00"),
    letter("Quote C: gate repair, CNY 9,900.00"),
)
PLAN: Final = letter("Plan: new hinges, new motor, new control box")
PHOTOS: Final = (picture(200, 80, 60), picture(90, 140, 90))


async def ask_owners(world: World) -> None:
    """The company's request, its review, the notice: until the window is open."""
    clerk = clerk_of(world, COMPANY_CLERK)
    await _upload(world)
    await _forbidden(world)
    if await view(world, MOTION) is None:
        await world.act(clerk, Org.PROPERTY, "draft_motion", **_draft(_question()))
    found = await view(world, MOTION)
    if found["phase"] == "draft":
        decision_id = await committee.decide(
            world, "motion", MOTION, found["content_sha256"], f"review-{MOTION}"
        )
        desk = await committee.desk(world)
        await reviewed_with_committee(desk, regulator_desk(world), MOTION, decision_id)
        world.teller.say("Four of seven members and the residents' committee passed the content.")


async def is_reviewed(world: World) -> bool:
    """Whether the request is on the ledger and reviewed."""
    found = await view(world, MOTION)
    return found is not None and (found["phase"] != "draft" or len(found["motion"]["reviews"]) == 2)


async def vote(world: World) -> None:
    """The notice, the answers, the count, the certificate; the budget follows by itself."""
    poll = Poll(world, MOTION, draw(world.owners, MOTION, MIXED, mostly_for))
    await publish(world, await committee.desk(world), MOTION, letter("Notice: repair of the gate"))
    await _serve(world)
    await poll.cast(await committee.desk(world))
    world.teller.say(_ways(poll))
    await poll.counted_by_hand(regulator_desk(world))
    await brought_about(world, MOTION)


async def is_voted(world: World) -> bool:
    """Whether the budget is open."""
    return await is_applied(world, MOTION)


async def tell(world: World) -> None:
    """Put the result into the summary, from the ledger."""
    certificate = await world.ask("certificate", {"motion_id": MOTION})
    result = await world.ask("result", {"motion_id": MOTION})
    budget = await world.ask("budget", {"budget_id": MOTION})
    if certificate is None or budget is None:
        raise StoryStuck("the vote on the gate has no certificate")
    options = {one["option"]: one["cast"] for one in result["tally"]["options"]}
    world.figures |= {
        "outcome": certificate["decision"]["outcome"],
        "budget_fen": budget["budget"]["amount_fen"],
        "tally": {
            "options": options,
            **{
                name: result["tally"][name]
                for name in ("participating", "returned", "not_returned", "spoiled")
            },
        },
        "ballots_sha256": certificate["ballots_sha256"],
    }
    world.teller.say(
        f"{certificate['decision']['outcome']}: for {options['for']['heads']} owners with"
        f" {options['for']['area_dm2'] / 100:,.2f} m2, against {options['against']['heads']} with"
        f" {options['against']['area_dm2'] / 100:,.2f} m2."
    )
    world.teller.say(f"The budget: {yuan(world.figures['budget_fen'])}.")
    await _print(world)


def _question(title: str = "Repair of the gate for CNY 8,500.00") -> Question:
    return Question(
        motion_id=MOTION,
        title=title,
        text=TEXT,
        matter_class=ORDINARY,
        attachments=(*QUOTES, PLAN, *PHOTOS),
        effect={
            "kind": "use_fund",
            "fund_id": MAINTENANCE.fund_id,
            "amount_fen": BUDGET_FEN,
            "purpose": "gate repair",
            "payee_class": PAYEE_CLASS,
            "valid_until_at": now_ms() + YEAR_MS,
        },
    )


def _draft(question: Question) -> dict[str, Any]:
    content = question.content()
    return {"motion_id": question.motion_id, "initiator": "property", "content": content}


async def _upload(world: World) -> None:
    """The clerk leaves the documents at the company's gateway."""
    desk = world.staff(Org.PROPERTY, clerk_of(world, COMPANY_CLERK))
    for paper in (TEXT, *QUOTES, PLAN, *PHOTOS):
        await desk.upload(paper)
    world.teller.say("The company uploaded three quotes, a plan and two photos.")


async def _forbidden(world: World) -> None:
    """A text with a listed word gets nowhere, however it is spelled."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in WORDS[0].upper())
    refused = await world.refusal(
        clerk_of(world, COMPANY_CLERK),
        Org.PROPERTY,
        "draft_motion",
        **{**_draft(_question(f"A {wide} behind the gate")), "motion_id": "gate-casino"},
    )
    if refused is None or refused.code != "motion/forbidden-word":
        raise StoryStuck(f"a draft with a listed word was not refused as such: {refused}")
    world.figures["forbidden_word"] = refused.code
    world.teller.say(f"A draft with a listed word was refused: {refused.code}.")


async def _serve(world: World) -> None:
    """Some owners get the notice by post, some say on their phones that they have seen it."""
    if (await view(world, MOTION))["phase"] != "open":
        return
    served = {"motion_id": MOTION, "evidence_sha256": evidence("service of the notice")}
    alone = [one for one in world.owners if one.wards == one.units and not one.is_developer]
    by_post = world.act(
        clerk_of(world, REGULATOR_CLERK),
        Org.REGULATOR,
        "record_service",
        kind="post",
        unit_ids=[unit for one in alone[:SERVED_BY_POST] for unit in one.wards],
        **served,
    )
    on_phones = (
        world.act(
            world.person(owner),
            door(owner),
            "acknowledge_notice",
            unit_ids=list(owner.wards),
            **served,
        )
        for owner in alone[SERVED_BY_POST : SERVED_BY_POST + ACKNOWLEDGED]
    )
    await asyncio.gather(by_post, *on_phones)


def _ways(poll: Poll) -> str:
    counts = poll.counts
    return (
        f"{counts[Way.ONLINE]} owners answered once, {counts[Way.AGAIN]} changed their minds,"
        f" {counts[Way.PROXY]} sent a proxy, {counts[Way.PAPER] + counts[Way.SPOILED]} used paper,"
        f" {counts[Way.AWAY]} never answered."
    )


async def _print(world: World) -> None:
    """The certificate as PDF, for everybody: no credential is asked for."""
    desk = world.nobody(Org.REGULATOR)
    try:
        data = await desk.download("certificate_pdf", motion_id=MOTION)
    except Refused as refused:
        if refused.code != NO_FONT:
            raise
        world.figures["certificate_sha256"] = None
        world.teller.say("The certificate is not printed: no Chinese font (fonts-noto-cjk).")
        return
    (world.places.kept / "certificate.pdf").write_bytes(data)
    world.figures["certificate_sha256"] = hashlib.sha256(data).hexdigest()
    world.teller.say(f"The certificate is published: {world.figures['certificate_sha256']}")
