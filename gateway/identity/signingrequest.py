"""The owner's certificate request (PKCS#10): their key stays with them, this is all we see of it.

The credential's id follows from a secret that the owner's client makes. So the client knows the
id before it asks, asking twice is asking once, and only who has the secret can go on.
"""

import base64
import hashlib
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.errors import Problem

ID_HEX_CHARS: Final = 40
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
Secret = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


def credential_id(community: str, secret: str) -> str:
    """The id that a client-made secret of 128 random bits stands for."""
    text = f"commonhold-certification\n{community}\n{secret}"
    return f"c{hashlib.sha256(text.encode()).hexdigest()[:ID_HEX_CHARS]}"


def read_request(pem: str, common_name: str) -> tuple[str, str]:
    """The public key (point, base64url) and the request written anew.

    Raises Problem 400 ``certification/bad-request`` unless it is a request for a P-256 key,
    signed with that key, for exactly this common name, that asks for nothing else: an OU or an
    attribute in it could make the certificate say what nobody checked.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        subject = [(part.oid, part.value) for part in request.subject]
        asks_for_more = bool(list(request.extensions) or list(request.attributes))
        is_signed = request.is_signature_valid
    except _UNREADABLE:
        raise Problem(400, "certification/bad-request") from None
    is_named = subject == [(NameOID.COMMON_NAME, common_name)]
    if not (is_named and is_signed and _is_p256(key)) or asks_for_more:
        raise Problem(400, "certification/bad-request")
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return point(key), request.public_bytes(Encoding.PEM).decode()


def point(key: ec.EllipticCurvePublicKey) -> str:
    """The key as the ledger holds it: uncompressed point, base64url without padding."""
    data = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate_facts(pem: bytes) -> tuple[str, str, int]:
    """Fingerprint (SHA-256 of the DER), public key and end (UTC ms) of a certificate.

    Raises ValueError when it is none for a P-256 key.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except _UNREADABLE as error:
        raise ValueError("not a readable certificate") from error
    if not _is_p256(key):
        raise ValueError("not a certificate for a P-256 key")
    assert isinstance(key, ec.EllipticCurvePublicKey)
    der = certificate.public_bytes(Encoding.DER)
    until_at = int(certificate.not_valid_after_utc.timestamp()) * 1000
    return hashlib.sha256(der).hexdigest(), point(key), until_at


def _is_p256(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
