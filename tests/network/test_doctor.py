"""The doctor finds nothing on a healthy network, and each illness by its name."""

import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from network import doctor
from network.doctor import Diagnosis, Doctor
from network.identity import Identity
from network.look import open_inspector
from network.nodes import NativeSupervisor
from network.places import NodeFiles
from network.profile import connection_profile
from network.up import open_launcher
from tests.support.network import FOUR_ORGS, RunningNetwork, fabric_network

pytestmark = pytest.mark.fabric

__all__ = ["fabric_network"]

CHECKS = {"node", "clock", "certificate", "chaincode", "endpoint", "limit", "keepalive"}


async def examine(network: RunningNetwork) -> list[Diagnosis]:
    launcher = await open_launcher(network.topology, network.console)
    async with open_inspector(network.network) as inspector:
        return await Doctor(inspector, launcher).examine()


async def ills(network: RunningNetwork) -> list[Diagnosis]:
    return [found for found in await examine(network) if not found.well]


async def test_a_healthy_network_has_no_finding(fabric_network: RunningNetwork) -> None:
    found = await examine(fabric_network)
    assert [diagnosis for diagnosis in found if not diagnosis.well] == []
    assert {diagnosis.check for diagnosis in found} == CHECKS


async def test_every_peer_reaches_every_orderer_and_anchor(fabric_network: RunningNetwork) -> None:
    found = {d.subject for d in await examine(fabric_network) if d.check == "endpoint"}
    topology = fabric_network.topology
    peers = [org.peers[0] for org in topology.orgs.values()]
    for channel in fabric_network.channels:
        for peer in peers:
            for node in (*topology.orderers, *peers):
                assert f"{peer.name} -> {node.address()} ({channel})" in found


async def test_a_stopped_node_is_found_by_all_who_need_it(fabric_network: RunningNetwork) -> None:
    await fabric_network.kill("orderer0.property")
    try:
        found = await ills(fabric_network)
    finally:
        await fabric_network.up()
    address = fabric_network.topology.node("orderer0.property").address()
    assert (
        Diagnosis("node", "orderer0.property", False, "does not run: `commonhold up` starts it")
        in found
    )
    unreached = {d.subject.split(" ")[0] for d in found if d.check == "endpoint"}
    assert unreached == {f"peer0.{org}" for org in FOUR_ORGS["orgs"]}
    assert all(address in d.subject for d in found if d.check == "endpoint")


async def test_a_port_held_by_another_is_found(fabric_network: RunningNetwork) -> None:
    node = fabric_network.topology.node("chaincode0-1.property")
    await fabric_network.stop(node.name)
    try:
        with socket.create_server((node.host, node.ports["listen"])):
            found = await ills(fabric_network)
    finally:
        await fabric_network.up()
    words = [d.words for d in found if d.check == "port"]
    assert len(words) == 1
    assert words[0].startswith(f"port {node.ports['listen']} (listen) is held by pid ")


@pytest.mark.parametrize(("name", "value", "check"), [
    ("CERTIFICATE_DAYS_MIN", 366, "certificate"),
    ("DISK_BYTES_MIN", 1 << 60, "limit"),
    ("OPEN_FILES_MIN", 1 << 40, "limit"),
])  # fmt: skip
async def test_what_runs_out_is_found(
    fabric_network: RunningNetwork,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: int,
    check: str,
) -> None:
    monkeypatch.setattr(doctor, name, value)
    assert {found.check for found in await ills(fabric_network)} == {check}


async def test_a_lost_identity_is_found(fabric_network: RunningNetwork) -> None:
    certificate = NodeFiles(fabric_network.topology.node("peer0.bank").folder).certificate
    content = certificate.read_bytes()
    certificate.write_bytes(b"not a certificate")
    try:
        found = [d for d in await ills(fabric_network) if d.check == "certificate"]
    finally:
        certificate.write_bytes(content)
    assert [d.subject for d in found] == ["peer0.bank"]
    assert found[0].words.endswith("holds no usable identity")


async def test_a_complaint_of_too_many_pings_is_found(fabric_network: RunningNetwork) -> None:
    log = NativeSupervisor(fabric_network.home).log_file("peer0.regulator")
    content = log.read_bytes()
    with log.open("a", encoding="utf-8") as file:
        file.write('transport: got GoAway ENHANCE_YOUR_CALM, debug data: "too_many_pings"\n')
    try:
        found = await ills(fabric_network)
    finally:
        log.write_bytes(content)
    assert [(d.check, d.subject) for d in found] == [("keepalive", "peer0.regulator")]


async def test_an_older_configuration_is_found(
    fabric_network: RunningNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("network.launch.Launcher.config_digest", lambda *_: "newer")
    found = await ills(fabric_network)
    assert {d.words for d in found} == {"runs with an older configuration: `commonhold renew`"}
    assert len(found) == 16


async def test_a_clock_that_is_off_is_found(
    fabric_network: RunningNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor compares with its own clock, so moving that is the same as moving the nodes'."""
    monkeypatch.setattr(doctor, "now_s", lambda: time.time() - 100)
    found = [d for d in await ills(fabric_network) if d.check == "clock"]
    assert len(found) == 8
    assert all(d.words.startswith(("+100", "+99", "+101")) for d in found)


# --- The connection profile ---


def test_a_profile_names_everything_an_sdk_needs(fabric_network: RunningNetwork) -> None:
    topology = fabric_network.topology
    found = connection_profile(topology, topology.orgs["bank"], scheme=False)
    peer = topology.node("peer0.bank")
    assert found["client"]["organization"] == "bank"
    assert found["peers"]["peer0.bank"]["url"] == peer.address()
    assert found["peers"]["peer0.bank"]["grpcOptions"] == {
        "grpc.ssl_target_name_override": "peer0.bank"
    }
    assert set(found["orderers"]) == {node.name for node in topology.orderers}
    assert found["certificateAuthorities"]["ca.bank"]["caName"] == "ca"
    for node in (*found["peers"].values(), *found["orderers"].values()):
        assert Path(node["tlsCACerts"]["path"]).read_text() == node["tlsCACerts"]["pem"]
    admin = found["organizations"]["bank"]["users"]["admin"]
    assert Identity.from_msp("BankMSP", Path(admin["cert"]).parents[1]).expires_at > datetime.now(
        UTC
    ) + timedelta(days=300)
    assert b"PRIVATE KEY" in Path(admin["private_key"]).read_bytes()


def test_a_profile_holds_no_secret_and_no_other_orgs_people(
    fabric_network: RunningNetwork,
) -> None:
    topology = fabric_network.topology
    found = connection_profile(topology, topology.orgs["bank"], scheme=False)
    assert "PRIVATE KEY" not in str(found)
    assert "secret" not in str(found).lower()
    others = [org for name, org in found["organizations"].items() if name != "bank"]
    assert len(others) == 3
    assert not [org for org in others if "users" in org or org["certificateAuthorities"]]


def test_a_profile_can_have_schemes(fabric_network: RunningNetwork) -> None:
    topology = fabric_network.topology
    found = connection_profile(topology, topology.orgs["bank"], scheme=True)
    urls = [node["url"] for node in (*found["peers"].values(), *found["orderers"].values())]
    assert all(url.startswith("grpcs://127.0.0.1:") for url in urls)
