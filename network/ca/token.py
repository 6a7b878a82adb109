"""The two ways a request to a Fabric CA says who sends it.

Source: Fabric CA 1.4 and later, `util.GenECDSAToken`; the token covers method, path and body, so a
token seen once opens nothing else. Fabric accepts only signatures whose S is in the lower half of
the curve's order, so that nobody can make a second valid signature out of one.
"""

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from network.ca.model import Credential

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the P-256 group (FIPS 186-5; SEC 2, 2.4.2)."""


def auth_token(signer: Credential, method: str, path: str, body: bytes) -> str:
    """The Authorization value for `method` on `path` (with its query, as sent) with `body`."""
    cert = _base64(signer.cert_pem)
    signed = f"{method}.{_base64(path.encode())}.{_base64(body)}.{cert}"
    signature = signer.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{cert}.{_base64(_low_s(signature))}"


def basic_token(enrollment_id: str, secret: str) -> str:
    """The Authorization value of a first enrolment (RFC 7617, in UTF-8)."""
    return f"Basic {_base64(f'{enrollment_id}:{secret}'.encode())}"


def _low_s(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, P256_ORDER - s))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
