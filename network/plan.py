"""What `up`, `renew` and `chaincode upgrade` would change: the YAML against what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from network.home import Network
from network.launch import Launcher
from network.look import Inspector, open_inspector
from network.package import build_package
from network.topology import Node, Topology


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: which verb would act on it, on what, and how."""

    verb: str
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.verb}: {self.subject}: {self.what}"


async def plan(network: Network, launcher: Launcher) -> list[Change]:
    """Every change, in the order it would happen; empty when all is as written."""
    if network.state is None:
        return list(_from_nothing(launcher.topology))
    async with open_inspector(network) as inspector:
        changes = list(_nodes(inspector, launcher))
        for found in await asyncio.gather(*_channels(inspector)):
            changes += found
        return changes + list(_left_over(network, inspector.topology))


def _from_nothing(topology: Topology) -> Iterator[Change]:
    for node in topology.nodes:
        yield Change("up", node.name, "is made and started")
    for channel in topology.config.channels:
        yield Change("up", channel.name, "is founded over all nodes")


def _nodes(inspector: Inspector, launcher: Launcher) -> Iterator[Change]:
    for node in inspector.topology.nodes:
        supervisor = inspector.supervisor
        if not supervisor.is_running(node.name):
            yield Change("up", node.name, "is started")
        elif not launcher.runs_as_written(node, supervisor.environment(node.name)):
            yield Change("renew", node.name, "runs with an older configuration")


def _channels(inspector: Inspector) -> Iterator[asyncio.Future[list[Change]]]:
    for channel in inspector.topology.config.channels:
        yield asyncio.ensure_future(_channel(inspector, channel.name))


async def _channel(inspector: Inspector, name: str) -> list[Change]:
    topology = inspector.topology
    channel = topology.channel(name)
    if not topology.genesis_file(name).is_file():
        return [Change("up", name, "is founded over all nodes")]
    peers = [peer for org in topology.members(channel) for peer in org.peers]
    nodes = [*topology.orderers, *peers]
    joined = await asyncio.gather(*(inspector.channels(node) for node in nodes))
    changes = [
        Change("up", name, f"{node.name} joins")
        for node, channels in zip(nodes, joined, strict=True)
        if channels is not None and name not in channels
    ]
    return changes + await _definition(inspector, name, peers[0])


async def _definition(inspector: Inspector, name: str, peer: Node) -> list[Change]:
    if name not in (await inspector.channels(peer) or ()):
        return []
    config = inspector.topology.config
    found = await inspector.committed(peer, name)
    if found is None:
        return [Change("up", name, "its chaincode is defined")]
    changes = []
    if found.version != config.chaincode.version:
        package = build_package(config.chaincode.name, config.chaincode.version).package_id
        what = f"chaincode {found.version} -> {config.chaincode.version} ({package[:20]}...)"
        changes.append(Change("chaincode upgrade", name, what))
    wanted = inspector.contacts.definition(inspector.topology.channel(name), found.sequence)
    if found.policy != wanted.policy:
        changes.append(Change("chaincode upgrade", name, "its endorsement rule changes"))
    return changes


def _left_over(network: Network, topology: Topology) -> Iterator[Change]:
    """Things that the YAML no longer names: nothing is ever removed by `up`."""
    known = {node.name for node in topology.nodes}
    for name in network.founded().ports:
        if name not in known:
            yield Change("down", name, "is not in the YAML any more; `up` leaves it alone")
    channels = {channel.name for channel in topology.config.channels}
    for file in sorted((topology.home / "channels").glob("*.block")):
        if file.stem not in channels:
            yield Change("up", file.stem, "is not in the YAML any more; its ledger stays")
