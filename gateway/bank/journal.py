"""What the adapter must never forget, in one SQLite file: orders sent, facts taken in, events.

Every change happens inside `transaction()` and is on disk when that ends. One process at a time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.bank.errors import JournalError
from gateway.bank.locks import ProcessLock
from gateway.bank.types import BankEvent, Body, PaymentOrder, Statement

_VERSION = 1
_SCHEMA = """
CREATE TABLE message_out (
    message_id TEXT PRIMARY KEY, data BLOB NOT NULL, is_sent INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE payment_order (
    order_id TEXT PRIMARY KEY, payment_id TEXT NOT NULL UNIQUE, content BLOB NOT NULL,
    message_id TEXT NOT NULL REFERENCES message_out
) STRICT;
CREATE TABLE message_in (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE fact (key TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE statement (
    account TEXT NOT NULL, sequence INTEGER NOT NULL, statement_id TEXT NOT NULL,
    content BLOB NOT NULL, sha256 TEXT NOT NULL, is_taken INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, sequence), UNIQUE (account, statement_id)
) STRICT;
CREATE TABLE event (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL,
    sha256 TEXT NOT NULL REFERENCES message_in,
    is_acked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX event_pending ON event (event_id) WHERE is_acked = 0;
"""
_body_decoder = msgspec.json.Decoder(Body)
_order_decoder = msgspec.json.Decoder(PaymentOrder)
_statement_decoder = msgspec.json.Decoder(Statement)


class StatementRow(NamedTuple):
    """A statement as kept: `is_taken` once it followed its predecessor, else it waits for it."""

    statement: Statement
    sha256: str
    is_taken: bool


class Journal:
    """The adapter's memory: rows are changed and read here, their meaning is decided elsewhere."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises AdapterBusyError, JournalError."""
        self._lock = ProcessLock(path.with_name(f"{path.name}.lock"))
        self._mutex = threading.RLock()
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.close()
            raise JournalError(f"{path.name} is not a journal") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside are kept together, or none of them."""
        with self._mutex:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Closes the file, after a change under way, and frees it for another process."""
        with self._mutex:
            self._db.close()
        self._lock.release()

    # --- what we said ---

    def order(self, order_id: str) -> PaymentOrder | None:
        """An order recorded before."""
        row = self._one("SELECT content FROM payment_order WHERE order_id = ?", order_id)
        return _order_decoder.decode(row[0]) if row else None

    def is_payment_ordered(self, payment_id: str) -> bool:
        """Whether any order carries this payment."""
        return bool(self._one("SELECT 1 FROM payment_order WHERE payment_id = ?", payment_id))

    def orders_of(self, message_id: str) -> tuple[PaymentOrder, ...]:
        """The orders of one message of ours; empty for any other id."""
        rows = self._all("SELECT content FROM payment_order WHERE message_id = ?", message_id)
        return tuple(_order_decoder.decode(row[0]) for row in rows)

    def message_of(self, order_id: str) -> str | None:
        """The id of the message that carried an order."""
        row = self._one("SELECT message_id FROM payment_order WHERE order_id = ?", order_id)
        return str(row[0]) if row else None

    def record_message(self, message_id: str, data: bytes, orders: list[PaymentOrder]) -> None:
        """Keeps a new message, not sent yet, with its orders."""
        self._db.execute(
            "INSERT INTO message_out (message_id, data) VALUES (?, ?)", (message_id, data)
        )
        self._db.executemany(
            "INSERT INTO payment_order (order_id, payment_id, content, message_id)"
            " VALUES (?, ?, ?, ?)",
            [
                (order.order_id, order.payment_id, msgspec.json.encode(order), message_id)
                for order in orders
            ],
        )

    def unsent_messages(self) -> list[tuple[str, bytes]]:
        """Messages whose hand-over is not known to have happened, oldest first."""
        return self._all(
            "SELECT message_id, data FROM message_out WHERE is_sent = 0 ORDER BY rowid"
        )

    def mark_sent(self, message_id: str, *, sent: bool) -> None:
        """Notes that a message was handed over, or that it must be handed over again."""
        self._db.execute(
            "UPDATE message_out SET is_sent = ? WHERE message_id = ?", (sent, message_id)
        )

    # --- what the bank said ---

    def keep_message(self, sha256: str, data: bytes) -> None:
        """Keeps the bank's bytes as evidence, once."""
        self._db.execute("INSERT OR IGNORE INTO message_in VALUES (?, ?)", (sha256, data))

    def fact(self, key: str) -> bytes | None:
        """What is known under `key`."""
        row = self._one("SELECT content FROM fact WHERE key = ?", key)
        return bytes(row[0]) if row else None

    def record_fact(self, key: str, content: bytes) -> None:
        """Keeps a fact that was not known."""
        self._db.execute("INSERT INTO fact VALUES (?, ?)", (key, content))

    def statement(self, account: str, sequence: int) -> StatementRow | None:
        """The statement with this number, waiting or taken."""
        return self._statement("account = ? AND sequence = ?", account, sequence)

    def statement_named(self, account: str, statement_id: str) -> StatementRow | None:
        """The statement with this id, waiting or taken."""
        return self._statement("account = ? AND statement_id = ?", account, statement_id)

    def last_taken(self, account: str) -> StatementRow | None:
        """The latest statement that followed its predecessor."""
        return self._statement(
            "account = ? AND is_taken = 1 ORDER BY sequence DESC LIMIT 1", account
        )

    def waiting_statements(self) -> list[Statement]:
        """Statements whose predecessor has not come."""
        rows = self._all(
            "SELECT content FROM statement WHERE is_taken = 0 ORDER BY account, sequence"
        )
        return [_statement_decoder.decode(row[0]) for row in rows]

    def record_statement(self, statement: Statement, sha256: str) -> None:
        """Keeps a statement that waits for its turn."""
        self._db.execute(
            "INSERT INTO statement (account, sequence, statement_id, content, sha256)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                statement.account,
                statement.sequence,
                statement.statement_id,
                msgspec.json.encode(statement),
                sha256,
            ),
        )

    def mark_taken(self, statement: Statement) -> None:
        """Notes that the statement followed its predecessor."""
        self._db.execute(
            "UPDATE statement SET is_taken = 1 WHERE account = ? AND sequence = ?",
            (statement.account, statement.sequence),
        )

    def drop_statement(self, statement: Statement) -> None:
        """Forgets a refused statement, so that a corrected one may take its number."""
        self._db.execute(
            "DELETE FROM statement WHERE account = ? AND sequence = ? AND is_taken = 0",
            (statement.account, statement.sequence),
        )

    # --- what the ledger must hear ---

    def add_event(self, body: Body, sha256: str) -> None:
        """Queues what the message with this hash said until it is acknowledged."""
        self._db.execute(
            "INSERT INTO event (body, sha256) VALUES (?, ?)", (msgspec.json.encode(body), sha256)
        )

    def pending_events(self, count_max: int) -> list[BankEvent]:
        """Events not acknowledged, oldest first."""
        rows = self._all(
            "SELECT event_id, body, sha256 FROM event WHERE is_acked = 0 ORDER BY event_id LIMIT ?",
            count_max,
        )
        return [
            BankEvent(event_id=event_id, message_sha256=sha256, body=_body_decoder.decode(body))
            for event_id, body, sha256 in rows
        ]

    def ack_event(self, event_id: int) -> None:
        """Notes that the ledger has it; again changes nothing."""
        self._db.execute("UPDATE event SET is_acked = 1 WHERE event_id = ?", (event_id,))

    # --- inside ---

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"journal version {version}")

    def _statement(self, where: str, *values: str | int) -> StatementRow | None:
        # `where` is one of the literals above; values travel as parameters.
        row = self._one(f"SELECT content, sha256, is_taken FROM statement WHERE {where}", *values)  # noqa: S608
        if row is None:
            return None
        return StatementRow(_statement_decoder.decode(row[0]), row[1], bool(row[2]))

    def _one(self, query: str, *values: str | int) -> Any:
        with self._mutex:
            return self._db.execute(query, values).fetchone()

    def _all(self, query: str, *values: str | int) -> list[Any]:
        with self._mutex:
            return self._db.execute(query, values).fetchall()
