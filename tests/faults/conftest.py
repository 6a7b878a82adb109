"""A network of their own for the tests that kill parts of it."""

from collections.abc import Iterator

import pytest

from tests.support.network import RunningNetwork, document, running_network


@pytest.fixture(scope="package")
def fabric_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four orgs, BFT, the probe contract; down again when the last of these tests is done."""
    with running_network(tmp_path_factory.mktemp("faults"), document()) as network:
        yield network
