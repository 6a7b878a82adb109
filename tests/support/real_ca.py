"""A real Fabric CA server for tests, and what they ask of it again and again."""

import json
import sqlite3
from collections.abc import Awaitable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from network.build import Binaries
from network.ca.client import CaClient
from network.ca.errors import CaRefused
from network.ca.model import Credential, Enrollment, Registration, Role
from network.ca.server import CaServer
from network.nodes import NativeSupervisor, start_ready
from tests.support.ports import free_port

READY_S = 30.0
FABRIC_ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")


@dataclass(frozen=True)
class RunningCa:
    """A CA server and who supervises it."""

    server: CaServer
    supervisor: NativeSupervisor
    program: Path

    async def start(self) -> bool:
        """Start it if it does not run, and wait until it answers."""
        node = self.server.node("ca", self.program)
        return await start_ready(self.supervisor, node, self.server.is_ready, READY_S)

    async def stop(self) -> bool:
        """End it."""
        return await self.supervisor.stop("ca")


def prepared(home: Path, fabric: Binaries) -> RunningCa:
    server = CaServer(
        folder=home / "bank",
        org="bank",
        host="127.0.0.1",
        port=free_port(),
        hosts=(),
        cert_age_h=48,
        tls_age_h=72,
    )
    server.write_config()
    return RunningCa(server, NativeSupervisor(home), fabric.fabric_ca_server)


def asked(enrollment_id: str, role: Role = Role.PEER, **more: object) -> Registration:
    return Registration(enrollment_id=enrollment_id, secret="a secret", role=role, **more)  # type: ignore[arg-type]


async def enrolled(
    ca: CaClient, registrar: Credential, enrollment_id: str, role: Role = Role.PEER
) -> Enrollment:
    await ca.register(registrar, asked(enrollment_id, role))
    return await ca.enroll(enrollment_id, "a secret")


def parsed(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def kept_secret(running: RunningCa, enrollment_id: str) -> str:
    """What the authority's database holds of an identity's secret."""
    query = "SELECT CAST(token AS TEXT) FROM users WHERE id = ?"
    found = []
    for file in running.server.folder.rglob("fabric-ca-server.db"):  # one of each authority
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            found += database.execute(query, (enrollment_id,)).fetchall()
    ((token,),) = found
    return str(token)


def key_ids(pem: bytes) -> tuple[str, str]:
    """Serial number and issuer's key id as the authority keeps them: without leading zeros."""
    certificate = parsed(pem)
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier is not None
    return f"{certificate.serial_number:x}", issuer.key_identifier.hex().lstrip("0")


def registered_attributes(pem: bytes) -> dict[str, str]:
    extension = parsed(pem).extensions.get_extension_for_oid(FABRIC_ATTRIBUTES).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    attributes: dict[str, str] = json.loads(extension.value)["attrs"]
    return attributes


async def refused(call: Awaitable[object], status: int, code: int) -> CaRefused:
    with pytest.raises(CaRefused) as refusal:
        await call
    assert (refusal.value.status, refusal.value.code) == (status, code)
    return refusal.value
