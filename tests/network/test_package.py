"""The package is the same bytes everywhere, and the builder's three scripts treat it right."""

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from network.package import build_package
from network.render import BUILDER

GOLDEN_ID = "commonhold_1:2f794105d6d8cb376e8dd05fd2ae2d28d6d0849a352b6545e64e9ead47723558"


def script(name: str, *args: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BUILDER / "bin" / name, *args],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )


def metadata(folder: Path, **fields: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps(fields, separators=(",", ":")))
    return folder


def test_the_package_id_never_changes_by_itself() -> None:
    package = build_package("commonhold", "1")
    assert (package.label, package.package_id) == ("commonhold_1", GOLDEN_ID)


def test_another_version_is_another_package() -> None:
    assert build_package("commonhold", "2").package_id != GOLDEN_ID


def test_the_package_holds_what_fabric_and_the_builder_read() -> None:
    with tarfile.open(fileobj=io.BytesIO(build_package("commonhold", "1").content)) as package:
        assert package.getnames() == ["metadata.json", "code.tar.gz"]
        written = package.extractfile("metadata.json")
        assert written is not None
        fields = json.load(written)
    assert fields == {"label": "commonhold_1", "path": "", "type": "commonhold-service"}


def test_detect_takes_only_our_packages(tmp_path: Path) -> None:
    ours = metadata(tmp_path / "ours", label="x_1", type="commonhold-service")
    other = metadata(tmp_path / "other", label="x_1", type="ccaas")
    assert script("detect", tmp_path, ours).returncode == 0
    assert script("detect", tmp_path, other).returncode != 0
    assert script("detect", tmp_path, tmp_path / "none").returncode != 0


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What `build` puts out for a package labelled commonhold_1."""
    output = tmp_path / "output"
    output.mkdir()
    given = metadata(tmp_path / "given", label="commonhold_1", path="", type="commonhold-service")
    assert script("build", tmp_path, given, output).returncode == 0
    return output


def test_release_takes_the_connection_of_this_peer(tmp_path: Path, built: Path) -> None:
    (tmp_path / "commonhold_1.json").write_text('{"address":"here"}')
    done = script("release", built, tmp_path / "released", COMMONHOLD_CONNECTIONS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    released = tmp_path / "released" / "chaincode" / "server" / "connection.json"
    assert released.read_text() == '{"address":"here"}'
    assert released.stat().st_mode & 0o077 == 0


def test_release_says_which_connection_is_missing(tmp_path: Path, built: Path) -> None:
    done = script("release", built, tmp_path / "released", COMMONHOLD_CONNECTIONS=str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path}/commonhold_1.json is missing" in done.stderr


def test_release_without_the_folder_fails(tmp_path: Path, built: Path) -> None:
    assert script("release", built, tmp_path / "released").returncode != 0
