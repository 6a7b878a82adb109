"""The tables, by numbered migrations: one history of plain SQL that both databases understand."""

import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

from gateway.database import Database, Work, open_database
from gateway.errors import GatewayError

_NAME: Final = re.compile(r"(\d{4})_([a-z_]+)\.sql\Z")
_APPLIED_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL)"
)


class SchemaError(GatewayError):
    """The database was made by a newer program, or by other migrations of the same numbers."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the history."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations() -> tuple[Migration, ...]:
    """All steps in order; their numbers are 1, 2, 3 without a gap."""
    found = []
    for file in (resources.files(__package__) / "migrations").iterdir():
        match = _NAME.match(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), match[2], _statements(text)))
    found.sort(key=lambda step: step.number)
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise SchemaError("the migrations' numbers have a gap")
    return tuple(found)


async def open_read_model_database(address: str) -> Database:
    """Open ``postgresql://...`` or an SQLite file and bring its tables up to date.

    Raises SchemaError, DatabaseUnavailable.
    """
    database = await open_database(address)
    try:
        await database.run(migrate)
    except BaseException:
        await database.close()
        raise
    return database


async def migrate(work: Work) -> None:
    """Apply the steps that are missing, all or none. Raises SchemaError."""
    await work.rows(_APPLIED_TABLE)
    rows = await work.rows("SELECT number, name FROM migration ORDER BY number")
    applied = {row["number"]: row["name"] for row in rows}
    known = migrations()
    names = {step.number: step.name for step in known}
    if any(names.get(number) != name for number, name in applied.items()):
        raise SchemaError("the database has migrations that this program does not know")
    for step in known:
        if step.number not in applied:
            for statement in step.statements:
                await work.rows(statement)
            await work.rows("INSERT INTO migration VALUES ($1, $2)", step.number, step.name)


def _statements(text: str) -> tuple[str, ...]:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return tuple(part.strip() for part in "\n".join(lines).split(";") if part.strip())
