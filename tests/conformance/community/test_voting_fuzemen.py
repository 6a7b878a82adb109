"""The owners of the Fuzemen roll vote on the real network; the tally equals the oracle's."""

from pathlib import Path

import pytest

from tests.scenarios.fuzemen import fuzemen
from tests.support.real_town import RealTown

pytestmark = pytest.mark.fabric


async def test_994_owners_vote(town: RealTown, tmp_path: Path) -> None:
    await fuzemen(town, tmp_path)
