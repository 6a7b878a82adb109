"""A connection profile: what the Fabric SDKs that know no gateway (hfc and others) read.

Public material and, for the org it is made for, where its people's keys lie on this machine.
"""

from __future__ import annotations

from typing import Any

from network.ca.server import CA_NAME
from network.identity import Identity
from network.places import NodeFiles, person_msp
from network.topology import PEOPLE, Node, Org, Topology

PROFILE_VERSION = "1.0.0"
ENDORSE_TIMEOUT_S = "300"


def connection_profile(topology: Topology, org: Org, *, scheme: bool) -> dict[str, Any]:
    """The profile of one org as JSON values.

    hfc takes addresses as `host:port`; `scheme` puts `grpcs://` before them, as the Node and Java
    SDKs want. Raises IdentityBroken, OSError when the network was never up.
    """
    prefix = "grpcs://" if scheme else ""
    peers = [peer for member in topology.orgs.values() for peer in member.peers]
    return {
        "name": topology.config.name,
        "version": PROFILE_VERSION,
        "client": {
            "organization": org.id,
            "connection": {"timeout": {"peer": {"endorser": ENDORSE_TIMEOUT_S}}},
            "credentialStore": {"path": str(org.folder / "client-store")},
        },
        "channels": {
            channel.name: {
                "orderers": [node.name for node in topology.orderers],
                "peers": {p.name: _roles() for p in peers if p.org in channel.members},
            }
            for channel in topology.config.channels
        },
        "organizations": {
            member.id: _organization(member, with_people=member is org)
            for member in topology.orgs.values()
        },
        "orderers": {node.name: _node(node, prefix) for node in topology.orderers},
        "peers": {peer.name: _node(peer, prefix) for peer in peers},
        "certificateAuthorities": {org.ca.name: _authority(org)},
    }


def _roles() -> dict[str, bool]:
    roles = ("endorsingPeer", "chaincodeQuery", "ledgerQuery", "eventSource")
    return dict.fromkeys(roles, True)


def _organization(org: Org, *, with_people: bool) -> dict[str, Any]:
    public = {
        "mspid": org.msp_id,
        "peers": [peer.name for peer in org.peers],
        "orderers": [node.name for node in org.orderers],
        "certificateAuthorities": [org.ca.name] if with_people else [],
    }
    return public | (
        {"users": {name: _person(org, name) for name in PEOPLE}} if with_people else {}
    )


def _person(org: Org, name: str) -> dict[str, str]:
    folder = person_msp(org, name)
    identity = Identity.from_msp(org.msp_id, folder)
    return {
        "cert": str(folder / "signcerts" / "cert.pem"),
        "private_key": str(identity.key_path),
    }


def _node(node: Node, prefix: str) -> dict[str, Any]:
    """hfc needs the name override, also where the certificate names the address itself."""
    root = NodeFiles(node.folder).tls_root
    return {
        "url": prefix + node.address(),
        "grpcOptions": {"grpc.ssl_target_name_override": node.name},
        "tlsCACerts": {"path": str(root), "pem": root.read_text()},
    }


def _authority(org: Org) -> dict[str, Any]:
    """The CA that issues identities; without a registrar, whose secret belongs in no profile."""
    root = org.ca.folder / "ca-cert.pem"
    return {
        "url": f"https://{org.ca.address()}",
        "caName": CA_NAME,
        "grpcOptions": {"verify": True},
        "tlsCACerts": {"path": str(root), "pem": root.read_text()},
    }
