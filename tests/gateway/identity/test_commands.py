"""The regulator's verbs of the command: a roll checked, taken in, refused; a key made."""

import json
import stat
import sys
from pathlib import Path

import pytest

from scripts import cli
from tests.gateway.identity.test_rollfile import table


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> "Runner":
    monkeypatch.chdir(tmp_path)
    return Runner(tmp_path, capsys, monkeypatch)


class Runner:
    """Runs the command; the exit code and what it printed."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch

    def __call__(self, *words: str) -> tuple[int, str]:
        self._monkeypatch.setattr(sys, "argv", ["commonhold", *words])
        return cli.main(), self._capsys.readouterr().out

    def take_in(self, file: str = "roll.csv", key: str = "identity.key") -> tuple[int, str]:
        named = ["--community", "fuzemen", "--database", "identity.db", "--key-file", key]
        return self("roll", "import", file, *named, "--out", "request.json")


def test_a_roll_is_checked(run: Runner) -> None:
    (run.folder / "roll.csv").write_bytes(table({}))
    assert run("roll", "check", "roll.csv") == (0, "1 units, 1 owners, no fault\n")
    (run.folder / "roll.csv").write_bytes(table({"share": "x"}))
    code, out = run("roll", "check", "roll.csv")
    assert code == 2
    assert out.startswith("line 2: share is no fraction")
    assert run("roll", "check", "none.csv")[0] == 1


def test_a_roll_is_taken_in_once_and_again(run: Runner) -> None:
    (run.folder / "roll.csv").write_bytes(table({}))
    assert run("identity", "key", "identity.key")[0] == 0
    key = (run.folder / "identity.key").read_bytes()
    assert run("identity", "key", "identity.key")[0] == 0
    assert (run.folder / "identity.key").read_bytes() == key
    assert stat.S_IMODE((run.folder / "identity.key").stat().st_mode) == 0o600
    assert run.take_in()[0] == 0
    request = (run.folder / "request.json").read_bytes()
    assert json.loads(request)["community"] == "fuzemen"
    assert "王".encode() not in request
    assert run.take_in()[0] == 0
    assert (run.folder / "request.json").read_bytes() == request


def test_nothing_is_taken_in_from_a_bad_file_or_with_a_wrong_key(run: Runner) -> None:
    (run.folder / "roll.csv").write_bytes(table({}))
    assert run.take_in()[0] == 1, "there is no key yet"
    run("identity", "key", "identity.key")
    (run.folder / "bad.csv").write_bytes(table({"share": "x"}))
    code, out = run.take_in("bad.csv")
    assert (code, out[:13]) == (2, "line 2: share")
    run("identity", "key", "other.key")
    code, out = run.take_in(key="other.key")
    assert (code, out[:20]) == (1, "nothing was taken in")
    assert not (run.folder / "request.json").exists()
    assert run("identity", "key", "none/identity.key")[0] == 1
