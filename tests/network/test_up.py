"""The whole bring-up on real Fabric nodes: from nothing, again, after damage, and back down."""

import io
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import yaml
from rich.console import Console

from network.home import open_network
from network.launch import CONFIG_MARK
from network.look import open_inspector, status
from network.nodes import NativeSupervisor
from network.plan import plan
from network.render import connection_json
from network.rpc import CallFailed
from network.schema import ConfigErrors
from network.up import bring_down, open_launcher, renew_nodes, upgrade_chaincode
from tests.support.network import (
    CHANNEL,
    FOUR_ORGS,
    PROBE,
    RunningNetwork,
    document,
    fabric_network,
    running_network,
)
from tests.support.network_acts import heights, processes_of, put

pytestmark = pytest.mark.fabric

__all__ = ["fabric_network"]


async def changes(network: RunningNetwork, **changed: Any) -> list[str]:
    """What `plan` says when the YAML's top-level keys are replaced by these."""
    written = yaml.safe_load(network.network.file.read_text("utf-8")) | changed
    file = network.network.file.with_name("changed.yaml")
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    opened = open_network(file, network.home)
    launcher = await open_launcher(opened.preview(), Console(file=io.StringIO()))
    return [str(change) for change in await plan(opened, launcher)]


# --- From nothing, and again ---


async def test_transactions_commit_on_every_peer(fabric_network: RunningNetwork) -> None:
    before = await heights(fabric_network)
    await put(fabric_network, ["bank", "committee", "property"], "first")
    after = await heights(fabric_network)
    assert {name: (after[name] or 0) - (before[name] or 0) for name in after} == dict.fromkeys(
        before, 1
    )


@pytest.mark.parametrize("missing", ["bank", "committee", "property"])
async def test_the_regulator_stands_in_for_one(
    fabric_network: RunningNetwork, missing: str
) -> None:
    orgs = [org for org in ("bank", "committee", "property") if org != missing]
    await put(fabric_network, [*orgs, "regulator"], f"without-{missing}")


@pytest.mark.parametrize("orgs", [["bank", "committee"], ["bank", "regulator"]])
async def test_too_few_endorsements_are_not_valid(
    fabric_network: RunningNetwork, orgs: list[str]
) -> None:
    with pytest.raises(Exception, match="ENDORSEMENT_POLICY_FAILURE"):
        await put(fabric_network, orgs, "too-few")


async def test_up_again_changes_nothing(fabric_network: RunningNetwork) -> None:
    before = {name: fabric_network.pid(name) for name in processes_of(fabric_network.home)}
    assert len(before) == 16
    assert (await fabric_network.up()).changed == ()
    assert {name: fabric_network.pid(name) for name in before} == before


async def test_every_secret_is_its_owners_only(fabric_network: RunningNetwork) -> None:
    keys = [
        file
        for file in fabric_network.home.rglob("*")
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes()
    ]
    assert len(keys) > 30
    for file in keys:
        folders = [p for p in file.parents if p.is_relative_to(fabric_network.home)]
        assert file.stat().st_mode & 0o077 == 0 or any(
            folder.stat().st_mode & 0o077 == 0 for folder in folders
        )
    assert fabric_network.home.stat().st_mode & 0o077 == 0


async def test_one_dead_node_of_each_kind_is_repaired(fabric_network: RunningNetwork) -> None:
    dead = ["ca.bank", "orderer0.committee", "peer0.property", "chaincode0-1.bank"]
    kept = {n: fabric_network.pid(n) for n in processes_of(fabric_network.home) if n not in dead}
    for name in dead:
        await fabric_network.kill(name)
    changed = (await fabric_network.up()).changed
    assert {f"{name}: start" for name in dead} <= set(changed)
    assert not [name for name in changed if "identities" in name or "join" in name]
    assert {name: fabric_network.pid(name) for name in kept} == kept
    await put(fabric_network, ["bank", "committee", "property"], "after-repair")


# --- Looking ---


async def test_status_names_every_node_and_package(fabric_network: RunningNetwork) -> None:
    async with open_inspector(fabric_network.network) as inspector:
        found = await status(inspector)
    assert len(found["nodes"]) == 16
    assert all(node["serving"] and node["pid"] for node in found["nodes"])
    chaincode = found["channels"][0]["chaincode"]
    assert (chaincode["version"], chaincode["sequence"]) == ("1", 1)
    assert chaincode["package_ids"] == dict.fromkeys(FOUR_ORGS["orgs"], fabric_network.package_id)


async def test_plan_of_an_unchanged_network_is_empty(fabric_network: RunningNetwork) -> None:
    assert await changes(fabric_network) == []


async def test_plan_names_each_difference(fabric_network: RunningNetwork) -> None:
    channels = [*FOUR_ORGS["channels"], {"name": "two", "communities": ["two"]}]
    assert await changes(fabric_network, channels=channels) == [
        "up: two: is founded over all nodes"
    ]
    assert await changes(fabric_network, timing={"time_window": "90s"}) == [
        f"renew: peer0.{org}: runs with an older configuration" for org in FOUR_ORGS["orgs"]
    ]
    strict = {"require": ["bank", "committee", "property"]}
    assert await changes(fabric_network, endorsement=strict) == [
        f"chaincode upgrade: {CHANNEL}: its endorsement rule changes"
    ]
    newer = await changes(fabric_network, chaincode={"command": [*PROBE], "version": "2"})
    assert newer[0].startswith(f"chaincode upgrade: {CHANNEL}: chaincode 1 -> 2")


async def test_a_peer_whose_certificate_is_renewed_keeps_its_package_id(
    fabric_network: RunningNetwork,
) -> None:
    """The connection is refreshed where the builder released it to, not only where it came from."""
    topology = fabric_network.topology
    peer, service = topology.node("peer0.bank"), topology.node("chaincode0-1.bank")
    released = list(peer.folder.glob("data/externalbuilder/builds/*/release/**/connection.json"))
    assert [file.read_text() for file in released] == [connection_json(service, peer)]
    released[0].write_text("{}")
    assert (await fabric_network.up()).changed == ()
    assert released[0].read_text() == connection_json(service, peer)


async def test_a_service_that_comes_back_serves_at_once(fabric_network: RunningNetwork) -> None:
    await fabric_network.kill("chaincode0-1.committee")
    with pytest.raises(CallFailed) as caught:
        await put(fabric_network, ["bank", "committee", "property"], "no-service")
    assert caught.value.node == "peer0.committee"
    await fabric_network.start("chaincode0-1.committee")
    await put(fabric_network, ["bank", "committee", "property"], "service-back")


# --- More communities, another chaincode ---


async def test_a_community_is_added_while_it_runs(fabric_network: RunningNetwork) -> None:
    before = {name: fabric_network.pid(name) for name in processes_of(fabric_network.home)}
    await fabric_network.add_community("garden")
    async with open_inspector(fabric_network.network) as inspector:
        added = (await status(inspector))["channels"][-1]
    assert added["name"] == "garden"
    assert added["chaincode"]["package_ids"] == dict.fromkeys(
        FOUR_ORGS["orgs"], fabric_network.package_id
    )
    assert {name: fabric_network.pid(name) for name in before} == before
    assert (await fabric_network.up()).changed == ()
    assert (await fabric_network.add_community("garden")).changed == ()


@pytest.mark.parametrize("name", ["Garden", "", "a/b", "x" * 101])
async def test_a_bad_community_is_refused(fabric_network: RunningNetwork, name: str) -> None:
    with pytest.raises(ConfigErrors):
        await fabric_network.add_community(name)


@pytest.fixture(scope="module")
def own_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """A small network (one Raft orderer) that tests may take down and damage."""
    orgs: dict[str, Any] = {
        "bank": {"msp": "BankMSP"},
        "committee": {"msp": "CommitteeMSP", "orderers": 0},
    }
    written = document(
        name="small", orgs=orgs, orderer={"type": "raft"},
        endorsement={"require": ["bank", "committee"]},
    )  # fmt: skip
    with running_network(tmp_path_factory.mktemp("small"), written) as network:
        yield network


async def test_down_keeps_the_ledger_and_up_serves_it(own_network: RunningNetwork) -> None:
    await put(own_network, ["bank", "committee"], "kept")
    before = await heights(own_network)
    stopped = await bring_down(own_network.network, wipe=False)
    assert len(stopped) == 7
    assert processes_of(own_network.home) == []
    assert await bring_down(own_network.network, wipe=False) == []
    changed = (await own_network.up()).changed
    assert not [n for n in changed if "identities" in n or "join" in n or "definition" in n]
    assert await heights(own_network) == before
    await put(own_network, ["bank", "committee"], "after")


async def test_an_upgrade_moves_the_channel_and_retires_old_services(
    own_network: RunningNetwork,
) -> None:
    file = own_network.network.file
    written = yaml.safe_load(file.read_text("utf-8"))
    written["chaincode"]["version"] = "2"
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    own_network.network = open_network(file, own_network.home)
    await upgrade_chaincode(own_network.network, own_network.console)
    async with open_inspector(own_network.network) as inspector:
        chaincode = (await status(inspector))["channels"][0]["chaincode"]
    assert (chaincode["version"], chaincode["sequence"]) == ("2", 2)
    assert set(chaincode["package_ids"].values()) == {own_network.package_id}
    services = [n for n in processes_of(own_network.home) if n.startswith("chaincode")]
    assert services == ["chaincode0-2.bank", "chaincode0-2.committee"]
    await put(own_network, ["bank", "committee"], "upgraded")
    assert (await upgrade_chaincode(own_network.network, own_network.console)).changed == ()


async def test_an_older_configuration_is_renewed_one_by_one(
    own_network: RunningNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = own_network.network.file
    written = yaml.safe_load(file.read_text("utf-8"))
    written["timing"] = {"time_window": "90s"}
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    own_network.network = open_network(file, own_network.home)
    before = {name: own_network.pid(name) for name in processes_of(own_network.home)}
    peers = ("peer0.bank", "peer0.committee")
    outcome = await own_network.up()
    assert (outcome.changed, outcome.outdated) == ((), peers)
    stopped = {}
    stop = NativeSupervisor.stop

    async def watched(supervisor: NativeSupervisor, name: str) -> bool:
        stopped[name] = [other for other in before if supervisor.is_running(other)]
        return await stop(supervisor, name)

    monkeypatch.setattr(NativeSupervisor, "stop", watched)
    outcome = await renew_nodes(own_network.network, own_network.console)
    assert stopped == {name: list(before) for name in peers}
    assert {name for name in peers if f"{name}: start" in outcome.changed} == set(peers)
    after = {name: own_network.pid(name) for name in before}
    assert {name for name in before if after[name] != before[name]} == set(peers)
    await put(own_network, ["bank", "committee"], "renewed")
    assert (await own_network.up()).outdated == ()
    assert (await renew_nodes(own_network.network, own_network.console)).changed == ()


async def test_a_new_peer_of_an_org_joins_a_running_network(own_network: RunningNetwork) -> None:
    file = own_network.network.file
    written = yaml.safe_load(file.read_text("utf-8"))
    written["orgs"]["bank"]["peers"] = 2
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    own_network.network = open_network(file, own_network.home)
    await own_network.up()
    found = await heights(own_network)
    assert found["peer1.bank"] == found["peer0.bank"]


async def test_a_node_knows_which_configuration_it_runs_with(
    fabric_network: RunningNetwork,
) -> None:
    supervisor = NativeSupervisor(fabric_network.home)
    launcher = await open_launcher(fabric_network.topology, fabric_network.console)
    for node in fabric_network.topology.nodes:
        pid = supervisor.pid(node.name)
        assert psutil.Process(pid).environ()[CONFIG_MARK] == launcher.config_digest(node)
