"""The two ways a request to a Fabric CA says who sends it.

Source: Fabric CA 1.4 and later, `util.GenECDSAToken`; the token covers method, path and body, so a
token seen once opens nothing else.
"""

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from network.ca.model import Credential


def auth_token(signer: Credential, method: str, path: str, body: bytes) -> str:
    """The Authorization value for `method` on `path` (with its query, as sent) with `body`."""
    cert = _base64(signer.cert_pem)
    signed = f"{method}.{_base64(path.encode())}.{_base64(body)}.{cert}"
    signature = signer.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{cert}.{_base64(signature)}"


def basic_token(enrollment_id: str, secret: str) -> str:
    """The Authorization value of a first enrolment (RFC 7617, in UTF-8)."""
    return f"Basic {_base64(f'{enrollment_id}:{secret}'.encode())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
