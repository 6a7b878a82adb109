"""The steps from nothing to a network that commits; each is skipped when it is done already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from network import lifecycle
from network.config import ChannelConfig
from network.configblock import PROFILE, configtx
from network.contacts import Contacts
from network.discovery import can_endorse
from network.enrolment import ensure_identities, has_identities
from network.files import write_atomic
from network.health import is_serving
from network.launch import Launcher
from network.nodes import POLL_S, NativeSupervisor, start_ready
from network.package import Package, build_package
from network.participation import join_orderer, orderer_channels
from network.rpc import CallFailed, Client
from network.steps import Step
from network.topology import Kind, Node, Org, Topology

CHANNELS_AT_ONCE = 4
"""More at once take no less time in all, but each so long that calls time out."""


@dataclass(frozen=True, slots=True)
class Bringup:
    """Makes steps for a topology; `started` collects the nodes that this run started."""

    topology: Topology
    launcher: Launcher
    supervisor: NativeSupervisor
    client: Client
    started: list[str]

    @property
    def contacts(self) -> Contacts:
        return Contacts(self.topology)

    @property
    def package(self) -> Package:
        return build_package(self.topology.config.chaincode.name, self.topology.version)

    @property
    def ready_s(self) -> float:
        return self.topology.config.timing.ready / 1000

    def everything(self) -> list[Step]:
        """All steps of `up`, channels included."""
        steps = [step for org in self.topology.orgs.values() for step in self.org_steps(org)]
        channels = self.topology.config.channels
        for index, channel in enumerate(channels):
            first, *others = self.channel_steps(channel)
            if index >= CHANNELS_AT_ONCE:
                earlier = _ready(channels[index - CHANNELS_AT_ONCE])
                first = replace(first, needs=(*first.needs, earlier))
            steps += [first, *others]
        return steps

    def outdated(self) -> list[Node]:
        """The nodes that run with another configuration than they would be started with now."""
        return [
            node
            for node in self.topology.nodes
            if (environment := self.supervisor.environment(node.name))
            and not self.launcher.runs_as_written(node, environment)
        ]

    # --- One org: CA, identities, nodes, package ---

    def org_steps(self, org: Org) -> Iterator[Step]:
        """From the org's CA to its peers with the package installed and its services running."""
        identities = f"{org.id}: identities"
        yield self._node_step(org.ca, ())
        yield Step(
            name=identities,
            node=org.ca.name,
            needs=(_started(org.ca),),
            check=lambda: self._has_identities(org),
            run=lambda: ensure_identities(self.launcher.ca_server(org), org),
        )
        for node in (*org.orderers, *org.peers):
            yield self._node_step(node, (identities,))
        for peer, service in zip(org.peers, org.services, strict=True):
            yield self._install_step(org, peer)
            yield self._node_step(service, (f"{peer.name}: install",))

    async def _has_identities(self, org: Org) -> bool:
        return has_identities(org)

    def _node_step(self, node: Node, needs: tuple[str, ...]) -> Step:
        return Step(
            name=_started(node),
            node=node.name,
            needs=needs,
            check=lambda: self._is_up(node),
            run=lambda: self.start_node(node),
        )

    async def _is_up(self, node: Node) -> bool:
        return self.supervisor.is_running(node.name) and await self._serves(node)

    async def _serves(self, node: Node) -> bool:
        if node.kind is Kind.CA:
            return await self.launcher.ca_server(self.topology.orgs[node.org]).is_ready()
        return await is_serving(node)

    async def start_node(self, node: Node) -> None:
        """Starts one node and waits until it serves. Raises NodeError, PortInUse, OSError."""
        spec = self.launcher.prepare(node)
        if await start_ready(self.supervisor, spec, lambda: self._serves(node), self.ready_s):
            self.started.append(node.name)

    def _install_step(self, org: Org, peer: Node) -> Step:
        async def check() -> bool:
            self.launcher.write_connection(peer)
            found = await lifecycle.installed(
                self.client, self.contacts.signer(org), self.contacts.endpoint(peer)
            )
            return self.package.package_id in found

        async def run() -> None:
            package_id = await lifecycle.install(
                self.client,
                self.contacts.signer(org),
                self.contacts.endpoint(peer),
                self.package.content,
            )
            if package_id != self.package.package_id:
                raise CallFailed(peer.name, f"computed another package id: {package_id}")

        return Step(
            name=f"{peer.name}: install",
            node=peer.name,
            needs=(_started(peer),),
            check=check,
            run=run,
        )

    # --- One channel: genesis, joins, definition ---

    def channel_steps(self, channel: ChannelConfig) -> Iterator[Step]:
        """From the genesis block to a committed chaincode that every gateway can endorse."""
        members = self.topology.members(channel)
        genesis, joined = f"{channel.name}: genesis block", []
        yield self._genesis_step(channel, genesis)
        for orderer in self.topology.orderers:
            joined.append(f"{channel.name}: {orderer.name} joins")
            yield self._orderer_step(channel, orderer, genesis, joined[-1])
        for org in members:
            for peer in org.peers:
                joined.append(f"{channel.name}: {peer.name} joins")
                yield self._peer_step(channel, org, peer, genesis, joined[-1])
        installs = tuple(f"{p.name}: install" for org in members for p in org.peers)
        definition = f"{channel.name}: chaincode definition"
        yield self._definition_step(channel, definition, (*joined, *installs))
        services = tuple(_started(s) for org in members for s in org.services)
        yield self._ready_step(channel, (definition, *services))

    def _genesis_step(self, channel: ChannelConfig, name: str) -> Step:
        file = self.topology.genesis_file(channel.name)

        async def check() -> bool:
            return file.is_file()

        async def run() -> None:
            folder = file.parent / channel.name
            write_atomic(folder / "configtx.yaml", configtx(self.topology, channel).encode())
            part = file.with_suffix(".part")
            await self._configtxgen(channel, str(folder), str(part))
            write_atomic(file, part.read_bytes())
            part.unlink()

        needs = tuple(f"{org}: identities" for org in self.topology.orgs)
        return Step(name=name, node="configtxgen", needs=needs, check=check, run=run)

    async def _configtxgen(self, channel: ChannelConfig, folder: str, output: str) -> None:
        process = await asyncio.create_subprocess_exec(
            str(self.launcher.binaries.configtxgen),
            *("-configPath", folder, "-profile", PROFILE),
            *("-channelID", channel.name, "-outputBlock", output),
            env={"FABRIC_CFG_PATH": folder},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self.ready_s):
                _, words = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = words.decode(errors="replace").strip().splitlines()[-1:]
            raise CallFailed("configtxgen", " ".join(last) or f"exit code {process.returncode}")

    def _orderer_step(self, channel: ChannelConfig, node: Node, genesis: str, name: str) -> Step:
        async def check() -> bool:
            admin = self.contacts.orderer_admin(node)
            return channel.name in await orderer_channels(admin, self.client.timeout_s)

        async def run() -> None:
            block = self.topology.genesis_file(channel.name).read_bytes()
            admin = self.contacts.orderer_admin(node)
            await join_orderer(admin, block, self.client.timeout_s)

        needs = (genesis, _started(node))
        return Step(name=name, node=node.name, needs=needs, check=check, run=run)

    def _peer_step(
        self, channel: ChannelConfig, org: Org, peer: Node, genesis: str, name: str
    ) -> Step:
        async def check() -> bool:
            signer, endpoint = self.contacts.signer(org), self.contacts.endpoint(peer)
            return channel.name in await lifecycle.joined_channels(self.client, signer, endpoint)

        async def run() -> None:
            block = self.topology.genesis_file(channel.name).read_bytes()
            signer, endpoint = self.contacts.signer(org), self.contacts.endpoint(peer)
            await lifecycle.join_channel(self.client, signer, endpoint, block)

        needs = (genesis, _started(peer))
        return Step(name=name, node=peer.name, needs=needs, check=check, run=run)

    def _definition_step(self, channel: ChannelConfig, name: str, needs: tuple[str, ...]) -> Step:
        first = self.topology.members(channel)[0]

        async def check() -> bool:
            return await self.committed(channel) is not None

        async def run() -> None:
            await self.define(channel, 1)

        return Step(name=name, node=first.peers[0].name, needs=needs, check=check, run=run)

    def upgrade_steps(self) -> list[Step]:
        """One step per channel that moves its definition on to what the configuration asks for."""
        installs = tuple(f"{p.name}: install" for o in self.topology.orgs.values() for p in o.peers)
        started = tuple(_started(s) for o in self.topology.orgs.values() for s in o.services)
        return [
            self._upgrade_step(channel, (*installs, *started))
            for channel in self.topology.config.channels
        ]

    def _upgrade_step(self, channel: ChannelConfig, needs: tuple[str, ...]) -> Step:
        async def check() -> bool:
            found = await self.committed(channel)
            return found is not None and found == self.contacts.definition(channel, found.sequence)

        async def run() -> None:
            found = await self.committed(channel)
            await self.define(channel, found.sequence + 1 if found else 1)

        name = f"{channel.name}: chaincode {self.topology.version}"
        return Step(name=name, node=channel.name, needs=needs, check=check, run=run)

    async def committed(self, channel: ChannelConfig) -> lifecycle.Definition | None:
        """The definition committed on a channel, as the first member's peer knows it."""
        org = self.topology.members(channel)[0]
        return await lifecycle.committed(
            self.client,
            self.contacts.signer(org),
            self.contacts.endpoint(org.peers[0]),
            channel.name,
            self.topology.config.chaincode.name,
        )

    async def define(self, channel: ChannelConfig, sequence: int) -> None:
        """Every member approves the definition, then the first one's admin commits it."""
        members = self.topology.members(channel)
        definition = self.contacts.definition(channel, sequence)
        await asyncio.gather(*(self._approve(channel, org, definition) for org in members))
        signer = self.contacts.signer(members[0])
        await lifecycle.commit(self.client, signer, self.contacts.channel(channel), definition)

    async def _approve(
        self, channel: ChannelConfig, org: Org, definition: lifecycle.Definition
    ) -> None:
        signer, peer = self.contacts.signer(org), self.contacts.endpoint(org.peers[0])
        known = await lifecycle.approved_package(
            self.client, signer, peer, channel.name, definition
        )
        if known != self.package.package_id:
            access = self.contacts.channel(channel)
            await lifecycle.approve(
                self.client, signer, peer, access, definition, self.package.package_id
            )

    def _ready_step(self, channel: ChannelConfig, needs: tuple[str, ...]) -> Step:
        members = self.topology.members(channel)

        async def check() -> bool:
            answers = await asyncio.gather(*(self._can_endorse(channel, org) for org in members))
            return all(answers)

        async def run() -> None:
            async with asyncio.timeout(self.ready_s):
                while not await check():  # noqa: ASYNC110 - peers offer no event
                    await asyncio.sleep(POLL_S)

        first = members[0].peers[0].name
        return Step(name=_ready(channel), node=first, needs=needs, check=check, run=run)

    async def _can_endorse(self, channel: ChannelConfig, org: Org) -> bool:
        signer, name = self.contacts.signer(org), self.topology.config.chaincode.name
        answers = await asyncio.gather(
            *(
                can_endorse(self.client, signer, self.contacts.endpoint(p), channel.name, name)
                for p in org.peers
            )
        )
        return all(answers)


def _ready(channel: ChannelConfig) -> str:
    return f"{channel.name}: gateways ready"


def _started(node: Node) -> str:
    return f"{node.name}: start"
