"""The one thread of an SQLite file: units of work there are whole, in turn, and nothing else."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.database import (
    FILE_MODE,
    TOGETHER_MAX,
    Database,
    DatabaseUnavailable,
    Work,
    open_tables,
)

SCHEMA = ("CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, count INTEGER NOT NULL)",)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "counters.sqlite3"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    opened = await open_tables(str(file), SCHEMA)
    yield opened
    await opened.close()


async def one_more(work: Work) -> int:
    rows = await work.rows("SELECT count FROM counter WHERE name = $1", "c")
    count = rows[0]["count"] + 1 if rows else 1
    await work.rows("INSERT OR REPLACE INTO counter VALUES ($1, $2)", "c", count)
    return int(count)


async def counted(work: Work) -> int:
    rows = await work.rows("SELECT count FROM counter")
    return int(rows[0]["count"]) if rows else 0


async def test_units_of_work_take_turns(database: Database) -> None:
    assert await asyncio.gather(*(database.run(one_more) for _ in range(50))) == [*range(1, 51)]


async def test_a_unit_that_raises_leaves_nothing_and_the_next_one_works(database: Database) -> None:
    async def half(work: Work) -> None:
        await one_more(work)
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(half)
    assert await database.run(one_more) == 1


async def test_one_of_many_that_raises_takes_no_other_along(database: Database) -> None:
    async def half(work: Work) -> None:
        await one_more(work)
        raise LookupError

    works = [half if number % 3 else one_more for number in range(3 * TOGETHER_MAX)]
    found = await asyncio.gather(*(database.run(work) for work in works), return_exceptions=True)
    assert [one for one in found if isinstance(one, int)] == [*range(1, TOGETHER_MAX + 1)]
    assert sum(isinstance(one, LookupError) for one in found) == 2 * TOGETHER_MAX
    assert await database.run(counted) == TOGETHER_MAX


async def test_when_the_file_is_full_none_of_those_together_is_applied(
    database: Database, file: Path
) -> None:
    async def limit(work: Work) -> None:
        await work.rows("PRAGMA max_page_count = 8")

    async def fills(work: Work) -> None:
        await work.rows("INSERT INTO counter VALUES ($1, 1)", "x" * 100_000)

    await database.run(limit)
    works = (one_more, fills, one_more)
    found = await asyncio.gather(*(database.run(work) for work in works), return_exceptions=True)
    kept = [one for one in found if isinstance(one, int)]
    assert isinstance(found[1], DatabaseUnavailable)
    assert await database.run(counted) == len(kept)


async def test_a_closed_database_ends_what_was_asked_and_takes_no_more(file: Path) -> None:
    closing = await open_tables(str(file), SCHEMA)
    asked = [asyncio.ensure_future(closing.run(one_more)) for _ in range(3)]
    await asyncio.sleep(0)
    await closing.close()
    assert [one.result() for one in asked] == [1, 2, 3]
    await closing.close()
    with pytest.raises(DatabaseUnavailable):
        await closing.run(one_more)


async def test_a_wrong_statement_leaves_nothing(database: Database) -> None:
    async def wrong(work: Work) -> None:
        await one_more(work)
        await work.rows("SELECT nothing FROM nowhere")

    with pytest.raises(DatabaseUnavailable):
        await database.run(wrong)
    assert await database.run(counted) == 0


async def test_a_unit_that_waits_for_anything_else_is_a_defect(database: Database) -> None:
    async def waits(work: Work) -> None:
        await one_more(work)
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="rows only"):
        await database.run(waits)
    assert await database.run(counted) == 0


async def test_who_is_cancelled_leaves_no_transaction_open(database: Database) -> None:
    asking = [asyncio.ensure_future(database.run(one_more)) for _ in range(20)]
    await asyncio.sleep(0)
    for one in asking[::2]:
        one.cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    kept = [one for one in found if isinstance(one, int)]
    assert len(kept) >= len(asking) / 2
    assert await database.run(counted) >= len(kept)
    assert await database.run(one_more) == await database.run(counted)


async def test_another_process_that_holds_the_file_is_told_of(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.database.CALL_TIMEOUT_S", 0.01)
    other = await open_tables(str(file), SCHEMA)
    holder = sqlite3.connect(file, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable) as refused:
            await other.run(one_more)
        assert (refused.value.status, refused.value.retry_after_s) == (503, 5)
    finally:
        holder.close()
        await other.close()
    assert await database.run(one_more) == 1


@pytest.mark.parametrize("name", ["", "nowhere/counters.sqlite3"])
async def test_a_file_that_cannot_be_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await open_tables(str(tmp_path / name), SCHEMA)


async def test_only_its_owner_reads_the_file(database: Database, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == FILE_MODE
    assert await database.run(counted) == 0
