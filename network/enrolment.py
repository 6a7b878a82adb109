"""Every identity of an org, enrolled at its CAs: its nodes, their TLS, its people, its MSP.

Idempotent: a readable, unexpired identity is left alone, anything else is enrolled again. Secrets
for enrolling are random, used once and kept nowhere.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from network.ca.client import CaClient
from network.ca.keys import key_pem
from network.ca.model import Credential, Enrollment, Registration, Role
from network.ca.server import CA_NAME, REGISTRAR, SECRET_BYTES, TLS_CA_NAME, TLS_PROFILE, CaServer
from network.files import private_folder
from network.identity import Identity, IdentityBroken
from network.msp import org_msp, write_msp, write_tls
from network.places import NodeFiles, person_msp
from network.topology import PEOPLE, Kind, Node, Org

_NODE_ROLES = {Kind.ORDERER: Role.ORDERER, Kind.PEER: Role.PEER, Kind.CHAINCODE: Role.CLIENT}
_PERSON_ROLES = {"admin": Role.ADMIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An identity that must exist: in which folder, and for whom. `hosts` marks a TLS identity."""

    folder: Path
    enrollment_id: str
    role: Role
    hosts: tuple[str, ...] = ()

    def is_there(self) -> bool:
        """Whether the folder holds this identity, unexpired."""
        read: Callable[[Path], Identity] = (
            Identity.from_tls if self.hosts else lambda folder: Identity.from_msp("", folder)
        )
        try:
            return read(self.folder).expires_at > datetime.now(UTC)
        except IdentityBroken:
            return False


def wanted_identities(org: Org) -> list[Wanted]:
    """All identities of an org: people, nodes, and the TLS pair of every node but its CA."""
    people = [
        Wanted(folder=person_msp(org, name), enrollment_id=name, role=_role(name))
        for name in PEOPLE
    ]
    nodes = [_node(node) for node in (*org.orderers, *org.peers)]
    return people + nodes + [_tls(node) for node in (*org.orderers, *org.peers, *org.services)]


def has_identities(org: Org) -> bool:
    """Whether every identity of the org and its public MSP are there."""
    has_msp = (org.folder / "msp" / "config.yaml").is_file()
    return has_msp and all(wanted.is_there() for wanted in wanted_identities(org))


async def ensure_identities(server: CaServer, org: Org) -> None:
    """Enrols what is missing and writes the org's public MSP. Raises CaError, OSError."""
    missing = [wanted for wanted in wanted_identities(org) if not wanted.is_there()]
    async with AsyncExitStack() as stack:
        clients = {
            tls: await stack.enter_async_context(server.client(TLS_CA_NAME if tls else CA_NAME))
            for tls in {bool(wanted.hosts) for wanted in missing}
        }
        registrars = {tls: await _registrar(server, client) for tls, client in clients.items()}
        async with asyncio.TaskGroup() as group:
            for wanted in missing:
                tls = bool(wanted.hosts)
                group.create_task(_enrol(server, clients[tls], registrars[tls], wanted))
    org_msp(
        private_folder(org.folder) / "msp",
        ca_certs=[server.root_file.read_bytes()],
        tls_ca_certs=[server.tls_root_file.read_bytes()],
    )


def _role(person: str) -> Role:
    return _PERSON_ROLES.get(person, Role.CLIENT)


def _node(node: Node) -> Wanted:
    folder = NodeFiles(node.folder).msp
    return Wanted(folder=folder, enrollment_id=node.short, role=_NODE_ROLES[node.kind])


def _tls(node: Node) -> Wanted:
    return Wanted(
        folder=NodeFiles(node.folder).tls,
        enrollment_id=node.short,
        role=_NODE_ROLES[node.kind],
        hosts=tuple(dict.fromkeys((node.host, "localhost", node.name))),
    )


async def _registrar(server: CaServer, client: CaClient) -> Credential:
    enrollment = await client.enroll(REGISTRAR, server.registrar_secret())
    return enrollment.credential


async def _enrol(server: CaServer, client: CaClient, registrar: Credential, wanted: Wanted) -> None:
    secret = secrets.token_urlsafe(SECRET_BYTES)
    await client.ensure_registered(
        registrar,
        Registration(enrollment_id=wanted.enrollment_id, secret=secret, role=wanted.role),
    )
    profile = TLS_PROFILE if wanted.hosts else ""
    enrollment = await client.enroll(
        wanted.enrollment_id, secret, hosts=wanted.hosts, profile=profile
    )
    _write(server, wanted, enrollment)


def _write(server: CaServer, wanted: Wanted, enrollment: Enrollment) -> None:
    pem = key_pem(enrollment.key)
    tls_root = server.tls_root_file.read_bytes()
    if wanted.hosts:
        write_tls(wanted.folder, cert_pem=enrollment.cert_pem, key_pem=pem, ca_certs=[tls_root])
        return
    write_msp(
        wanted.folder,
        cert_pem=enrollment.cert_pem,
        key_pem=pem,
        ca_certs=[server.root_file.read_bytes()],
        tls_ca_certs=[tls_root],
    )
