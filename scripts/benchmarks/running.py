"""A network for a benchmark: brought up from nothing, removed at the end; and clients of it."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from rich.console import Console

from gateway.fabric.channel import Channel
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.follower import CommitFollower
from gateway.fabric.identity import load_identity
from network.home import Network, open_network
from network.nodes import NativeSupervisor
from network.places import NodeFiles, person_msp
from network.topology import Kind, Node, Org
from network.up import bring_down, bring_up

CHANNEL = "bench"
ORGS = ("bank", "committee", "property", "regulator")


def description(command: Sequence[str]) -> dict[str, Any]:
    """The four-org BFT network of the example, with this chaincode command."""
    return {
        "name": "bench",
        "orgs": {org: {"msp": f"{org.capitalize()}MSP"} for org in ORGS},
        "endorsement": {"require": list(ORGS[:3]), "substitute": ORGS[3]},
        "channels": [{"name": CHANNEL, "communities": [CHANNEL]}],
        "ports": "auto",
        "chaincode": {"command": list(command)},
    }


@dataclass(slots=True)
class Bench:
    """A network below `folder`; `network` is None before `up`."""

    folder: Path
    console: Console
    network: Network | None = None

    async def up(self, command: Sequence[str]) -> Network:
        """Bring it up, or move a running one to another chaincode command."""
        file = self.folder / "network.yaml"
        file.write_text(yaml.safe_dump(description(command), sort_keys=False), "utf-8")
        for service in self.nodes(Kind.CHAINCODE):
            await self.supervisor.stop(service.name)
        self.network = open_network(file, self.folder / "home")
        await bring_up(self.network, self.console)
        return self.network

    @property
    def supervisor(self) -> NativeSupervisor:
        return NativeSupervisor(self.folder / "home")

    def nodes(self, *kinds: Kind) -> list[Node]:
        """Its nodes of these kinds, none before `up`."""
        nodes = self.network.topology().nodes if self.network else ()
        return [node for node in nodes if node.kind in kinds]

    def processes(self, *kinds: Kind) -> list[psutil.Process]:
        """The processes of the nodes of these kinds that run."""
        pids = [self.supervisor.pid(node.name) for node in self.nodes(*kinds)]
        return [psutil.Process(pid) for pid in pids if pid is not None]


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A place for a network, which is stopped and removed with everything at the end."""
    with tempfile.TemporaryDirectory(prefix="commonhold-bench-") as folder:
        log = (Path(folder) / "progress.log").open("w", encoding="utf-8")
        with log:
            place = Bench(Path(folder), Console(file=log))
            try:
                yield place
            finally:
                if place.network is not None:
                    await bring_down(place.network, wipe=True)


@dataclass(frozen=True, slots=True)
class Way:
    """One org's way to the network."""

    org: str
    channel: Channel
    contract: Contract
    follower: CommitFollower


@asynccontextmanager
async def ways(
    network: Network, orgs: Sequence[str] = ORGS, channel: str = CHANNEL
) -> AsyncIterator[list[Way]]:
    """Clients of these orgs' gateways, each with a follower of the channel's commits."""
    topology = network.topology()
    async with AsyncExitStack() as stack:
        found = []
        for org in orgs:
            connection = await stack.enter_async_context(_connection(topology.orgs[org]))
            on = _client(connection, topology.orgs[org]).channel(channel)
            follower = await stack.enter_async_context(on.follower())
            found.append(Way(org, on, on.contract(network.config.chaincode.name), follower))
        yield found


def _connection(org: Org) -> Connection:
    roots = NodeFiles(org.peers[0].folder).tls_root.read_bytes()
    peers = [PeerAddress(peer.address()) for peer in org.peers]
    return Connection(peers, Tls(root_certificates=roots))


def _client(connection: Connection, org: Org) -> FabricClient:
    msp = person_msp(org, "gateway")
    certificate, key = (next((msp / name).iterdir()) for name in ("signcerts", "keystore"))
    return FabricClient(connection, *load_identity(org.msp_id, certificate, key))
