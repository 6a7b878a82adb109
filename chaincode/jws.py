"""Reading what strangers signed: JWS (RFC 7515, compact form) with ES256 (RFC 7518, 3.4), strictly.

One spelling only: three parts, base64url without padding, a protected header of exactly `alg`,
`typ` and `kid` (so no `jwk`, `crit` or `b64`), no field named twice. Refusals carry the noun of
what is read: ``act/malformed``, ``attestation/forged``.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from chaincode import codec
from chaincode.errors import BadInput, NotAllowed
from chaincode.model.base import Id, Record

_HALF_BYTES: Final = 32
_POINT_BYTES: Final = 65
_UNCOMPRESSED: Final = 4
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


class Header(Record):
    """The protected header; nothing else may stand in it."""

    alg: str
    typ: str
    kid: Id


class Jws(Record):
    """A JWS taken apart, its signature not yet checked."""

    kid: Id
    payload: bytes
    signing_input: bytes
    signature: bytes

    @property
    def sha256(self) -> str:
        """Hash of the signing input: what identifies the signed thing.

        The signature is no part of that: ECDSA signatures are not unique, and common JOSE
        libraries and browsers emit both halves of the curve's order.
        """
        return hashlib.sha256(self.signing_input).hexdigest()


def read(jws: bytes, *, typ: str, noun: str, bytes_max: int) -> Jws:
    """Take a compact JWS apart.

    Raises BadInput: ``<noun>/oversize``, ``<noun>/malformed``, ``<noun>/algorithm``,
    ``<noun>/type``, and for the header ``input/malformed`` or ``input/duplicate-field``.
    """
    if len(jws) > bytes_max:
        raise BadInput(f"{noun}/oversize", bytes=len(jws), bytes_max=bytes_max)
    malformed = f"{noun}/malformed"
    parts = jws.split(b".")
    if len(parts) != 3:
        raise BadInput(malformed)
    header_part, payload_part, signature_part = parts
    header = codec.decode_unambiguous(codec.from_base64url(header_part, malformed), Header)
    if header.alg != "ES256":
        raise BadInput(f"{noun}/algorithm")
    if header.typ != typ:
        raise BadInput(f"{noun}/type")
    payload = codec.from_base64url(payload_part, malformed)
    signature = codec.from_base64url(signature_part, malformed)
    if len(signature) != 2 * _HALF_BYTES:
        raise BadInput(malformed)
    signing_input = header_part + b"." + payload_part
    return Jws(kid=header.kid, payload=payload, signing_input=signing_input, signature=signature)


def require_signature(jws: Jws, public_key: str, *, noun: str) -> None:
    """Refuse (NotAllowed ``<noun>/forged``) unless the signature (r||s) is the key's.

    ``public_key`` is an uncompressed P-256 point, base64url without padding.
    """
    r = int.from_bytes(jws.signature[:_HALF_BYTES], "big")
    s = int.from_bytes(jws.signature[_HALF_BYTES:], "big")
    key = load_public_key(public_key, noun=noun)
    try:
        key.verify(encode_dss_signature(r, s), jws.signing_input, _ECDSA)
    except InvalidSignature:
        raise NotAllowed(f"{noun}/forged") from None


def load_public_key(public_key: str, *, noun: str) -> ec.EllipticCurvePublicKey:
    """Read an uncompressed point on P-256 (base64url); raises BadInput ``<noun>/bad-key``."""
    code = f"{noun}/bad-key"
    point = codec.from_base64url(public_key.encode(), code)
    if len(point) != _POINT_BYTES or point[0] != _UNCOMPRESSED:
        raise BadInput(code)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise BadInput(code) from None
