"""Who stands behind the ledger's random ids: the regulator's own table, sealed and erasable.

Each person has a key of their own (`seal`). Erasing a person destroys that key; the id stays, so
that the ledger's record of what it did stays readable, and names nobody any more. Every reading
of a person is recorded with its purpose, in the same unit of work.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self, TypeVar

from gateway.database import Database, Row, Work
from gateway.identity.rollfile import Owner
from gateway.identity.seal import Key, SealBroken

T = TypeVar("T")

HOLDER_ID_BYTES: Final = 10
"""80 random bits: no two owners of a country meet by chance."""
SALT_BYTES: Final = 16
BATCH_ROWS: Final = 400
"""Rows of one statement; databases take no more than some 30,000 values in one."""

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS vault_key (place INTEGER PRIMARY KEY, wrapped BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS person_key (holder_id TEXT PRIMARY KEY, wrapped BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS person (holder_id TEXT PRIMARY KEY, kind TEXT NOT NULL,"
    " id_no_index TEXT UNIQUE, id_no BYTEA, name BYTEA, phone BYTEA)",
    "CREATE TABLE IF NOT EXISTS salt (subject_index TEXT PRIMARY KEY, salt BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS access_record"
    " (at BIGINT NOT NULL, holder_id TEXT NOT NULL, purpose TEXT NOT NULL, reader TEXT NOT NULL)",
)
_DATA_KEY: Final = "vault_key/1"


class Purpose(StrEnum):
    """Why personal data was read."""

    CERTIFY = "certify"
    SERVE_NOTICE = "serve-notice"
    INQUIRY = "inquiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person or body as the bureau knows them; all None but id and kind once erased."""

    holder_id: str
    kind: str
    id_no: str | None
    name: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """That personal data was read: when, whose, why, and by which credential or program."""

    at: int
    holder_id: str
    purpose: str
    reader: str


class Vault:
    """The table; `Vault.open` makes or unwraps its data key."""

    def __init__(self, database: Database, data_key: Key, clock_ms: Callable[[], int]) -> None:
        self.database = database
        self._data_key = data_key
        self._clock_ms = clock_ms

    @classmethod
    async def open(cls, database: Database, file_key: Key, clock_ms: Callable[[], int]) -> Self:
        """Unwrap the data key, made on first use. Raises SealBroken for another key file."""

        async def unwrap(work: Work) -> Key:
            rows = await work.rows("SELECT wrapped FROM vault_key WHERE place = 1")
            if rows:
                return Key(file_key.open(rows[0]["wrapped"], _DATA_KEY))
            key = Key.new()
            await _wrap_data_key(work, file_key, key)
            return key

        return cls(database, await database.run(unwrap), clock_ms)

    async def change_key_file(self, file_key: Key) -> None:
        """Wrap the data key with another key file's key; the old file opens nothing any more."""

        async def rewrap(work: Work) -> None:
            await work.rows("DELETE FROM vault_key")
            await _wrap_data_key(work, file_key, self._data_key)

        await self.database.run(rewrap)
        await self.database.scrub("vault_key")

    async def change(self, work: Callable[["VaultChanges"], Awaitable[T]]) -> T:
        """Run changes, all kept together or none."""

        async def run(open_work: Work) -> T:
            return await work(VaultChanges(open_work, self._data_key))

        return await self.database.run(run)

    def index(self, purpose: str, text: str) -> str:
        """A keyed hash by which something is found again, or counted, without being stored."""
        return self._data_key.index(purpose, text)

    async def holder_of(self, id_no: str, role: str = "") -> str | None:
        """Which id stands for the holder of an identity or credit code; for staff, in a role."""
        index = self.index(_subject(role), id_no)

        async def find(work: Work) -> str | None:
            rows = await work.rows("SELECT holder_id FROM person WHERE id_no_index = $1", index)
            return str(rows[0]["holder_id"]) if rows else None

        return await self.database.run(find)

    async def person(self, holder_id: str, purpose: Purpose, reader: str) -> Person | None:
        """Who stands behind an id; the reading is recorded, whoever `reader` is."""

        async def read(work: Work) -> Person | None:
            rows = await work.rows("SELECT * FROM person WHERE holder_id = $1", holder_id)
            if not rows:
                return None
            await work.rows(
                "INSERT INTO access_record VALUES ($1, $2, $3, $4)",
                *(self._clock_ms(), holder_id, purpose.value, reader),
            )
            return _person(rows[0], await self.person_key(work, holder_id))

        return await self.database.run(read)

    async def access_records(self, holder_id: str) -> tuple[AccessRecord, ...]:
        """Every reading of a person, oldest first."""

        async def read(work: Work) -> tuple[AccessRecord, ...]:
            rows = await work.rows(
                "SELECT * FROM access_record WHERE holder_id = $1 ORDER BY at", holder_id
            )
            return tuple(
                AccessRecord(row["at"], row["holder_id"], row["purpose"], row["reader"])
                for row in rows
            )

        return await self.database.run(read)

    async def erase(self, holder_id: str) -> bool:
        """Forget who an id is; False if there is no such id. A later import gives a new id.

        All that was sealed under the person's key, here and in certifications, is gone with it.
        """

        async def forget(work: Work) -> bool:
            await work.rows("DELETE FROM person_key WHERE holder_id = $1", holder_id)
            done = await work.rows(
                "UPDATE person SET id_no_index = NULL, id_no = NULL, name = NULL, phone = NULL"
                " WHERE holder_id = $1 RETURNING holder_id",
                holder_id,
            )
            return bool(done)

        is_known = await self.database.run(forget)
        for table in ("person_key", "person"):
            await self.database.scrub(table)
        return is_known

    async def person_key(self, work: Work, holder_id: str) -> Key | None:
        """The key of a person; None once they are erased."""
        return await _person_key(work, self._data_key, holder_id)


class VaultChanges:
    """One unit of work on the table, for many persons at once."""

    def __init__(self, work: Work, data_key: Key) -> None:
        self._work = work
        self._data_key = data_key

    async def ids_of(self, owners: Iterable[Owner], role: str = "") -> dict[str, str]:
        """By identity code the person's random id: the one they have, or a new one.

        Staff have one of their own in each role.

        Name and phone are updated; a phone that is known stays when the new one is empty.
        """
        subject = _subject(role)
        wanted = {self._data_key.index(subject, owner.id_no): owner for owner in owners}
        known = await self._known("person", "id_no_index", tuple(wanted))
        keys = await self._keys(str(row["holder_id"]) for row in known.values())
        ids, new_keys, written = {}, [], []
        for index, owner in wanted.items():
            row = known.get(index)
            holder_id = str(row["holder_id"]) if row else f"o{secrets.token_hex(HOLDER_ID_BYTES)}"
            key = keys.get(holder_id) or Key.new()
            if holder_id not in keys:
                new_keys.append((holder_id, self._data_key.seal(key.data, _key_place(holder_id))))
            before = _person(row, key) if row else None
            after = _updated(holder_id, owner, before)
            if after != before:
                written.append((holder_id, after.kind, index, *_sealed(after, key)))
            ids[owner.id_no] = holder_id
        await _insert(self._work, "person_key", 2, new_keys)
        await _insert(self._work, "person", 6, written, _OVERWRITE_PERSON)
        return ids

    async def salted_sha256(self, texts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """By subject and text a hash of the text that only this table can tie to it.

        The salts are kept, so the same text of the same subject has the same hash again.
        """
        wanted = {self._data_key.index("salt", "\n".join(pair)): pair for pair in texts}
        known = await self._known("salt", "subject_index", tuple(wanted))
        hashes, new = {}, []
        for index, (subject, text) in wanted.items():
            if index in known:
                salt = self._data_key.open(known[index]["salt"], f"salt/{index}").decode()
            else:
                salt = secrets.token_hex(SALT_BYTES)
                new.append((index, self._data_key.seal(salt.encode(), f"salt/{index}")))
            hashes[subject, text] = hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()
        await _insert(self._work, "salt", 2, new)
        return hashes

    async def _keys(self, holder_ids: Iterable[str]) -> dict[str, Key]:
        rows = await self._known("person_key", "holder_id", tuple(holder_ids))
        return {
            holder_id: Key(self._data_key.open(row["wrapped"], _key_place(holder_id)))
            for holder_id, row in rows.items()
        }

    async def _known(self, table: str, column: str, values: Sequence[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for start in range(0, len(values), BATCH_ROWS):
            batch = values[start : start + BATCH_ROWS]
            places = ", ".join(f"${place + 1}" for place in range(len(batch)))
            rows = await self._work.rows(
                f"SELECT * FROM {table} WHERE {column} IN ({places})",  # noqa: S608 - our names
                *batch,
            )
            found |= {str(row[column]): row for row in rows}
        return found


_OVERWRITE_PERSON: Final = (
    " ON CONFLICT (holder_id) DO UPDATE SET kind = excluded.kind, id_no = excluded.id_no,"
    " name = excluded.name, phone = excluded.phone"
)


def _subject(role: str) -> str:
    """Under which heading identity codes are indexed."""
    return f"id-no/{role}" if role else "id-no"


def _updated(holder_id: str, owner: Owner, known: Person | None) -> Person:
    phone = owner.phone or (known.phone if known else None) or ""
    return Person(
        holder_id=holder_id, kind=owner.kind, id_no=owner.id_no, name=owner.name, phone=phone
    )


def _sealed(person: Person, key: Key) -> list[bytes]:
    return [
        key.seal((getattr(person, name) or "").encode(), f"person/{person.holder_id}/{name}")
        for name in ("id_no", "name", "phone")
    ]


async def _insert(
    work: Work, table: str, width: int, rows: Sequence[tuple[object, ...]], after: str = ""
) -> None:
    """Insert rows of `width` columns, many in one statement."""
    for start in range(0, len(rows), BATCH_ROWS):
        batch = rows[start : start + BATCH_ROWS]
        groups = ", ".join(
            "(" + ", ".join(f"${row * width + place + 1}" for place in range(width)) + ")"
            for row in range(len(batch))
        )
        values = (value for row in batch for value in row)
        await work.rows(f"INSERT INTO {table} VALUES {groups}{after}", *values)  # noqa: S608


async def _wrap_data_key(work: Work, file_key: Key, data_key: Key) -> None:
    wrapped = file_key.seal(data_key.data, _DATA_KEY)
    await work.rows("INSERT INTO vault_key VALUES (1, $1)", wrapped)


async def _person_key(work: Work, data_key: Key, holder_id: str) -> Key | None:
    rows = await work.rows("SELECT wrapped FROM person_key WHERE holder_id = $1", holder_id)
    if not rows:
        return None
    return Key(data_key.open(rows[0]["wrapped"], _key_place(holder_id)))


def _key_place(holder_id: str) -> str:
    return f"person_key/{holder_id}"


def _person(row: Row, key: Key | None) -> Person:
    holder_id = str(row["holder_id"])
    fields: dict[str, str | None] = dict.fromkeys(("id_no", "name", "phone"))
    for name in fields:
        if row[name] is not None:
            if key is None:
                raise SealBroken(f"person/{holder_id} has no key")
            fields[name] = key.open(row[name], f"person/{holder_id}/{name}").decode()
    return Person(holder_id=holder_id, kind=str(row["kind"]), **fields)
