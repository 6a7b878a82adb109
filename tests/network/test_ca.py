"""The CA client against a real Fabric CA server."""

import asyncio
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from network.build import Binaries
from network.ca.client import CaClient
from network.ca.errors import (
    AUTHENTICATION_FAILED,
    AUTHORIZATION_FAILED,
    IDENTITY_UNKNOWN,
    AlreadyRegistered,
    CaUnreachable,
    CaUntrusted,
)
from network.ca.http import CaHttp
from network.ca.keys import new_key
from network.ca.model import (
    Attribute,
    Credential,
    Reason,
    Role,
)
from network.ca.server import CA_NAME, REGISTRAR, TLS_PROFILE
from network.ca.token import auth_token
from tests.support.pki import Root
from tests.support.ports import free_port
from tests.support.real_ca import (
    RunningCa,
    asked,
    enrolled,
    key_ids,
    parsed,
    prepared,
    refused,
    registered_attributes,
)

pytestmark = pytest.mark.fabric

# --- The server ---


async def test_one_server_is_two_cas(ca: CaClient, tls_ca: CaClient, running_ca: RunningCa) -> None:
    identity_ca, tls = await ca.info(), await tls_ca.info()
    assert (identity_ca.name, tls.name) == ("ca", "tlsca")
    assert identity_ca.version == "1.5.15"
    assert identity_ca.chain_pem == running_ca.server.root_file.read_bytes()
    assert tls.chain_pem == running_ca.server.tls_root_file.read_bytes()
    assert identity_ca.chain_pem != tls.chain_pem


def test_its_roots_last_ten_years(running_ca: RunningCa) -> None:
    for path, name in (
        (running_ca.server.root_file, "ca.bank"),
        (running_ca.server.tls_root_file, "tlsca.bank"),
    ):
        root = parsed(path.read_bytes())
        assert root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
        assert root.subject == root.issuer
        assert (root.not_valid_after_utc - root.not_valid_before_utc).days == 3650
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == (
            x509.BasicConstraints(ca=True, path_length=0)
        )
        assert getattr(root.public_key(), "curve", None) is not None


def test_its_own_tls_certificate_is_from_its_tls_ca(running_ca: RunningCa) -> None:
    own = parsed(running_ca.server.tls_cert_file.read_bytes())
    own.verify_directly_issued_by(parsed(running_ca.server.tls_root_file.read_bytes()))
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_its_secrets_are_its_owners_alone(running_ca: RunningCa) -> None:
    folder = running_ca.server.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in {"config.yaml"}:
            assert path.stat().st_mode & 0o077 == 0, path
    assert (folder / "ca" / "config.yaml").stat().st_mode & 0o777 == 0o600
    assert len(running_ca.server.registrar_secret()) >= 32


def test_its_configuration_is_written_once(running_ca: RunningCa) -> None:
    assert not running_ca.server.write_config()
    assert running_ca.server.tls_cert_file.is_file()


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
        mine = replace(mine, server=replace(mine.server, hosts=("ca.bank",)))
        assert mine.server.write_config()
        assert not mine.server.tls_cert_file.exists()
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


async def test_a_tls_certificate_serves_both_ends(running_ca: RunningCa, tls_ca: CaClient) -> None:
    signer = (await tls_ca.enroll(REGISTRAR, running_ca.server.registrar_secret())).credential
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


async def test_an_unknown_ca_is_refused(running_ca: RunningCa) -> None:
    async with running_ca.server.client("nonesuch") as client:
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
    running_ca: RunningCa, ca: CaClient, registrar: Credential, changed: str
) -> None:
    other = (await ca.enroll(REGISTRAR, running_ca.server.registrar_secret())).cert_pem

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

    root = running_ca.server.tls_root_file.read_bytes()
    body = json.dumps({"id": f"forged-{changed}", "type": "client"}).encode()
    async with CaHttp(running_ca.server.url, root) as http:
        path = "/api/v1/register?ca=ca"
        await refused(
            http.call("POST", path, body, forged, repeatable=False), 401, AUTHENTICATION_FAILED
        )
    await refused(ca.identity(registrar, f"forged-{changed}"), 404, IDENTITY_UNKNOWN)


async def test_a_certificate_of_another_ca_opens_nothing(
    running_ca: RunningCa, ca: CaClient, tls_ca: CaClient
) -> None:
    foreign = await tls_ca.enroll(REGISTRAR, running_ca.server.registrar_secret())
    await refused(ca.identities(foreign.credential), 401, AUTHENTICATION_FAILED)
    await refused(ca.reenroll(foreign.credential), 401, AUTHENTICATION_FAILED)
    cert, _ = Root("ca.bank").issue(REGISTRAR, key=foreign.key)
    forged = Credential(cert_pem=cert, key=foreign.key)
    await refused(ca.register(forged, asked("forged")), 401, AUTHENTICATION_FAILED)


# --- Trust ---


async def test_a_server_of_another_root_is_not_spoken_to(running_ca: RunningCa) -> None:
    async with CaClient(running_ca.server.url, CA_NAME, Root().pem) as client:
        with pytest.raises(CaUntrusted):
            await client.enroll(REGISTRAR, running_ca.server.registrar_secret())


async def test_a_server_by_another_name_is_not_spoken_to(running_ca: RunningCa) -> None:
    root = running_ca.server.tls_root_file.read_bytes()
    async with CaClient(f"https://localhost:{running_ca.server.port}", CA_NAME, root) as client:
        with pytest.raises(CaUntrusted):
            await client.info()


async def test_an_unreachable_server_is_named(running_ca: RunningCa) -> None:
    root = running_ca.server.tls_root_file.read_bytes()
    url = f"https://127.0.0.1:{free_port()}"
    async with CaClient(url, CA_NAME, root) as client:
        with pytest.raises(CaUnreachable, match=url):
            await client.info()


def test_a_root_that_is_no_certificate_is_refused(running_ca: RunningCa) -> None:
    with pytest.raises(ssl.SSLError):
        CaClient(running_ca.server.url, CA_NAME, b"garbage")
