"""What a bank's answer or statement line means for what is on record: news, known, or unfitting.

One fact has one id: a payment settles once under its own id, and each booked entry has the bank's
reference. So it does not matter whether a report or the statement comes first, or how often.
"""

from collections.abc import Sequence

from chaincode.errors import BadInput, Conflict
from chaincode.model.fund import BankAccount
from chaincode.model.payment import (
    ExceptionKind,
    Fit,
    Payment,
    PaymentPhase,
    ReportContent,
    ReportStatus,
)
from chaincode.model.statement import BankLine, StatementContent, StatementLine
from chaincode.rules.payment import AT_BANK, PAID, phase

Judgement = Fit | ExceptionKind
"""NEWS, KNOWN, or why the answer does not fit."""

# --- Guards ---


def require_report_form(report: ReportContent) -> None:
    """Refuse (BadInput) a report that lacks what its status needs.

    ``report/amount`` for money moved without an amount or the other way round,
    ``report/reason-missing`` for a rejection, ``report/entry-ref-missing`` for a return.
    """
    moves = report.status in (ReportStatus.SETTLED, ReportStatus.RETURNED)
    if moves != (report.amount_fen > 0):
        raise BadInput("report/amount")
    if report.status is ReportStatus.REJECTED and report.reason is None:
        raise BadInput("report/reason-missing")
    if report.status is ReportStatus.RETURNED and report.entry_ref is None:
        raise BadInput("report/entry-ref-missing")


def require_statement_form(statement: StatementContent) -> None:
    """Refuse (BadInput) a statement that contradicts itself.

    ``statement/line-repeated``, ``statement/zero-line``, ``statement/return-is-debit``;
    ``statement/does-not-add-up`` when opening + lines is not closing, with the gap in fen.
    """
    if len({line.line_id for line in statement.lines}) < len(statement.lines):
        raise BadInput("statement/line-repeated")
    if any(line.fen == 0 for line in statement.lines):
        raise BadInput("statement/zero-line")
    if any(line.is_return and line.fen < 0 for line in statement.lines):
        raise BadInput("statement/return-is-debit")
    total_fen = statement.opening_fen + sum(line.fen for line in statement.lines)
    if total_fen != statement.closing_fen:
        raise BadInput("statement/does-not-add-up", gap_fen=statement.closing_fen - total_fen)


def require_next(account: BankAccount, statement: StatementContent) -> None:
    """Refuse (Conflict) a statement that does not follow the last one.

    ``statement/out-of-sequence`` with the number that is due, ``statement/opening-differs`` with
    the balance it must open with.
    """
    if account.last_sequence is not None and statement.sequence != account.last_sequence + 1:
        raise Conflict("statement/out-of-sequence", due=account.last_sequence + 1)
    if statement.opening_fen != account.last_closing_fen:
        raise Conflict("statement/opening-differs", due_fen=account.last_closing_fen)


# --- Judging ---


def judge_report(
    report: ReportContent, payment: Payment, held_fen: int, entry: BankLine | None
) -> Judgement:
    """What a report says; ``entry`` is what is known of the entry it refers to."""
    if report.status is ReportStatus.ACCEPTED:
        return judge_acceptance(payment)
    if report.status is ReportStatus.REJECTED:
        return judge_rejection(payment)
    if report.status is ReportStatus.RETURNED:
        return judge_return(payment, report.amount_fen, entry)
    assert report.status is ReportStatus.SETTLED, report.report_id
    if entry is not None:
        told = is_told(entry, payment, -report.amount_fen)
        return Fit.KNOWN if told else ExceptionKind.ENTRY_CHANGED
    return judge_settlement(payment, held_fen, report.amount_fen, report.entry_ref)


def judge_line(
    line: StatementLine, payment: Payment, account_sha256: str, held_fen: int, told: BankLine | None
) -> Judgement:
    """What a line that names a payment says: matched by id, amount and account, or why not."""
    if payment.order_id is None:
        return ExceptionKind.NOT_ORDERED
    if payment.account_sha256 != account_sha256:
        return ExceptionKind.OTHER_ACCOUNT
    if line.fen < 0:
        return judge_settlement(payment, held_fen, -line.fen, line.line_id)
    return judge_return(payment, line.fen, told)


def judge_acceptance(payment: Payment) -> Judgement:
    """The bank has taken an order on; "settled" may have come before."""
    if payment.order_id is None:
        return ExceptionKind.NOT_ORDERED
    match phase(payment):
        case PaymentPhase.ORDERED:
            return Fit.NEWS
        case PaymentPhase.ACCEPTED | PaymentPhase.SETTLED | PaymentPhase.RETURNED:
            return Fit.KNOWN
        case _:
            return ExceptionKind.ACCEPTED_AFTER_END


def judge_rejection(payment: Payment) -> Judgement:
    """The bank refuses an order; after it expired that changes nothing any more."""
    if payment.order_id is None:
        return ExceptionKind.NOT_ORDERED
    if phase(payment) in PAID:
        return ExceptionKind.REJECTED_AFTER_SETTLEMENT
    return Fit.NEWS if phase(payment) in AT_BANK else Fit.KNOWN


def judge_settlement(payment: Payment, held_fen: int, fen: int, entry_ref: str | None) -> Judgement:
    """``fen`` left the account for the payment: once, and not more than is held."""
    if payment.order_id is None:
        return ExceptionKind.NOT_ORDERED
    if phase(payment) in PAID:
        same_entry = entry_ref is None or payment.entry_ref in (None, entry_ref)
        known = same_entry and fen == payment.settled_fen
        return Fit.KNOWN if known else ExceptionKind.SETTLED_OTHERWISE
    if phase(payment) not in AT_BANK:
        return ExceptionKind.SETTLED_AFTER_END
    return Fit.NEWS if fen <= held_fen else ExceptionKind.AMOUNT_ABOVE_HOLD


def judge_return(payment: Payment, fen: int, told: BankLine | None) -> Judgement:
    """``fen`` came back under a reference of its own: each once, all together not more."""
    if told is not None:
        known = is_told(told, payment, fen)
        return Fit.KNOWN if known else ExceptionKind.ENTRY_CHANGED
    if phase(payment) not in PAID:
        return ExceptionKind.RETURN_WITHOUT_SETTLEMENT
    above = payment.returned_fen + fen > payment.settled_fen
    return ExceptionKind.RETURN_ABOVE_SETTLEMENT if above else Fit.NEWS


def is_told(entry: BankLine, payment: Payment, fen: int) -> bool:
    """Whether the bank has told this very entry before."""
    return (entry.line.payment_id, entry.line.fen) == (payment.payment_id, fen)


def debits_first(lines: Sequence[StatementLine]) -> list[StatementLine]:
    """The lines in the order in which they are judged: what leaves can only then come back."""
    return sorted(lines, key=lambda line: line.fen > 0)
