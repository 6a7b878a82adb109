"""Ten thousand changes of an archive, all found; a part of them on every run.

The changes are made and verified by a process of their own, which may fork: it has no threads.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.verify.conftest import MADE_S_MAX, Made
from tests.verify.mutations import KINDS

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(MADE_S_MAX)]

SAMPLE = 280
LONG = 10_000
SEED = 278
FIGURES_MIN = 400
SAMPLE_S_MAX, LONG_S_MAX = 800, 3 * 60 * 60


def changes_found(made: Made, timeout_s: int, *asked: str) -> Mapping[str, Any]:
    """Changes of the town's archive; what the program says of them."""
    program = [sys.executable, "-m", "tests.verify.mutations"]
    files = [made.town, made.network.home]
    done = subprocess.run(
        [*program, *files, *asked], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.stdout, done.stderr
    told: Mapping[str, Any] = json.loads(done.stdout)
    assert done.returncode == bool(told["missed"])
    return told


def some(count: int) -> tuple[str, ...]:
    return "--count", str(count), "--seed", str(SEED)


def require_all_found(told: Mapping[str, Any], count: int) -> None:
    ways = sum(len(culprits) for _, culprits in KINDS)
    assert told["missed"] == []
    assert told["made"] == sum(told["kinds"].values()) == count
    assert len(told["kinds"]) == ways
    assert min(told["kinds"].values()) >= count // ways


def test_a_sample_of_changes_is_found(made: Made) -> None:
    require_all_found(changes_found(made, SAMPLE_S_MAX, *some(SAMPLE)), SAMPLE)


def test_every_kind_of_figure_is_worked_out_again(made: Made) -> None:
    """Even if all organisations sign one more of it."""
    told = changes_found(made, SAMPLE_S_MAX, "--figures")
    assert told["missed"] == []
    assert told["made"] > FIGURES_MIN


@pytest.mark.slow
@pytest.mark.timeout(LONG_S_MAX)
def test_ten_thousand_changes_are_found(made: Made) -> None:
    require_all_found(changes_found(made, LONG_S_MAX, *some(LONG)), LONG)
