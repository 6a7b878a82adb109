"""The money moves: two payments within the budget, and one fen more that is refused."""

from hashlib import sha256
from typing import Any, Final

from chaincode.model.base import Org
from scripts.hand.person import Person
from scripts.story import bank, committee
from scripts.story.bankfiles import MAINTENANCE, PAYEE_ID
from scripts.story.clock import wait_for
from scripts.story.foundation import evidence
from scripts.story.funds import yuan
from scripts.story.gate import BUDGET_FEN, MOTION
from scripts.story.motions import StoryStuck
from scripts.story.staff import COMPANY_CLERK, NEW_COMPANY_CLERK, OLD_COMPANY, certify, clerk_of
from scripts.story.world import World

PAYMENTS: Final = {"gate-first-half": 500_000, "gate-second-half": 350_000}
"""Payment id to amount in fen; together the whole budget."""
ONE_MORE: Final = "gate-one-fen-more"
BANK_S_MAX: Final = 90.0
STATEMENT: Final = 3
"""The fund's statement that lists both payments: the third evening of the demo."""


async def pay(world: World) -> None:
    """Asked for by the company, approved by four of seven, held, ordered, settled, reconciled."""
    for payment_id, amount_fen in PAYMENTS.items():
        if await _view(world, payment_id) is None:
            asked = _content(payment_id, amount_fen)
            await world.act(await _clerk(world), Org.PROPERTY, "request_payment", payment=asked)
        await _approve(world, payment_id)
        await _settled(world, payment_id)
        world.teller.say(f"{yuan(amount_fen)} paid: approved by four, held, ordered, settled.")
    await bank.end_of_day(world, MAINTENANCE, STATEMENT)
    await _reconciled(world)
    world.teller.say("The bank's statement lists both, and the book agrees with the bank.")


async def are_paid(world: World) -> bool:
    """Whether both payments are settled and on a statement."""
    found = [await _view(world, payment_id) for payment_id in PAYMENTS]
    is_settled = all(one is not None and one["phase"] == "settled" for one in found)
    return is_settled and len(await bank.statements(world, MAINTENANCE)) >= STATEMENT


async def ask_for_more(world: World) -> None:
    """One fen above the budget is refused, and the answer says by how much."""
    refused = await world.refusal(
        await _clerk(world), Org.PROPERTY, "request_payment", payment=_content(ONE_MORE, 1)
    )
    if refused is None or refused.code != "budget/exceeded":
        raise StoryStuck(f"a payment above the budget was not refused as such: {refused}")
    world.figures["refused_gap_fen"] = refused.details["gap_fen"]
    world.teller.say(f"Refused: {refused.code}, by {refused.details['gap_fen']} fen.")


async def is_refused(world: World) -> bool:
    """Whether this was asked before: a refusal leaves no trace on the ledger."""
    return "refused_gap_fen" in world.figures


async def never(_world: World) -> bool:
    """For a step that is asked anew every time: it changes nothing."""
    return False


async def tell(world: World) -> None:
    """Put the money into the summary, from the ledger and from the bank."""
    found = [await _view(world, payment_id) for payment_id in PAYMENTS]
    world.figures["settled_fen"] = sum(one["payment"]["settled_fen"] for one in found)
    world.figures["bank_balance_fen"] = await bank.balance_fen(world, MAINTENANCE)
    overview = await world.ask("fund_overview", {"fund_id": MAINTENANCE.fund_id})
    world.figures["book_balance_fen"] = overview["book"]["bank"]
    world.figures["payment_ids"] = list(PAYMENTS)


async def _view(world: World, payment_id: str) -> Any:
    return await world.ask("payment", {"payment_id": payment_id})


def _content(payment_id: str, amount_fen: int) -> dict[str, Any]:
    return {
        "payment_id": payment_id,
        "fund_id": MAINTENANCE.fund_id,
        "budget_id": MOTION,
        "amount_fen": amount_fen,
        "payee_id": PAYEE_ID,
        "purpose": "gate repair",
        "invoice_sha256": sha256(f"invoice {payment_id}".encode()).hexdigest(),
        "contract_sha256": evidence("contract with the gate works"),
    }


async def _clerk(world: World) -> Person:
    """The clerk of the company in office."""
    if (await world.ask("company", {}))["company_id"] == OLD_COMPANY:
        return clerk_of(world, COMPANY_CLERK)
    return await certify(world, NEW_COMPANY_CLERK)


async def _approve(world: World, payment_id: str) -> None:
    """Members approve until the money is held."""
    for owner in (await committee.members(world))[: committee.APPROVALS]:
        found = await world.seen_by_all(
            "payment", {"payment_id": payment_id}, lambda one: True, f"{payment_id} is known"
        )
        if found["phase"] != "requested":
            return
        await world.act(
            world.person(owner),
            Org.COMMITTEE,
            "answer_payment",
            payment_id=payment_id,
            content_sha256=found["content_sha256"],
            verdict="approve",
        )


async def _settled(world: World, payment_id: str) -> None:
    """The bank's gateway orders (pain.001), the bank pays and reports."""

    async def is_settled() -> bool:
        return bool((await _view(world, payment_id))["phase"] == "settled")

    await wait_for(is_settled, f"{payment_id} is settled", BANK_S_MAX)


async def _reconciled(world: World) -> None:
    """Book and bank agree to the fen, and no line waits. Raises StoryStuck."""
    overview = await world.ask("fund_overview", {"fund_id": MAINTENANCE.fund_id})
    waiting = await world.ask("waiting_lines", {"fund_id": MAINTENANCE.fund_id})
    expected_fen = MAINTENANCE.opening_fen - BUDGET_FEN
    at_bank_fen = await bank.balance_fen(world, MAINTENANCE)
    if not overview["book"]["bank"] == at_bank_fen == expected_fen or waiting["lines"]:
        raise StoryStuck("the fund's book and the bank do not agree")
