"""Databases of both kinds, and a town whose way to a result is in blocks."""

from collections.abc import AsyncIterator

import pytest

from gateway.database import Database
from gateway.projection.schema import open_read_model_database
from tests.support.chain import Chain, recorded_town
from tests.support.community import UNITS, Commons
from tests.support.postgres import either_database, postgres_server

__all__ = ["either_database", "postgres_server"]


@pytest.fixture
async def database(either_database: str) -> AsyncIterator[Database]:
    opened = await open_read_model_database(either_database)
    yield opened
    await opened.close()


@pytest.fixture
async def town() -> Commons:
    """A community with a motion that is final."""
    town = await recorded_town().settle()
    await town.open_motion(title="Repair the lift of building 3 维修三号楼电梯")
    await town.agreed(*(town.ballot(f"o{at + 1}", unit) for at, unit in enumerate(UNITS)))
    await town.final()
    return town


@pytest.fixture
def chain(town: Commons) -> Chain:
    return Chain().absorb(town)
