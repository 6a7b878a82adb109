"""The sandbox authority's signature: JWS (RFC 7515), ES256, with a key that its seed makes.

A key made from a seed is known to everyone who knows the seed: good for tests, for nothing else.
"""

import base64

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from chaincode.codec import encode
from chaincode.model.credential import ATTESTATION_TYP, Attestation
from gateway.identity.sandbox.people import derived
from gateway.identity.signingrequest import point

_ORDER_HALF = 2**255
"""Below the order of P-256, so that any such number but 0 is a key."""


class SigningKey:
    """A provider's key."""

    def __init__(self, seed: str, provider_id: str) -> None:
        number = int(derived(seed, "key", provider_id), 16) % _ORDER_HALF or 1
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        self._provider_id = provider_id

    @property
    def public_key(self) -> str:
        """As the ledger registers it."""
        return point(self._key.public_key())

    def sign(self, attestation: Attestation) -> str:
        """The attestation as a compact JWS."""
        header = {"alg": "ES256", "typ": ATTESTATION_TYP, "kid": self._provider_id}
        signing_input = f"{_b64(msgspec.json.encode(header))}.{_b64(encode(attestation))}"
        r, s = decode_dss_signature(self._key.sign(signing_input.encode(), _ECDSA))
        return f"{signing_input}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


_ECDSA = ec.ECDSA(hashes.SHA256())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
