"""Waiting lines and what people say of them."""

from typing import Any

from chaincode.model.statement import (
    Assignment,
    BankLine,
    LineDecision,
    LineKind,
    StatementLine,
)
from tests.support.funds import ACCOUNT, Treasury

DEPOSIT = Assignment(income_class="deposit")


def found(town: Treasury, line: StatementLine, account: str = ACCOUNT) -> BankLine:
    record = town.ask("bank_line", account_sha256=account, line_id=line.line_id)
    assert isinstance(record, BankLine)
    return record


def waiting(town: Treasury, fen: int, account: str = ACCOUNT, **fields: Any) -> StatementLine:
    line = town.line(fen, **fields)
    town.book_lines(line, account=account)
    return line


def word(line: StatementLine, assignment: Assignment = DEPOSIT, **fields: Any) -> dict[str, Any]:
    return {
        "account_sha256": ACCOUNT,
        "line_id": line.line_id,
        "assignment": assignment,
        **fields,
    }


def decision(town: Treasury, line: StatementLine, kind: str, **fields: Any) -> LineDecision:
    given = {
        "account_sha256": ACCOUNT,
        "line_id": line.line_id,
        "entry_id": found(town, line).entry_id,
        **fields,
    }
    return LineDecision(kind=LineKind(kind), **given)


def asked(town: Treasury, content: LineDecision, *, carried: bool = True) -> dict[str, Any]:
    decision_id = town.decide("bank-line", content.line_id, content, carried)
    return {"decision": content, "decision_id": decision_id}
