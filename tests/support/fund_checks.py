"""What is true of the funds at every block, read off the whole ledger."""

from collections import defaultdict
from typing import Any

from chaincode import codec
from chaincode.model.base import Record
from chaincode.model.budget import Budget, Hold
from chaincode.model.fund import BankAccount, Book, BookAccount, Cause, Entry
from chaincode.model.payment import Payment
from chaincode.model.statement import BankLine, LineFate, WaitingLine
from chaincode.model.unitaccount import UnitAccount
from chaincode.rules.book import is_balanced, owners_fen
from chaincode.rules.payment import unbooked_fen
from tests.support.funds import Treasury

KINDS: dict[str, type[Record]] = {
    "book": Book,
    "entry": Entry,
    "bank-account": BankAccount,
    "unit-account": UnitAccount,
    "budget": Budget,
    "hold": Hold,
    "company-hold": Hold,
    "payment": Payment,
    "bank-line": BankLine,
    "waiting-line": WaitingLine,
}


class Snapshot:
    """Every record of the funds; what did not change since is not decoded again."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, Record | None]] = {}

    def read(self, town: Treasury) -> dict[str, dict[tuple[str, ...], Any]]:
        found: dict[str, dict[tuple[str, ...], Any]] = defaultdict(dict)
        for key, history in town.ledger.histories.items():
            _, kind, *parts = key.split("/")
            if kind not in KINDS:
                continue
            version, record = self._seen.get(key, (0, None))
            if version != len(history):
                value = history[-1].value
                record = None if value is None else codec.decode(value, KINDS[kind])
                self._seen[key] = (len(history), record)
            if record is not None:
                found[kind][tuple(parts)] = record
        return found


def check(records: dict[str, dict[tuple[str, ...], Any]]) -> None:
    """Assert every invariant."""
    for book in records["book"].values():
        _check_book(book, records)
    for budget in records["budget"].values():
        _check_budget(budget, records)
    for payment in records["payment"].values():
        _check_payment(payment, records)
    _check_lines(records)


def _check_book(book: Book, records: dict[str, dict[tuple[str, ...], Any]]) -> None:
    claims = book.free + book.budgeted + book.held + book.company + book.suspense
    assert book.bank == claims
    assert min(book.free, book.budgeted, book.held, book.company) >= 0
    of_fund = {
        kind: [one for one in found.values() if getattr(one, "fund_id", "") == book.fund_id]
        for kind, found in records.items()
    }
    sums: dict[BookAccount, int] = dict.fromkeys(BookAccount, 0)
    for entry in of_fund["entry"]:
        assert is_balanced(entry.lines)
        for line in entry.lines:
            sums[line.account] += line.fen
    assert sums == {account: getattr(book, account) for account in BookAccount}
    assert len(of_fund["entry"]) == book.entry_count
    payments = [one for one in records["payment"].values() if one.content.fund_id == book.fund_id]
    closing_fen = sum(account.last_closing_fen for account in of_fund["bank-account"])
    assert book.bank == closing_fen + unbooked_fen(payments), "bank = closing + unbooked"
    assert book.suspense == sum(line.suspense_fen for line in of_fund.get("bank-line", ()))
    if units := of_fund.get("unit-account"):
        assert sum(unit.balance_fen for unit in units) == owners_fen(book), "units sum"
    budgets = {one.budget_id: one for one in of_fund.get("budget", ()) if one.closed_at is None}
    left_fen = sum(one.amount_fen for one in budgets.values()) - sum(
        hold.held_fen + hold.settled_fen
        for (budget_id, _), hold in records["hold"].items()
        if budget_id in budgets
    )
    assert book.budgeted == left_fen, "budgeted is what open budgets have left"
    ids = {payment.payment_id for payment in payments}
    holds = [*records["hold"].values(), *records["company-hold"].values()]
    assert book.held == sum(hold.held_fen for hold in holds if hold.payment_id in ids)


def _check_budget(budget: Budget, records: dict[str, dict[tuple[str, ...], Any]]) -> None:
    used = sum(
        hold.held_fen + hold.settled_fen
        for (budget_id, _), hold in records["hold"].items()
        if budget_id == budget.budget_id
    )
    if budget.closed_at is None:
        assert used <= budget.amount_fen, "held + settled <= budget"


def _check_payment(payment: Payment, records: dict[str, dict[tuple[str, ...], Any]]) -> None:
    settlements = [
        entry
        for entry in records["entry"].values()
        if entry.cause is Cause.SETTLEMENT and entry.reference == payment.payment_id
    ]
    assert len(settlements) == (payment.settled_at is not None), "settled once"
    assert 0 <= payment.returned_fen <= payment.settled_fen
    assert payment.booked_fen in (0, payment.settled_fen)
    assert payment.returned_booked_fen <= payment.returned_fen
    lines = [
        line
        for line in records["bank-line"].values()
        if line.fate is LineFate.PAYMENT and line.line.line_id == payment.entry_ref
    ]
    assert sum(-line.line.fen for line in lines) == payment.booked_fen


def _check_lines(records: dict[str, dict[tuple[str, ...], Any]]) -> None:
    listed = {(one.account_sha256, one.line_id): one for one in records["waiting-line"].values()}
    waiting = {
        key: line for key, line in records["bank-line"].items() if line.fate is LineFate.WAITING
    }
    assert set(listed) == set(waiting), "what waits is listed"
    for key, line in waiting.items():
        assert line.suspense_fen == line.line.fen == listed[(key[0], key[1])].fen
    for key, line in records["bank-line"].items():
        assert key in waiting or line.suspense_fen == 0
