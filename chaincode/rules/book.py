"""Double entry: every movement of a fund, and the balances it leaves.

What comes onto the bank account is somebody's claim, and what leaves it was; so the lines on
``bank`` equal the sum of the lines on all other accounts.
"""

from collections.abc import Sequence

from chaincode.errors import RuleForbids
from chaincode.model.effect import BASIS_POINTS_MAX
from chaincode.model.fund import Book, BookAccount, Cause, Entry, Line

MAY_BE_NEGATIVE = (BookAccount.BANK, BookAccount.SUSPENSE)
"""An account may be overdrawn at the bank, and an unexplained line may be a debit."""
OWNERS = (BookAccount.FREE, BookAccount.BUDGETED, BookAccount.HELD)
"""The owners' money; the unit accounts of a maintenance fund sum to it."""


def is_balanced(lines: Sequence[Line]) -> bool:
    """Whether the money at the bank changes by exactly what the claims on it change."""
    bank = sum(line.fen for line in lines if line.account is BookAccount.BANK)
    claims = sum(line.fen for line in lines if line.account is not BookAccount.BANK)
    return bank == claims


def entry_id(number: int) -> str:
    """The id of a fund's entry by its number from 1, so that ids sort as entries were made."""
    return f"{number:012d}"


def owners_fen(book: Book) -> int:
    """The owners' money in the fund: free, decided on, and held."""
    return book.free + book.budgeted + book.held


def owners_part(lines: Sequence[Line]) -> int:
    """By how much an entry's lines change the owners' money."""
    return sum(line.fen for line in lines if line.account in OWNERS)


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
        **{account.value: fen for account, fen in balances.items()},
    )


def moved(source: BookAccount, target: BookAccount, fen: int) -> tuple[Line, ...]:
    """Lines that move a claim of ``fen`` from one account to another; the bank is not touched."""
    assert BookAccount.BANK not in (source, target)
    return (Line(account=source, fen=-fen), Line(account=target, fen=fen))


def received(fen: int, company_rate_bp: int) -> tuple[Line, ...]:
    """Lines of an income of ``fen``; the company's part is rounded down to the fen."""
    return (Line(account=BookAccount.BANK, fen=fen), *shared(fen, company_rate_bp))


def explained_income(fen: int, company_rate_bp: int) -> tuple[Line, ...]:
    """Lines that turn money in suspense into income."""
    return (Line(account=BookAccount.SUSPENSE, fen=-fen), *shared(fen, company_rate_bp))


def shared(fen: int, company_rate_bp: int) -> tuple[Line, ...]:
    """The owners' and the company's part of an income."""
    company_fen = fen * company_rate_bp // BASIS_POINTS_MAX
    shares = ((BookAccount.FREE, fen - company_fen), (BookAccount.COMPANY, company_fen))
    return tuple(Line(account=account, fen=part) for account, part in shares if part)


def at_bank(account: BookAccount, fen: int) -> tuple[Line, ...]:
    """Lines of money that came to the bank for ``account`` (or left it: negative fen)."""
    return (Line(account=BookAccount.BANK, fen=fen), Line(account=account, fen=fen))


def correcting(wrong: Entry) -> tuple[Line, ...]:
    """Lines that undo ``wrong``: an entry is never edited (cause CORRECTION names it)."""
    assert wrong.cause is not Cause.CORRECTION
    return tuple(Line(account=line.account, fen=-line.fen) for line in wrong.lines)
