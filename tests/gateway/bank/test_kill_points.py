"""SIGKILL at every boundary of the adapter's journal and of the bank's books: exactly once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bank import ROOT

TIMEOUT_S = 900


def play(who: str, stride: int, folder: Path) -> int:
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.bank_kill", who, str(folder), str(stride)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


WHO = pytest.mark.parametrize(("who", "points_min"), [("adapter", 80), ("bank", 30)])


@WHO
def test_nothing_is_lost_or_doubled_at_some_kill_points(
    who: str, points_min: int, tmp_path: Path
) -> None:
    assert play(who, 11, tmp_path) >= points_min


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
@WHO
def test_nothing_is_lost_or_doubled_at_any_kill_point(
    who: str, points_min: int, tmp_path: Path
) -> None:
    assert play(who, 1, tmp_path) >= points_min
