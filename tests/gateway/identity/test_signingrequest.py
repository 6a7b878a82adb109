"""A certificate request that asks for one key under one name, and every other kind."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.identity.signingrequest import certificate_facts, read_request
from tests.gateway.identity.test_certifying import refused
from tests.support.applicant import Applicant
from tests.support.identity import Bureau


def _bad_requests(who: Applicant) -> dict[str, str]:
    other = ec.generate_private_key(ec.SECP384R1())
    ou = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "admin")
    names = x509.SubjectAlternativeName([x509.DNSName("peer0")])
    ca = x509.BasicConstraints(ca=True, path_length=None)
    good = who.signing_request()
    der = x509.load_pem_x509_csr(good.encode()).public_bytes(Encoding.DER)
    unsigned = base64.encodebytes(der[:-1] + bytes([der[-1] ^ 1])).decode()
    armour = "-----{} CERTIFICATE REQUEST-----\n"
    return {
        "signed by nobody": armour.format("BEGIN") + unsigned + armour.format("END"),
        "another name": who.signing_request(name="registrar"),
        "another curve": who.signing_request(key=other),
        "an RSA key": who.signing_request(key=rsa.generate_private_key(65537, 2048)),
        "an OU": who.signing_request(more=[ou]),
        "names of hosts": who.signing_request(extensions=[names]),
        "a CA": who.signing_request(extensions=[ca]),
        "cut": good[:-60],
        "two names": who.signing_request(
            more=[x509.NameAttribute(NameOID.COMMON_NAME, who.credential_id)]
        ),
    }


@pytest.mark.parametrize("what", list(_bad_requests(Applicant())))
async def test_a_request_asks_for_a_key_and_nothing_else(bureau: Bureau, what: str) -> None:
    who = Applicant()
    opening = bureau.open(who, request_pem=_bad_requests(who)[what])
    assert await refused(opening) == (400, "certification/bad-request")


def test_a_good_request_gives_its_key() -> None:
    who = Applicant()
    pem = who.signing_request()
    assert read_request(pem, who.credential_id) == (who.public_key, pem)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate(pem: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        certificate_facts(pem)
