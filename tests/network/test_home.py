"""The home folder: what is remembered, what may never change, and one command at a time."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from network.home import Network, open_network
from network.schema import ConfigErrors
from network.state import HomeError, locked, read_state
from tests.support.network import document


def write(folder: Path, **changes: Any) -> Path:
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(document(**changes), sort_keys=False), "utf-8")
    return file


def founded(folder: Path, **changes: Any) -> Network:
    network = open_network(write(folder, **changes), folder / "home")
    network.prepare()
    return network


def findings(folder: Path, **changes: Any) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        open_network(write(folder, **changes), folder / "home")
    return [str(finding) for finding in caught.value.findings]


def test_a_new_home_has_no_state_and_nothing_is_written(tmp_path: Path) -> None:
    network = open_network(write(tmp_path), tmp_path / "home")
    assert network.state is None
    network.preview()
    assert not (tmp_path / "home").exists()
    with pytest.raises(HomeError, match=r"there is no network in .* yet"):
        network.topology()


def test_the_home_is_named_after_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_network(write(tmp_path), None).home == tmp_path / ".commonhold" / "testnet"


def test_ports_are_remembered(tmp_path: Path) -> None:
    first = founded(tmp_path).topology()
    again = open_network(tmp_path / "network.yaml", tmp_path / "home").topology()
    assert [node.ports for node in again.nodes] == [node.ports for node in first.nodes]


def test_the_state_is_for_its_owner_only(tmp_path: Path) -> None:
    founded(tmp_path)
    assert (tmp_path / "home" / "state.json").stat().st_mode & 0o077 == 0
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_the_running_version_stays_until_an_upgrade(tmp_path: Path) -> None:
    founded(tmp_path, chaincode={"version": "1"})
    later = open_network(write(tmp_path, chaincode={"version": "2"}), tmp_path / "home")
    assert later.prepare().version == "1"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"name": "other"},
         "name: cannot change on a founded network (it is 'testnet')"),
        ({"chaincode": {"name": "other"}},
         "chaincode: cannot change on a founded network (it is 'commonhold')"),
        ({"orderer": {"type": "raft"}},
         "orderer.type: cannot change on a founded network (it is 'bft')"),
        ({"orderer": {"heartbeat": "9s"}},
         "orderer.heartbeat: cannot change on a founded network (it is 3000)"),
        ({"orgs": document()["orgs"] | {"bank": {"msp": "OtherMSP"}}},
         "orgs.bank.msp: cannot change on a founded network (it is 'BankMSP')"),
        ({"orgs": document()["orgs"] | {"court": {"msp": "CourtMSP"}}},
         "orgs.court: cannot change on a founded network (it is None)"),
    ],
)  # fmt: skip
def test_what_is_in_certificates_and_genesis_cannot_change(
    tmp_path: Path, changes: dict[str, Any], finding: str
) -> None:
    founded(tmp_path)
    assert findings(tmp_path, **changes) == [finding]


def test_more_peers_are_not_a_new_founding(tmp_path: Path) -> None:
    founded(tmp_path)
    orgs = document()["orgs"] | {"bank": {"msp": "BankMSP", "peers": 2}}
    later = open_network(write(tmp_path, orgs=orgs), tmp_path / "home")
    assert [peer.name for peer in later.prepare().orgs["bank"].peers] == [
        "peer0.bank",
        "peer1.bank",
    ]


def test_an_added_channel_is_remembered(tmp_path: Path) -> None:
    network = founded(tmp_path)
    network.record_channel({"name": "two", "communities": ["two"]})
    again = open_network(tmp_path / "network.yaml", tmp_path / "home")
    assert [channel.name for channel in again.config.channels] == ["testing", "two"]


def test_adding_the_same_channel_again_is_harmless(tmp_path: Path) -> None:
    network = founded(tmp_path)
    for name in ("two", "two", "testing"):
        network.record_channel({"name": name, "communities": [name]})
    assert network.founded().added == [{"name": "two", "communities": ["two"]}]


@pytest.mark.parametrize(
    "channel",
    [
        {"name": "testing", "communities": ["testing"], "modules": ["voting"]},
        {"name": "testing", "communities": ["another"]},
        {"name": "Two", "communities": ["two"]},
        {"name": "two", "communities": ["testing"]},
        {"name": "two", "communities": []},
        {"name": "two", "communities": ["two"], "modules": ["chat"]},
    ],
)
def test_a_bad_added_channel_is_refused_and_not_remembered(
    tmp_path: Path, channel: dict[str, Any]
) -> None:
    network = founded(tmp_path)
    with pytest.raises(ConfigErrors):
        network.record_channel(channel)
    state = read_state(tmp_path / "home")
    assert state is not None
    assert state.added == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1"}', '{"unknown": 1}'])
def test_a_damaged_state_is_refused(tmp_path: Path, content: str) -> None:
    founded(tmp_path)
    (tmp_path / "home" / "state.json").write_text(content)
    with pytest.raises(HomeError, match=r"state\.json cannot be read"):
        open_network(tmp_path / "network.yaml", tmp_path / "home")


def test_only_one_command_at_a_time(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "home"),
        pytest.raises(HomeError, match="another command is at work"),
        locked(tmp_path / "home"),
    ):
        pytest.fail("two commands hold the lock")
    with locked(tmp_path / "home"):
        entered = True
    assert entered
