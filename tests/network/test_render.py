"""Rendered configuration: valid YAML with the values the operator asked for, nothing left open."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from network.config import parse
from network.configblock import PROFILE, configtx
from network.portplan import plan_ports
from network.render import TEMPLATES, core_yaml, orderer_yaml
from network.topology import Topology, extend
from tests.support.network import document

HOME = Path('/some where/"quoted" home')


def made(**changes: Any) -> Topology:
    config = parse(document(**({"ports": 7000} | changes)))
    return extend(config, HOME, "1", plan_ports(config, "1", {}))


def core(**changes: Any) -> Any:
    topology = made(**changes)
    return yaml.safe_load(core_yaml(topology, topology.node("peer0.bank")))


def orderer(**changes: Any) -> Any:
    topology = made(**changes)
    return yaml.safe_load(orderer_yaml(topology, topology.node("orderer0.bank")))


def channel(**changes: Any) -> Any:
    topology = made(**changes)
    return yaml.safe_load(configtx(topology, topology.config.channels[0]))["Profiles"][PROFILE]


def test_no_placeholder_is_left() -> None:
    topology = made()
    for text in (
        core_yaml(topology, topology.node("peer0.bank")),
        orderer_yaml(topology, topology.node("orderer0.bank")),
    ):
        assert "$" not in text


@pytest.mark.parametrize("name", ["core.yaml", "orderer.yaml"])
def test_no_two_nodes_share_a_template_value_by_mistake(name: str) -> None:
    assert re.search(r"127\.0\.0\.1:[1-9]", (TEMPLATES / name).read_text("utf-8")) is None


def test_paths_with_spaces_and_quotes_survive() -> None:
    assert core()["peer"]["mspConfigPath"] == str(HOME / "orgs/bank/peer0/msp")
    assert orderer()["FileLedger"]["Location"] == str(HOME / "orgs/bank/orderer0/data")


def test_a_peer_has_what_its_operator_asked_for() -> None:
    found = core(
        limits={"gateway_requests": 77, "endorser_requests": 88, "deliver_requests": 99,
                "message_bytes": "2MB", "query_records": 500},
        timing={"time_window": "90s", "deliver_backoff": "7s", "censorship": "9s",
                "gossip_reconnect": "3s", "gossip_alive": "2s", "gossip_publish": "400ms",
                "gossip_request": "6s"},
        chaincode={"start_timeout": "11s", "execute_timeout": "12s"},
    )  # fmt: skip
    assert found["peer"]["limits"]["concurrency"] == {
        "gatewayService": 77, "endorserService": 88, "deliverService": 99,
    }  # fmt: skip
    assert found["peer"]["maxRecvMsgSize"] == found["peer"]["maxSendMsgSize"] == 2 << 20
    assert found["ledger"]["state"]["totalQueryLimit"] == 500
    assert found["peer"]["authentication"]["timewindow"] == "90000ms"
    assert found["peer"]["deliveryclient"]["reConnectBackoffThreshold"] == "7000ms"
    assert found["peer"]["deliveryclient"]["blockCensorshipTimeoutKey"] == "9000ms"
    gossip = found["peer"]["gossip"]
    assert gossip["reconnectInterval"] == "3000ms"
    assert gossip["aliveTimeInterval"] == "2000ms"
    assert gossip["aliveExpirationTimeout"] == "30000ms"
    assert gossip["publishStateInfoInterval"] == "400ms"
    assert gossip["requestStateInfoInterval"] == "6000ms"
    assert found["chaincode"]["startuptimeout"] == "11000ms"
    assert found["chaincode"]["executetimeout"] == "12000ms"


def test_a_peer_avoids_the_known_traps() -> None:
    found = core()
    assert found["vm"]["endpoint"] == ""
    assert Path(found["chaincode"]["externalBuilders"][0]["path"]).is_absolute()
    assert found["peer"]["deliveryclient"]["policy"] == "cluster"
    assert {"name": "TimeWindowCheck"} in found["peer"]["handlers"]["authFilters"]
    assert found["peer"]["tls"]["enabled"] is True


def test_an_orderer_needs_a_client_certificate_to_be_administered() -> None:
    found = orderer()
    assert found["General"]["TLS"]["Enabled"] is True
    assert found["Admin"]["TLS"]["ClientAuthRequired"] is True
    assert found["ChannelParticipation"]["Enabled"] is True


def test_peers_of_an_org_find_each_other_and_a_lone_one_itself() -> None:
    assert core()["peer"]["gossip"]["bootstrap"] == core()["peer"]["address"]
    orgs = document()["orgs"] | {"bank": {"msp": "BankMSP", "peers": 3}}
    topology = made(orgs=orgs)
    others = [topology.node(f"peer{i}.bank").address() for i in (1, 2)]
    assert core(orgs=orgs)["peer"]["gossip"]["bootstrap"].split() == others


@pytest.mark.parametrize(
    ("channels", "every", "asked", "censorship"),
    [
        (1, "1000ms", 3, "3000ms"), (4, "1000ms", 3, "3000ms"),
        (5, "1000ms", 1, "3000ms"), (12, "1000ms", 1, "3000ms"),
        (13, "3000ms", 1, "6000ms"), (30, "3000ms", 1, "6000ms"),
        (31, "10000ms", 1, "30000ms"), (400, "10000ms", 1, "30000ms"),
    ],
)  # fmt: skip
def test_peers_do_chores_more_rarely_with_more_channels(
    channels: int, every: str, asked: int, censorship: str
) -> None:
    written = [{"name": f"c{i}", "communities": [f"c{i}"]} for i in range(channels)]
    peer = core(channels=written)["peer"]
    gossip = peer["gossip"]
    assert (gossip["requestStateInfoInterval"], gossip["pullPeerNum"]) == (every, asked)
    assert peer["deliveryclient"]["blockCensorshipTimeoutKey"] == censorship


def test_a_bft_channel_names_every_orderer_and_its_own_intervals() -> None:
    found = channel(orderer={"batch_interval": "70ms", "batch_messages": 44})["Orderer"]
    assert found["OrdererType"] == "BFT"
    assert [entry["ID"] for entry in found["ConsenterMapping"]] == [1, 2, 3, 4]
    assert {entry["MSPID"] for entry in found["ConsenterMapping"]} == {
        "BankMSP", "CommitteeMSP", "PropertyMSP", "RegulatorMSP",
    }  # fmt: skip
    assert found["SmartBFT"]["RequestBatchMaxInterval"] == "70ms"
    assert found["BatchSize"]["MaxMessageCount"] == 44


def test_a_raft_channel_elects_after_the_heartbeat() -> None:
    found = channel(orderer={"type": "raft", "heartbeat": "2s"})["Orderer"]
    assert found["OrdererType"] == "etcdraft"
    assert len(found["EtcdRaft"]["Consenters"]) == 4
    assert found["EtcdRaft"]["Options"]["TickInterval"] == "100ms"
    assert found["EtcdRaft"]["Options"]["ElectionTick"] == 20


def test_anchor_peers_and_endpoints_are_in_the_genesis_block() -> None:
    topology = made()
    found = channel()
    assert found["Capabilities"] == {"V3_0": True}
    for org in found["Application"]["Organizations"]:
        assert len(org["AnchorPeers"]) == 1
    endpoints = [e for org in found["Orderer"]["Organizations"] for e in org["OrdererEndpoints"]]
    assert endpoints == [node.address() for node in topology.orderers]


def test_only_members_are_in_the_application_and_all_orderer_orgs_order() -> None:
    members = ["bank", "committee", "property"]
    found = channel(
        endorsement={"require": members},
        channels=[{"name": "one", "communities": ["one"], "members": members}],
    )
    assert [o["ID"] for o in found["Application"]["Organizations"]] == [
        "BankMSP", "CommitteeMSP", "PropertyMSP",
    ]  # fmt: skip
    assert len(found["Orderer"]["Organizations"]) == 4
