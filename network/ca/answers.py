"""Read what a Fabric CA answers; anything unexpected is a CaBadAnswer."""

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from network.ca.errors import CaBadAnswer
from network.ca.model import (
    Attribute,
    CaInfo,
    Enrollment,
    RegisteredIdentity,
    RevokedCert,
)

Answer = dict[str, Any]

OWN_ATTRIBUTES = frozenset({"hf.EnrollmentID", "hf.Type", "hf.Affiliation"})
"""Attributes that the CA adds to every identity by itself."""


def read_info(result: Answer) -> CaInfo:
    """The answer to `cainfo`."""
    return CaInfo(
        name=_text(result, "CAName"),
        version=_text(result, "Version"),
        chain_pem=_decoded(result, "CAChain"),
    )


def read_enrollment(result: Answer, key: EllipticCurvePrivateKey) -> Enrollment:
    """The answer to `enroll` and `reenroll`; the certificate must be for the key that asked."""
    cert_pem = _decoded(result, "Cert")
    try:
        certified = x509.load_pem_x509_certificate(cert_pem).public_key()
    except ValueError as error:
        raise CaBadAnswer("the certificate is not readable") from error
    if certified != key.public_key():
        raise CaBadAnswer("the certificate is for another key")
    server = result.get("ServerInfo")
    if not isinstance(server, dict):
        raise CaBadAnswer("no `ServerInfo` in the answer")
    return Enrollment(cert_pem=cert_pem, key=key, chain_pem=_decoded(server, "CAChain"))


def read_certified(result: Answer, request_pem: str) -> bytes:
    """The answer to `enroll` for a request made elsewhere; it must certify the request's key."""
    cert_pem = _decoded(result, "Cert")
    try:
        certified = x509.load_pem_x509_certificate(cert_pem).public_key()
        asked = x509.load_pem_x509_csr(request_pem.encode()).public_key()
    except ValueError as error:
        raise CaBadAnswer("the certificate is not readable") from error
    if certified != asked:
        raise CaBadAnswer("the certificate is for another key")
    return cert_pem


def read_certificates(result: Answer) -> tuple[bytes, ...]:
    """The answer to `certificates`, PEM each."""
    return tuple(_text(entry, "PEM").encode() for entry in _entries(result, "certs"))


def read_crl(result: Answer) -> bytes:
    """The answer to `gencrl`, PEM."""
    return _decoded(result, "CRL")


def read_revoked(result: Answer) -> tuple[RevokedCert, ...]:
    """The answer to `revoke`; the CA says null for none."""
    return tuple(
        RevokedCert(serial=_text(entry, "Serial"), aki=_text(entry, "AKI"))
        for entry in _entries(result, "RevokedCerts")
    )


def read_identities(result: Answer) -> tuple[RegisteredIdentity, ...]:
    """The answer to `identities`."""
    return tuple(read_identity(entry) for entry in _entries(result, "identities"))


def read_identity(entry: Answer) -> RegisteredIdentity:
    """One identity, without the attributes the CA adds itself, in order of name."""
    attributes = [
        Attribute(
            name=_text(attribute, "name"),
            value=_text(attribute, "value"),
            in_cert=attribute.get("ecert") is True,
        )
        for attribute in _entries(entry, "attrs")
        if attribute.get("name") not in OWN_ATTRIBUTES
    ]
    budget = entry.get("max_enrollments")
    if not isinstance(budget, int):
        raise CaBadAnswer("no number `max_enrollments` in the answer")
    return RegisteredIdentity(
        enrollment_id=_text(entry, "id"),
        role=_text(entry, "type"),
        attributes=tuple(sorted(attributes, key=lambda attribute: attribute.name)),
        enrollments_max=budget,
    )


def _text(answer: Answer, name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise CaBadAnswer(f"no text `{name}` in the answer")
    return value


def _decoded(answer: Answer, name: str) -> bytes:
    try:
        return base64.b64decode(_text(answer, name), validate=True)
    except ValueError as error:
        raise CaBadAnswer(f"`{name}` is not base64") from error


def _entries(answer: Answer, name: str) -> list[Answer]:
    entries = answer.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CaBadAnswer(f"`{name}` is not a list of objects")
    return entries
