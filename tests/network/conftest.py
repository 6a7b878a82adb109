"""What the tests of a real network share."""

from pathlib import Path

import pytest

from network.build import Binaries, ensure_binaries

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fabric() -> Binaries:
    """Fabric's programs, built once per checkout."""
    return ensure_binaries(CHECKOUT, print)
