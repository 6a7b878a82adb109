"""The whole demo, played once in a home and on ports of its own, as a newcomer would."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
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


def in_home(words: Sequence[str], home: Path) -> list[str]:
    """A command as the manual has it, for the demo of this home; others as they are."""
    match words:
        case ["scripts/demo", *rest]:
            own = ("--home", str(home), "--ports", "auto")
            return [sys.executable, "-m", "scripts.story", *own, *rest]
        case ["uv", "run", "commonhold", *rest]:
            own = ("--config", str(home / "network.yaml"), "--home", str(home))
            return [sys.executable, "-m", "scripts.cli", *own, *rest]
        case ["scripts/verify", *rest]:
            return [sys.executable, "scripts/verify", *rest]
        case _:
            return list(words)


def play(home: Path, *options: str) -> Told:
    """Run the demo to its end."""
    file = home.parent / "summary.json"
    done = subprocess.run(
        in_home(["scripts/demo", "--json", str(file), *options], home),
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
    """The first run, from nothing, which stops everything that it started."""
    home = tmp_path_factory.mktemp("demo") / "home"
    try:
        yield play(home, "--once")
    finally:
        stop = in_home(["scripts/demo", "--stop"], home)
        subprocess.run(stop, cwd=ROOT, check=True, timeout=RUN_S_MAX)


@pytest.fixture(scope="session")
def again(told: Told) -> Told:
    """A second run in the same home, which leaves everything running."""
    return play(told.home)
