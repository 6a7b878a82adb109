"""The container image: what it copies is enough to start, and holds no secret."""

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "gateway" / "Containerfile").read_text(encoding="utf-8")
BASE = re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)[-1]
BUILD_OPTIONS = shlex.split(os.environ.get("COMMONHOLD_BUILD_OPTIONS", ""))
"""What this machine's engine needs to build anything, such as ``--network=host``."""
BUILD_S_MAX = 1_500
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


# --- Built ---


def engine() -> str | None:
    """A container engine that answers and has the base image, or can get it."""
    for name in filter(shutil.which, ("docker", "podman")):
        has_base = _ended_well(name, "image", "inspect", BASE)
        if has_base or (_ended_well(name, "info") and _ended_well(name, "pull", BASE)):
            return name
    return None


def _ended_well(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=300).returncode == 0


@pytest.fixture(scope="module")
def image() -> Iterator[tuple[str, str]]:
    """The image built from the definition: engine and name."""
    found = engine()
    if found is None:
        pytest.skip("no container engine that has or gets the base image")
    name = f"commonhold-gateway-test:{secrets.token_hex(6)}"
    file = ("-f", "gateway/Containerfile", "-t", name)
    subprocess.run(
        [found, "build", *BUILD_OPTIONS, *file, "."], cwd=ROOT, check=True, timeout=BUILD_S_MAX
    )
    yield found, name
    subprocess.run([found, "image", "rm", "--force", name], check=True, timeout=300)


def run(image: tuple[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """What a container of the image says; its entry point is the first word, if there is one."""
    entry = ("--entrypoint", words[0]) if words else ()
    return subprocess.run(
        [image[0], "run", "--rm", "--network", "none", *entry, image[1], *words[1:]],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.timeout(BUILD_S_MAX + 600)
def test_the_image_starts_as_nobody_with_all_its_parts(image: tuple[str, str]) -> None:
    told = run(image)
    assert told.returncode == 2, told.stderr
    assert "/etc/commonhold/gateway.toml cannot be read" in told.stderr
    assert run(image, "id", "-u").stdout == "10001\n"
    parts = "import gateway.assembly, gateway.bank.desks, gateway.projection.__main__"
    loaded = run(image, "/venv/bin/python", "-c", parts)
    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.slow
@pytest.mark.timeout(BUILD_S_MAX + 600)
def test_the_image_holds_no_rules_and_no_tests(image: tuple[str, str]) -> None:
    files = run(image, "find", "/app", "-name", "*.py").stdout.split()
    assert "/app/gateway/__main__.py" in files
    parts = {"/".join(file.split("/")[2:4]) for file in files if file.count("/") > 3}
    assert {part for part in parts if part.startswith("chaincode/")} == {"chaincode/model"}
    assert {part for part in parts if part.startswith("network/")} == {"network/ca"}
    assert {file.split("/")[2] for file in files} == {"chaincode", "gateway", "network"}
