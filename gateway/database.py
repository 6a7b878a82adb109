"""SQLite or PostgreSQL behind one small interface, with one SQL text for both.

Placeholders are ``$1``, ``$2``. A unit of work runs serialisably: it is applied whole or not at
all, and is run again a few times when another one came first, so it must have no other effects.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

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
TOGETHER_MAX: Final = 64
"""Units of work that SQLite commits at once."""
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

    async def run(self, work: Callable[[Work], Coroutine[Any, Any, T]]) -> T:
        """Run a unit of work; nothing of it happened if it raises. It waits for its rows only."""
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


_AnyWork = Callable[[Work], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What a unit of work gave, or why nothing of it happened."""

    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    """A unit of work that waits, and who waits for it."""

    work: _AnyWork
    answer: asyncio.Future[Any]

    def end(self, outcome: _Outcome) -> None:
        """Tell the outcome, if anybody still waits."""
        if self.answer.done():
            return
        if outcome.error is None:
            self.answer.set_result(outcome.result)
        else:
            self.answer.set_exception(outcome.error)


class SqliteDatabase:
    """One SQLite file, and the thread that it is used in: units of work go there as a whole.

    Those that wait for the one before are committed together, so that many callers wait for the
    disk once. Each is applied whole or not at all, whatever becomes of its neighbours.
    """

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._waiting: deque[_Turn] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, pragmas: Sequence[str]) -> Self:
        """Open or make the file."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        opening = partial(_open_sqlite, path, pragmas)
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, opening)
        except (OSError, sqlite3.Error) as error:
            thread.shutdown(wait=False)
            raise DatabaseUnavailable(type(error).__name__) from error
        return cls(connection, thread)

    async def run(self, work: Callable[[Work], Coroutine[Any, Any, T]]) -> T:
        """See `Database.run`. Who is cancelled meanwhile does not learn whether it was applied."""
        if self._is_closed:
            raise DatabaseUnavailable("closed")
        turn = _Turn(work, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        try:
            result: T = await turn.answer
        except sqlite3.OperationalError as error:
            raise DatabaseUnavailable(str(error)) from error
        return result

    async def scrub(self, table: str) -> None:
        """Nothing is left to do: what is deleted is zeroed at once."""

    async def close(self) -> None:
        """See `Database.close`. What was asked for before is still done."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._serving is not None:
            await self._serving
        await self._in_thread(self._connection.close)
        self._thread.shutdown(wait=False)

    async def _serve(self) -> None:
        """Apply what waits, all together, until nobody waits."""
        while self._waiting:
            count = min(len(self._waiting), TOGETHER_MAX)
            taken = [self._waiting.popleft() for _ in range(count)]
            turns = [turn for turn in taken if not turn.answer.done()]
            outcomes = await self._apply_all([turn.work for turn in turns])
            for turn, outcome in zip(turns, outcomes, strict=True):
                turn.end(outcome)
        self._serving = None  # in this very step: nobody may wait behind an end

    async def _apply_all(self, works: Sequence[_AnyWork]) -> Sequence[_Outcome]:
        try:
            return await self._in_thread(partial(_apply_together, self._connection, works))
        except Exception as error:  # nobody may be left without an answer
            return [_Outcome(error=error)] * len(works)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _open_sqlite(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    path.touch(mode=FILE_MODE)
    path.chmod(FILE_MODE)
    connection = sqlite3.connect(path, timeout=CALL_TIMEOUT_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _apply_together(connection: sqlite3.Connection, works: Sequence[_AnyWork]) -> list[_Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcomes = [_apply(connection, work) for work in works]
        connection.commit()
        return outcomes
    finally:
        if connection.in_transaction:
            connection.rollback()


def _apply(connection: sqlite3.Connection, work: _AnyWork) -> _Outcome:
    """One of several. Raises sqlite3.Error when SQLite has taken all of them back."""
    connection.execute("SAVEPOINT unit")
    try:
        result = _run_through(work(_SqliteWork(connection)))
    except Exception as error:
        if isinstance(error, sqlite3.Error) and not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return _Outcome(error=error)
    connection.execute("RELEASE unit")
    return _Outcome(result=result)


def _run_through(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but its rows, which are there at once."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise TypeError("a unit of work waits for its rows only")


class _SqliteWork:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *values: object) -> Sequence[Row]:
        named = {str(place): value for place, value in enumerate(values, 1)}
        return [dict(row) for row in self._connection.execute(sql, named)]


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

    async def run(self, work: Callable[[Work], Coroutine[Any, Any, T]]) -> T:
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
