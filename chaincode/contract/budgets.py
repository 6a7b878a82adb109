"""Budgets: opened by owners' decisions, within a delegation, or in an emergency; and closed."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract import books
from chaincode.contract.budget_messages import (
    BudgetClosed,
    BudgetList,
    BudgetOpened,
    BudgetRequest,
    BudgetView,
    CloseBudget,
    DelegationRequest,
    DelegationView,
    FundBudgetsRequest,
    OpenDelegatedBudget,
    OpenEmergencyBudget,
)
from chaincode.contract.decisions import require_decided
from chaincode.contract.handlers import Call, Handler
from chaincode.errors import Conflict, Refusal
from chaincode.model.base import changed
from chaincode.model.budget import (
    AwaitsRatification,
    Budget,
    BudgetClosing,
    BudgetSource,
    Delegation,
    DelegationUse,
    Hold,
)
from chaincode.model.effect import UseFund
from chaincode.model.fund import BookAccount, Cause
from chaincode.model.motion import Motion
from chaincode.rules import book as book_rule
from chaincode.rules import budget as rule
from chaincode.world import World

DELEGATED_SUBJECT: Final = "delegated-budget"
EMERGENCY_SUBJECT: Final = "emergency-budget"
CLOSING_SUBJECT: Final = "budget-closing"

# --- Transactions ---


async def open_delegated_budget(world: World, call: Call, request: OpenDelegatedBudget) -> Budget:
    """Open a budget that k of n members decided, within what owners delegated.

    The same request again gets the same record. Refused if

    * 400: the payee or the units contradict each other (``budget/payee-contradicts``,
      ``budget/unit-twice``);
    * 404: there is no such fund, delegation or decision (``fund/unknown``,
      ``delegation/unknown``, ``committee-decision/unknown``), or a unit has no account
      (``fund/unit-without-account``);
    * 409: the id stands for another budget or a motion (``budget/exists``), the decision is on
      something else (``committee-decision/other-content``) or an earlier committee's
      (``committee-decision/other-term``), the delegation does not run
      (``delegation/not-running``);
    * 422: the decision is not carried (``committee-decision/not-carried``), the limit for one
      (``delegation/amount``), the number (``delegation/count``) or the total
      (``delegation/total``) is passed, the day is over (``budget/over``) or the fund does not
      cover it (``budget/fund-too-small``).
    """
    asked = request.budget
    budget = _budget(call, asked.budget_id, asked.use, BudgetSource.DELEGATION, asked.delegation_id)
    if (existing := await _same(world, budget)) is not None:
        return existing
    await books.load_fund(world, budget.fund_id)
    key = keys.delegation(world.community, budget.fund_id, asked.delegation_id)
    delegation = await world.load(key, Delegation, "delegation/unknown")
    await require_decided(
        world,
        request.decision_id,
        subject=DELEGATED_SUBJECT,
        subject_id=asked.budget_id,
        content=asked,
    )
    uses = await _uses(world, asked.delegation_id)
    rule.require_delegated(delegation, asked.use, uses, call.now_ms)
    use_key = keys.delegation_use(world.community, asked.delegation_id, budget.budget_id)
    await fund_budget(world, call, budget, asked.use)
    world.save(use_key, DelegationUse(budget_id=budget.budget_id, amount_fen=budget.amount_fen))
    return budget


async def open_emergency_budget(world: World, call: Call, request: OpenEmergencyBudget) -> Budget:
    """Open a budget against a listed danger (Civil Code Art. 281); owners ratify it in time.

    The same request again gets the same record. Refused if

    * 400: the payee or the units contradict each other (``budget/payee-contradicts``,
      ``budget/unit-twice``);
    * 404: there is no such fund or decision (``fund/unknown``, ``committee-decision/unknown``), or
      a unit has no account (``fund/unit-without-account``);
    * 409: the id stands for another budget or a motion (``budget/exists``), or the decision is on
      something else (``committee-decision/other-content``, ``/other-term``);
    * 422: the decision is not carried (``committee-decision/not-carried``), owners have let an
      earlier emergency's time run out (``emergency/earlier-not-ratified``), the cap is passed
      (``emergency/cap``), the day is over (``budget/over``) or the fund does not cover it
      (``budget/fund-too-small``).
    """
    asked = request.budget
    budget = changed(
        _budget(call, asked.budget_id, asked.use, BudgetSource.EMERGENCY, request.decision_id),
        cause=asked.cause,
        proof_sha256=asked.proof_sha256,
    )
    if (existing := await _same(world, budget)) is not None:
        return existing
    fund = await books.load_fund(world, budget.fund_id)
    await require_decided(
        world,
        request.decision_id,
        subject=EMERGENCY_SUBJECT,
        subject_id=asked.budget_id,
        content=asked,
    )
    waiting = await awaiting_ratification(world, fund.fund_id)
    rule.require_emergency(fund.emergency, asked.use, waiting, call.now_ms)
    budget = changed(budget, ratify_by_at=call.now_ms + fund.emergency.ratify_ms)
    await fund_budget(world, call, budget, asked.use)
    _await_ratification(world, budget)
    return budget


async def close_budget(world: World, call: Call, request: CloseBudget) -> Budget:
    """Close a budget: what is neither held nor settled goes back to the fund.

    Anyone's gateway closes one that is over, the committee's decision one before; doing it twice
    is harmless. Refused if there is no such budget or decision (404 ``budget/unknown``,
    ``committee-decision/unknown``), the decision is on something else (409
    ``committee-decision/other-content``, ``/other-term``), the budget's day is not over and no
    decision is given (409 ``budget/not-due``), or it is not carried (422
    ``committee-decision/not-carried``).
    """
    budget = await load_budget(world, request.budget_id)
    if budget.closed_at is not None:
        return budget
    if request.decision_id is None:
        rule.require_due(budget, call.now_ms)
    else:
        await require_decided(
            world,
            request.decision_id,
            subject=CLOSING_SUBJECT,
            subject_id=budget.budget_id,
            content=BudgetClosing(budget_id=budget.budget_id),
        )
    return await end_budget(world, call, budget)


# --- Queries ---


async def budget(world: World, call: Call, request: BudgetRequest) -> BudgetView:
    """A budget with what is left of it; 404 ``budget/unknown``."""
    found = await load_budget(world, request.budget_id)
    holds = await holds_of(world, found.budget_id)
    return BudgetView(
        budget=found,
        holds=tuple(holds),
        held_fen=sum(hold.held_fen for hold in holds),
        settled_fen=sum(hold.settled_fen for hold in holds),
        remaining_fen=rule.remaining_fen(found, holds) if found.closed_at is None else 0,
        is_unratified=rule.is_unratified(found),
        may_hold=_may_hold(found, call.now_ms),
    )


async def fund_budgets(world: World, _call: Call, request: FundBudgetsRequest) -> BudgetList:
    """Every budget of a fund; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    found = await world.scan(keys.budgets(world.community), Budget)
    return BudgetList(budgets=tuple(one for _, one in found if one.fund_id == request.fund_id))


async def unratified_budgets(world: World, _call: Call, request: FundBudgetsRequest) -> BudgetList:
    """The emergency budgets of a fund that owners have yet to ratify; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    waiting = await awaiting_ratification(world, request.fund_id)
    return BudgetList(budgets=tuple([await load_budget(world, it.budget_id) for it in waiting]))


async def delegation(world: World, call: Call, request: DelegationRequest) -> DelegationView:
    """A delegation and what is left of it; 404 ``delegation/unknown``."""
    key = keys.delegation(world.community, request.fund_id, request.delegation_id)
    found = await world.load(key, Delegation, "delegation/unknown")
    uses = await _uses(world, found.delegation_id)
    return DelegationView(
        delegation=found,
        uses=tuple(uses),
        left_fen=found.total_fen_max - sum(use.amount_fen for use in uses),
        is_running=rule.is_running(found, call.now_ms),
    )


# --- For other modules ---


async def load_budget(world: World, budget_id: str) -> Budget:
    """The budget; 404 ``budget/unknown``."""
    return await world.load(keys.budget(world.community, budget_id), Budget, "budget/unknown")


async def holds_of(world: World, budget_id: str) -> list[Hold]:
    """What each payment of a budget holds and used."""
    found = await world.scan(keys.holds(world.community, budget_id), Hold)
    return [hold for _, hold in found]


async def awaiting_ratification(world: World, fund_id: str) -> list[AwaitsRatification]:
    """The fund's emergency budgets that owners have yet to ratify."""
    prefix = keys.all_awaiting_ratification(world.community, fund_id)
    return [one for _, one in await world.scan(prefix, AwaitsRatification)]


def save_budget(world: World, budget: Budget) -> None:
    """Write the budget."""
    world.save(keys.budget(world.community, budget.budget_id), budget)


async def end_budget(world: World, call: Call, budget: Budget) -> Budget:
    """Close the budget: what is neither held nor settled goes back to the fund."""
    closed = rule.close(budget, await holds_of(world, budget.budget_id), call.now_ms)
    lines = book_rule.moved(BookAccount.BUDGETED, BookAccount.FREE, closed.closed_fen)
    await books.post(world, call, closed.fund_id, Cause.BUDGET_CLOSED, closed.budget_id, lines)
    save_budget(world, closed)
    world.emit(
        BudgetClosed(
            community=world.community, budget_id=closed.budget_id, closed_fen=closed.closed_fen
        )
    )
    return closed


async def open_decided_budget(
    world: World, call: Call, budget_id: str, use: UseFund, source: BudgetSource
) -> Budget:
    """Open the budget that owners decided; its id is their decision's.

    Raises NotFound ``fund/unknown``, ``fund/unit-without-account``, Conflict ``budget/exists``,
    RuleForbids ``budget/over``, ``budget/fund-too-small``.
    """
    budget = _budget(call, budget_id, use, source, budget_id)
    if await world.find(keys.budget(world.community, budget_id), Budget) is not None:
        raise Conflict("budget/exists")
    await fund_budget(world, call, budget, use)
    return budget


async def fund_budget(world: World, call: Call, budget: Budget, use: UseFund) -> None:
    """Move the budget's money from the fund's free money and write it."""
    fund = await books.load_fund(world, budget.fund_id)
    await books.require_unit_accounts(world, fund, budget.units)
    rule.require_coverable(use, await books.load_book(world, fund.fund_id), call.now_ms)
    lines = book_rule.moved(BookAccount.FREE, BookAccount.BUDGETED, budget.amount_fen)
    await books.post(world, call, fund.fund_id, Cause.BUDGET_OPENED, budget.budget_id, lines)
    save_budget(world, budget)
    world.emit(
        BudgetOpened(
            community=world.community,
            budget_id=budget.budget_id,
            fund_id=budget.fund_id,
            source=budget.source,
            amount_fen=budget.amount_fen,
        )
    )


# --- Helpers ---


def _budget(
    call: Call, budget_id: str, use: UseFund, source: BudgetSource, source_id: str
) -> Budget:
    return rule.open_budget(
        budget_id, use, source=source, source_id=source_id, now_ms=call.now_ms, tx_id=call.tx_id
    )


async def _same(world: World, budget: Budget) -> Budget | None:
    """The budget that is there already; no committee takes the id that a motion's will have."""
    existing = await world.find(keys.budget(world.community, budget.budget_id), Budget)
    if existing is not None:
        if not rule.is_same_budget(existing, budget):
            raise Conflict("budget/exists")
        return existing
    if await world.find(keys.motion(world.community, budget.budget_id), Motion) is not None:
        raise Conflict("budget/exists")
    return None


def _await_ratification(world: World, budget: Budget) -> None:
    assert budget.ratify_by_at is not None, budget.budget_id
    waiting = AwaitsRatification(
        budget_id=budget.budget_id,
        amount_fen=budget.amount_fen,
        ratify_by_at=budget.ratify_by_at,
    )
    key = keys.awaits_ratification(world.community, budget.fund_id, budget.budget_id)
    world.save(key, waiting)


async def _uses(world: World, delegation_id: str) -> list[DelegationUse]:
    prefix = keys.delegation_uses(world.community, delegation_id)
    return [use for _, use in await world.scan(prefix, DelegationUse)]


def _may_hold(budget: Budget, now_ms: int) -> bool:
    try:
        rule.require_spendable(budget, now_ms)
    except Refusal:
        return False
    return True


HANDLERS: Final[Mapping[str, Handler]] = {
    "open_delegated_budget": Handler(request=OpenDelegatedBudget, run=open_delegated_budget),
    "open_emergency_budget": Handler(request=OpenEmergencyBudget, run=open_emergency_budget),
    "close_budget": Handler(request=CloseBudget, run=close_budget),
    "budget": Handler(request=BudgetRequest, run=budget),
    "fund_budgets": Handler(request=FundBudgetsRequest, run=fund_budgets),
    "unratified_budgets": Handler(request=FundBudgetsRequest, run=unratified_budgets),
    "delegation": Handler(request=DelegationRequest, run=delegation),
}
