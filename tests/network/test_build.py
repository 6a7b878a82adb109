"""Building Fabric: once per content, whole or not at all, with plain words when it cannot be done.

A stand-in for `go` plays the toolchain, so that every failure can be had; one test asks the
real programs.
"""

import fcntl
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from network import build
from network.build import (
    PROGRAMS,
    TEMPLATES,
    BuildError,
    Recipe,
    content_hash,
    ensure_binaries,
    is_complete,
)

GO = """#!/bin/sh
if [ "$1 $2" = "env GOVERSION" ]; then
  echo "${FAKE_VERSION:-go1.26.8}"
  echo "${FAKE_CC:-fakecc}"
  exit
fi
[ "$1" = list ] && { echo "$FAKE_MODULE"; exit; }
echo "$*" >> "$FAKE_LOG"
echo "go: downloading github.com/some/module v1.2.3" >&2
for word in "$@"; do
  case "$previous" in -o) out=$word;; esac
  previous=$word
  case "$word" in
    */cmd/*)
      echo "$word" >&2
      [ "${word##*/}" = "$FAKE_BROKEN" ] && { echo "disk quota exceeded" >&2; exit 1; }
      echo "$word" > "$out${word##*/}" && chmod +x "$out${word##*/}";;
  esac
done
exit 0
"""
PEER = """#!/bin/sh
echo "peer:"
echo " Version: {version}"
"""


@pytest.fixture
def recipes(tmp_path: Path) -> tuple[Recipe, ...]:
    for name in ("fabric", "ca"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text("module x\n\ngo 1.24.2\n")
        (tmp_path / name / "go.sum").write_text("sums\n")
    return (
        Recipe(
            title="Fabric",
            folder=tmp_path / "fabric",
            packages=("f/cmd/peer", "f/cmd/orderer", "f/cmd/configtxgen", "f/cmd/osnadmin"),
            stamp="-X version",
            cgo=False,
        ),
        Recipe(
            title="Fabric CA",
            folder=tmp_path / "ca",
            packages=("c/cmd/fabric-ca-server",),
            stamp="-X version",
            cgo=True,
        ),
    )


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    tools = tmp_path / "tools"
    templates = tmp_path / "module" / "sampleconfig"
    tools.mkdir()
    templates.mkdir(parents=True)
    for name in TEMPLATES:
        (templates / name).write_text(name)
    script(tools / "go", GO)
    script(tools / "fakecc", "#!/bin/sh\n")
    return {
        "PATH": f"{tools}:/usr/bin:/bin",
        "FAKE_LOG": str(tmp_path / "log"),
        "FAKE_MODULE": str(tmp_path / "module"),
    }


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def builds(tmp_path: Path) -> int:
    log = tmp_path / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def silent(_: str) -> None:
    """A report nobody reads."""


def test_a_build_is_made_once(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    said: list[str] = []
    made = ensure_binaries(tmp_path, said.append, environ, recipes)
    assert made.peer.read_text() == "f/cmd/peer\n"
    assert made.fabric_ca_server.read_text() == "c/cmd/fabric-ca-server\n"
    assert (made.sampleconfig / "core.yaml").read_text() == "core.yaml"
    assert made.version == build.FABRIC_VERSION
    assert all(os.access(path, os.X_OK) for path in (made.orderer, made.configtxgen, made.osnadmin))
    assert builds(tmp_path) == 2
    assert said[:3] == [
        "Fabric: building",
        "Fabric: downloading github.com/some/module",
        "Fabric: 1 packages compiled",
    ]
    said.clear()
    assert ensure_binaries(tmp_path, said.append, environ, recipes) == made
    assert (builds(tmp_path), said) == (2, [])


def test_another_go_or_module_is_another_build(tmp_path: Path, recipes: tuple[Recipe, ...]) -> None:
    first = content_hash("go1.26.8", recipes)
    assert content_hash("go1.26.9", recipes) != first
    assert content_hash("go1.26.8", recipes[:1]) != first
    (tmp_path / "ca" / "go.sum").write_text("other sums\n")
    assert content_hash("go1.26.8", recipes) != first


@pytest.mark.parametrize("damage", ["missing", "short", "no list", "bad list"])
def test_a_damaged_cache_is_built_again(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str], damage: str
) -> None:
    made = ensure_binaries(tmp_path, silent, environ, recipes)
    if damage == "missing":
        made.orderer.unlink()
    elif damage == "short":
        made.peer.write_text("f")
    elif damage == "no list":
        (made.peer.parent / "sizes.json").unlink()
    else:
        (made.peer.parent / "sizes.json").write_text("{")
    assert not is_complete(made.peer.parent)
    assert ensure_binaries(tmp_path, silent, environ, recipes) == made
    assert is_complete(made.peer.parent)
    assert builds(tmp_path) == 4


def test_a_failed_build_shows_its_last_lines_and_leaves_nothing(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    with pytest.raises(BuildError) as failed:
        ensure_binaries(tmp_path, silent, {**environ, "FAKE_BROKEN": "fabric-ca-server"}, recipes)
    first, *log = str(failed.value).splitlines()
    assert first == "Fabric CA does not build; last lines:"
    assert log[-1] == "disk quota exceeded"
    assert [path.name for path in (tmp_path / ".build").iterdir()] == [".lock"]
    assert ensure_binaries(tmp_path, silent, environ, recipes).peer.exists()


def test_leftovers_of_a_killed_build_go(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    (tmp_path / ".build" / "tmp-killed").mkdir(parents=True)
    (tmp_path / ".build" / "tmp-killed" / "peer").write_text("half")
    ensure_binaries(tmp_path, silent, environ, recipes)
    assert not (tmp_path / ".build" / "tmp-killed").exists()


def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    def interrupt(line: str) -> None:
        if "compiled" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_binaries(tmp_path, interrupt, environ, recipes)
    assert [path.name for path in (tmp_path / ".build").iterdir()] == [".lock"]


def test_two_runs_at_once_build_once(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    both = threading.Barrier(2)

    def run() -> build.Binaries:
        both.wait()
        return ensure_binaries(tmp_path, silent, environ, recipes)

    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(run) for _ in range(2))
        assert first.result() == second.result()
    assert builds(tmp_path) == 2


def test_a_run_waits_for_the_lock_of_another(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    said: list[str] = []

    def report(line: str) -> None:
        said.append(line)
        if line.startswith("another run"):
            fcntl.flock(holder, fcntl.LOCK_UN)

    (tmp_path / ".build").mkdir()
    with (tmp_path / ".build" / ".lock").open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        ensure_binaries(tmp_path, report, environ, recipes)
    assert said[0] == "another run is building Fabric: waiting for it"


def test_no_go_is_one_line(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BuildError) as missing:
        ensure_binaries(tmp_path, silent, {"PATH": str(tmp_path / "empty")}, recipes)
    assert str(missing.value) == (
        "Go 1.24.2 or newer is needed to build Fabric, and there is no `go`"
    )
    assert not (tmp_path / ".build").exists()


@pytest.mark.parametrize("version", ["go1.21.3", "go1.24.1", "go1.24", "go1.24rc1", "devel"])
def test_an_old_go_is_one_line(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str], version: str
) -> None:
    with pytest.raises(BuildError) as old:
        ensure_binaries(tmp_path, silent, {**environ, "FAKE_VERSION": version}, recipes)
    assert str(old.value) == (f"Go 1.24.2 or newer is needed to build Fabric, this is {version}")


def test_a_go_that_fails_is_quoted(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    script(tmp_path / "tools" / "go", "#!/bin/sh\necho first; echo 'go: broken' >&2; exit 2\n")
    with pytest.raises(BuildError, match=r"`go env GOVERSION CC` failed: go: broken$"):
        ensure_binaries(tmp_path, silent, environ, recipes)


def test_no_c_compiler_is_one_line(
    tmp_path: Path, recipes: tuple[Recipe, ...], environ: dict[str, str]
) -> None:
    with pytest.raises(BuildError) as missing:
        ensure_binaries(tmp_path, silent, {**environ, "FAKE_CC": "nocc -m64"}, recipes)
    assert str(missing.value) == (
        "a C compiler is needed to build Fabric CA, and there is no `nocc`"
    )


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A Fabric release as its archive lays it out: bin/ and config/."""
    (tmp_path / "release" / "bin").mkdir(parents=True)
    (tmp_path / "release" / "config").mkdir()
    for name in PROGRAMS:
        script(tmp_path / "release" / "bin" / name, PEER.format(version="v3.1.5"))
    for name in TEMPLATES:
        (tmp_path / "release" / "config" / name).write_text(name)
    return tmp_path / "release" / "bin"


def test_own_binaries_are_used_without_go(tmp_path: Path, own: Path) -> None:
    found = ensure_binaries(tmp_path, silent, {"FABRIC_BIN": str(own), "PATH": ""})
    assert (found.peer, found.version) == (own / "peer", "3.1.5")
    assert found.sampleconfig == own.parent / "config"
    assert not (tmp_path / ".build").exists()


def test_missing_own_binaries_are_all_named(tmp_path: Path, own: Path) -> None:
    (own / "orderer").unlink()
    (own / "fabric-ca-server").chmod(0o644)
    with pytest.raises(BuildError) as missing:
        ensure_binaries(tmp_path, silent, {"FABRIC_BIN": str(own)})
    assert str(missing.value) == f"FABRIC_BIN={own} lacks orderer, fabric-ca-server"


def test_missing_own_templates_are_named(tmp_path: Path, own: Path) -> None:
    (own.parent / "config" / "orderer.yaml").unlink()
    with pytest.raises(BuildError, match=r"no config folder with core\.yaml, orderer\.yaml"):
        ensure_binaries(tmp_path, silent, {"FABRIC_BIN": str(own)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PEER.format(version="2.5.9"), r"3\.1 or newer is needed, .* is 2\.5\.9"),
        (PEER.format(version="3.0.0"), r"is 3\.0\.0"),
        ("#!/bin/sh\n", "names no version"),
        ("#!/bin/sh\necho 'no core.yaml' >&2; exit 1\n", r"version` failed: no core\.yaml"),
        ("not a program", "version` failed"),
    ],
)
def test_an_unfit_own_peer_is_refused(tmp_path: Path, own: Path, text: str, words: str) -> None:
    script(own / "peer", text)
    with pytest.raises(BuildError, match=words):
        ensure_binaries(tmp_path, silent, {"FABRIC_BIN": str(own)})


@pytest.mark.fabric
def test_the_pinned_fabric_is_what_its_programs_say(fabric: build.Binaries) -> None:
    found = build.own_binaries(fabric.peer.parent)
    assert found == fabric
    assert found.version == build.FABRIC_VERSION
    sizes = json.loads((fabric.peer.parent / "sizes.json").read_text())
    assert set(sizes) == {*PROGRAMS, *(f"sampleconfig/{name}" for name in TEMPLATES)}
