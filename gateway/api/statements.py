"""The bank's statements, line by line, and what counts as income."""

from typing import Annotated, Final

import msgspec

from chaincode.model.base import Id, Org, Sha256
from chaincode.model.statement import (
    ActiveIncomeRule,
    BankLine,
    IncomeRule,
    LineCorrection,
    LineDecision,
    Statement,
    StatementContent,
)
from gateway.api.paging import CutBy, Page
from gateway.api.rows import query, statement, view
from gateway.routes import Parameter, Route

STATEMENT_BYTES_MAX: Final = 2 * 1024 * 1024
"""Two thousand lines fit."""

STATEMENTS_PER_PAGE_MAX: Final = 100
"""The peer gives 200 at most, and one more than asked says whether there is another page."""

StatementsSize = Annotated[int, msgspec.Meta(ge=1, le=STATEMENTS_PER_PAGE_MAX)]
LinePlace = Annotated[
    str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}:[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
]

_BANK = (Org.BANK,)
_CONVENERS = (Org.COMMITTEE, Org.REGULATOR)
_FUND = "/funds/{fund_id}"
_ACCOUNT = "/accounts/{account_sha256}"
_HASH = {"account_sha256": Sha256}

StatementView = view("StatementView", statement=Statement, lines=tuple[BankLine, ...])
StatementList = view("StatementList", statements=tuple[Statement, ...])
LineList = view("LineList", lines=tuple[BankLine, ...])
IncomeRuleList = view("IncomeRuleList", rules=tuple[ActiveIncomeRule, ...])

ROUTES: Final[tuple[Route, ...]] = (
    query(
        "statements",
        f"{_ACCOUNT}/statements",
        "The statements of an account.",
        "statements",
        StatementList,
        path_kinds=_HASH,
        page=Page(
            rows="statements",
            key=("sequence",),
            after=Parameter(name="after", kind=int, says="Begin behind this sequence number."),
            limit=Parameter(name="limit", kind=StatementsSize, says="At most so many."),
            cut_by=CutBy.PEER,
        ),
    ),
    query(
        "statement",
        f"{_ACCOUNT}/statements/{{statement_id}}",
        "One statement with its lines.",
        "statements",
        StatementView,
        path_kinds=_HASH,
    ),
    query(
        "bank_line",
        f"{_ACCOUNT}/lines/{{line_id}}",
        "One line and what it turned out to be.",
        "statements",
        BankLine,
        path_kinds=_HASH,
    ),
    query(
        "waiting_lines",
        f"{_FUND}/waiting-lines",
        "Lines that nobody has explained yet.",
        "statements",
        LineList,
        page=Page(
            rows="lines",
            key=("account_sha256", "line.line_id"),
            after=Parameter(name="after", kind=LinePlace, says="Behind this account:line."),
        ),
    ),
    query(
        "income_rules",
        f"{_FUND}/income-rules",
        "Which incoming lines are income.",
        "statements",
        IncomeRuleList,
    ),
    statement(
        "record_statement",
        "/statements",
        "Takes in a statement of the bank, whole.",
        "statements",
        Statement,
        orgs=_BANK,
        body_bytes_max=STATEMENT_BYTES_MAX,
        statement=StatementContent,
    ),
    statement(
        "set_income_rule",
        "/income-rules",
        "States which incoming lines are income.",
        "statements",
        ActiveIncomeRule,
        orgs=_CONVENERS,
        rule=IncomeRule,
        decision_id=Id,
    ),
    statement(
        "end_income_rule",
        f"{_FUND}/income-rules/{{rule_id}}/end",
        "Ends an income rule.",
        "statements",
        ActiveIncomeRule,
        orgs=_CONVENERS,
        decision_id=Id,
    ),
    statement(
        "resolve_line",
        "/line-decisions",
        "Says what the committee decided a line to be.",
        "statements",
        BankLine,
        orgs=_CONVENERS,
        decision=LineDecision,
        decision_id=Id,
    ),
    statement(
        "correct_line",
        "/line-corrections",
        "Undoes what a line was said to be.",
        "statements",
        BankLine,
        orgs=_CONVENERS,
        correction=LineCorrection,
        decision_id=Id,
    ),
)
