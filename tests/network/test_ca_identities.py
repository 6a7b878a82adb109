"""Registering, revoking and removing identities at a real Fabric CA server."""

import pytest
from cryptography import x509

from network.ca.client import CaClient
from network.ca.errors import (
    ALREADY_REVOKED,
    AUTHENTICATION_FAILED,
    IDENTITY_UNKNOWN,
    IdentityDiffers,
)
from network.ca.model import Attribute, Credential, Reason, RegisteredIdentity, Registration, Role
from tests.support.real_ca import (
    RunningCa,
    asked,
    enrolled,
    kept_secret,
    key_ids,
    parsed,
    refused,
    registered_attributes,
)

pytestmark = pytest.mark.fabric

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


# --- How secrets are kept ---


@pytest.mark.parametrize(("length", "cost"), [(8, 10), (31, 10), (32, 4), (60, 4)])
async def test_only_a_random_secret_is_spared_stretching(
    ca: CaClient, registrar: Credential, running_ca: RunningCa, length: int, cost: int
) -> None:
    name, secret = f"kept-{length}", "x" * length
    wanted = Registration(enrollment_id=name, secret=secret, role=Role.PEER)
    await ca.ensure_registered(registrar, wanted)
    assert kept_secret(running_ca, name).startswith(f"$2a${cost:02}$")
    await refused(ca.enroll(name, secret + "y"), 401, AUTHENTICATION_FAILED)
    assert (await ca.enroll(name, secret)).cert_pem


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
