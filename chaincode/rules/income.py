"""Which incoming line is whose income."""

import re
from collections.abc import Sequence

from chaincode.errors import BadInput, Conflict
from chaincode.model.base import ID_PATTERN, changed
from chaincode.model.statement import (
    ActiveIncomeRule,
    Assignment,
    BankLine,
    IncomeRule,
    LineDecision,
    LineFate,
    LineKind,
    Proposal,
    StatementLine,
)

# --- Guards ---


def require_rule_form(rule: IncomeRule) -> None:
    """Refuse (BadInput ``income-rule/contradicts``) a rule without exactly one criterion.

    A unit can only be read from a reference.
    """
    both_or_none = (rule.reference_prefix is None) == (rule.payer_sha256 is None)
    if both_or_none or (rule.unit_in_reference and rule.reference_prefix is None):
        raise BadInput("income-rule/contradicts")


def require_decision_form(decision: LineDecision) -> None:
    """Refuse (BadInput ``line/decision-contradicts``) a decision without its own fields."""
    has_other = decision.other_line_id is not None and decision.other_account_sha256 is not None
    lacks_other = decision.other_line_id is None and decision.other_account_sha256 is None
    has_payment = decision.payment_id is not None
    right = {
        LineKind.PAYMENT: has_payment and lacks_other,
        LineKind.CHARGE: not has_payment and lacks_other,
        LineKind.OFFSET: not has_payment and has_other,
    }
    if not right[decision.kind]:
        raise BadInput("line/decision-contradicts")


def require_waiting(line: BankLine) -> None:
    """Refuse (Conflict ``line/not-waiting``) a line that has been explained."""
    if line.fate is not LineFate.WAITING:
        raise Conflict("line/not-waiting", fate=line.fate)


# --- Acts ---


def assign(
    line: BankLine, assignment: Assignment, by: str, *, is_member: bool, act_sha256: str, at: int
) -> tuple[BankLine, bool]:
    """The line with one person's word, and whether two agree now: then it is income.

    The second is another person and one of the two a member of the committee, who alone may
    complete it; a word on another assignment replaces the first. Refused (409):
    ``line/not-waiting``, ``line/not-income`` for a debit.
    """
    require_waiting(line)
    if line.line.fen < 0:
        raise Conflict("line/not-income")
    first = line.proposal
    agreed = first is not None and first.assignment == assignment and first.by != by and is_member
    if agreed:
        return changed(line, income_class=assignment.income_class), True
    proposal = Proposal(assignment=assignment, by=by, act_sha256=act_sha256, at=at)
    return changed(line, proposal=proposal), False


def require_offsetting(line: BankLine, other: BankLine) -> None:
    """Refuse (Conflict) two lines that do not undo each other.

    ``line/not-waiting``, ``line/other-fund``, ``line/do-not-offset`` with what would be left.
    """
    require_waiting(line)
    require_waiting(other)
    if line.fund_id != other.fund_id:
        raise Conflict("line/other-fund")
    if line.suspense_fen + other.suspense_fen != 0:
        raise Conflict("line/do-not-offset", left_fen=line.suspense_fen + other.suspense_fen)


def end_rule(active: ActiveIncomeRule, now_ms: int) -> ActiveIncomeRule:
    """The rule out of force."""
    return active if active.ended_at is not None else changed(active, ended_at=now_ms)


# --- Derivations ---


def rule_for(line: StatementLine, rules: Sequence[ActiveIncomeRule]) -> IncomeRule | None:
    """The rule in force that explains an incoming line: the longest prefix, else the payer."""
    if line.fen < 0 or line.is_return:
        return None
    active = [one.rule for one in rules if one.ended_at is None]
    by_prefix = [
        rule
        for rule in active
        if rule.reference_prefix is not None
        and line.reference is not None
        and line.reference.startswith(rule.reference_prefix)
    ]
    if by_prefix:
        return max(by_prefix, key=lambda rule: (len(rule.reference_prefix or ""), rule.rule_id))
    by_payer = [
        rule
        for rule in active
        if rule.payer_sha256 is not None and rule.payer_sha256 == line.counterparty_sha256
    ]
    return max(by_payer, key=lambda rule: rule.rule_id, default=None)


def unit_of(line: StatementLine, rule: IncomeRule) -> str | None:
    """The unit that the reference names after the rule's prefix; None if it names none."""
    rest = (line.reference or "").removeprefix(rule.reference_prefix or "")
    return rest if re.match(ID_PATTERN, rest) else None
