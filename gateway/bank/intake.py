"""Takes one message of the bank into the journal: every fact once, statements in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from gateway.bank.errors import MessageRefused
from gateway.bank.inbound import Content, read_message
from gateway.bank.journal import Journal
from gateway.bank.types import (
    Body,
    EntryNotice,
    OrderStatus,
    OwnAccount,
    RefusedMessage,
    Statement,
)


class Intake:
    """Turns messages into pending events; a message taken twice adds nothing."""

    def __init__(self, journal: Journal, accounts: Mapping[str, OwnAccount]) -> None:
        self._journal = journal
        self._accounts = accounts

    def take(self, data: bytes) -> None:
        """Keeps the bytes and everything they say, or the fact that they were refused."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._journal.transaction():
            self._journal.keep_message(sha256, data)
        try:
            contents = read_message(data, self._accounts, self._journal.orders_of)
            with self._journal.transaction():
                for content in contents:
                    self._take_content(content, sha256)
        except MessageRefused as refusal:
            with self._journal.transaction():
                self._record_refusal(refusal, sha256)

    def _take_content(self, content: Content, sha256: str) -> None:
        match content:
            case OrderStatus():
                self._once(f"status/{_digest(content)}", content, sha256)
            case EntryNotice():
                self._take_notice(content, sha256)
            case Statement():
                self._take_statement(content, sha256)

    def _once(self, key: str, body: Body, sha256: str) -> None:
        if self._journal.fact(key) is None:
            self._journal.record_fact(key, b"")
            self._journal.add_event(body, sha256)

    def _take_notice(self, notice: EntryNotice, sha256: str) -> None:
        """An entry seen before is the same entry, or the message is refused."""
        key = f"entry/{notice.account}/{notice.entry.entry_ref}"
        content = msgspec.json.encode(notice.entry)
        known = self._journal.fact(key)
        if known is None:
            self._journal.record_fact(key, content)
            self._journal.add_event(notice, sha256)
        elif known != content:
            raise MessageRefused(
                "camt.054/entry-changed",
                "BkToCstmrDbtCdtNtfctn",
                "a reference seen before with other content",
                ref=notice.entry.entry_ref,
            )

    def _take_statement(self, statement: Statement, sha256: str) -> None:
        account = self._accounts[statement.account]
        if statement.sequence < account.first_sequence:
            raise _refused("sequence", statement, "from before the first")
        known = [
            self._journal.statement(statement.account, statement.sequence),
            self._journal.statement_named(statement.account, statement.statement_id),
        ]
        if known == [None, None]:
            self._journal.record_statement(statement, sha256)
            self._take_waiting(account)
        elif any(row is None or row.statement != statement for row in known):
            raise _refused("sequence-changed", statement, "number or id seen before, now different")

    def _take_waiting(self, account: OwnAccount) -> None:
        """Takes every waiting statement that now follows the last one taken."""
        while True:
            last = self._journal.last_taken(account.number)
            sequence = last.statement.sequence + 1 if last else account.first_sequence
            row = self._journal.statement(account.number, sequence)
            if row is None:
                return
            opening_fen = last.statement.closing_fen if last else account.opening_fen
            try:
                self._require_follows(row.statement, opening_fen)
            except MessageRefused as refusal:
                self._journal.drop_statement(row.statement)
                self._record_refusal(refusal, row.sha256)
                return
            self._accept(row.statement, row.sha256)

    def _require_follows(self, statement: Statement, opening_fen: int | None) -> None:
        if opening_fen is not None and statement.opening_fen != opening_fen:
            raise _refused("opening", statement, "not the closing balance before it")
        for entry in statement.entries:
            if self._journal.fact(_line_key(statement, entry.entry_ref)) is not None:
                raise _refused("entry-repeated", statement, "an entry of another statement")

    def _accept(self, statement: Statement, sha256: str) -> None:
        for entry in statement.entries:
            self._journal.record_fact(_line_key(statement, entry.entry_ref), b"")
        self._journal.mark_taken(statement)
        self._journal.add_event(statement, sha256)

    def _record_refusal(self, refusal: MessageRefused, sha256: str) -> None:
        body = RefusedMessage(
            sha256=sha256, code=refusal.code, path=refusal.path, reason=refusal.reason
        )
        self._once(f"refusal/{_digest(body)}", body, sha256)


def _refused(condition: str, statement: Statement, reason: str) -> MessageRefused:
    return MessageRefused(
        f"camt.053/{condition}",
        "BkToCstmrStmt/Stmt",
        reason,
        statement_id=statement.statement_id,
        sequence=statement.sequence,
    )


def _line_key(statement: Statement, entry_ref: str) -> str:
    return f"line/{statement.account}/{entry_ref}"


def _digest(body: Body) -> str:
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()
