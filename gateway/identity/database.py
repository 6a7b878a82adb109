"""Databases of identities and sessions: tables of their own, deletions that leave nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import aiosqlite
import asyncpg  # type: ignore[import-untyped]

from gateway.database import (
    CALL_TIMEOUT_S,
    DatabaseUnavailable,
    PostgresDatabase,
    SqliteDatabase,
    Work,
)

SECRET_FILE: Final = 0o600


class SecretSqlite(SqliteDatabase):
    """An SQLite file of mode 0600 in which deleted content is zeroed.

    Without a write-ahead log, in which it would stay until the next checkpoint.
    """

    @classmethod
    async def open(cls, path: Path) -> Self:
        """See `SqliteDatabase.open`."""
        database = await super().open(path)
        try:
            path.chmod(SECRET_FILE)  # noqa: ASYNC240 - once, at the start
            for pragma in ("journal_mode = DELETE", "secure_delete = ON"):
                await database._connection.execute(f"PRAGMA {pragma}")
        except (OSError, aiosqlite.Error) as error:
            await database.close()
            raise DatabaseUnavailable(type(error).__name__) from error
        return database

    async def scrub(self, table: str) -> None:
        """Nothing is left to do."""


class SecretPostgres(PostgresDatabase):
    """A PostgreSQL database in which deleted rows can be removed for good."""

    async def scrub(self, table: str) -> None:
        """Remove a table's deleted rows from its files. Backups and archived logs keep what they
        hold until they age. Raises DatabaseUnavailable."""
        try:
            async with self._pool.acquire(timeout=CALL_TIMEOUT_S) as connection:
                await connection.execute(f"VACUUM {table}")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseUnavailable(type(error).__name__) from error


SecretDatabase = SecretSqlite | SecretPostgres


async def open_tables(address: str, schema: Sequence[str]) -> SecretDatabase:
    """Open ``postgresql://...`` or the path of an SQLite file, and make the tables.

    `schema` statements must be repeatable. Raises DatabaseUnavailable.
    """
    database: SecretDatabase
    if address.startswith(("postgresql://", "postgres://")):
        database = await SecretPostgres.open(address)
    else:
        database = await SecretSqlite.open(Path(address))

    async def make(work: Work) -> None:
        for statement in schema:
            await work.rows(statement)

    try:
        await database.run(make)
    except BaseException:
        await database.close()
        raise
    return database
