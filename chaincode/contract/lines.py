"""Lines that wait: explained by two persons as income, or by the committee as anything else; and
explanations that were wrong."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract import bankreports, books, settlements
from chaincode.contract.budgets import holds_of
from chaincode.contract.committees import committee_now
from chaincode.contract.decisions import require_decided
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.contract.statement_messages import (
    AssignLine,
    CorrectLine,
    EndIncomeRule,
    FundLinesRequest,
    IncomeRuleList,
    LineCorrected,
    LineExplained,
    ResolveLine,
    SetIncomeRule,
)
from chaincode.contract.statements import (
    income_rules_of,
    load_line,
    save_line,
    unlist_line,
    wait_for_clerk,
)
from chaincode.errors import Conflict, RuleForbids
from chaincode.model.base import changed
from chaincode.model.fund import BookAccount, Cause, Entry, FundKind
from chaincode.model.payment import ExceptionResolution, Payment
from chaincode.model.statement import (
    ActiveIncomeRule,
    BankLine,
    LineDecision,
    LineFate,
    LineKind,
)
from chaincode.rules import book as book_rule
from chaincode.rules import budget as budget_rule
from chaincode.rules import committee as committee_rule
from chaincode.rules import income
from chaincode.rules import payment as payment_rule
from chaincode.rules.fund import company_rate_bp
from chaincode.world import World

RULE_SUBJECT: Final = "income-rule"
RULE_END_SUBJECT: Final = "income-rule-end"
LINE_SUBJECT: Final = "bank-line"
CORRECTION_SUBJECT: Final = "line-correction"

# --- Income rules ---


async def set_income_rule(world: World, call: Call, request: SetIncomeRule) -> ActiveIncomeRule:
    """Put a rule in force that says which incoming lines are income.

    The same request again gets the same record. Refused if

    * 400: the rule has not exactly one criterion (``income-rule/contradicts``);
    * 404: there is no such fund or decision (``fund/unknown``, ``committee-decision/unknown``);
    * 409: the id is another rule's (``income-rule/exists``) or the decision is on something else
      (``committee-decision/other-content``, ``/other-term``);
    * 422: the decision is not carried (``committee-decision/not-carried``), or it names units in a
      fund that has no sub-accounts (``fund/no-unit-accounts``).
    """
    rule = request.rule
    fund = await books.load_fund(world, rule.fund_id)
    key = keys.income_rule(world.community, rule.fund_id, rule.rule_id)
    existing = await world.find(key, ActiveIncomeRule)
    if existing is not None:
        if existing.rule != rule:
            raise Conflict("income-rule/exists")
        return existing
    await require_decided(
        world, request.decision_id, subject=RULE_SUBJECT, subject_id=rule.rule_id, content=rule
    )
    if rule.unit_in_reference and fund.kind is not FundKind.MAINTENANCE:
        raise RuleForbids("fund/no-unit-accounts", kind=fund.kind)
    active = ActiveIncomeRule(rule=rule, decided_by=request.decision_id, since_at=call.now_ms)
    world.save(key, active)
    return active


async def end_income_rule(world: World, call: Call, request: EndIncomeRule) -> ActiveIncomeRule:
    """Take a rule out of force; what it explained stays, and doing it twice is harmless.

    Refused if there is no such rule or decision (404 ``income-rule/unknown``,
    ``committee-decision/unknown``), the decision is on something else (409
    ``committee-decision/other-content``, ``/other-term``) or not carried (422
    ``committee-decision/not-carried``).
    """
    key = keys.income_rule(world.community, request.fund_id, request.rule_id)
    active = await world.load(key, ActiveIncomeRule, "income-rule/unknown")
    await require_decided(
        world,
        request.decision_id,
        subject=RULE_END_SUBJECT,
        subject_id=request.rule_id,
        content=active.rule,
    )
    ended = income.end_rule(active, call.now_ms)
    world.save(key, ended)
    return ended


async def income_rules(world: World, _call: Call, request: FundLinesRequest) -> IncomeRuleList:
    """The income rules of a fund, ended ones included; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    return IncomeRuleList(rules=tuple(await income_rules_of(world, request.fund_id)))


# --- Two persons ---


async def assign_line(world: World, call: Call, actor: Actor, body: AssignLine) -> None:
    """Say whose income a waiting line is; when two persons say the same, it is.

    The first is a clerk of the company or a seated member, the second another person and a seated
    member. Another assignment replaces the first word. Refused if

    * 403: the person is neither (``caller/not-the-company``, ``caller/not-seated``);
    * 404: there is no such line (``line/unknown``), or the unit has no account
      (``fund/unit-without-account``);
    * 409: the line has been explained (``line/not-waiting``) or is a debit
      (``line/not-income``);
    * 422: a unit is named for a fund that has no sub-accounts (``fund/no-unit-accounts``).
    """
    holder_id = actor.credential.holder_id
    is_member = committee_rule.is_seated(await committee_now(world), holder_id, call.now_ms)
    if not is_member:
        payment_rule.require_company_clerk(actor.credential)
    line = await load_line(world, body.account_sha256, body.line_id)
    fund = await books.load_fund(world, line.fund_id)
    unit_id = body.assignment.unit_id
    units = () if unit_id is None else (unit_id,)
    await books.require_unit_accounts(world, fund, units)
    after, is_agreed = income.assign(
        line,
        body.assignment,
        holder_id,
        is_member=is_member,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
    )
    if units and fund.kind is not FundKind.MAINTENANCE:
        raise RuleForbids("fund/no-unit-accounts", kind=fund.kind)
    if not is_agreed:
        save_line(world, after)
        return
    rate = company_rate_bp(fund, line.line.booked_at)
    lines = book_rule.explained_income(line.suspense_fen, rate)
    entry = await books.post(world, call, fund.fund_id, Cause.MATCHED, line.line.line_id, lines)
    await books.bear(world, call, entry, units, line.account_sha256)
    _explain(world, after, LineFate.INCOME, entry)


# --- The committee ---


async def resolve_line(world: World, call: Call, request: ResolveLine) -> BankLine:
    """Explain a waiting line as k of n members decided.

    PAYMENT: it is this payment's debit, whatever the bank wrote; late or above the hold, it is
    taken from the budget, else from the fund. CHARGE: the bank's charge, borne by the fund.
    OFFSET: another line undid it. The same request again gets the same record. Refused if

    * 400: the decision lacks its own field (``line/decision-contradicts``);
    * 404: there is no such line, payment or decision (``line/unknown``, ``payment/unknown``,
      ``committee-decision/unknown``);
    * 409: the decision is on something else (``committee-decision/other-content``) or an earlier
      committee's (``committee-decision/other-term``), the line was explained otherwise
      (``line/not-waiting``) or put into suspense again since (``line/changed-meanwhile``), is no
      debit (``line/not-a-debit``), the payment was never ordered (``line/payment-not-ordered``),
      has its debit already or another amount (``line/payment-booked``), is another fund's
      (``line/other-fund``), or the other line does not undo it (``line/do-not-offset``);
    * 422: the decision is not carried (``committee-decision/not-carried``), or the money is not
      there (``book/overdrawn`` with the gap).
    """
    asked = request.decision
    line = await load_line(world, asked.account_sha256, asked.line_id)
    if line.decided_by == request.decision_id:
        return line
    payment = None
    if asked.payment_id is not None:
        payment = await settlements.load_payment(world, asked.payment_id)
    other = None
    if asked.other_line_id is not None and asked.other_account_sha256 is not None:
        other = await load_line(world, asked.other_account_sha256, asked.other_line_id)
    await require_decided(
        world,
        request.decision_id,
        subject=LINE_SUBJECT,
        subject_id=asked.line_id,
        content=asked,
    )
    income.require_waiting(line)
    if line.entry_id != asked.entry_id:
        raise Conflict("line/changed-meanwhile")
    line = changed(line, decided_by=request.decision_id)
    return await _resolve(world, call, line, asked, payment, other)


async def correct_line(world: World, call: Call, request: CorrectLine) -> BankLine:
    """Undo a wrong explanation of a line by an entry of its own; the line waits again.

    The money is the owners', so k of n members decide, and nobody else (Civil Code Art. 281).
    Doing it twice is harmless. Refused if there is no such line, entry or decision (404
    ``line/unknown``, ``entry/unknown``, ``committee-decision/unknown``); the decision is on
    something else (409 ``committee-decision/other-content``, ``/other-term``) or the line is no
    income and no charge (409 ``line/not-correctable``); it is not carried (422
    ``committee-decision/not-carried``) or the money is spent (422 ``book/overdrawn``).
    """
    asked = request.correction
    line = await load_line(world, asked.account_sha256, asked.line_id)
    key = keys.entry(world.community, line.fund_id, asked.entry_id)
    wrong = await world.load(key, Entry, "entry/unknown")
    await require_decided(
        world,
        request.decision_id,
        subject=CORRECTION_SUBJECT,
        subject_id=asked.line_id,
        content=asked,
    )
    if line.decided_by == request.decision_id:
        return line
    if line.fate not in (LineFate.INCOME, LineFate.CHARGE) or line.entry_id != asked.entry_id:
        raise Conflict("line/not-correctable", fate=line.fate)
    entry = await books.post(
        world,
        call,
        line.fund_id,
        Cause.CORRECTION,
        wrong.reference,
        book_rule.correcting(wrong),
        corrects=wrong.entry_id,
    )
    await books.undo(world, call, entry, line.account_sha256)
    waiting = changed(
        line,
        fate=LineFate.WAITING,
        suspense_fen=line.line.fen,
        entry_id=entry.entry_id,
        income_class=None,
        rule_id=None,
        proposal=None,
        decided_by=request.decision_id,
    )
    if any(side.account is BookAccount.BANK for side in wrong.lines):
        waiting = await wait_for_clerk(world, call, waiting)
    save_line(world, waiting)
    world.emit(
        LineCorrected(
            community=world.community,
            account_sha256=line.account_sha256,
            line_id=line.line.line_id,
        )
    )
    return waiting


# --- Helpers ---


async def _resolve(
    world: World,
    call: Call,
    line: BankLine,
    asked: LineDecision,
    payment: Payment | None,
    other: BankLine | None,
) -> BankLine:
    if asked.kind is LineKind.CHARGE:
        return await _as_charge(world, call, line)
    if asked.kind is LineKind.PAYMENT:
        assert payment is not None, asked.line_id
        return await _as_payment(world, call, line, payment)
    assert other is not None, asked.line_id
    return await _as_offset(world, call, line, other)


async def _as_payment(world: World, call: Call, line: BankLine, payment: Payment) -> BankLine:
    """The line is the payment's debit: of one settled by report, at the bank, or ended late."""
    if line.line.fen > 0:
        raise Conflict("line/not-a-debit")
    if payment.content.fund_id != line.fund_id:
        raise Conflict("line/other-fund")
    if payment.order_id is None:
        raise Conflict("line/payment-not-ordered")
    fen = -line.line.fen
    if payment_rule.phase(payment) in payment_rule.PAID:
        entry = await _book_reported(world, call, line, payment)
    else:
        await _cover(world, call, payment, fen)
        entry = await settlements.settle(world, call, payment, fen, BookAccount.SUSPENSE)
        payment = payment_rule.settle(payment, fen, line.line.line_id, call.now_ms)
    booked = changed(payment, booked_fen=fen, entry_ref=line.line.line_id)
    settlements.save_payment(world, booked, fen)
    explained = _explain(world, line, LineFate.PAYMENT, entry)
    await _resolve_exceptions(world, call, explained, ExceptionResolution.PAID_BY_LINE)
    return explained


async def _book_reported(world: World, call: Call, line: BankLine, payment: Payment) -> Entry:
    """A report took the money off the book before: the line in suspense did so again."""
    fen = -line.line.fen
    if payment.booked_fen or payment.settled_fen != fen:
        raise Conflict("line/payment-booked", settled_fen=payment.settled_fen)
    lines = book_rule.at_bank(BookAccount.SUSPENSE, fen)
    return await books.post(world, call, line.fund_id, Cause.MATCHED, line.line.line_id, lines)


async def _cover(world: World, call: Call, payment: Payment, fen: int) -> None:
    """Hold what a late or too large debit needs beyond what is held for the payment.

    From its budget as far as that goes (422 ``budget/exceeded``); where the budget is closed or
    the money is the company's, the book itself refuses what is not there.
    """
    held = await settlements.held_fen(world, payment)
    budget = await settlements.budget_of(world, payment)
    if budget is not None and budget.closed_at is None:
        budget_rule.require_within(budget, await holds_of(world, budget.budget_id), fen - held)
    if fen > held:
        await settlements.hold_more(world, call, payment, fen - held)


async def _as_charge(world: World, call: Call, line: BankLine) -> BankLine:
    """The bank's charge: borne by the fund, and by its units by area."""
    if line.line.fen > 0:
        raise Conflict("line/not-a-debit")
    fen = line.suspense_fen
    lines = book_rule.moved(BookAccount.SUSPENSE, BookAccount.FREE, fen)
    entry = await books.post(world, call, line.fund_id, Cause.CHARGE, line.line.line_id, lines)
    await books.bear(world, call, entry, (), line.account_sha256)
    explained = _explain(world, line, LineFate.CHARGE, entry)
    await _resolve_exceptions(world, call, explained, ExceptionResolution.MADE_GOOD)
    return explained


async def _as_offset(world: World, call: Call, line: BankLine, other: BankLine) -> BankLine:
    """Two lines that undo each other: no money moves in the book."""
    income.require_offsetting(line, other)
    undone = changed(other, offset_by=line.line.line_id, decided_by=line.decided_by)
    _explain(world, undone, LineFate.OFFSET, None)
    explained = _explain(world, changed(line, offset_by=other.line.line_id), LineFate.OFFSET, None)
    for one in (explained, undone):
        await _resolve_exceptions(world, call, one, ExceptionResolution.MADE_GOOD)
    return explained


def _explain(world: World, line: BankLine, fate: LineFate, entry: Entry | None) -> BankLine:
    explained = changed(
        line,
        fate=fate,
        suspense_fen=0,
        entry_id=line.entry_id if entry is None else entry.entry_id,
    )
    save_line(world, explained)
    unlist_line(world, explained)
    world.emit(
        LineExplained(
            community=world.community,
            account_sha256=line.account_sha256,
            line_id=line.line.line_id,
            fate=fate,
        )
    )
    return explained


async def _resolve_exceptions(
    world: World, call: Call, line: BankLine, resolution: ExceptionResolution
) -> None:
    await bankreports.resolve_by_line(world, call, line, resolution, line.decided_by or "")


HANDLERS: Final[Mapping[str, Handler]] = {
    "set_income_rule": Handler(request=SetIncomeRule, run=set_income_rule),
    "end_income_rule": Handler(request=EndIncomeRule, run=end_income_rule),
    "income_rules": Handler(request=FundLinesRequest, run=income_rules),
    "assign_line": Handler(request=AssignLine, run=assign_line),
    "resolve_line": Handler(request=ResolveLine, run=resolve_line),
    "correct_line": Handler(request=CorrectLine, run=correct_line),
}
