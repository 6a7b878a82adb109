"""The owners replace the property company, and the record is complete as before."""

from typing import Any, Final

from chaincode.model.base import Org
from scripts.story import bank, committee, gate
from scripts.story.bankfiles import FUNDS, MAINTENANCE
from scripts.story.clock import now_ms
from scripts.story.foundation import evidence
from scripts.story.funds import motion_by_committee
from scripts.story.motions import Question, StoryStuck, is_applied
from scripts.story.papers import letter, text
from scripts.story.payments import PAYMENTS
from scripts.story.rules import ORDINARY
from scripts.story.staff import (
    COMPANY_CLERK,
    NEW_COMPANY,
    NEW_COMPANY_CLERK,
    OLD_COMPANY,
    certify,
    clerk_of,
)
from scripts.story.world import World

MOTION: Final = "new-company"
PAGE: Final = 1_000


async def replace(world: World) -> None:
    """Notice to the old company, the vote, the new company's clerk, the hand-over by both."""
    before = await record(world)
    desk = await committee.desk(world)
    if not (await world.ask("dismissal_notices", {"company_id": OLD_COMPANY}))["notices"]:
        await desk.state(
            "record_dismissal_notice",
            company_id=OLD_COMPANY,
            notice_sha256=letter("Notice of dismissal").sha256,
            served_at=now_ms(),
        )
    await motion_by_committee(
        world,
        Question(
            motion_id=MOTION,
            title="Green City becomes the property company",
            text=text("The contract with the present company is not renewed.\n"),
            matter_class=ORDINARY,
            effect={
                "kind": "replace_company",
                "company_id": NEW_COMPANY,
                "contract_sha256": evidence("contract with the new company"),
                "from_at": now_ms(),
            },
        ),
    )
    await certify(world, NEW_COMPANY_CLERK)
    await _hand_over(world)
    await _old_clerk_refused(world)
    world.figures["record_kept"] = await record(world) == before
    if not world.figures["record_kept"]:
        raise StoryStuck("the record is not what it was before the company changed")
    world.teller.say("The new company's clerk may act, the old one's may not.")
    world.teller.say("Votes, budget, payments, statements: all there, unchanged.")


async def is_replaced(world: World) -> bool:
    """Whether the new company is in office and the hand-over is signed by both."""
    found = await world.ask("handover", {"handover_id": MOTION})
    return await is_applied(world, MOTION) and len(found["signatures"]) == len(_SIDES)


async def record(world: World) -> dict[str, Any]:
    """All that was decided and paid before: what may never change."""
    found: dict[str, Any] = {
        "certificate": await world.ask("certificate", {"motion_id": gate.MOTION}),
        "result": await world.ask("result", {"motion_id": gate.MOTION}),
        "budget": await world.ask("budget", {"budget_id": gate.MOTION}),
        "statements": await bank.statements(world, MAINTENANCE),
    }
    for payment_id in PAYMENTS:
        found[payment_id] = await world.ask("payment", {"payment_id": payment_id})
    for fund in FUNDS:
        asked = {"fund_id": fund.fund_id, "after": "", "limit": PAGE}
        found[fund.fund_id] = (await world.ask("fund_entries", asked))["entries"]
    return found


_SIDES: Final = {"outgoing": COMPANY_CLERK, "incoming": NEW_COMPANY_CLERK}


async def _hand_over(world: World) -> None:
    """Both companies' clerks sign the ledger's own figures (Civil Code Art. 949)."""
    found = await world.ask("handover", {"handover_id": MOTION})
    signed = {one["side"] for one in found["signatures"]}
    for side, clerk in _SIDES.items():
        if side not in signed:
            await world.act(
                clerk_of(world, clerk),
                Org.PROPERTY,
                "sign_handover",
                handover_id=MOTION,
                side=side,
                figures_sha256=found["handover"]["figures_sha256"],
            )


async def _old_clerk_refused(world: World) -> None:
    refused = await world.refusal(
        clerk_of(world, COMPANY_CLERK),
        Org.PROPERTY,
        "withdraw_payment",
        payment_id=next(iter(PAYMENTS)),
    )
    if refused is None or refused.code != "caller/other-company":
        raise StoryStuck(f"the dismissed company's clerk was not refused as such: {refused}")
    world.figures["old_company_refused"] = refused.code
