"""A real Fabric network for tests: brought up once, torn down by pid whatever happens.

Use the session fixture `fabric_network` (import it into your conftest.py), or `running_network`
with a document of your own. Ports are free ones and the home is a temporary folder, so it runs
beside a demo and beside other test runs.
"""

import asyncio
import copy
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from network.home import Network, open_network
from network.identity import Identity
from network.nodes import NativeSupervisor
from network.package import build_package
from network.places import NodeFiles, person_msp
from network.topology import Node, Org, Topology
from network.up import Outcome, add_community, bring_down, bring_up, open_bringup

PROBE = ("python", "-m", "tests.conformance.probe")
CHANNEL = "testing"
DEADLINE_S = 20.0
POLL_S = 0.02

FOUR_ORGS: dict[str, Any] = {
    "name": "testnet",
    "orgs": {
        "bank": {"msp": "BankMSP"},
        "committee": {"msp": "CommitteeMSP"},
        "property": {"msp": "PropertyMSP"},
        "regulator": {"msp": "RegulatorMSP"},
    },
    "endorsement": {"require": ["bank", "committee", "property"], "substitute": "regulator"},
    "channels": [{"name": CHANNEL, "communities": [CHANNEL]}],
    "ports": "auto",
}


@dataclass(frozen=True, slots=True)
class NodeAccess:
    """A node as a client sees it; `tls_root` is PEM."""

    name: str
    address: str
    tls_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgAccess:
    """What a client of one org needs; its own identity is `gateway`."""

    id: str
    msp_id: str
    peers: tuple[NodeAccess, ...]
    folder: Path
    org: Org

    def person(self, name: str = "gateway") -> Identity:
        """An enrolled identity: `admin`, `gateway` or `user`."""
        return Identity.from_msp(self.msp_id, person_msp(self.org, name))


@dataclass(slots=True)
class RunningNetwork:
    """A network that is up; nodes are named as `commonhold status` names them (`peer0.bank`)."""

    network: Network
    console: Console

    @property
    def home(self) -> Path:
        return self.network.home

    @property
    def topology(self) -> Topology:
        return self.network.topology()

    @property
    def chaincode(self) -> str:
        return self.network.config.chaincode.name

    @property
    def package_id(self) -> str:
        return build_package(self.chaincode, self.topology.version).package_id

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.network.config.channels)

    @property
    def orderers(self) -> tuple[NodeAccess, ...]:
        return tuple(_access(node) for node in self.topology.orderers)

    def org(self, org_id: str) -> OrgAccess:
        org = self.topology.orgs[org_id]
        peers = tuple(_access(node) for node in org.peers)
        return OrgAccess(id=org_id, msp_id=org.msp_id, peers=peers, folder=org.folder, org=org)

    def is_running(self, name: str) -> bool:
        return self._supervisor().is_running(name)

    def pid(self, name: str) -> int:
        pid = self._supervisor().pid(name)
        assert pid is not None, f"{name} does not run"
        return pid

    def log(self, name: str) -> str:
        return self._supervisor().log_file(name).read_text(errors="replace")

    async def stop(self, name: str) -> None:
        """Ends a node as an operator does."""
        assert await self._supervisor().stop(name), f"{name} did not run"

    async def kill(self, name: str) -> None:
        """Ends a node as a power cut does."""
        os.kill(self.pid(name), signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        while self.is_running(name):
            assert time.monotonic() < deadline, f"{name} outlives SIGKILL"
            await asyncio.sleep(POLL_S)

    async def start(self, name: str) -> None:
        """Starts a stopped node and waits until it serves."""
        async with open_bringup(self.topology, self.console) as bringup:
            await bringup.start_node(self.topology.node(name))

    async def up(self) -> Outcome:
        """What `commonhold up` does: repairs whatever is missing."""
        return await bring_up(self.network, self.console)

    async def add_community(self, community: str) -> Outcome:
        """What `commonhold community add` does: a channel of that name over all nodes."""
        channel = {"name": community, "communities": [community]}
        return await add_community(self.network, channel, self.console)

    def _supervisor(self) -> NativeSupervisor:
        return NativeSupervisor(self.home)


def document(command: Sequence[str] = PROBE, **changes: Any) -> dict[str, Any]:
    """The four-org BFT network with this chaincode command and these top-level keys replaced."""
    written = copy.deepcopy(FOUR_ORGS)
    written["chaincode"] = {"command": list(command)}
    return written | changes


@contextmanager
def running_network(folder: Path, written: dict[str, Any]) -> Iterator[RunningNetwork]:
    """Brings a network up below `folder`, and down again by pid on every way out."""
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(written, sort_keys=False), "utf-8")
    with (folder / "progress.log").open("w", encoding="utf-8") as log:
        console = Console(file=log)
        network = open_network(file, folder / "home")
        try:
            asyncio.run(bring_up(network, console))
            yield RunningNetwork(network, console)
        finally:
            asyncio.run(bring_down(network, wipe=False))


@pytest.fixture(scope="session")
def fabric_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """One four-org BFT network with the probe contract for the whole test session."""
    with running_network(tmp_path_factory.mktemp("fabric"), document()) as network:
        yield network


def _access(node: Node) -> NodeAccess:
    roots = NodeFiles(node.folder).tls_root.read_bytes()
    return NodeAccess(node.name, node.address(), roots)
