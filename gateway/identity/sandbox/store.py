"""What the sandbox authority remembers: small records by kind and id in one SQLite file."""

import sqlite3
from pathlib import Path
from typing import TypeVar

import msgspec

from chaincode.model.base import Id, Record, TimeMs
from gateway.identity.protocol import AttestationInput, Beginning, Opening, StepAnswer

R = TypeVar("R", bound=Record)


class Verification(Record):
    """One verification."""

    opening: Opening
    opened_at: TimeMs
    asked: AttestationInput | None = None
    attestation: str | None = None


class Attempt(Record):
    """The latest attempt at one step of one verification."""

    credential_id: Id
    beginning: Beginning
    answer: StepAnswer
    begun_at: TimeMs
    code: str | None = None
    """What must come back."""
    account: str | None = None
    tries: int = 0


class Ticket(Record):
    """Which attempt a ticket was given out for."""

    place: str


class Pin(Record):
    """Which person a holder id stands for, and the other way round; kept from the first time."""

    other: str


class SentCode(Record):
    """A short message as it left for a phone."""

    phone: str
    text: str
    code: str


class Store:
    """The file; `:memory:` keeps nothing."""

    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record (kind TEXT, id TEXT, body BLOB,"
            " PRIMARY KEY (kind, id))"
        )

    def find(self, kind: type[R], record_id: str) -> R | None:
        """One record."""
        row = self._database.execute(
            "SELECT body FROM record WHERE kind = ? AND id = ?", (kind.__name__, record_id)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=kind)

    def save(self, record_id: str, record: Record) -> None:
        """Write a record, over the one that was there."""
        self._database.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?)",
            (type(record).__name__, record_id, msgspec.json.encode(record)),
        )

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind, oldest first."""
        rows = self._database.execute(
            "SELECT body FROM record WHERE kind = ? ORDER BY rowid", (kind.__name__,)
        )
        return [msgspec.json.decode(row[0], type=kind) for row in rows]

    def sent_to(self, phone: str) -> list[SentCode]:
        """The messages that went to one phone, oldest first."""
        rows = self._database.execute(
            "SELECT body FROM record WHERE kind = ?"
            " AND json_extract(CAST(body AS TEXT), '$.phone') = ? ORDER BY rowid",
            (SentCode.__name__, phone),
        )
        return [msgspec.json.decode(row[0], type=SentCode) for row in rows]

    def close(self) -> None:
        """Give the file back."""
        self._database.close()
