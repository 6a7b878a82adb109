"""The CA client against a real Fabric CA server."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from network.build import Binaries
from network.ca.client import CaClient
from network.ca.errors import (
    ALREADY_REVOKED,
    AUTHENTICATION_FAILED,
    AUTHORIZATION_FAILED,
    IDENTITY_UNKNOWN,
    AlreadyRegistered,
    CaRefused,
    CaUnreachable,
    CaUntrusted,
    IdentityDiffers,
)
from network.ca.http import CaHttp
from network.ca.keys import new_key
from network.ca.model import (
    Attribute,
    Credential,
    Enrollment,
    Reason,
    RegisteredIdentity,
    Registration,
    Role,
)
from network.ca.server import CA_NAME, REGISTRAR, TLS_CA_NAME, TLS_PROFILE, CaServer
from network.ca.token import auth_token
from network.nodes import NativeSupervisor, start_ready
from tests.support.pki import Root

pytestmark = pytest.mark.fabric

READY_S = 30.0
FABRIC_ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")


@dataclass(frozen=True)
class Running:
    server: CaServer
    supervisor: NativeSupervisor
    program: Path
    registrar: list[Credential]

    async def start(self) -> bool:
        node = self.server.node("ca", self.program)
        return await start_ready(self.supervisor, node, self.server.is_ready, READY_S)

    async def stop(self) -> bool:
        return await self.supervisor.stop("ca")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepared(home: Path, fabric: Binaries) -> Running:
    server = CaServer(
        folder=home / "bank",
        org="bank",
        host="127.0.0.1",
        port=free_port(),
        hosts=("127.0.0.1",),
        cert_age_h=48,
        tls_age_h=72,
    )
    server.write_config()
    return Running(server, NativeSupervisor(home), fabric.fabric_ca_server, [])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fabric: Binaries) -> Iterator[Running]:
    made = prepared(tmp_path_factory.mktemp("ca"), fabric)
    try:
        asyncio.run(_start_and_enroll(made))
        yield made
    finally:
        asyncio.run(made.stop())


async def _start_and_enroll(made: Running) -> None:
    await made.start()
    async with made.server.client(CA_NAME) as client:
        got = await client.enroll(REGISTRAR, made.server.registrar_secret())
    made.registrar.append(got.credential)


@pytest.fixture
async def ca(running: Running) -> AsyncIterator[CaClient]:
    async with running.server.client(CA_NAME) as client:
        yield client


@pytest.fixture
async def tls_ca(running: Running) -> AsyncIterator[CaClient]:
    async with running.server.client(TLS_CA_NAME) as client:
        yield client


@pytest.fixture
def registrar(running: Running) -> Credential:
    return running.registrar[0]


def asked(enrollment_id: str, role: Role = Role.PEER, **more: object) -> Registration:
    return Registration(enrollment_id=enrollment_id, secret="a secret", role=role, **more)  # type: ignore[arg-type]


async def enrolled(
    ca: CaClient, registrar: Credential, enrollment_id: str, role: Role = Role.PEER
) -> Enrollment:
    await ca.register(registrar, asked(enrollment_id, role))
    return await ca.enroll(enrollment_id, "a secret")


def parsed(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def key_ids(pem: bytes) -> tuple[str, str]:
    certificate = parsed(pem)
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier is not None
    return f"{certificate.serial_number:x}", issuer.key_identifier.hex()


def registered_attributes(pem: bytes) -> dict[str, str]:
    extension = parsed(pem).extensions.get_extension_for_oid(FABRIC_ATTRIBUTES).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    attributes: dict[str, str] = json.loads(extension.value)["attrs"]
    return attributes


async def refused(call: object, status: int, code: int) -> CaRefused:
    with pytest.raises(CaRefused) as refusal:
        await call  # type: ignore[misc]
    assert (refusal.value.status, refusal.value.code) == (status, code)
    return refusal.value


# --- The server ---


async def test_one_server_is_two_cas(ca: CaClient, tls_ca: CaClient, running: Running) -> None:
    identity_ca, tls = await ca.info(), await tls_ca.info()
    assert (identity_ca.name, tls.name) == ("ca", "tlsca")
    assert identity_ca.version == "1.5.15"
    assert identity_ca.chain_pem == running.server.root_file.read_bytes()
    assert tls.chain_pem == running.server.tls_root_file.read_bytes()
    assert identity_ca.chain_pem != tls.chain_pem


def test_its_roots_last_ten_years(running: Running) -> None:
    for path, name in (
        (running.server.root_file, "ca.bank"),
        (running.server.tls_root_file, "tlsca.bank"),
    ):
        root = parsed(path.read_bytes())
        assert root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
        assert root.subject == root.issuer
        assert (root.not_valid_after_utc - root.not_valid_before_utc).days == 3650
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == (
            x509.BasicConstraints(ca=True, path_length=0)
        )
        assert getattr(root.public_key(), "curve", None) is not None


def test_its_own_tls_certificate_is_from_its_tls_ca(running: Running) -> None:
    own = parsed(running.server.tls_cert_file.read_bytes())
    own.verify_directly_issued_by(parsed(running.server.tls_root_file.read_bytes()))
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_its_secrets_are_its_owners_alone(running: Running) -> None:
    folder = running.server.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in {"config.yaml"}:
            assert path.stat().st_mode & 0o077 == 0, path
    assert (folder / "ca" / "config.yaml").stat().st_mode & 0o777 == 0o600
    assert len(running.server.registrar_secret()) >= 32


def test_its_configuration_is_written_once(running: Running) -> None:
    assert not running.server.write_config()


async def test_it_comes_back_with_the_same_roots_and_identities(
    tmp_path: Path, fabric: Binaries
) -> None:
    mine = prepared(tmp_path, fabric)
    try:
        assert await mine.start()
        async with mine.server.client(CA_NAME) as ca:
            signer = (await ca.enroll(REGISTRAR, mine.server.registrar_secret())).credential
            await ca.register(signer, asked("peer0"))
        roots = (mine.server.root_file.read_bytes(), mine.server.tls_root_file.read_bytes())
        own = mine.server.tls_cert_file.read_bytes()
        await mine.stop()
        mine.server.tls_cert_file.unlink()
        assert await mine.start()
        assert (mine.server.root_file.read_bytes(), mine.server.tls_root_file.read_bytes()) == roots
        assert mine.server.tls_cert_file.read_bytes() != own
        async with mine.server.client(CA_NAME) as ca:
            assert (await ca.enroll("peer0", "a secret")).cert_pem
    finally:
        await mine.stop()


# --- Certificates ---


async def test_an_enrolment_carries_role_attributes_and_hosts(
    ca: CaClient, registrar: Credential
) -> None:
    office = Attribute(name="office", value="street 4")
    hidden = Attribute(name="note", value="x", in_cert=False)
    await ca.register(registrar, asked("clerk", Role.CLIENT, attributes=(office, hidden)))
    key = new_key()
    got = await ca.enroll("clerk", "a secret", key=key, hosts=("clerk.bank", "10.1.2.3"))
    certificate = parsed(got.cert_pem)
    assert got.key is key
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(parsed(got.chain_pem))
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    assert [unit.value for unit in units] == ["client"]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["clerk.bank"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3"]
    attributes = registered_attributes(got.cert_pem)
    assert attributes["office"] == "street 4"
    assert "note" not in attributes
    chosen = await ca.enroll("clerk", "a secret", attributes=("note",))
    assert registered_attributes(chosen.cert_pem) == {"note": "x"}
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.total_seconds() // 3600 == 48


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_becomes_the_unit(ca: CaClient, registrar: Credential, role: Role) -> None:
    got = await enrolled(ca, registrar, f"role-{role.value}", role)
    units = parsed(got.cert_pem).subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    assert [unit.value for unit in units] == [role.value]


async def test_a_tls_certificate_serves_both_ends(running: Running, tls_ca: CaClient) -> None:
    signer = (await tls_ca.enroll(REGISTRAR, running.server.registrar_secret())).credential
    await tls_ca.register(signer, asked("peer0"))
    got = await tls_ca.enroll("peer0", "a secret", hosts=("localhost",), profile=TLS_PROFILE)
    usage = parsed(got.cert_pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    life = parsed(got.cert_pem).not_valid_after_utc - parsed(got.cert_pem).not_valid_before_utc
    assert life.total_seconds() // 3600 == 72


async def test_reenrolment_for_the_same_and_for_a_new_key(
    ca: CaClient, registrar: Credential
) -> None:
    first = await enrolled(ca, registrar, "renews")
    same = await ca.reenroll(first.credential, hosts=("renews.bank",))
    other = await ca.reenroll(same.credential, key=new_key())
    assert parsed(same.cert_pem).public_key() == first.key.public_key()
    assert parsed(other.cert_pem).public_key() == other.key.public_key()
    assert other.key.public_key() != first.key.public_key()
    assert len({key_ids(each.cert_pem)[0] for each in (first, same, other)}) == 3
    assert parsed(same.cert_pem).subject == parsed(first.cert_pem).subject


async def test_many_at_once(ca: CaClient, registrar: Credential) -> None:
    got = await asyncio.gather(*(enrolled(ca, registrar, f"many-{n}") for n in range(20)))
    assert len({key_ids(each.cert_pem)[0] for each in got}) == 20


# --- Refusals ---


async def test_a_wrong_secret_is_refused_and_locks_nobody_out(
    ca: CaClient, registrar: Credential
) -> None:
    await ca.register(registrar, asked("locked"))
    for _ in range(12):
        await refused(ca.enroll("locked", "wrong"), 401, AUTHENTICATION_FAILED)
    assert (await ca.enroll("locked", "a secret")).cert_pem


async def test_an_unknown_id_is_refused(ca: CaClient) -> None:
    await refused(ca.enroll("nobody", "a secret"), 401, AUTHENTICATION_FAILED)


async def test_a_spent_budget_is_refused(ca: CaClient, registrar: Credential) -> None:
    await ca.register(registrar, asked("once", enrollments_max=1))
    await ca.enroll("once", "a secret")
    await refused(ca.enroll("once", "a secret"), 401, AUTHENTICATION_FAILED)


async def test_a_name_that_fits_no_certificate_never_leaves(ca: CaClient) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        await ca.enroll("x" * 65, "a secret")


@pytest.mark.parametrize("enrollment_id", ["", "a/b", "a:b", "x" * 65])
def test_an_id_that_could_not_be_found_again_is_refused(enrollment_id: str) -> None:
    with pytest.raises(ValueError, match="neither / nor :"):
        asked(enrollment_id)


async def test_an_attribute_that_is_not_registered_is_refused(
    ca: CaClient, registrar: Credential
) -> None:
    await ca.register(registrar, asked("plain"))
    await refused(ca.enroll("plain", "a secret", attributes=("office",)), 500, 0)


async def test_an_unknown_profile_is_refused(ca: CaClient, registrar: Credential) -> None:
    await ca.register(registrar, asked("profiled"))
    await refused(ca.enroll("profiled", "a secret", profile="nonesuch"), 500, 0)


async def test_an_unknown_ca_is_refused(running: Running) -> None:
    async with running.server.client("nonesuch") as client:
        await refused(client.info(), 404, 19)


async def test_an_id_is_registered_once(ca: CaClient, registrar: Credential) -> None:
    await ca.register(registrar, asked("taken"))
    with pytest.raises(AlreadyRegistered, match="already registered"):
        await ca.register(registrar, asked("taken"))


async def test_only_a_registrar_registers(ca: CaClient, registrar: Credential) -> None:
    peer = await enrolled(ca, registrar, "no-registrar")
    await refused(ca.register(peer.credential, asked("x")), 403, AUTHORIZATION_FAILED)
    await refused(ca.identities(peer.credential), 403, AUTHORIZATION_FAILED)
    await refused(ca.crl(peer.credential), 403, AUTHORIZATION_FAILED)
    await refused(
        ca.revoke_identity(peer.credential, "registrar", Reason.UNSPECIFIED),
        403,
        AUTHORIZATION_FAILED,
    )


async def test_a_role_outside_the_registrars_is_refused(
    ca: CaClient, registrar: Credential
) -> None:
    request = asked("odd")
    object.__setattr__(request, "role", type("Odd", (), {"value": "auditor"}))
    await refused(ca.register(registrar, request), 403, AUTHORIZATION_FAILED)


@pytest.mark.parametrize("changed", ["method", "path", "body", "signature", "certificate"])
async def test_a_token_opens_only_what_it_was_made_for(
    running: Running, ca: CaClient, registrar: Credential, changed: str
) -> None:
    other = (await ca.enroll(REGISTRAR, running.server.registrar_secret())).cert_pem

    def forged(method: str, path: str, body: bytes) -> str:
        if changed == "certificate":
            honest = auth_token(registrar, method, path, body)
            return (
                auth_token(Credential(cert_pem=other, key=registrar.key), method, path, body)[
                    : len(honest.split(".")[0])
                ]
                + honest[len(honest.split(".")[0]) :]
            )
        token = auth_token(
            registrar,
            "PUT" if changed == "method" else method,
            path.replace("register", "revoke") if changed == "path" else path,
            body + b" " if changed == "body" else body,
        )
        return token[:-8] + "AAAAAAA=" if changed == "signature" else token

    root = running.server.tls_root_file.read_bytes()
    body = json.dumps({"id": f"forged-{changed}", "type": "client"}).encode()
    async with CaHttp(running.server.url, root) as http:
        path = "/api/v1/register?ca=ca"
        await refused(
            http.call("POST", path, body, forged, repeatable=False), 401, AUTHENTICATION_FAILED
        )
    await refused(ca.identity(registrar, f"forged-{changed}"), 404, IDENTITY_UNKNOWN)


async def test_a_certificate_of_another_ca_opens_nothing(
    running: Running, ca: CaClient, tls_ca: CaClient
) -> None:
    foreign = await tls_ca.enroll(REGISTRAR, running.server.registrar_secret())
    await refused(ca.identities(foreign.credential), 401, AUTHENTICATION_FAILED)
    await refused(ca.reenroll(foreign.credential), 401, AUTHENTICATION_FAILED)
    cert, _ = Root("ca.bank").issue(REGISTRAR, key=foreign.key)
    forged = Credential(cert_pem=cert, key=foreign.key)
    await refused(ca.register(forged, asked("forged")), 401, AUTHENTICATION_FAILED)


# --- Starting again after a kill ---


async def test_registering_again_replaces_a_lost_secret(
    ca: CaClient, registrar: Credential
) -> None:
    office = Attribute(name="office", value="street 4")
    await ca.ensure_registered(registrar, asked("again", attributes=(office,)))
    again = Registration(
        enrollment_id="again", secret="another", role=Role.PEER, attributes=(office,)
    )
    await ca.ensure_registered(registrar, again)
    await refused(ca.enroll("again", "a secret"), 401, AUTHENTICATION_FAILED)
    assert registered_attributes((await ca.enroll("again", "another")).cert_pem)["office"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"role": Role.ADMIN}, "another role"),
        ({"attributes": (Attribute(name="a", value="b"),)}, "another attributes"),
        ({"enrollments_max": 3}, "another enrolment budget"),
    ],
)
async def test_an_identity_registered_otherwise_is_left_alone(
    ca: CaClient, registrar: Credential, other: dict[str, object], words: str
) -> None:
    await ca.ensure_registered(registrar, asked("fixed"))
    wanted = {"enrollment_id": "fixed", "secret": "another", "role": Role.PEER, **other}
    with pytest.raises(IdentityDiffers, match=words):
        await ca.ensure_registered(registrar, Registration(**wanted))  # type: ignore[arg-type]
    assert (await ca.enroll("fixed", "a secret")).cert_pem


# --- Revocation ---


async def test_a_revoked_certificate_cannot_renew_itself(
    ca: CaClient, registrar: Credential
) -> None:
    lost = await enrolled(ca, registrar, "lost")
    serial, aki = key_ids(lost.cert_pem)
    await ca.revoke_certificate(registrar, serial, aki, Reason.KEY_COMPROMISE)
    await refused(ca.reenroll(lost.credential), 401, AUTHENTICATION_FAILED)
    await ca.revoke_certificate(registrar, serial, aki, Reason.KEY_COMPROMISE)
    listed = x509.load_pem_x509_crl(await ca.crl(registrar))
    assert listed.get_revoked_certificate_by_serial_number(int(serial, 16)) is not None
    assert listed.is_signature_valid(parsed(lost.chain_pem).public_key())  # type: ignore[arg-type]
    assert (await ca.enroll("lost", "a secret")).cert_pem


async def test_a_revoked_identity_is_closed_for_good(ca: CaClient, registrar: Credential) -> None:
    gone = await enrolled(ca, registrar, "gone")
    second = await ca.reenroll(gone.credential)
    revoked = await ca.revoke_identity(registrar, "gone", Reason.CESSATION)
    assert {(each.serial, each.aki) for each in revoked} == {
        key_ids(gone.cert_pem),
        key_ids(second.cert_pem),
    }
    assert await ca.revoke_identity(registrar, "gone", Reason.CESSATION) == ()
    await refused(ca.reenroll(second.credential), 401, AUTHENTICATION_FAILED)
    await refused(ca.enroll("gone", "a secret"), 401, AUTHENTICATION_FAILED)


async def test_what_is_not_there_cannot_be_revoked(ca: CaClient, registrar: Credential) -> None:
    await refused(ca.revoke_identity(registrar, "nobody", Reason.UNSPECIFIED), 404, 10)
    refusal = await refused(
        ca.revoke_certificate(registrar, "abc", "def", Reason.UNSPECIFIED), 404, 8
    )
    assert refusal.code != ALREADY_REVOKED


# --- Identities ---


async def test_identities_are_listed_shown_and_removed(ca: CaClient, registrar: Credential) -> None:
    office = Attribute(name="office", value="street 4")
    left = await enrolled(ca, registrar, "leaves with space")
    await ca.register(registrar, asked("stays", Role.ADMIN, attributes=(office,)))
    stays = RegisteredIdentity(
        enrollment_id="stays", role="admin", attributes=(office,), enrollments_max=-1
    )
    assert await ca.identity(registrar, "stays") == stays
    assert stays in await ca.identities(registrar)
    await ca.remove_identity(registrar, "leaves with space")
    assert "leaves with space" not in {
        each.enrollment_id for each in await ca.identities(registrar)
    }
    await refused(ca.reenroll(left.credential), 401, AUTHENTICATION_FAILED)
    await refused(ca.remove_identity(registrar, "leaves with space"), 404, IDENTITY_UNKNOWN)
    await refused(ca.identity(registrar, "leaves with space"), 404, IDENTITY_UNKNOWN)


# --- Trust ---


async def test_a_server_of_another_root_is_not_spoken_to(running: Running) -> None:
    async with CaClient(running.server.url, CA_NAME, Root().pem) as client:
        with pytest.raises(CaUntrusted):
            await client.enroll(REGISTRAR, running.server.registrar_secret())


async def test_a_server_by_another_name_is_not_spoken_to(running: Running) -> None:
    root = running.server.tls_root_file.read_bytes()
    async with CaClient(f"https://localhost:{running.server.port}", CA_NAME, root) as client:
        with pytest.raises(CaUntrusted):
            await client.info()


async def test_an_unreachable_server_is_named(running: Running) -> None:
    root = running.server.tls_root_file.read_bytes()
    url = f"https://127.0.0.1:{free_port()}"
    async with CaClient(url, CA_NAME, root) as client:
        with pytest.raises(CaUnreachable, match=url):
            await client.info()


def test_a_root_that_is_no_certificate_is_refused(running: Running) -> None:
    with pytest.raises(ssl.SSLError):
        CaClient(running.server.url, CA_NAME, b"garbage")
