"""Tables in SQLite or PostgreSQL behind one small interface, with one SQL text for both.

Placeholders are ``$1``, ``$2``. A unit of work runs serialisably: it is applied whole or not at
all, and is run again a few times when another one came first, so it must have no other effects.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import aiosqlite
import asyncpg  # type: ignore[import-untyped]

from gateway.errors import GatewayError

T = TypeVar("T")
Row = Mapping[str, Any]

CALL_TIMEOUT_S: Final = 10.0
RUNS_MAX: Final = 8
"""How often a unit of work is run when others keep coming first."""
RERUN_WAIT_S: Final = 0.01
CONNECTIONS_MAX: Final = 8


class DatabaseUnavailable(GatewayError):
    """The database does not answer; the unit of work may be run again later."""


class Work(Protocol):
    """An open transaction."""

    async def rows(self, sql: str, *values: object) -> Sequence[Row]:
        """Run one statement; the rows it answers."""
        ...


class Database(Protocol):
    """A database with its tables made. Raises DatabaseUnavailable."""

    async def run(self, work: Callable[[Work], Awaitable[T]]) -> T:
        """Run a unit of work; nothing of it happened if it raises."""
        ...

    async def scrub(self, table: str) -> None:
        """Remove deleted rows of a table from the files, where the engine leaves them."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


async def open_database(address: str, schema: Sequence[str]) -> Database:
    """Open ``postgresql://...`` or the path of an SQLite file (made with mode 0600).

    `schema` statements must be repeatable. Raises DatabaseUnavailable.
    """
    database: SqliteDatabase | PostgresDatabase
    if address.startswith(("postgresql://", "postgres://")):
        database = await PostgresDatabase.open(address)
    else:
        database = await SqliteDatabase.open(Path(address))

    async def make_tables(work: Work) -> None:
        for statement in schema:
            await work.rows(statement)

    try:
        await database.run(make_tables)
    except BaseException:
        await database.close()
        raise
    return database


class SqliteDatabase:
    """One SQLite file; units of work take turns."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the file, mode 0600; overwritten content is zeroed (secure_delete)."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            os.chmod(path, 0o600)
            connection = await aiosqlite.connect(path, timeout=CALL_TIMEOUT_S, isolation_level=None)
        except (OSError, aiosqlite.Error) as error:
            raise DatabaseUnavailable(f"{path}: {error}") from error
        connection.row_factory = aiosqlite.Row
        for pragma in ("journal_mode = DELETE", "synchronous = FULL", "secure_delete = ON"):
            await connection.execute(f"PRAGMA {pragma}")
        return cls(connection)

    async def run(self, work: Callable[[Work], Awaitable[T]]) -> T:
        """See `Database.run`."""
        async with self._turn:
            try:
                async with _SqliteWork(self._connection) as open_work:
                    return await work(open_work)
            except aiosqlite.OperationalError as error:
                raise DatabaseUnavailable(str(error)) from error

    async def scrub(self, table: str) -> None:
        """Nothing is left to do: secure_delete zeroes, and the journal is deleted at commit."""

    async def close(self) -> None:
        """See `Database.close`."""
        async with self._turn:
            await self._connection.close()


class _SqliteWork:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        await self._connection.execute("BEGIN IMMEDIATE")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Shielded: a cancelled request must not leave the transaction open for the next one.
        await asyncio.shield(self._end(is_kept=kind is None))

    async def _end(self, *, is_kept: bool) -> None:
        try:
            if is_kept:
                await self._connection.commit()
        finally:
            if self._connection.in_transaction:
                await self._connection.rollback()

    async def rows(self, sql: str, *values: object) -> Sequence[Row]:
        named = {str(place): value for place, value in enumerate(values, 1)}
        cursor = await self._connection.execute(sql, named)
        try:
            return [dict(row) for row in await cursor.fetchall()]
        finally:
            await cursor.close()


class PostgresDatabase:
    """A PostgreSQL database; units of work run side by side, serialisably."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, address: str) -> Self:
        """Connect."""
        try:
            pool = await asyncpg.create_pool(
                address, min_size=1, max_size=CONNECTIONS_MAX, command_timeout=CALL_TIMEOUT_S
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseUnavailable(type(error).__name__) from error
        return cls(pool)

    async def run(self, work: Callable[[Work], Awaitable[T]]) -> T:
        """See `Database.run`."""
        for runs in range(RUNS_MAX):
            if runs:
                await asyncio.sleep(RERUN_WAIT_S * 2**runs)
            try:
                async with (
                    self._pool.acquire(timeout=CALL_TIMEOUT_S) as connection,
                    connection.transaction(isolation="serializable"),
                ):
                    return await work(_PostgresWork(connection))
            except _CAME_SECOND:
                continue
            except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
                raise DatabaseUnavailable(type(error).__name__) from error
            except asyncpg.InterfaceError as error:
                raise DatabaseUnavailable(type(error).__name__) from error
        raise DatabaseUnavailable(f"other work came first {RUNS_MAX} times")

    async def scrub(self, table: str) -> None:
        """See `Database.scrub`; backups and archived logs keep what they hold until they age."""
        try:
            async with self._pool.acquire(timeout=CALL_TIMEOUT_S) as connection:
                await connection.execute(f"VACUUM {table}")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        """See `Database.close`."""
        await self._pool.close()


_CAME_SECOND: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # two made the same row; the second now finds it
)


class _PostgresWork:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: object) -> Sequence[Row]:
        found: Sequence[Row] = await self._connection.fetch(sql, *values)
        return found
