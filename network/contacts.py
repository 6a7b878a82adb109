"""Whom to speak to and as whom: endpoints, signers and channel access from the topology's files."""

from __future__ import annotations

from dataclasses import dataclass

from network.config import ChannelConfig
from network.envelopes import Signer
from network.identity import Identity
from network.lifecycle import ChannelAccess, Definition
from network.participation import Admin
from network.places import NodeFiles, person_msp
from network.policy import application_policy
from network.rpc import Endpoint, acks_needed
from network.topology import Node, Org, Topology


@dataclass(frozen=True, slots=True)
class Contacts:
    """Reads certificates and keys when asked; so it may be made before they exist."""

    topology: Topology

    def endpoint(self, node: Node) -> Endpoint:
        """A peer or an orderer as a client sees it."""
        roots = NodeFiles(node.folder).tls_root.read_bytes()
        return Endpoint(node.name, node.address(), roots)

    def orderer_admin(self, node: Node) -> Admin:
        """An orderer's admin endpoint."""
        files = NodeFiles(node.folder)
        return Admin(
            node.name,
            node.address("admin"),
            files.tls_root,
            files.tls_certificate,
            files.tls_key,
        )

    def signer(self, org: Org, person: str = "admin") -> Signer:
        """One of the org's enrolled people; by default its administrator."""
        identity = Identity.from_msp(org.msp_id, person_msp(org, person))
        return Signer(identity.msp_id, identity.cert_pem, identity.key())

    def channel(self, channel: ChannelConfig) -> ChannelAccess:
        """Every peer of the members and every orderer; one peer of each member endorses."""
        members = self.topology.members(channel)
        orderers = self.topology.orderers
        return ChannelAccess(
            name=channel.name,
            endorsers=tuple(self.endpoint(org.peers[0]) for org in members),
            observers=tuple(self.endpoint(peer) for org in members for peer in org.peers),
            orderers=tuple(self.endpoint(node) for node in orderers),
            acks=acks_needed(self.topology.config.orderer.type, len(orderers)),
        )

    def definition(self, channel: ChannelConfig, sequence: int) -> Definition:
        """The chaincode definition that the configuration asks for on a channel."""
        return Definition(
            name=self.topology.config.chaincode.name,
            version=self.topology.version,
            sequence=sequence,
            policy=application_policy(channel.endorsement, self.topology.msp_ids),
        )
