"""What statements are asked and told, what they answer, and the events they announce."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Count, Id, Record, Sha256
from chaincode.model.statement import (
    ActiveIncomeRule,
    Assignment,
    BankLine,
    IncomeRule,
    LineCorrection,
    LineDecision,
    LineFate,
    Statement,
    StatementContent,
)
from chaincode.rules import income, reconcile

STATEMENTS_PER_PAGE_MAX = 200


class RecordStatement(Request):
    """A statement of the bank (ISO 20022 camt.053)."""

    statement: StatementContent

    def __post_init__(self) -> None:
        reconcile.require_statement_form(self.statement)


class SetIncomeRule(Request):
    """Put a rule in force that the committee decided."""

    rule: IncomeRule
    decision_id: Id

    def __post_init__(self) -> None:
        income.require_rule_form(self.rule)


class EndIncomeRule(Request):
    """End a rule as the committee decided."""

    fund_id: Id
    rule_id: Id
    decision_id: Id


class AssignLine(ActBody):
    """Say whose income a waiting line is, as the first or second of two persons."""

    account_sha256: Sha256
    line_id: Id
    assignment: Assignment


class ResolveLine(Request):
    """Explain a waiting line as the committee decided."""

    decision: LineDecision
    decision_id: Id

    def __post_init__(self) -> None:
        income.require_decision_form(self.decision)


class CorrectLine(Request):
    """Undo the explanation of a line as the committee decided."""

    correction: LineCorrection
    decision_id: Id


class StatementRequest(Request):
    """Name a statement."""

    account_sha256: Sha256
    statement_id: Id


class StatementsRequest(Request):
    """Ask for an account's statements with a sequence number above the one given."""

    account_sha256: Sha256
    after: int = -1
    limit: Count = STATEMENTS_PER_PAGE_MAX


class LineRequest(Request):
    """Name a line of an account."""

    account_sha256: Sha256
    line_id: Id


class FundLinesRequest(Request):
    """Name a fund for its waiting lines or income rules."""

    fund_id: Id


class StatementView(Record):
    """A statement with what became of each line."""

    statement: Statement
    lines: tuple[BankLine, ...]


class StatementList(Record):
    """Statements of an account, by sequence."""

    statements: tuple[Statement, ...]


class LineList(Record):
    """Lines of statements."""

    lines: tuple[BankLine, ...]


class IncomeRuleList(Record):
    """The income rules of a fund, ended ones included."""

    rules: tuple[ActiveIncomeRule, ...]


class StatementRecorded(Record):
    """Event: a statement was taken in; `waiting_count` of its lines nobody has explained."""

    community: str
    account_sha256: str
    statement_id: str
    line_count: int
    waiting_count: int
    event: str = "StatementRecorded"


class LineExplained(Record):
    """Event: a waiting line was explained by two persons or by the committee."""

    community: str
    account_sha256: str
    line_id: str
    fate: LineFate
    event: str = "LineExplained"


class LineCorrected(Record):
    """Event: the explanation of a line was undone; it waits again."""

    community: str
    account_sha256: str
    line_id: str
    event: str = "LineCorrected"
