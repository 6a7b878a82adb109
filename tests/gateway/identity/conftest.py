"""The office under test, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.identity import Bureau, bureau_at
from tests.support.postgres import PostgresServer, postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "identity.db")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return await server.new_database()


@pytest.fixture
async def bureau(tmp_path: Path) -> AsyncIterator[Bureau]:
    """The office on SQLite, for what does not depend on the database."""
    async with bureau_at(str(tmp_path / "identity.db"), tmp_path) as made:
        yield made
