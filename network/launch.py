"""Topology -> what a supervisor runs: command line, environment and files of every node."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from network.build import Binaries
from network.ca.server import CaServer
from network.files import PRIVATE_FILE, private_folder, write_atomic
from network.nodes import NodeSpec
from network.package import build_package
from network.places import NodeFiles
from network.render import connection_json, core_yaml, orderer_yaml
from network.topology import Kind, Node, Org, Topology

CHECKOUT = Path(__file__).resolve().parent.parent
CONFIG_MARK = "COMMONHOLD_CONFIG"
"""Environment entry with the digest of the configuration a node was started with."""
_PATH = "/usr/local/bin:/usr/bin:/bin"
_GO_GC_PERCENT = "75"
"""Go's collector runs at 75 % growth, not 100 %: a channel then takes 20 MB over all nodes of a
four-org network instead of 33 MB."""
_LOGGING = "info:gossip=warning:grpc=error"


@dataclass(frozen=True, slots=True)
class Launcher:
    """Writes a node's files and answers its NodeSpec."""

    topology: Topology
    binaries: Binaries

    def ca_server(self, org: Org) -> CaServer:
        """The org's CA server with its two CAs."""
        return CaServer(
            folder=org.ca.folder,
            org=org.id,
            host=org.ca.host,
            port=org.ca.ports["listen"],
            operations_port=org.ca.ports["operations"],
        )

    def prepare(self, node: Node) -> NodeSpec:
        """Writes the node's configuration (not its identity). Raises OSError."""
        match node.kind:
            case Kind.CA:
                return self._prepare_ca(node)
            case Kind.ORDERER:
                program, config = self.binaries.orderer, orderer_yaml(self.topology, node)
                return self._fabric(node, (str(program),), "orderer.yaml", config, {})
            case Kind.PEER:
                program, config = self.binaries.peer, core_yaml(self.topology, node)
                self.write_connection(node)
                extra = {"COMMONHOLD_CONNECTIONS": str(_connections(node))}
                command = (str(program), "node", "start")
                return self._fabric(node, command, "core.yaml", config, extra)
            case Kind.CHAINCODE:
                return self._service(node)

    def config_digest(self, node: Node) -> str:
        """What CONFIG_MARK would be if the node were started now."""
        match node.kind:
            case Kind.ORDERER:
                return _digest(orderer_yaml(self.topology, node))
            case Kind.PEER:
                return _digest(core_yaml(self.topology, node))
            case Kind.CHAINCODE:
                return _digest(json.dumps(self.topology.config.chaincode.command))
            case Kind.CA:
                return _digest("")

    def runs_as_written(self, node: Node, environment: Mapping[str, str]) -> bool:
        """Whether a process of this environment has the node's configuration as it is by now."""
        return environment.get(CONFIG_MARK) == self.config_digest(node)

    def write_connection(self, peer: Node) -> bool:
        """Writes how the peer reaches its service, also where it was released to before.

        So a new TLS certificate or port is used at the peer's next dial, under the same package
        id. True when something changed.
        """
        org = self.topology.orgs[peer.org]
        service = org.services[org.peers.index(peer)]
        content = connection_json(service, peer).encode()
        package = build_package(self.topology.config.chaincode.name, self.topology.version)
        private_folder(_connections(peer))
        places = [_connections(peer) / f"{package.label}.json"]
        released = _released(peer, package.package_id)
        if released.parent.is_dir():
            places.append(released)
        changed = [write_atomic(place, content, PRIVATE_FILE) for place in places]
        return any(changed)

    def _prepare_ca(self, node: Node) -> NodeSpec:
        server = self.ca_server(self.topology.orgs[node.org])
        server.write_config()
        env = {"PATH": _PATH, CONFIG_MARK: self.config_digest(node)}
        return server.node(node.name, self.binaries.fabric_ca_server, env)

    def _fabric(
        self, node: Node, command: tuple[str, ...], file: str, config: str, extra: dict[str, str]
    ) -> NodeSpec:
        private_folder(node.folder)
        write_atomic(node.folder / file, config.encode())
        return NodeSpec(
            name=node.name,
            command=command,
            cwd=node.folder,
            env=self._env(node, {"FABRIC_CFG_PATH": str(node.folder), **extra}),
            host=node.host,
            ports=tuple(node.ports.values()),
        )

    def _service(self, node: Node) -> NodeSpec:
        config = self.topology.config.chaincode
        files = NodeFiles(node.folder)
        first, *rest = config.command
        program = sys.executable if first in ("python", "python3") else first
        env = {
            "CHAINCODE_ID": build_package(config.name, self.topology.version).package_id,
            "CHAINCODE_SERVER_ADDRESS": node.address(),
            "CHAINCODE_TLS_CERT_FILE": str(files.tls_certificate),
            "CHAINCODE_TLS_KEY_FILE": str(files.tls_key),
            "CHAINCODE_CLIENT_CA_FILE": str(files.tls_root),
            "CHAINCODE_METRICS_ADDRESS": node.address("metrics"),
            "CHAINCODE_EXECUTE_TIMEOUT_S": str(config.execute_timeout / 1000),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return NodeSpec(
            name=node.name,
            command=(program, *rest),
            cwd=CHECKOUT,
            env=self._env(node, env),
            host=node.host,
            ports=tuple(node.ports.values()),
        )

    def _env(self, node: Node, env: Mapping[str, str]) -> dict[str, str]:
        common = {
            "PATH": _PATH,
            "HOME": str(node.folder),
            "GOGC": _GO_GC_PERCENT,
            "FABRIC_LOGGING_SPEC": _LOGGING,
        }
        return {**common, **env, CONFIG_MARK: self.config_digest(node)}


def _connections(peer: Node) -> Path:
    return peer.folder / "connections"


def _released(peer: Node, package_id: str) -> Path:
    """Where the peer keeps what `builder/bin/release` put out (Fabric docs, external builders)."""
    build = peer.folder / "data" / "externalbuilder" / "builds" / package_id.replace(":", "-")
    return build / "release" / "chaincode" / "server" / "connection.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
