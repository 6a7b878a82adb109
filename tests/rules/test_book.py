"""Double entry: balanced, never overdrawn, undone only by another entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import RuleForbids
from chaincode.model.fund import Book, BookAccount, Cause, Entry, Line
from chaincode.rules import book as rule

FEN = st.integers(min_value=1, max_value=10**12)


def entry(*lines: Line, cause: Cause = Cause.INCOME) -> Entry:
    return Entry(
        entry_id="1", fund_id="f", cause=cause, reference="r", lines=lines, at=0, tx_id="tx"
    )


def book(**balances: int) -> Book:
    return Book(fund_id="f", bank=sum(balances.values()), **balances)


@given(fen=FEN, rate=st.integers(min_value=0, max_value=10_000))
def test_income_is_shared_to_the_fen_and_the_company_gets_the_rounded_down_part(
    fen: int, rate: int
) -> None:
    after = rule.post(book(), entry(*rule.received(fen, rate)))
    assert (after.bank, after.company, after.free) == (
        fen,
        fen * rate // 10_000,
        fen - fen * rate // 10_000,
    )
    explained = rule.post(book(suspense=fen), entry(*rule.explained_income(fen, rate)))
    assert (explained.bank, explained.suspense, explained.company) == (fen, 0, after.company)


@given(free=FEN, fen=FEN)
def test_no_claim_falls_below_nothing_and_the_gap_is_exact(free: int, fen: int) -> None:
    moved = entry(*rule.moved(BookAccount.FREE, BookAccount.BUDGETED, fen))
    if fen <= free:
        after = rule.post(book(free=free), moved)
        assert (after.free, after.budgeted, after.entry_count) == (free - fen, fen, 1)
        return
    with pytest.raises(RuleForbids) as refused:
        rule.post(book(free=free), moved)
    assert refused.value.code == "book/overdrawn"
    assert refused.value.details == {"account": "free", "gap_fen": fen - free}


@pytest.mark.parametrize("account", [BookAccount.SUSPENSE])
def test_bank_and_suspense_may_be_below_nothing(account: BookAccount) -> None:
    after = rule.post(book(), entry(*rule.at_bank(account, -5)))
    assert (after.bank, after.suspense) == (-5, -5)


def test_a_correction_brings_back_every_balance() -> None:
    before = book(free=10)
    wrong = entry(*rule.received(1_001, 1_500))
    after = rule.post(rule.post(before, wrong), entry(*rule.correcting(wrong)))
    assert after == Book(fund_id="f", bank=10, free=10, entry_count=2)


def test_what_does_not_balance_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        rule.post(book(), entry(Line(account=BookAccount.FREE, fen=1)))
    with pytest.raises(AssertionError):
        rule.moved(BookAccount.BANK, BookAccount.FREE, 1)
    with pytest.raises(AssertionError):
        rule.correcting(entry(cause=Cause.CORRECTION))


def test_the_owners_part_is_free_budgeted_and_held() -> None:
    assert rule.owners_fen(book(free=1, budgeted=2, held=4, company=8, suspense=16)) == 7
    assert rule.owners_part(rule.received(100, 2_500)) == 75
    assert rule.owners_part(rule.moved(BookAccount.FREE, BookAccount.HELD, 5)) == 0
