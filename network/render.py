"""Topology -> the text of every configuration file. Pure: the caller writes what this answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template

from network.places import NodeFiles
from network.topology import Node, Org, Topology

TEMPLATES = Path(__file__).parent / "templates"
BUILDER = Path(__file__).parent / "builder"
_EXPIRATION_FACTOR = 15  # a closed connection counts at once; this is for a peer that hangs
_PULL_MS_MIN = 4_000
_PULL_MS_MAX = 60_000
_PULL_FACTOR = 3  # blocks come from the orderers: pulling serves only identities


@dataclass(frozen=True, slots=True)
class Pace:
    """What a peer does over and over for each channel, although nothing happens there.

    It asks `asked` others for their state every `asking_ms`: news travels by publishing, asking
    serves peers that have just met. It looks a hundred times in `censorship_ms` whether its
    orderer withholds blocks (Fabric `bft_censorship_monitor.go`).
    """

    asking_ms: int
    asked: int
    censorship_ms: int


_PACES = (
    (4, Pace(1_000, 3, 3_000)),
    (12, Pace(1_000, 1, 3_000)),
    (30, Pace(3_000, 1, 6_000)),
)
"""For up to so many channels. Measured on 2 cores, per channel: one question a second costs 0.33 %
of a core with one peer asked, 0.75 % with three; looking for censorship within 3 s 0.07 %."""
_PACE_OF_MANY = Pace(10_000, 1, 30_000)


def pace(topology: Topology) -> Pace:
    """The pace for so many channels, but for what the YAML says itself.

    It has few steps, so that a new community rarely makes every configuration an older one.
    """
    count, timing = len(topology.config.channels), topology.config.timing
    fitting = (found for most, found in _PACES if count <= most)
    usual = next(fitting, _PACE_OF_MANY)
    return Pace(
        asking_ms=usual.asking_ms if timing.gossip_request is None else timing.gossip_request,
        asked=usual.asked,
        censorship_ms=usual.censorship_ms if timing.censorship is None else timing.censorship,
    )


def core_yaml(topology: Topology, node: Node) -> str:
    """A peer's core.yaml."""
    config, org = topology.config, topology.orgs[node.org]
    found = pace(topology)
    pull_ms = min(max(_PULL_FACTOR * found.asking_ms, _PULL_MS_MIN), _PULL_MS_MAX)
    return _fill(
        "core.yaml",
        {
            **_common(topology, node),
            "name": node.name,
            "network": config.name,
            "listen": node.address(),
            "chaincode_listen": node.address("chaincode"),
            "bootstrap": _bootstrap(org, node),
            "snapshots": str(node.folder / "data" / "snapshots"),
            "builder": str(BUILDER.resolve()),
            "gossip_request": _ms(found.asking_ms),
            "gossip_asked": found.asked,
            "gossip_pull": _ms(pull_ms),
            "gossip_publish": _ms(config.timing.gossip_publish),
            "gossip_alive": _ms(config.timing.gossip_alive),
            "gossip_expiration": _ms(config.timing.gossip_alive * _EXPIRATION_FACTOR),
            "gossip_reconnect": _ms(config.timing.gossip_reconnect),
            "time_window": _ms(config.timing.time_window),
            "deliver_backoff": _ms(config.timing.deliver_backoff),
            "censorship": _ms(found.censorship_ms),
            "start_timeout": _ms(config.chaincode.start_timeout),
            "execute_timeout": _ms(config.chaincode.execute_timeout),
            "endorser_requests": config.limits.endorser_requests,
            "deliver_requests": config.limits.deliver_requests,
            "gateway_requests": config.limits.gateway_requests,
            "query_records": config.limits.query_records,
        },
    )


def orderer_yaml(topology: Topology, node: Node) -> str:
    """An orderer's orderer.yaml."""
    consensus = node.folder / "data" / "consensus"
    return _fill(
        "orderer.yaml",
        {
            **_common(topology, node),
            "host": node.host,
            "port": node.ports["listen"],
            "admin": node.address("admin"),
            "wal": str(consensus / "wal"),
            "snapshots": str(consensus / "snapshots"),
        },
    )


def connection_json(service: Node, peer: Node) -> str:
    """How a peer reaches its chaincode service, with TLS both ways; holds the peer's TLS key.

    The root is the org's TLS CA, so the service's certificate can change under it.
    """
    files = NodeFiles(peer.folder)
    root = files.tls_root.read_text()
    return json.dumps(
        {
            "address": service.address(),
            "dial_timeout": "5s",
            "tls_required": True,
            "client_auth_required": True,
            "client_key": files.tls_key.read_text(),
            "client_cert": files.tls_certificate.read_text(),
            "root_cert": root,
        }
    )


def _common(topology: Topology, node: Node) -> dict[str, str | int]:
    files = NodeFiles(node.folder)
    return {
        "msp": str(files.msp),
        "msp_id": topology.orgs[node.org].msp_id,
        "tls_cert": str(files.tls_certificate),
        "tls_key": str(files.tls_key),
        "tls_root": str(files.tls_root),
        "data": str(node.folder / "data"),
        "operations": node.address("operations"),
        "message_bytes": topology.config.limits.message_bytes,
    }


def _bootstrap(org: Org, node: Node) -> str:
    """Where gossip begins within the org: its other peers, or the peer itself when alone."""
    others = [peer.address() for peer in org.peers if peer is not node]
    return " ".join(others or [node.address()])


def _fill(name: str, values: dict[str, str | int]) -> str:
    template = Template((TEMPLATES / name).read_text("utf-8"))
    return template.substitute({key: json.dumps(value) for key, value in values.items()})


def _ms(value: int) -> str:
    return f"{value}ms"
