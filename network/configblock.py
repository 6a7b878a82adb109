"""The configtx.yaml of one channel, from which Fabric's configtxgen makes the genesis block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from network.config import ChannelConfig, OrdererConfig
from network.places import NodeFiles
from network.topology import Node, Org, Topology

PROFILE = "Channel"
_AUTO_REMOVE_MS = 180_000
_REQUEST_POOL = 100_000
_RAFT_TICK_MS = 100


def configtx(topology: Topology, channel: ChannelConfig) -> str:
    """YAML for configtxgen: capabilities V3_0, every member's anchor peers, every orderer."""
    members = topology.members(channel)
    orderer_orgs = [org for org in topology.orgs.values() if org.orderers]
    profile = {
        "Policies": _meta_policies(),
        "Capabilities": {"V3_0": True},
        "Orderer": {
            **_consensus(topology),
            "Organizations": [_organization(org) for org in orderer_orgs],
            "Policies": {**_meta_policies(), "BlockValidation": _meta("ANY Writers")},
            "Capabilities": {"V2_0": True},
        },
        "Application": {
            "Organizations": [_organization(org, anchors=org.peers) for org in members],
            "Policies": {
                **_meta_policies(),
                "LifecycleEndorsement": _meta("MAJORITY Endorsement"),
                "Endorsement": _meta("MAJORITY Endorsement"),
            },
            "Capabilities": {"V2_5": True},
        },
    }
    return str(yaml.safe_dump({"Profiles": {PROFILE: profile}}, sort_keys=False))


def _meta(rule: str) -> dict[str, str]:
    return {"Type": "ImplicitMeta", "Rule": rule}


def _meta_policies() -> dict[str, dict[str, str]]:
    return {
        "Readers": _meta("ANY Readers"),
        "Writers": _meta("ANY Writers"),
        "Admins": _meta("MAJORITY Admins"),
    }


def _organization(org: Org, anchors: Iterable[Node] = ()) -> dict[str, Any]:
    msp = org.msp_id
    rules = {
        "Readers": f"OR('{msp}.admin', '{msp}.peer', '{msp}.orderer', '{msp}.client')",
        "Writers": f"OR('{msp}.admin', '{msp}.peer', '{msp}.orderer', '{msp}.client')",
        "Admins": f"OR('{msp}.admin')",
        "Endorsement": f"OR('{msp}.peer')",
    }
    return {
        "Name": msp,
        "ID": msp,
        "MSPDir": str(org.folder / "msp"),
        "Policies": {name: {"Type": "Signature", "Rule": rule} for name, rule in rules.items()},
        "OrdererEndpoints": [node.address() for node in org.orderers],
        "AnchorPeers": [{"Host": node.host, "Port": node.ports["listen"]} for node in anchors],
    }


def _consensus(topology: Topology) -> dict[str, Any]:
    options = topology.config.orderer
    batch = {
        "BatchTimeout": f"{options.batch_interval}ms",
        "BatchSize": {
            "MaxMessageCount": options.batch_messages,
            "AbsoluteMaxBytes": options.batch_bytes,
            "PreferredMaxBytes": options.batch_bytes,
        },
    }
    if options.type == "bft":
        return {**batch, **_smart_bft(topology, options)}
    consenters = [_consenter(node) for node in topology.orderers]
    raft = {"Consenters": consenters, "Options": _raft_options(options)}
    return {**batch, "OrdererType": "etcdraft", "EtcdRaft": raft}


def _smart_bft(topology: Topology, options: OrdererConfig) -> dict[str, Any]:
    """SmartBFT ignores BatchTimeout: RequestBatchMaxInterval is what a lone transaction waits."""
    mapping = [
        {
            **_consenter(node),
            "ID": number,
            "MSPID": topology.orgs[node.org].msp_id,
            "Identity": str(NodeFiles(node.folder).certificate),
        }
        for number, node in enumerate(topology.orderers, 1)
    ]
    smart = {
        "RequestBatchMaxInterval": f"{options.batch_interval}ms",
        "RequestForwardTimeout": f"{options.forward}ms",
        "RequestComplainTimeout": f"{options.complain}ms",
        "RequestAutoRemoveTimeout": f"{_AUTO_REMOVE_MS}ms",
        "ViewChangeResendInterval": f"{options.resend}ms",
        "ViewChangeTimeout": f"{options.view_change}ms",
        "LeaderHeartbeatTimeout": f"{options.heartbeat}ms",
        "LeaderHeartbeatCount": 10,
        "CollectTimeout": "1s",
        "IncomingMessageBufferSize": 200,
        "RequestPoolSize": _REQUEST_POOL,
    }
    return {"OrdererType": "BFT", "ConsenterMapping": mapping, "SmartBFT": smart}


def _consenter(node: Node) -> dict[str, Any]:
    certificate = str(NodeFiles(node.folder).tls_certificate)
    return {
        "Host": node.host,
        "Port": node.ports["listen"],
        "ClientTLSCert": certificate,
        "ServerTLSCert": certificate,
    }


def _raft_options(options: OrdererConfig) -> dict[str, Any]:
    """A follower stands for election after `heartbeat` without a word from the leader."""
    return {
        "TickInterval": f"{_RAFT_TICK_MS}ms",
        "ElectionTick": max(2, options.heartbeat // _RAFT_TICK_MS),
        "HeartbeatTick": 1,
        "MaxInflightBlocks": 5,
        "SnapshotIntervalSize": "16 MB",
    }
