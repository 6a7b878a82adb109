"""The regulator's private table: which random id stands for whom. It never leaves this machine.

An SQLite file of mode 0600. An owner's personal columns can be erased; the id stays, so that the
ledger's record of what the id did stays readable.
"""

import hashlib
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.identity.rollfile import Owner

OWNER_ID_BYTES: Final = 10
"""80 random bits: no two owners of a country meet by chance."""
SALT_BYTES: Final = 16
BUSY_TIMEOUT_S: Final = 10.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS owner (
    owner_id TEXT PRIMARY KEY, id_no TEXT UNIQUE, name TEXT, kind TEXT NOT NULL, phone TEXT
);
CREATE TABLE IF NOT EXISTS salt (
    subject TEXT NOT NULL, text TEXT NOT NULL, salt TEXT NOT NULL, PRIMARY KEY (subject, text)
);
"""


class OwnerTableError(Exception):
    """The private table cannot be used as it is."""


@dataclass(frozen=True)
class KnownOwner:
    """One row: the id on the ledger and, unless erased, who that is."""

    owner_id: str
    kind: str
    id_no: str | None
    name: str | None
    phone: str | None


class OwnerTable:
    """The table in one file; made, with mode 0600, when it is not there."""

    def __init__(self, path: Path, *, random_hex: Callable[[int], str] = secrets.token_hex) -> None:
        self._path = path
        self._random_hex = random_hex
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise OwnerTableError(f"others may read the private table {path}; set its mode to 0600")
        with self._open() as database:
            database.executescript(_SCHEMA)

    @contextmanager
    def changing(self) -> Iterator["Changes"]:
        """All changes inside are kept together, or none if an exception leaves the block."""
        with self._open() as database, database:
            database.execute("BEGIN IMMEDIATE")
            yield Changes(database, self._random_hex)

    def owner(self, owner_id: str) -> KnownOwner | None:
        """Who stands behind an id."""
        with self._open() as database:
            row = database.execute(
                "SELECT owner_id, kind, id_no, name, phone FROM owner WHERE owner_id = ?",
                (owner_id,),
            ).fetchone()
        return None if row is None else KnownOwner(*row)

    def owner_id(self, id_no: str) -> str | None:
        """Which id stands for the holder of an identity or credit code."""
        with self._open() as database:
            row = database.execute(
                "SELECT owner_id FROM owner WHERE id_no = ?", (id_no,)
            ).fetchone()
        return None if row is None else str(row[0])

    def erase(self, owner_id: str) -> bool:
        """Forget who an id is; False if there is no such id. A later import gives a new id."""
        with self._open() as database, database:
            done = database.execute(
                "UPDATE owner SET id_no = NULL, name = NULL, phone = NULL WHERE owner_id = ?",
                (owner_id,),
            )
        return done.rowcount == 1

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)) as database:
            database.execute("PRAGMA secure_delete = ON")
            yield database


class Changes:
    """One transaction on the table."""

    def __init__(self, database: sqlite3.Connection, random_hex: Callable[[int], str]) -> None:
        self._database = database
        self._random_hex = random_hex

    def id_of(self, owner: Owner) -> str:
        """The owner's random id: the one they have, or a new one. Name and phone are updated."""
        row = self._database.execute(
            "SELECT owner_id FROM owner WHERE id_no = ?", (owner.id_no,)
        ).fetchone()
        owner_id = f"o{self._random_hex(OWNER_ID_BYTES)}" if row is None else str(row[0])
        self._database.execute(
            "INSERT INTO owner (owner_id, id_no, name, kind, phone) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (owner_id) DO UPDATE SET name = excluded.name, kind = excluded.kind,"
            " phone = CASE excluded.phone WHEN '' THEN phone ELSE excluded.phone END",
            (owner_id, owner.id_no, owner.name, owner.kind, owner.phone),
        )
        return owner_id

    def salted_sha256(self, subject: str, text: str) -> str:
        """A hash of ``text`` that only the holder of this table can tie to it.

        The salt is kept, so the same text of the same subject has the same hash again.
        """
        row = self._database.execute(
            "SELECT salt FROM salt WHERE subject = ? AND text = ?", (subject, text)
        ).fetchone()
        salt = self._random_hex(SALT_BYTES) if row is None else str(row[0])
        self._database.execute("INSERT OR IGNORE INTO salt VALUES (?, ?, ?)", (subject, text, salt))
        return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()
