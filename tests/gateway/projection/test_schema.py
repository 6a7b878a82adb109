"""One history of migrations for both databases."""

import pytest

from gateway.database import Database, DatabaseUnavailable, Work
from gateway.projection.schema import SchemaError, migrate, migrations, open_read_model_database


def test_the_numbers_have_no_gap() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))


async def test_opening_twice_changes_nothing(database: Database, either_database: str) -> None:
    again = await open_read_model_database(either_database)
    await again.close()
    await database.run(migrate)
    assert await database.run(_applied) == [step.name for step in migrations()]


async def test_a_newer_database_is_left_alone(database: Database, either_database: str) -> None:
    async def newer(work: Work) -> None:
        await work.rows("INSERT INTO migration VALUES (99, 'from_the_future')")

    await database.run(newer)
    with pytest.raises(SchemaError):
        await open_read_model_database(either_database)


async def test_a_failing_unit_of_work_leaves_nothing(database: Database) -> None:
    async def failing(work: Work) -> None:
        await work.rows("INSERT INTO migration VALUES (77, 'half')")
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(failing)
    assert await database.run(_applied) == [step.name for step in migrations()]


@pytest.mark.parametrize(
    "address",
    ["/nowhere/at/all/readmodel.sqlite3", "postgresql://nobody@/none?host=/nowhere/at/all"],
)
async def test_a_database_that_is_not_there(address: str) -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        await open_read_model_database(address)
    assert (refused.value.status, refused.value.code) == (503, "gateway/database-unavailable")


async def _applied(work: Work) -> list[str]:
    return [row["name"] for row in await work.rows("SELECT name FROM migration ORDER BY number")]
