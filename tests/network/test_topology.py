"""From a configuration to names, ports and folders: pure, stable, and the same for every run."""

import socket
from pathlib import Path
from typing import Any

import pytest

from network.config import NetworkConfig, parse
from network.portplan import plan_ports
from network.topology import HOST, Kind, PortPlan, Topology, extend
from tests.support.network import document

HOME = Path("/somewhere/home")


def made(version: str = "1", recorded: PortPlan | None = None, **changes: Any) -> Topology:
    config = parse(document(**({"ports": 7000} | changes)))
    return extend(config, HOME, version, plan_ports(config, version, recorded or {}))


def test_nodes_are_named_by_kind_index_and_org() -> None:
    names = [node.name for node in made().nodes]
    assert names[:4] == ["ca.bank", "orderer0.bank", "peer0.bank", "chaincode0-1.bank"]
    assert len(names) == len(set(names)) == 16


def test_ports_count_up_from_the_base_without_a_repeat() -> None:
    ports = [port for node in made().nodes for port in node.ports.values()]
    assert ports == list(range(7000, 7000 + len(ports)))


def test_every_node_has_its_own_folder_below_its_org() -> None:
    topology = made()
    folders = [node.folder for node in topology.nodes]
    assert len(set(folders)) == len(folders)
    assert topology.node("peer0.bank").folder == HOME / "orgs" / "bank" / "peer0"


def test_recorded_ports_are_kept_and_new_nodes_get_free_numbers() -> None:
    recorded = {"peer0.bank": {"listen": 7001, "chaincode": 7003, "operations": 7005}}
    topology = made(recorded=recorded)
    assert topology.node("peer0.bank").ports == recorded["peer0.bank"]
    others = [p for n in topology.nodes if n.name != "peer0.bank" for p in n.ports.values()]
    assert not {7001, 7003, 7005} & set(others)
    assert len(set(others)) == len(others)


def test_two_versions_have_services_side_by_side() -> None:
    config = parse(document(ports=7000))
    one = plan_ports(config, "1", {})
    both = plan_ports(config, "2", one)
    assert {name: both[name] for name in one} == one
    taken = [port for ports in both.values() for port in ports.values()]
    assert len(taken) == len(set(taken))


def test_automatic_ports_are_free_and_below_the_ephemeral_range() -> None:
    plan = plan_ports(parse(document()), "1", {})
    ports = [port for node in plan.values() for port in node.values()]
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert len(set(ports)) == len(ports)
    assert all(10_000 <= port < low for port in ports)
    for port in ports:
        with socket.socket() as probe:
            probe.bind((HOST, port))


def test_a_port_that_is_held_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind((HOST, 0))
        port = held.getsockname()[1]
        monkeypatch.setattr("network.portplan._AUTO_LOW", port)
        monkeypatch.setattr("network.portplan._ephemeral_start", lambda: port + 200)
        plan = plan_ports(parse(document()), "1", {})
    assert port not in [number for node in plan.values() for number in node.values()]


def test_running_out_of_ports_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("network.portplan._PORT_MAX", 7039)
    made()
    monkeypatch.setattr("network.portplan._PORT_MAX", 7038)
    with pytest.raises(OSError, match="no free port is left"):
        made()


@pytest.mark.parametrize(
    ("kind", "ports"),
    [
        (Kind.CA, {"listen", "operations"}),
        (Kind.ORDERER, {"listen", "admin", "operations"}),
        (Kind.PEER, {"listen", "chaincode", "operations"}),
        (Kind.CHAINCODE, {"listen", "metrics"}),
    ],
)
def test_each_kind_has_its_ports(kind: Kind, ports: set[str]) -> None:
    assert all(set(node.ports) == ports for node in made().nodes if node.kind is kind)


def test_an_unknown_node_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="peer9"):
        made().node("peer9.bank")


def test_the_order_of_orgs_is_that_of_the_yaml() -> None:
    config: NetworkConfig = parse(document(ports=7000))
    assert list(made().orgs) == list(config.orgs)
