"""The owner's certificate request (PKCS#10): their key stays with them, this is all we see of it.

The credential's id follows from a secret that the owner's client makes. So the client knows the
id before it asks, asking twice is asking once, and only who has the secret can go on.
"""

import base64
import hashlib
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.errors import Problem

ID_HEX_CHARS: Final = 40
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
        is_plain = not list(request.extensions) and not list(request.attributes)
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):
        raise Problem(400, "certification/bad-request") from None
    subject = [(part.oid, part.value) for part in request.subject]
    if (
        not is_plain
        or not isinstance(key, ec.EllipticCurvePublicKey)
        or key.curve.name != "secp256r1"
        or subject != [(NameOID.COMMON_NAME, common_name)]
        or not request.is_signature_valid
    ):
        raise Problem(400, "certification/bad-request")
    return point(key), request.public_bytes(Encoding.PEM).decode()


def point(key: ec.EllipticCurvePublicKey) -> str:
    """The key as the ledger holds it: uncompressed point, base64url without padding."""
    data = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate_facts(pem: bytes) -> tuple[str, str, int]:
    """Fingerprint (SHA-256 of the DER), public key and end (UTC ms) of a certificate.

    Raises ValueError when it is none for a P-256 key.
    """
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError("not a certificate for a P-256 key")
    der = certificate.public_bytes(Encoding.DER)
    until_at = int(certificate.not_valid_after_utc.timestamp()) * 1000
    return hashlib.sha256(der).hexdigest(), point(key), until_at
