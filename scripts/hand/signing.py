"""What the key signs: acts and logins (JWS, RFC 7515 compact form, ES256) and the certificate
request (PKCS#10). The key itself goes nowhere."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ES256: Final = "ES256"
_HALF_BYTES: Final = 32
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


def compact_jws(
    key: ec.EllipticCurvePrivateKey, typ: str, kid: str, payload: Mapping[str, Any]
) -> str:
    """The payload, signed."""
    header = {"alg": ES256, "typ": typ, "kid": kid}
    signing_input = f"{_b64(_json(header))}.{_b64(_json(payload))}"
    r, s = decode_dss_signature(key.sign(signing_input.encode(), _ECDSA))
    signature = r.to_bytes(_HALF_BYTES, "big") + s.to_bytes(_HALF_BYTES, "big")
    return f"{signing_input}.{_b64(signature)}"


def act_sha256(compact: str) -> str:
    """The act's identity: the hash of its signing input, without the signature."""
    return hashlib.sha256(compact.rpartition(".")[0].encode()).hexdigest()


def certificate_request(key: ec.EllipticCurvePrivateKey, credential_id: str) -> str:
    """PKCS#10 (PEM) with this id as its only name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, credential_id)])
    request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
