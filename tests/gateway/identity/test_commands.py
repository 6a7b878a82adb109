"""The regulator's verbs of the command: a roll checked, taken in, refused; a key made."""

import asyncio
import json
import stat
import sys
from pathlib import Path

import pytest

from gateway.database import open_tables
from gateway.identity.seal import load_key_file
from gateway.identity.vault import SCHEMA, Purpose, Vault
from scripts import cli
from tests.gateway.identity.test_rollfile import GOOD, table


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
    assert (code, out) == (1, "vault_key/1 does not open\n")
    assert not (run.folder / "request.json").exists()
    assert run("identity", "key", "none/identity.key")[0] == 1


def test_a_key_is_changed_and_reads_are_listed(run: Runner) -> None:
    (run.folder / "roll.csv").write_bytes(table({}))
    for name in ("identity.key", "new.key"):
        run("identity", "key", name)
    run.take_in()
    where = ["--database", "identity.db", "--key-file"]
    assert run("identity", "reads", *where, "identity.key", "o-nobody") == (0, "")
    change = ["change-key", *where, "identity.key", "--new-key-file"]
    assert run("identity", *change, "none.key")[0] == 1
    assert run("identity", *change, "new.key")[0] == 0
    assert run.take_in()[0] == 1
    assert run.take_in(key="new.key")[0] == 0
    asyncio.run(_read_once(run.folder))
    request = json.loads((run.folder / "request.json").read_bytes())
    owner_id = request["units"][0]["owners"][0]["owner_id"]
    code, out = run("identity", "reads", *where, "new.key", owner_id)
    assert (code, out) == (0, "1970-01-01T00:00:01+00:00 inquiry cred-clerk\n")
    away = ["--database", "none/identity.db", "--key-file", "new.key", owner_id]
    assert run("identity", "reads", *away)[0] == 1


async def _read_once(folder: Path) -> None:
    database = await open_tables(str(folder / "identity.db"), SCHEMA)
    vault = await Vault.open(database, load_key_file(folder / "new.key"), lambda: 1000)
    holder_id = await vault.holder_of(GOOD["owner_id_no"])
    assert holder_id is not None
    await vault.person(holder_id, Purpose.INQUIRY, "cred-clerk")
    await database.close()
