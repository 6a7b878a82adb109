"""SQLite or PostgreSQL behind one small interface, with one SQL text for both.

Placeholders are ``$1``, ``$2``. A unit of work runs serialisably: it is applied whole or not at
all, and is run again a few times when another one came first, so it must have no other effects.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import aiosqlite
import asyncpg  # type: ignore[import-untyped]

from gateway.errors import Problem

T = TypeVar("T")
Row = Mapping[str, Any]

FILE_MODE: Final = 0o600
PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL")
"""With the write-ahead log a second process can read while this one writes."""
SECRET_PRAGMAS: Final = ("journal_mode = DELETE", "synchronous = FULL", "secure_delete = ON")
"""Deleted content is zeroed; it would stay in a write-ahead log until the next checkpoint."""
CALL_TIMEOUT_S: Final = 30.0
RUNS_MAX: Final = 8
"""How often a unit of work is run when others keep coming first."""
RERUN_WAIT_S: Final = 0.01
CONNECTIONS_MAX: Final = 8
RETRY_AFTER_S: Final = 5
_AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_CAME_SECOND: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # two made the same row; the second now finds it
)


class DatabaseUnavailable(Problem):
    """The database does not answer: 503 ``gateway/database-unavailable``. It may later."""

    def __init__(self, reason: str) -> None:
        super().__init__(503, "gateway/database-unavailable", retry_after_s=RETRY_AFTER_S)
        self.reason = reason


class Work(Protocol):
    """An open transaction."""

    async def rows(self, sql: str, *values: object) -> Sequence[Row]:
        """Run one statement; the rows it answers."""
        ...


class Database(Protocol):
    """A database. Every call raises DatabaseUnavailable."""

    async def run(self, work: Callable[[Work], Awaitable[T]]) -> T:
        """Run a unit of work; nothing of it happened if it raises."""
        ...

    async def scrub(self, table: str) -> None:
        """Remove a table's deleted rows from the files of a secret database for good. Backups and
        archived logs keep what they hold until they age."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


async def open_database(address: str, *, is_secret: bool = False) -> Database:
    """Open ``postgresql://...`` or the path of an SQLite file (made with mode 0600).

    What is deleted from a secret database can be removed for good. Raises DatabaseUnavailable.
    """
    if address.startswith(("postgresql://", "postgres://")):
        return await PostgresDatabase.open(address)
    return await SqliteDatabase.open(Path(address), SECRET_PRAGMAS if is_secret else PRAGMAS)


async def open_tables(address: str, schema: Sequence[str]) -> Database:
    """Open a secret database, of identities or sessions, and make its tables.

    `schema` statements must be repeatable. Raises DatabaseUnavailable.
    """
    database = await open_database(address, is_secret=True)

    async def make(work: Work) -> None:
        for statement in schema:
            await work.rows(statement)

    try:
        await database.run(make)
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
    async def open(cls, path: Path, pragmas: Sequence[str]) -> Self:
        """Open or make the file."""
        try:
            await asyncio.to_thread(path.touch, mode=FILE_MODE)
            await asyncio.to_thread(path.chmod, FILE_MODE)
            connection = await aiosqlite.connect(path, timeout=CALL_TIMEOUT_S, isolation_level=None)
        except (OSError, aiosqlite.Error) as error:
            raise DatabaseUnavailable(type(error).__name__) from error
        connection.row_factory = aiosqlite.Row
        try:
            for pragma in pragmas:
                await connection.execute(f"PRAGMA {pragma}")
        except aiosqlite.Error as error:
            await connection.close()
            raise DatabaseUnavailable(type(error).__name__) from error
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
        """Nothing is left to do: what is deleted is zeroed at once."""

    async def close(self) -> None:
        """See `Database.close`."""
        async with self._turn:
            await self._connection.close()


class _SqliteWork:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> Self:
        # Shielded, as the end is: a cancelled request must not leave a transaction open.
        begun = asyncio.ensure_future(self._connection.execute("BEGIN IMMEDIATE"))
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            await begun
            await self._end(is_kept=False)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        async with self._connection.execute(sql, named) as cursor:
            return [dict(row) for row in await cursor.fetchall()]


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
        except _AWAY as error:
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
            except (
                OSError,
                TimeoutError,
                asyncpg.PostgresConnectionError,
                asyncpg.OperatorInterventionError,
                asyncpg.InterfaceError,
            ) as error:
                raise DatabaseUnavailable(type(error).__name__) from error
        raise DatabaseUnavailable(f"other work came first {RUNS_MAX} times")

    async def scrub(self, table: str) -> None:
        """See `Database.scrub`."""
        try:
            async with self._pool.acquire(timeout=CALL_TIMEOUT_S) as connection:
                await connection.execute(f"VACUUM {table}")
        except _AWAY as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        """See `Database.close`."""
        await self._pool.close()


class _PostgresWork:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: object) -> Sequence[Row]:
        found: Sequence[Row] = await self._connection.fetch(sql, *values)
        return found
