"""The container image: what it copies is enough to start, and holds no secret."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "gateway" / "Containerfile").read_text(encoding="utf-8")
COPIES = re.findall(r"^COPY (?!--from)(.+) (/app/\S*)$", TEXT, re.MULTILINE)


def test_what_is_copied_is_enough(tmp_path: Path) -> None:
    """Started with the libraries and the copies alone: -S leaves out that the project itself is
    installed, in place, where the tests run."""
    for sources, target in COPIES:
        for source in sources.split():
            place = tmp_path / target.lstrip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("sandbox"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    path = f"{tmp_path / 'app'}{os.pathsep}{sysconfig.get_path('purelib')}"
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-m", "gateway"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "[gateway] org is missing" in done.stderr
    assert not (tmp_path / "app" / "chaincode" / "rules").exists()


def test_it_runs_as_nobody_and_stops_gracefully() -> None:
    assert re.search(r"^USER commonhold$", TEXT, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in TEXT
    assert "--require-hashes" in TEXT


def test_everything_that_it_names_exists() -> None:
    for sources, _ in COPIES:
        for source in sources.split():
            assert (ROOT / source).exists(), source
    assert (ROOT / "locks" / "gateway.txt").exists()
