"""The `commonhold` command: exit codes and words, for bad input before anything is started."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from network import commands
from network.home import open_network
from scripts.cli import main
from tests.support.network import document


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> int:
    """Runs the command on folder/network.yaml with the home folder/home."""
    options = [f"--config={folder / 'network.yaml'}", f"--home={folder / 'home'}"]
    monkeypatch.setattr(sys, "argv", ["commonhold", *options, *words])
    return main()


def write(folder: Path, written: dict[str, Any]) -> None:
    (folder / "network.yaml").write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")


@pytest.fixture
def never_started(tmp_path: Path) -> Path:
    """A good configuration whose network was never brought up."""
    write(tmp_path, document())
    return tmp_path


@pytest.fixture
def founded(never_started: Path) -> Path:
    """A home that has its ports, and no node."""
    open_network(never_started / "network.yaml", never_started / "home").prepare()
    return never_started


@pytest.mark.parametrize("verb", ["up", "down", "status", "doctor", "plan"])
def test_bad_yaml_is_exit_2_with_every_finding_and_nothing_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    write(tmp_path, document(ports=1, endorsement={"require": ["nobody"]}, color="red"))
    assert run(monkeypatch, tmp_path, verb) == commands.EXIT_BAD_INPUT
    assert capsys.readouterr().err.splitlines() == [
        "4 finding(s) in the configuration:",
        "  color: is not a known key (known: name, fabric, orgs, orderer, channels, endorsement, "
        "ports, chaincode, limits, timing)",
        "  ports: must be a whole number from 1024 to 60000",
        "  endorsement: nobody is not among orgs",
        "  channels[0]: nobody must endorse but is not a member",
    ]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["logs", "peer0.bank"],
        ["doctor"],
        ["renew"],
        ["community", "add", "garden"],
        ["chaincode", "upgrade"],
        ["export", "profile", "--org", "bank"],
    ],
)
def test_verbs_that_need_a_network_say_so(
    monkeypatch: pytest.MonkeyPatch,
    never_started: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    assert run(monkeypatch, never_started, *words) == commands.EXIT_BAD_INPUT
    assert "run `commonhold up` first" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["logs"],
        ["logs", "peer0.bank", "--lines", "0"],
        ["logs", "peer0.bank", "--lines", "10001"],
        ["logs", "peer0.bank", "--lines", "many"],
        ["community"],
        ["community", "add"],
        ["export", "profile"],
        ["up", "--wipe"],
    ],
)
def test_wrong_arguments_are_exit_2(
    monkeypatch: pytest.MonkeyPatch, never_started: Path, words: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, never_started, *words)
    assert caught.value.code == commands.EXIT_BAD_INPUT


def test_down_of_what_never_ran_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, never_started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, never_started, "down", "--wipe") == commands.EXIT_OK
    assert "0 nodes stopped" in capsys.readouterr().out


def test_a_foreign_folder_is_never_wiped(
    monkeypatch: pytest.MonkeyPatch, never_started: Path
) -> None:
    treasure = never_started / "home" / "treasure"
    treasure.parent.mkdir()
    treasure.write_text("mine")
    assert run(monkeypatch, never_started, "down", "--wipe") == commands.EXIT_OK
    assert treasure.read_text() == "mine"


def test_an_unknown_node_or_org_is_named_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, founded, "logs", "../state") == commands.EXIT_BAD_INPUT
    assert "there is no node ../state (known: ca.bank," in capsys.readouterr().err
    assert run(monkeypatch, founded, "export", "profile", "--org", "who") == 2
    assert "there is no org who (known: bank, committee" in capsys.readouterr().err


def test_logs_of_a_node_that_never_ran_are_empty(
    monkeypatch: pytest.MonkeyPatch, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, founded, "logs", "peer0.bank") == commands.EXIT_OK
    assert capsys.readouterr().out == ""


def test_the_last_lines_of_a_log_are_shown(
    monkeypatch: pytest.MonkeyPatch, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = founded / "home" / "logs" / "peer0.bank.log"
    log.parent.mkdir()
    log.write_text("one\n[bold]two\nthree\n")
    assert run(monkeypatch, founded, "logs", "peer0.bank", "--lines", "2") == commands.EXIT_OK
    assert capsys.readouterr().out == "[bold]two\nthree\n"


def test_status_shows_stopped_nodes_and_unknown_heights(
    monkeypatch: pytest.MonkeyPatch, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, founded, "status", "--json") == commands.EXIT_OK
    found = json.loads(capsys.readouterr().out)
    assert {node["pid"] for node in found["nodes"]} == {None}
    assert {node["serving"] for node in found["nodes"]} == {False}
    assert set(found["channels"][0]["heights"].values()) == {None}
    assert found["channels"][0]["chaincode"] is None


def test_the_doctor_names_all_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, founded, "doctor") == commands.EXIT_FAILED
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert len([line for line in bad if "does not run" in line]) == 16
    assert len([line for line in bad if "holds no usable identity" in line]) == 4 * (3 + 2 + 3 + 3)


def test_a_damaged_home_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (founded / "home" / "state.json").write_text("{")
    assert run(monkeypatch, founded, "up") == commands.EXIT_BAD_INPUT
    assert "state.json cannot be read" in capsys.readouterr().err


def test_a_missing_program_is_exit_1_and_named(
    monkeypatch: pytest.MonkeyPatch, never_started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FABRIC_BIN", str(never_started))
    assert run(monkeypatch, never_started, "up") == commands.EXIT_FAILED
    assert "lacks peer, orderer" in capsys.readouterr().err


def test_plan_of_nothing_names_every_node_and_channel(
    monkeypatch: pytest.MonkeyPatch, never_started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, never_started, "plan") == commands.EXIT_OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "up: ca.bank: is made and started"
    assert lines[-1] == "up: testing: is founded over all nodes"
    assert len(lines) == 17
    assert not (never_started / "home").exists()


def test_every_verb_is_in_the_readme() -> None:
    readme = (Path(commands.__file__).parent / "README.md").read_text("utf-8")
    verbs = ("up", "down [--wipe]", "status [--json]", "logs NODE [--lines N]", "doctor", "plan",
             "community add ID [--modules M,...]", "chaincode upgrade",
             "export profile --org ORG [--scheme]")  # fmt: skip
    for verb in verbs:
        assert f"| `{verb}` |" in readme
