"""Looks at a network without changing it: which nodes run, what they have, what they run with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from network import lifecycle
from network.channelconfig import channel_endpoints
from network.config import ChannelConfig
from network.contacts import Contacts
from network.envelopes import Signer
from network.health import is_serving
from network.home import Network
from network.identity import IdentityBroken
from network.nodes import NativeSupervisor
from network.participation import orderer_channels, orderer_height
from network.rpc import CallFailed, Client, Endpoint
from network.topology import Kind, Node, Topology

LOOK_TIMEOUT_S = 5.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Inspector:
    """Questions to a founded network; a node that does not answer is reported, not raised."""

    topology: Topology
    supervisor: NativeSupervisor
    client: Client

    @property
    def contacts(self) -> Contacts:
        return Contacts(self.topology)

    def signer(self, node: Node) -> Signer:
        """The administrator of the node's org. Raises IdentityBroken."""
        return self.contacts.signer(self.topology.orgs[node.org])

    async def channels(self, node: Node) -> set[str] | None:
        """The channels a peer or an orderer has joined; None when it does not answer."""
        if node.kind is Kind.ORDERER:
            return await _or_none(
                lambda: orderer_channels(self.contacts.orderer_admin(node), LOOK_TIMEOUT_S)
            )
        return await _or_none(
            lambda: lifecycle.joined_channels(
                self.client, self.signer(node), self.contacts.endpoint(node)
            )
        )

    async def committed(self, peer: Node, channel: str) -> lifecycle.Definition | None:
        """The chaincode definition committed on a channel, as a peer knows it."""
        name = self.topology.config.chaincode.name
        return await _or_none(
            lambda: lifecycle.committed(
                self.client, self.signer(peer), self.contacts.endpoint(peer), channel, name
            )
        )

    async def approved_package(
        self, peer: Node, channel: str, definition: lifecycle.Definition
    ) -> str | None:
        """The package id that a peer's org approved for a definition."""
        return await _or_none(
            lambda: lifecycle.approved_package(
                self.client, self.signer(peer), self.contacts.endpoint(peer), channel, definition
            )
        )

    async def height(self, node: Node, channel: str) -> int | None:
        """Blocks of the channel at a peer or an orderer; None when it does not answer."""
        if node.kind is Kind.ORDERER:
            return await _or_none(
                lambda: orderer_height(self.contacts.orderer_admin(node), channel, LOOK_TIMEOUT_S)
            )
        return await _or_none(
            lambda: lifecycle.height(
                self.client, self.signer(node), self.contacts.endpoint(node), channel
            )
        )

    async def named_endpoints(self, peer: Node, channel: str) -> list[Endpoint]:
        """The endpoints in the channel configuration as a peer has it; none if it is silent."""
        block = await _or_none(
            lambda: lifecycle.config_block(
                self.client, self.signer(peer), self.contacts.endpoint(peer), channel
            )
        )
        return [] if block is None else channel_endpoints(block)


async def _or_none(question: Callable[[], Awaitable[Answer]]) -> Answer | None:
    """The answer, or None from a node that is silent or was never finished."""
    with suppress(CallFailed, IdentityBroken, OSError):
        return await question()
    return None


@asynccontextmanager
async def open_inspector(network: Network) -> AsyncIterator[Inspector]:
    """Raises HomeError before the first `up`."""
    topology = network.topology()
    async with Client(LOOK_TIMEOUT_S) as client:
        yield Inspector(topology, NativeSupervisor(network.home), client)


async def status(inspector: Inspector) -> dict[str, Any]:
    """The network's state as JSON values: nodes with pids, heights, chaincode package ids."""
    topology = inspector.topology
    return {
        "name": topology.config.name,
        "home": str(topology.home),
        "nodes": list(await asyncio.gather(*(_node(inspector, n) for n in topology.nodes))),
        "channels": [await _channel(inspector, c) for c in topology.config.channels],
    }


async def _node(inspector: Inspector, node: Node) -> dict[str, Any]:
    pid = inspector.supervisor.pid(node.name)
    serving = pid is not None and (node.kind is Kind.CA or await is_serving(node))
    return {
        "name": node.name,
        "kind": node.kind.value,
        "org": node.org,
        "pid": pid,
        "serving": serving,
        "address": node.address(),
    }


async def _channel(inspector: Inspector, channel: ChannelConfig) -> dict[str, Any]:
    members = inspector.topology.members(channel)
    nodes = [*inspector.topology.orderers, *(peer for org in members for peer in org.peers)]
    heights = await asyncio.gather(*(inspector.height(n, channel.name) for n in nodes))
    return {
        "name": channel.name,
        "communities": list(channel.communities),
        "modules": list(channel.modules),
        "heights": {node.name: found for node, found in zip(nodes, heights, strict=True)},
        "chaincode": await _chaincode(inspector, channel),
    }


async def _chaincode(inspector: Inspector, channel: ChannelConfig) -> dict[str, Any] | None:
    for org in inspector.topology.members(channel):
        definition = await inspector.committed(org.peers[0], channel.name)
        if definition is not None:
            break
    else:
        return None
    members = inspector.topology.members(channel)
    packages = await asyncio.gather(
        *(inspector.approved_package(org.peers[0], channel.name, definition) for org in members)
    )
    return {
        "name": definition.name,
        "version": definition.version,
        "sequence": definition.sequence,
        "package_ids": {org.id: found for org, found in zip(members, packages, strict=True)},
    }
