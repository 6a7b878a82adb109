"""Two gateways and what the hand needs of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scripts.hand.gateways import Gateways
from tests.hand.desks import Desks, desks_at


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    async with desks_at(tmp_path) as made:
        yield made


@pytest.fixture
async def gateways(desks: Desks) -> AsyncIterator[Gateways]:
    """Both gateways, the regulator's first."""
    async with Gateways(desks.both, patience_s=20) as made:
        yield made
