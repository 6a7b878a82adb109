"""Double entry: every movement of a fund, and the balances it leaves.

What comes onto the bank account is somebody's claim, and what leaves it was; so the lines on
``bank`` equal the sum of the lines on all other accounts.
"""

from chaincode.errors import RuleForbids
from chaincode.model.fund import (
    BASIS_POINTS,
    Book,
    BookAccount,
    Cause,
    Entry,
    Line,
    RateBp,
)

MAY_BE_NEGATIVE = (BookAccount.BANK, BookAccount.SUSPENSE)
"""An account may be overdrawn at the bank, and an unexplained line may be a debit."""


def is_balanced(lines: tuple[Line, ...]) -> bool:
    """Whether the money at the bank changes by exactly what the claims on it change."""
    bank = sum(line.fen for line in lines if line.account is BookAccount.BANK)
    claims = sum(line.fen for line in lines if line.account is not BookAccount.BANK)
    return bank == claims


def post(book: Book, entry: Entry) -> Book:
    """The book after ``entry``.

    Refused (422 ``book/overdrawn``, with the gap in fen) if it would leave less than nothing on
    an account that cannot be negative.
    """
    assert is_balanced(entry.lines), entry.cause
    balances = {account: int(getattr(book, account)) for account in BookAccount}
    for line in entry.lines:
        balances[line.account] += line.fen
    for account, fen in balances.items():
        if fen < 0 and account not in MAY_BE_NEGATIVE:
            raise RuleForbids("book/overdrawn", account=account, gap_fen=-fen)
    return Book(
        fund_id=book.fund_id,
        entry_count=book.entry_count + 1,
        bank=balances[BookAccount.BANK],
        free=balances[BookAccount.FREE],
        budgeted=balances[BookAccount.BUDGETED],
        held=balances[BookAccount.HELD],
        company=balances[BookAccount.COMPANY],
        suspense=balances[BookAccount.SUSPENSE],
    )


def moved(source: BookAccount, target: BookAccount, fen: int) -> tuple[Line, ...]:
    """Lines that move a claim of ``fen`` from one account to another; the bank is not touched."""
    assert BookAccount.BANK not in (source, target)
    return (Line(account=source, fen=-fen), Line(account=target, fen=fen))


def received(fen: int, company_rate_bp: RateBp) -> tuple[Line, ...]:
    """Lines of an income of ``fen``; the company's part is rounded down to the fen."""
    company_fen = fen * company_rate_bp // BASIS_POINTS
    shares = ((BookAccount.FREE, fen - company_fen), (BookAccount.COMPANY, company_fen))
    claims = tuple(Line(account=account, fen=part) for account, part in shares if part)
    return (Line(account=BookAccount.BANK, fen=fen), *claims)


def paid_out(source: BookAccount, fen: int) -> tuple[Line, ...]:
    """Lines of money that left the bank against a claim on ``source``."""
    return (Line(account=BookAccount.BANK, fen=-fen), Line(account=source, fen=-fen))


def correcting(wrong: Entry) -> tuple[Line, ...]:
    """Lines that undo ``wrong``: an entry is never edited (cause CORRECTION names it)."""
    assert wrong.cause is not Cause.CORRECTION
    return tuple(Line(account=line.account, fen=-line.fen) for line in wrong.lines)
