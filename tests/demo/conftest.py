"""The whole demo, played once in a home and on ports of its own, as a newcomer would."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RUN_S_MAX = 2_400
"""On a machine with much else to do."""


@dataclass(frozen=True)
class Told:
    """One run: its home, what it printed, its summary."""

    home: Path
    output: str
    summary: dict[str, Any]


def play(home: Path, *more: str) -> Told:
    """Run the demo to its end; it stops everything that it started."""
    file = home.parent / "summary.json"
    command = ("-m", "scripts.story", "--home", str(home), "--ports", "auto", "--once")
    done = subprocess.run(
        [sys.executable, *command, "--json", str(file), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8_000:]
    return Told(home, done.stdout, json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The first run, from nothing."""
    home = tmp_path_factory.mktemp("demo") / "home"
    try:
        yield play(home)
    finally:
        stop = ("-m", "scripts.story", "--home", str(home), "--ports", "auto", "--stop")
        subprocess.run([sys.executable, *stop], cwd=ROOT, check=True, timeout=RUN_S_MAX)
