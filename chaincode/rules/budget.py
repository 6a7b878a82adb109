"""Budgets: from a decision to money that may be spent, and back.

A budget is covered when it is opened: its amount moves from the fund's free money. From then on

    held + settled <= amount

for the sum over its holds, at every block.
"""

from collections.abc import Sequence

from chaincode.errors import BadInput, Conflict, RuleForbids
from chaincode.model.base import changed
from chaincode.model.budget import (
    AwaitsRatification,
    Budget,
    BudgetSource,
    Delegation,
    DelegationUse,
    Hold,
)
from chaincode.model.effect import DelegateLimit, UseFund
from chaincode.model.fund import Book, BookAccount, EmergencyTerms, Payee

# --- Guards ---


def require_use_form(use: UseFund) -> None:
    """Refuse (BadInput) a use that contradicts itself.

    ``budget/payee-contradicts`` unless exactly one of payee and class is named;
    ``budget/unit-twice``.
    """
    if (use.payee_id is None) == (use.payee_class is None):
        raise BadInput("budget/payee-contradicts")
    if len(set(use.unit_ids)) != len(use.unit_ids):
        raise BadInput("budget/unit-twice")


def require_coverable(use: UseFund, book: Book, now_ms: int) -> None:
    """Refuse (RuleForbids) a use whose day is over or that the fund's free money does not cover.

    ``budget/over``; ``budget/fund-too-small`` with the gap in fen.
    """
    if use.valid_until_at <= now_ms:
        raise RuleForbids("budget/over", valid_until_at=use.valid_until_at)
    if use.amount_fen > book.free:
        gap_fen = use.amount_fen - book.free
        raise RuleForbids("budget/fund-too-small", gap_fen=gap_fen, free_fen=book.free)


def require_delegated(
    delegation: Delegation, use: UseFund, uses: Sequence[DelegationUse], now_ms: int
) -> None:
    """Refuse what owners did not delegate to the committee.

    Conflict ``delegation/not-running``; RuleForbids
    ``delegation/amount`` (one budget), ``delegation/count``, ``delegation/total`` (all budgets),
    each with what is left.
    """
    if not is_running(delegation, now_ms):
        raise Conflict("delegation/not-running")
    if use.amount_fen > delegation.amount_fen_max:
        raise RuleForbids("delegation/amount", gap_fen=use.amount_fen - delegation.amount_fen_max)
    if len(uses) >= delegation.count_max:
        raise RuleForbids("delegation/count", count_max=delegation.count_max)
    left_fen = delegation.total_fen_max - sum(one.amount_fen for one in uses)
    if use.amount_fen > left_fen:
        raise RuleForbids("delegation/total", gap_fen=use.amount_fen - left_fen)


def require_emergency(
    terms: EmergencyTerms, use: UseFund, waiting: Sequence[AwaitsRatification], now_ms: int
) -> None:
    """Refuse (RuleForbids) an emergency budget beyond what the local rule lets the committee do.

    ``emergency/earlier-not-ratified`` while owners have let another one's time run out;
    ``emergency/cap`` with the gap in fen: all unratified ones together stay below it.
    """
    if any(now_ms >= one.ratify_by_at for one in waiting):
        raise RuleForbids("emergency/earlier-not-ratified")
    left_fen = terms.fen_max - sum(one.amount_fen for one in waiting)
    if use.amount_fen > left_fen:
        raise RuleForbids("emergency/cap", gap_fen=use.amount_fen - left_fen)


def require_spendable(budget: Budget, now_ms: int) -> None:
    """Refuse a new hold on a budget that is closed, over, or was not ratified in time.

    Conflict ``budget/closed``, ``budget/expired``; RuleForbids ``budget/not-ratified``.
    """
    if budget.closed_at is not None:
        raise Conflict("budget/closed")
    if now_ms >= budget.valid_until_at:
        raise Conflict("budget/expired", valid_until_at=budget.valid_until_at)
    if is_unratified(budget) and now_ms >= (budget.ratify_by_at or 0):
        raise RuleForbids("budget/not-ratified", ratify_by_at=budget.ratify_by_at or 0)


def require_payee(budget: Budget, payee: Payee) -> None:
    """Refuse (RuleForbids ``budget/other-payee``) whom the budget is not for."""
    if budget.payee_id != payee.payee_id and budget.payee_class != payee.payee_class:
        raise RuleForbids("budget/other-payee")


def require_within(budget: Budget, holds: Sequence[Hold], amount_fen: int) -> None:
    """Refuse (RuleForbids ``budget/exceeded``) more than is left.

    The details are what a new motion needs: the exact gap, what is left, budget and fund.
    """
    left_fen = remaining_fen(budget, holds)
    if amount_fen > left_fen:
        raise RuleForbids(
            "budget/exceeded",
            gap_fen=amount_fen - left_fen,
            remaining_fen=left_fen,
            budget_id=budget.budget_id,
            fund_id=budget.fund_id,
        )


# --- Acts ---


def open_budget(
    budget_id: str,
    use: UseFund,
    *,
    source: BudgetSource,
    source_id: str,
    now_ms: int,
    tx_id: str,
) -> Budget:
    """The budget that a decision makes."""
    return Budget(
        budget_id=budget_id,
        fund_id=use.fund_id,
        amount_fen=use.amount_fen,
        purpose=use.purpose,
        payee_id=use.payee_id,
        payee_class=use.payee_class,
        valid_until_at=use.valid_until_at,
        units=tuple(sorted(use.unit_ids)),
        source=source,
        source_id=source_id,
        opened_at=now_ms,
        opened_tx=tx_id,
    )


def is_same_budget(one: Budget, other: Budget) -> bool:
    """Whether both are the same decision's, whatever has become of them since."""

    def decided(budget: Budget) -> Budget:
        return changed(
            budget,
            opened_at=0,
            opened_tx="",
            ratify_by_at=None,
            ratified_by=None,
            closed_at=None,
            closed_fen=0,
        )

    return decided(one) == decided(other)


def ratify(budget: Budget, decided_by: str) -> Budget:
    """The emergency budget with the owners' consent, early or late.

    Refused (409 ``budget/not-awaiting-ratification``) if it needs none, or has it.
    """
    if not is_unratified(budget):
        raise Conflict("budget/not-awaiting-ratification")
    return changed(budget, ratified_by=decided_by)


def close(budget: Budget, holds: Sequence[Hold], now_ms: int) -> Budget:
    """The closed budget; what is neither held nor settled goes back to the fund.

    What is held may still be paid, and what comes back later goes to the fund.
    """
    return changed(budget, closed_at=now_ms, closed_fen=remaining_fen(budget, holds))


def require_due(budget: Budget, now_ms: int) -> None:
    """Refuse (409 ``budget/not-due``) to close before its day without a decision."""
    if now_ms < budget.valid_until_at:
        raise Conflict("budget/not-due", due_at=budget.valid_until_at)


def delegate(limit: DelegateLimit, decided_by: str) -> Delegation:
    """What the owners let the committee decide. Refused: 400 ``delegation/dates``."""
    if limit.until_at <= limit.from_at:
        raise BadInput("delegation/dates")
    return Delegation(
        delegation_id=decided_by,
        fund_id=limit.fund_id,
        amount_fen_max=limit.amount_fen_max,
        total_fen_max=limit.total_fen_max,
        count_max=limit.count_max,
        from_at=limit.from_at,
        until_at=limit.until_at,
        decided_by=decided_by,
    )


# --- Derivations ---


def remaining_fen(budget: Budget, holds: Sequence[Hold]) -> int:
    """What is neither held nor settled."""
    return budget.amount_fen - sum(hold.held_fen + hold.settled_fen for hold in holds)


def is_unratified(budget: Budget) -> bool:
    """Whether owners have yet to agree to an emergency."""
    return budget.source is BudgetSource.EMERGENCY and budget.ratified_by is None


def is_running(delegation: Delegation, now_ms: int) -> bool:
    """Whether the committee may use the delegation now."""
    ended = delegation.ended_at is not None and delegation.ended_at <= now_ms
    return not ended and delegation.from_at <= now_ms < delegation.until_at


def home(budget: Budget | None) -> BookAccount:
    """Where money that a payment does not use goes: its budget, else the fund, or the company."""
    if budget is None:
        return BookAccount.COMPANY
    return BookAccount.BUDGETED if budget.closed_at is None else BookAccount.FREE
