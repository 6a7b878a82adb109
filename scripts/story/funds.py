"""The community's money: three funds, what comes in, and the company's pay by the owners' vote."""

import hashlib
import json
from typing import Any, Final

from chaincode import codec
from chaincode.model.base import Org
from chaincode.model.statement import IncomeRule
from gateway.bank.facts import LOCAL_OFFSET_MS
from scripts.story import bank, committee
from scripts.story.ballots import PLAIN, Poll, draw, mostly_for
from scripts.story.bankfiles import (
    COMMON_INCOME,
    FUNDS,
    MAINTENANCE,
    PAYEE,
    PAYEE_CLASS,
    PAYEE_ID,
    PROPERTY_FEE,
    DemoFund,
    hasher,
    name_customer,
)
from scripts.story.clock import DAY_MS, YEAR_MS, now_ms
from scripts.story.election import regulator_desk
from scripts.story.foundation import evidence
from scripts.story.motions import (
    Question,
    brought_about,
    is_applied,
    publish,
    reviewed_with_committee,
    view,
)
from scripts.story.papers import letter, text
from scripts.story.rules import ORDINARY
from scripts.story.staff import BANK_CLERK, COMPANY_CLERK, clerk_of
from scripts.story.world import World

EMERGENCY: Final = {"fen_max": 2_000_000, "ratify_ms": 30 * DAY_MS}
ADVERTISING: Final = IncomeRule(
    rule_id="advertising",
    fund_id=COMMON_INCOME.fund_id,
    income_class="advertising",
    reference_prefix="AD-",
)
FEES: Final = IncomeRule(
    rule_id="fees",
    fund_id=PROPERTY_FEE.fund_id,
    income_class="property-fee",
    reference_prefix="FEE-",
)
RENT_FEN: Final = 3_600_000
"""A year of advertising in the lifts."""
FEE_FEN: Final = 12_000_000
"""Property fees of a day."""
SALARY: Final = "salary-system"
SALARY_BP: Final = 1_500
"""15 % of the fees are the company's pay (酬金制)."""


async def open_funds(world: World) -> None:
    """Accounts at the bank, funds on the ledger, a payee whom the bank confirms, first income."""
    name_customer(world.places, world.community)
    regulator = regulator_desk(world)
    for fund in FUNDS:
        await bank.command(
            world, "accounts", {"number": fund.account, "opening_fen": fund.opening_fen}
        )
        await regulator.state("open_fund", **_opening(world, fund))
    payee = {"payee_id": PAYEE_ID, "payee_sha256": hasher(world.places).party(PAYEE)}
    company = world.staff(Org.PROPERTY, clerk_of(world, COMPANY_CLERK))
    await company.state("register_payee", payee_class=PAYEE_CLASS, **payee)
    await world.staff(Org.BANK, clerk_of(world, BANK_CLERK)).state("confirm_payee", **payee)
    for rule in (ADVERTISING, FEES):
        await _income_rule(world, rule)
    await bank.pay_in(world, "lifts", COMMON_INCOME, [_paid("AD-2026", RENT_FEN)])
    await bank.end_of_day(world, COMMON_INCOME, 1)
    await _say_funds(world)


async def are_funds_open(world: World) -> bool:
    """Whether the funds are there and the first statement is on the ledger."""
    found = await world.ask("funds", {})
    is_open = found is not None and len(found["funds"]) == len(FUNDS)
    return is_open and bool(await bank.statements(world, COMMON_INCOME))


async def adopt_salary(world: World) -> None:
    """The owners adopt the salary system; then fees come in, and the book shares them."""
    await motion_by_committee(
        world,
        Question(
            motion_id=SALARY,
            title="The company is paid a salary of 15 percent of the fees",
            text=text("The salary system replaces the contract system for a year.\n"),
            matter_class=ORDINARY,
            effect={
                "kind": "adopt_salary_rate",
                "fund_id": PROPERTY_FEE.fund_id,
                "basis_points": SALARY_BP,
                "from_at": _today_ms(),
                "until_at": _today_ms() + YEAR_MS,
            },
        ),
    )
    await bank.pay_in(world, "fees", PROPERTY_FEE, [_paid("FEE-1-1-101", FEE_FEN)])
    await bank.end_of_day(world, PROPERTY_FEE, 2)
    book = (await world.ask("fund_overview", {"fund_id": PROPERTY_FEE.fund_id}))["book"]
    world.figures["salary"] = {"company_fen": book["company"], "owners_fen": book["free"]}
    world.teller.say(
        f"Of {yuan(FEE_FEN)} in fees {yuan(book['company'])} are the company's pay,"
        f" {yuan(book['free'])} the owners' to decide on."
    )


async def is_salary_adopted(world: World) -> bool:
    """Whether the rate holds and the first fees are shared by it."""
    return await is_applied(world, SALARY) and len(await bank.statements(world, PROPERTY_FEE)) >= 2


async def motion_by_committee(world: World, question: Question) -> Any:
    """A motion of the committee, voted on by all owners and brought about; its certificate."""
    motion_id = question.motion_id
    desk, person = await committee.desk(world), await committee.chair(world)
    if await view(world, motion_id) is None:
        draft = {"motion_id": motion_id, "initiator": "committee", "content": question.content()}
        await world.act(person, Org.COMMITTEE, "draft_motion", **draft)
    found = await view(world, motion_id)
    if found["phase"] == "draft":
        decision_id = await committee.decide(
            world, "motion", motion_id, found["content_sha256"], f"review-{motion_id}"
        )
        await reviewed_with_committee(desk, regulator_desk(world), motion_id, decision_id)
    await publish(world, desk, motion_id, letter(f"Notice: {question.title}"))
    poll = Poll(world, motion_id, draw(world.owners, motion_id, PLAIN, mostly_for))
    await poll.cast(desk)
    await poll.counted_by_hand(regulator_desk(world))
    return await brought_about(world, motion_id)


def yuan(fen: int) -> str:
    """An amount for people."""
    return f"CNY {fen // 100:,}.{fen % 100:02d}"


def _opening(world: World, fund: DemoFund) -> dict[str, Any]:
    return {
        "fund_id": fund.fund_id,
        "kind": fund.kind,
        "account_sha256": bank.account_sha256(world, fund),
        "opening_fen": fund.opening_fen,
        "first_deposit_fen": fund.opening_fen if fund is MAINTENANCE else 0,
        "company_rate_bp": fund.company_rate_bp,
        "resolution_id": "founding",
        "resolution_sha256": evidence("resolution on the funds"),
        "emergency": EMERGENCY,
    }


async def _income_rule(world: World, rule: IncomeRule) -> None:
    """The committee decides which lines are income of which class."""
    content = codec.encode(rule)
    sha256 = hashlib.sha256(content).hexdigest()
    decision_id = await committee.decide(
        world, "income-rule", rule.rule_id, sha256, f"rule-{rule.rule_id}"
    )
    desk = await committee.desk(world)
    await desk.state("set_income_rule", rule=json.loads(content), decision_id=decision_id)


def _paid(reference: str, fen: int) -> dict[str, Any]:
    return {
        "amount_fen": fen,
        "payer_name": "付款人",
        "payer_account": "62440000000009",
        "reference": reference,
    }


def _today_ms() -> int:
    """The beginning of the day by which banks book, in China."""
    return (now_ms() + LOCAL_OFFSET_MS) // DAY_MS * DAY_MS - LOCAL_OFFSET_MS


async def _say_funds(world: World) -> None:
    for fund in FUNDS:
        book = (await world.ask("fund_overview", {"fund_id": fund.fund_id}))["book"]
        world.teller.say(f"{fund.fund_id}: {yuan(book['bank'])} at the bank")
