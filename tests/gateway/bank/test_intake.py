"""What the adapter makes of messages: once each, statements in order, refusals kept and told."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.bank.errors import AdapterBusyError, JournalError
from gateway.bank.intake import Intake
from gateway.bank.journal import Journal
from gateway.bank.types import Body, OwnAccount, RefusedMessage, Statement
from tests.support import bank_messages as good
from tests.support.bank import OWN


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def intake(journal: Journal, **account: int) -> Intake:
    return Intake(journal, {OWN: OwnAccount(number=OWN, **account)})


def told(journal: Journal) -> list[Body]:
    return [event.body for event in journal.pending_events(100)]


def codes(journal: Journal) -> list[str]:
    """Sequence numbers of statements and codes of refusals, as told."""
    return [
        str(body.sequence) if isinstance(body, Statement) else body.code
        for body in told(journal)
        if isinstance(body, Statement | RefusedMessage)
    ]


def day(sequence: int, opening_fen: int, *refs: str) -> bytes:
    """A statement with its own id in which each entry brings 300.01 yuan."""
    entries = tuple(msgspec.structs.replace(good.INCOME, entry_ref=ref) for ref in refs)
    data = good.statement(opening_fen, sequence, entries)
    return data.replace(b"<Id>SB0000000001<", f"<Id>S{sequence}<".encode())


def test_a_message_taken_twice_is_told_once(journal: Journal) -> None:
    for _ in range(2):
        intake(journal).take(good.notice())
        intake(journal).take(good.statement())
        intake(journal).take(b"junk")
    assert [type(body).__name__ for body in told(journal)] == [
        "EntryNotice",
        "Statement",
        "RefusedMessage",
    ]


def test_a_refused_message_is_told_with_its_digest_and_nothing_else(journal: Journal) -> None:
    data = good.statement().replace(b">10000.00<", b">10000.01<")
    intake(journal).take(data)
    (refusal,) = told(journal)
    assert isinstance(refusal, RefusedMessage)
    assert (refusal.code, refusal.sha256) == (
        "camt.053/balance",
        hashlib.sha256(data).hexdigest(),
    )


def test_an_entry_seen_before_with_other_content_is_refused(journal: Journal) -> None:
    intake(journal).take(good.notice())
    intake(journal).take(good.notice().replace("电梯广告".encode(), b"other"))
    assert codes(journal) == ["camt.054/entry-changed"]
    assert len(told(journal)) == 2


def test_statements_are_told_in_order_however_they_come(journal: Journal) -> None:
    for sequence in (3, 2):
        intake(journal).take(day(sequence, 100))
        assert codes(journal) == []
    assert [s.sequence for s in journal.waiting_statements()] == [2, 3]
    intake(journal).take(day(1, 100))
    assert codes(journal) == ["1", "2", "3"]
    assert journal.waiting_statements() == []


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([day(1, 100), day(1, 200)], ["1", "camt.053/sequence-changed"]),
        (
            [day(1, 100), day(2, 100).replace(b"<Id>S2<", b"<Id>S1<")],
            ["1", "camt.053/sequence-changed"],
        ),
        ([day(1, 100), day(2, 101)], ["1", "camt.053/opening"]),
        ([day(1, 100), day(2, 101), day(2, 100)], ["1", "camt.053/opening", "2"]),
        ([day(2, 101), day(1, 100), day(2, 100)], ["1", "camt.053/opening", "2"]),
        (
            [day(1, 100, "A"), day(2, 300_01 + 100, "A")],
            ["1", "camt.053/entry-repeated"],
        ),
        ([day(3, 100), day(3, 200)], ["camt.053/sequence-changed"]),
    ],
)
def test_a_statement_that_does_not_follow_is_refused(
    journal: Journal, messages: list[bytes], expected: list[str]
) -> None:
    for message in messages:
        intake(journal).take(message)
    assert codes(journal) == expected


def test_the_first_statement_must_have_the_first_number_and_balance(journal: Journal) -> None:
    intake(journal, first_sequence=5).take(day(4, 100))
    intake(journal, first_sequence=5, opening_fen=99).take(day(5, 100))
    intake(journal, first_sequence=5, opening_fen=100).take(day(5, 100))
    assert codes(journal) == ["camt.053/sequence", "camt.053/opening", "5"]


def test_an_account_added_later_makes_a_refused_message_good(journal: Journal) -> None:
    Intake(journal, {}).take(good.notice())
    intake(journal).take(good.notice())
    assert [type(body).__name__ for body in told(journal)] == ["RefusedMessage", "EntryNotice"]


def test_one_process_at_a_time_and_only_our_own_files(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(AdapterBusyError):
        Journal(tmp_path / "journal.db")
    (tmp_path / "text.db").write_text("not a database, and long enough to be looked at" * 20)
    with pytest.raises(JournalError):
        Journal(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(JournalError):
        Journal(tmp_path / "newer.db")
    assert (tmp_path / "journal.db").stat().st_mode & 0o077 == 0
