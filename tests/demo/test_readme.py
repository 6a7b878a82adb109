"""The README's commands, run as they stand there, in the home of the demo that was played."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.demo.conftest import ROOT, RUN_S_MAX, Told, in_home

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(RUN_S_MAX)]

README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNS_THIS = "scripts/test"
PLAYED = "scripts/demo"
"""What the fixture has run already."""
_COMMAND = re.compile(r"^    ((?:scripts/|uv run )[^#\n]+?) *(?:#.*)?$", re.MULTILINE)


def commands() -> list[str]:
    """In the order in which a newcomer meets them."""
    return _COMMAND.findall(README)


def test_the_two_commands_come_first_and_last() -> None:
    found = commands()
    assert (found[0], found[-1]) == (PLAYED, RUNS_THIS)
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_command_does_what_it_says(again: Told, tmp_path: Path) -> None:
    told = {}
    for command in commands()[1:-1]:
        words = in_home(shlex.split(command), again.home)
        words = [str(tmp_path / word) if word == "record.archive" else word for word in words]
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        told[command] = done.stdout
    assert "everything holds" in told["scripts/verify record.archive"]
    assert "peer0.committee" in told["uv run commonhold status"]
    assert "stopped" in told["scripts/demo --stop"]
