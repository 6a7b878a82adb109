"""Names, ports and folders of every node, worked out from the configuration. Pure.

`extend` turns what the operator wrote (`NetworkConfig`) into what the bring-up needs (`Topology`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from network.config import ChannelConfig, NetworkConfig

HOST = "127.0.0.1"
PEOPLE = ("admin", "gateway", "user")  # enrolled client identities of each org


class Kind(StrEnum):
    """What a node is."""

    CA = "ca"
    ORDERER = "orderer"
    PEER = "peer"
    CHAINCODE = "chaincode"


PORTS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CA: ("listen", "operations"),
    Kind.ORDERER: ("listen", "admin", "operations"),
    Kind.PEER: ("listen", "chaincode", "operations"),
    Kind.CHAINCODE: ("listen", "metrics"),
}

PortPlan = dict[str, dict[str, int]]
"""Node name -> port name -> port number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process: `name` is unique in the network (`peer0.bank`), `folder` is its own."""

    name: str
    kind: Kind
    org: str
    host: str
    ports: Mapping[str, int]
    folder: Path

    @property
    def short(self) -> str:
        """The name within its org, as its CA knows it: `peer0`."""
        return self.name.rpartition(".")[0]

    def address(self, port: str = "listen") -> str:
        return f"{self.host}:{self.ports[port]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Org:
    """One organisation with its nodes; a peer and its chaincode service have the same index."""

    id: str
    msp_id: str
    folder: Path
    ca: Node
    orderers: tuple[Node, ...]
    peers: tuple[Node, ...]
    services: tuple[Node, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.ca, *self.orderers, *self.peers, *self.services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The whole network as it shall run under `home`, with one chaincode version's services."""

    config: NetworkConfig
    home: Path
    version: str
    orgs: Mapping[str, Org]

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for org in self.orgs.values() for node in org.nodes)

    @property
    def orderers(self) -> tuple[Node, ...]:
        return tuple(node for org in self.orgs.values() for node in org.orderers)

    @property
    def msp_ids(self) -> dict[str, str]:
        return {org.id: org.msp_id for org in self.orgs.values()}

    def members(self, channel: ChannelConfig) -> tuple[Org, ...]:
        return tuple(self.orgs[org] for org in channel.members)

    def channel(self, name: str) -> ChannelConfig:
        return next(channel for channel in self.config.channels if channel.name == name)

    def node(self, name: str) -> Node:
        """The node of this name. Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def genesis_file(self, channel: str) -> Path:
        return self.home / "channels" / f"{channel}.block"


def node_kinds(config: NetworkConfig, version: str) -> Iterator[tuple[str, Kind, str]]:
    """(name, kind, org) of every node, in the order in which they get their ports."""
    for org, entry in config.orgs.items():
        yield f"ca.{org}", Kind.CA, org
        for index in range(entry.orderers):
            yield f"orderer{index}.{org}", Kind.ORDERER, org
        for index in range(entry.peers):
            yield f"peer{index}.{org}", Kind.PEER, org
        for index in range(entry.peers):
            yield f"chaincode{index}-{version}.{org}", Kind.CHAINCODE, org


def extend(config: NetworkConfig, home: Path, version: str, ports: PortPlan) -> Topology:
    """Every node with its place. `ports` must name all nodes of `node_kinds`."""
    orgs = {}
    for org, entry in config.orgs.items():
        folder = home / "orgs" / org
        nodes = [
            Node(name=name, kind=kind, org=org, host=HOST, ports=ports[name],
                 folder=folder / name.rpartition(".")[0])
            for name, kind, owner in node_kinds(config, version) if owner == org
        ]  # fmt: skip
        orgs[org] = Org(
            id=org,
            msp_id=entry.msp,
            folder=folder,
            ca=nodes[0],
            orderers=_of(nodes, Kind.ORDERER),
            peers=_of(nodes, Kind.PEER),
            services=_of(nodes, Kind.CHAINCODE),
        )
    return Topology(config=config, home=home, version=version, orgs=orgs)


def _of(nodes: list[Node], kind: Kind) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node.kind is kind)
