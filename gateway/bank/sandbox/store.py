"""The sandbox's books in SQLite: double entry in fen, checked at the end of every transaction.

Money from and to other banks is booked against one account, WORLD, so all balances sum to zero.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gateway.bank.locks import ProcessLock
from gateway.bank.types import Entry

WORLD = "WORLD"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS account (
    number TEXT PRIMARY KEY, is_closed INTEGER NOT NULL DEFAULT 0,
    balance_fen INTEGER NOT NULL DEFAULT 0, day_opening_fen INTEGER NOT NULL DEFAULT 0,
    statement_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS booking (
    booking_id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL REFERENCES account,
    amount_fen INTEGER NOT NULL, day INTEGER NOT NULL, entry BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS booking_day ON booking (account, day);
CREATE TABLE IF NOT EXISTS message (message_id TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS payment (
    payment_id TEXT NOT NULL, message_id TEXT NOT NULL REFERENCES message,
    instruction BLOB NOT NULL, state TEXT NOT NULL, reason TEXT, due_step INTEGER,
    return_reason TEXT, return_after INTEGER, repeat_count INTEGER NOT NULL DEFAULT 0,
    is_reordered INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (message_id, payment_id)
) STRICT;
CREATE TABLE IF NOT EXISTS outgoing (
    outgoing_id INTEGER PRIMARY KEY AUTOINCREMENT, due_step INTEGER NOT NULL,
    position INTEGER NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
    delivery_id TEXT UNIQUE, is_delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS rule (
    rule_id INTEGER PRIMARY KEY AUTOINCREMENT, rule BLOB NOT NULL, left_count INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS credit (credit_id TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
"""


class Store:
    """One process's hold on the books; every change is on disk when its transaction ends."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises AdapterBusyError where another process has it."""
        self._lock = ProcessLock(path.with_name(f"{path.name}.lock"))
        path.touch(mode=0o600)
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(f"PRAGMA journal_mode = WAL;PRAGMA synchronous = FULL;{_SCHEMA}")
        self.db.execute("PRAGMA foreign_keys = ON")
        self.db.execute("INSERT OR IGNORE INTO account (number) VALUES (?)", (WORLD,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside are kept together, or none; the books balance at its end."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.require_balance()
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        self.db.close()
        self._lock.release()

    def require_balance(self) -> None:
        """Every balance is the sum of its bookings, and together they are zero."""
        total = self.one("SELECT coalesce(sum(balance_fen), 0) FROM account")[0]
        assert total == 0, f"the books are off by {total} fen"
        wrong = self.one(
            "SELECT count(*) FROM account WHERE balance_fen !="
            " (SELECT coalesce(sum(amount_fen), 0) FROM booking WHERE account = number)"
        )[0]
        assert wrong == 0, f"{wrong} balances are not the sum of their bookings"

    def one(self, query: str, *values: Any) -> Any:
        """The first row, or None."""
        return self.db.execute(query, values).fetchone()

    def all(self, query: str, *values: Any) -> list[Any]:
        """Every row."""
        return self.db.execute(query, values).fetchall()

    def run(self, query: str, *values: Any) -> int:
        """Changes rows; how many."""
        return self.db.execute(query, values).rowcount

    def counter(self, name: str) -> int:
        """A counter's value; 0 before it first counts."""
        row = self.one("SELECT value FROM counter WHERE name = ?", name)
        return int(row[0]) if row else 0

    def count(self, name: str) -> int:
        """Counts one up; returns the new value."""
        self.run(
            "INSERT INTO counter VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
            name,
        )
        return self.counter(name)

    def today(self, first_day: date) -> date:
        """The bank's own day: `first_day` and the days ended since."""
        return first_day + timedelta(days=self.counter("day"))

    def book(self, account: str, other: str, amount_fen: int, entry: Entry | None) -> None:
        """Moves `amount_fen` (signed) onto `account` from `other`; `entry` is for statements."""
        self._book_one(account, amount_fen, entry)
        self._book_one(other, -amount_fen, None)

    def entries_today(self, account: str) -> list[Entry]:
        """What a statement of today lists."""
        rows = self.all(
            "SELECT entry FROM booking WHERE account = ? AND day = ? AND entry IS NOT NULL"
            " ORDER BY booking_id",
            account,
            self.counter("day"),
        )
        return [msgspec.json.decode(row[0], type=Entry) for row in rows]

    def _book_one(self, account: str, amount_fen: int, entry: Entry | None) -> None:
        self.run(
            "INSERT INTO booking (account, amount_fen, day, entry) VALUES (?, ?, ?, ?)",
            account,
            amount_fen,
            self.counter("day"),
            msgspec.json.encode(entry) if entry else None,
        )
        self.run(
            "UPDATE account SET balance_fen = balance_fen + ? WHERE number = ?", amount_fen, account
        )
