"""The bank's statements: taken in whole, each line matched, made income by rule, or listed."""

from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import keys
from chaincode.contract import books, settlements
from chaincode.contract.decisions import content_sha256
from chaincode.contract.handlers import Call, Handler
from chaincode.contract.statement_messages import (
    STATEMENTS_PER_PAGE_MAX,
    FundLinesRequest,
    LineList,
    LineRequest,
    RecordStatement,
    StatementList,
    StatementRecorded,
    StatementRequest,
    StatementsRequest,
    StatementView,
)
from chaincode.errors import Conflict
from chaincode.model.base import changed
from chaincode.model.fund import BankAccount, BookAccount, Cause, Fund, FundKind
from chaincode.model.payment import Fit, Payment
from chaincode.model.statement import (
    ActiveIncomeRule,
    BankLine,
    IncomeRule,
    LineFate,
    Statement,
    StatementContent,
    StatementLine,
    WaitingLine,
)
from chaincode.rules import book as book_rule
from chaincode.rules import income, reconcile
from chaincode.rules import payment as payment_rule
from chaincode.rules.fund import company_rate_bp
from chaincode.world import World

# --- Transactions ---


async def record_statement(world: World, call: Call, request: RecordStatement) -> Statement:
    """Take in a statement, whole or not at all (ISO 20022 camt.053).

    A debit of a payment settles it, if no report did before; a return credits its budget, once.
    Other credits become income by rule. What is left waits in suspense, listed. The same statement
    again gets the same record. Refused if

    * 400: a line stands there twice (``statement/line-repeated``), is of nothing
      (``statement/zero-line``), a return is a debit (``statement/return-is-debit``), or opening +
      lines is not closing (``statement/does-not-add-up``);
    * 404: there is no such account (``account/unknown``);
    * 409: the id has another content (``statement/exists-with-different-content``), it is not the
      next one (``statement/out-of-sequence``), does not open with the last closing
      (``statement/opening-differs``), or has a line of an earlier one
      (``statement/line-recorded``).
    """
    content = request.statement
    account = await books.load_account(world, content.account_sha256)
    key = keys.statement(world.community, account.account_sha256, content.statement_id)
    statement = _statement(call, content)
    existing = await world.find(key, Statement)
    if existing is not None:
        if existing.content_sha256 != statement.content_sha256:
            raise Conflict("statement/exists-with-different-content")
        return existing
    reconcile.require_next(account, content)
    await _require_new_lines(world, content)
    fund = await books.load_fund(world, account.fund_id)
    rules = await income_rules_of(world, fund.fund_id)
    taken = [
        await _take_line(world, call, fund, content, line, rules)
        for line in reconcile.debits_first(content.lines)
    ]
    world.save(key, statement)
    _save_closing(world, account, content)
    world.emit(
        StatementRecorded(
            community=world.community,
            account_sha256=account.account_sha256,
            statement_id=content.statement_id,
            line_count=len(taken),
            waiting_count=sum(line.fate is LineFate.WAITING for line in taken),
        )
    )
    return statement


# --- Queries ---


async def statement(world: World, _call: Call, request: StatementRequest) -> StatementView:
    """A statement with what became of each line; 404 ``statement/unknown``."""
    key = keys.statement(world.community, request.account_sha256, request.statement_id)
    found = await world.load(key, Statement, "statement/unknown")
    lines = [await load_line(world, found.account_sha256, line_id) for line_id in found.line_ids]
    return StatementView(statement=found, lines=tuple(lines))


async def statements(world: World, _call: Call, request: StatementsRequest) -> StatementList:
    """An account's statements by sequence; 404 ``account/unknown``."""
    await books.load_account(world, request.account_sha256)
    prefix = keys.statements(world.community, request.account_sha256)
    found = [one for _, one in await world.scan(prefix, Statement)]
    later = sorted(
        (one for one in found if one.sequence > request.after), key=lambda one: one.sequence
    )
    return StatementList(statements=tuple(later[: min(request.limit, STATEMENTS_PER_PAGE_MAX)]))


async def bank_line(world: World, _call: Call, request: LineRequest) -> BankLine:
    """One line of an account and what became of it; 404 ``line/unknown``."""
    return await load_line(world, request.account_sha256, request.line_id)


async def waiting_lines(world: World, _call: Call, request: FundLinesRequest) -> LineList:
    """The lines of a fund that nobody has explained yet; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    prefix = keys.waiting_lines(world.community, request.fund_id)
    waiting = [one for _, one in await world.scan(prefix, WaitingLine)]
    lines = [await load_line(world, one.account_sha256, one.line_id) for one in waiting]
    return LineList(lines=tuple(lines))


# --- For other modules ---


async def load_line(world: World, account_sha256: str, line_id: str) -> BankLine:
    """A line of an account; 404 ``line/unknown``."""
    key = keys.bank_line(world.community, account_sha256, line_id)
    return await world.load(key, BankLine, "line/unknown")


def save_line(world: World, line: BankLine) -> None:
    """Write a line; a waiting one is listed."""
    world.save(keys.bank_line(world.community, line.account_sha256, line.line.line_id), line)
    if line.fate is LineFate.WAITING:
        waiting = WaitingLine(
            account_sha256=line.account_sha256, line_id=line.line.line_id, fen=line.suspense_fen
        )
        world.save(_waiting_key(world, line), waiting)


def unlist_line(world: World, line: BankLine) -> None:
    """Take a line that has been explained off the list."""
    world.delete(_waiting_key(world, line))


async def income_rules_of(world: World, fund_id: str) -> list[ActiveIncomeRule]:
    """The income rules of a fund, ended ones included."""
    prefix = keys.income_rules(world.community, fund_id)
    return [one for _, one in await world.scan(prefix, ActiveIncomeRule)]


async def wait_for_clerk(world: World, call: Call, line: BankLine) -> BankLine:
    """Put a line's money in suspense and list it."""
    fen = line.line.fen
    entry = await books.post(
        world,
        call,
        line.fund_id,
        Cause.UNMATCHED,
        line.line.line_id,
        book_rule.at_bank(BookAccount.SUSPENSE, fen),
    )
    return changed(line, fate=LineFate.WAITING, suspense_fen=fen, entry_id=entry.entry_id)


# --- One line ---


async def _take_line(
    world: World,
    call: Call,
    fund: Fund,
    content: StatementContent,
    line: StatementLine,
    rules: Sequence[ActiveIncomeRule],
) -> BankLine:
    fresh = BankLine(
        account_sha256=content.account_sha256,
        fund_id=fund.fund_id,
        line=line,
        fate=LineFate.WAITING,
        statement_id=content.statement_id,
    )
    payment = await _payment_of(world, line)
    if payment is not None:
        taken = await _match(world, call, fresh, payment, content.message_sha256)
    else:
        taken = await _income_by_rule(world, call, fund, fresh, rules)
    taken = taken or await wait_for_clerk(world, call, fresh)
    save_line(world, taken)
    return taken


async def _payment_of(world: World, line: StatementLine) -> Payment | None:
    """The payment that a debit or a return names, if it is one of this community's."""
    if line.payment_id is None or not (line.fen < 0 or line.is_return):
        return None
    return await world.find(keys.payment(world.community, line.payment_id), Payment)


async def _match(
    world: World, call: Call, fresh: BankLine, payment: Payment, message_sha256: str
) -> BankLine | None:
    """The line as a payment's debit or return; None, and an exception, if it does not fit."""
    line = fresh.line
    key = keys.bank_line(world.community, fresh.account_sha256, line.line_id)
    told = await world.find(key, BankLine)
    held = await settlements.held_fen(world, payment)
    judged = reconcile.judge_line(line, payment, fresh.account_sha256, held, told)
    if not isinstance(judged, Fit):
        settlements.raise_exception(
            world,
            call,
            payment,
            judged,
            source=line.line_id,
            account_sha256=fresh.account_sha256,
            fen=abs(line.fen),
            message_sha256=message_sha256,
        )
        return None
    if line.fen < 0:
        return await _debit(world, call, fresh, payment, judged)
    return await _returned(world, call, fresh, payment, judged)


async def _debit(world: World, call: Call, fresh: BankLine, payment: Payment, fit: Fit) -> BankLine:
    """The debit settles the payment, or shows what a report settled before."""
    fen, entry_id = -fresh.line.fen, None
    if fit is Fit.NEWS:
        entry = await settlements.settle(world, call, payment, fen, BookAccount.BANK)
        entry_id = entry.entry_id
        payment = payment_rule.settle(payment, fen, fresh.line.line_id, call.now_ms)
    booked = changed(payment, booked_fen=fen, entry_ref=fresh.line.line_id)
    _save(world, booked, fen, fit)
    return changed(fresh, fate=LineFate.PAYMENT, entry_id=entry_id)


async def _returned(
    world: World, call: Call, fresh: BankLine, payment: Payment, fit: Fit
) -> BankLine:
    """The credit returns a payment, or shows what a report returned before."""
    fen, entry_id = fresh.line.fen, None
    if fit is Fit.NEWS:
        entry = await settlements.take_back(world, call, payment, fen)
        entry_id = entry.entry_id
        payment = payment_rule.return_part(payment, fen)
    booked = changed(payment, returned_booked_fen=payment.returned_booked_fen + fen)
    _save(world, booked, fen, fit)
    return changed(fresh, fate=LineFate.RETURN, entry_id=entry_id)


def _save(world: World, payment: Payment, fen: int, fit: Fit) -> None:
    if fit is Fit.NEWS:
        settlements.save_payment(world, payment, fen)
    else:
        settlements.record_payment(world, payment)


async def _income_by_rule(
    world: World, call: Call, fund: Fund, fresh: BankLine, rules: Sequence[ActiveIncomeRule]
) -> BankLine | None:
    """The line as income by the fund's rules; None if no rule or unit is known for it."""
    rule = income.rule_for(fresh.line, rules)
    if rule is None or not await _has_unit(world, fund, fresh.line, rule):
        return None
    units = _units(fund, fresh.line, rule)
    line = fresh.line
    lines = book_rule.received(line.fen, company_rate_bp(fund, line.booked_at))
    entry = await books.post(world, call, fund.fund_id, Cause.INCOME, line.line_id, lines)
    await books.bear(world, call, entry, units, fresh.account_sha256)
    return changed(
        fresh,
        fate=LineFate.INCOME,
        entry_id=entry.entry_id,
        income_class=rule.income_class,
        rule_id=rule.rule_id,
    )


async def _has_unit(world: World, fund: Fund, line: StatementLine, rule: IncomeRule) -> bool:
    """Whether the unit that a reference should name has an account."""
    if not rule.unit_in_reference or fund.kind is not FundKind.MAINTENANCE:
        return True
    unit_id = income.unit_of(line, rule)
    if unit_id is None:
        return False
    return await books.find_unit_account(world, fund.fund_id, unit_id) is not None


def _units(fund: Fund, line: StatementLine, rule: IncomeRule) -> tuple[str, ...]:
    """The unit that gets the income; none for all by area."""
    if not rule.unit_in_reference or fund.kind is not FundKind.MAINTENANCE:
        return ()
    unit_id = income.unit_of(line, rule)
    return () if unit_id is None else (unit_id,)


# --- Helpers ---


def _statement(call: Call, content: StatementContent) -> Statement:
    return Statement(
        account_sha256=content.account_sha256,
        statement_id=content.statement_id,
        sequence=content.sequence,
        opening_fen=content.opening_fen,
        closing_fen=content.closing_fen,
        line_ids=tuple(line.line_id for line in content.lines),
        content_sha256=content_sha256(content),
        message_sha256=content.message_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )


async def _require_new_lines(world: World, content: StatementContent) -> None:
    """Refuse (409 ``statement/line-recorded``) a line that an earlier statement has."""
    wanted = [
        keys.bank_line(world.community, content.account_sha256, line.line_id)
        for line in content.lines
    ]
    await world.prefetch(wanted)
    for key in wanted:
        earlier = await world.find(key, BankLine)
        if earlier is not None and earlier.statement_id is not None:
            raise Conflict("statement/line-recorded", line=earlier.line.line_id)


def _save_closing(world: World, account: BankAccount, content: StatementContent) -> None:
    after = changed(
        account,
        last_closing_fen=content.closing_fen,
        last_statement_id=content.statement_id,
        last_sequence=content.sequence,
    )
    world.save(keys.bank_account(world.community, account.account_sha256), after)


def _waiting_key(world: World, line: BankLine) -> str:
    return keys.waiting_line(world.community, line.fund_id, line.account_sha256, line.line.line_id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "record_statement": Handler(request=RecordStatement, run=record_statement),
    "statement": Handler(request=StatementRequest, run=statement),
    "statements": Handler(request=StatementsRequest, run=statements),
    "bank_line": Handler(request=LineRequest, run=bank_line),
    "waiting_lines": Handler(request=FundLinesRequest, run=waiting_lines),
}
