"""Signed acts: what a person does, as a JWS (RFC 7515, compact form, ES256) made with their key.

A gateway carries acts. It cannot forge or alter one (the signature covers the exact bytes), move
one to another channel or community (both stand inside), or make one count twice (nonce).

What identifies an act is its credential, its nonce and the hash of its *signing input*. The
signature is no part of that: ECDSA signatures are not unique, and common JOSE libraries and
browsers emit both halves of the curve's order, so the high-S twin of an act is that same act.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from chaincode import codec
from chaincode.errors import BadInput, NotAllowed
from chaincode.model.base import Id, Nonce, Record, TimeMs

ACT_TYP: Final = "commonhold-act+jws"
ACT_BYTES_MAX: Final = 64 * 1024
"""One act, as sent. Attachments travel by hash, so texts are all it holds."""
ACTS_PER_TRANSACTION_MAX: Final = 200
ACT_AGE_MS_MAX: Final = 15 * 60 * 1000
"""How long after signing an act may be submitted."""
ACT_AHEAD_MS_MAX: Final = 120 * 1000
"""How far a person's clock may run ahead of the transaction's."""

_SIGNATURE_BYTES: Final = 64
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


class ActHeader(Record):
    """The protected header; exactly these three fields, so no ``jwk``, ``crit`` or ``b64``."""

    alg: str
    typ: str
    kid: Id


class ActHead(msgspec.Struct, frozen=True, kw_only=True):
    """The fields every act has; the act's own fields are read once its kind is known."""

    act: Annotated[str, msgspec.Meta(pattern=r"\A[a-z_]{1,40}\Z")]
    channel: str
    community: Id
    nonce: Nonce
    at: TimeMs


class ActBody(Record):
    """Base of every act's payload."""

    act: str
    channel: str
    community: Id
    nonce: Nonce
    at: TimeMs


class SignedAct(Record):
    """An act taken apart, its signature not yet checked."""

    credential_id: Id
    head: ActHead
    payload: bytes
    signing_input: bytes
    signature: bytes
    sha256: str
    """Hash of the signing input: the act's identity."""


def parse(jws: bytes) -> SignedAct:
    """Take a compact JWS apart.

    Raises BadInput: ``act/oversize``, ``act/malformed``, ``act/algorithm``, ``act/type``,
    ``input/malformed``, ``input/duplicate-field``.
    """
    if len(jws) > ACT_BYTES_MAX:
        raise BadInput("act/oversize", bytes=len(jws), bytes_max=ACT_BYTES_MAX)
    header_part, payload_part, signature_part = _three_parts(jws)
    header = codec.decode_unambiguous(_from_base64url(header_part), ActHeader)
    if header.alg != "ES256":
        raise BadInput("act/algorithm")
    if header.typ != ACT_TYP:
        raise BadInput("act/type")
    payload = _from_base64url(payload_part)
    signature = _from_base64url(signature_part)
    if len(signature) != _SIGNATURE_BYTES:
        raise BadInput("act/malformed")
    signing_input = header_part + b"." + payload_part
    return SignedAct(
        credential_id=header.kid,
        head=codec.decode_unambiguous(payload, ActHead),
        payload=payload,
        signing_input=signing_input,
        signature=signature,
        sha256=hashlib.sha256(signing_input).hexdigest(),
    )


def require_here_and_now(act: SignedAct, *, channel: str, community: str, now_ms: int) -> None:
    """Refuse an act made for another channel, community or time (BadInput)."""
    if act.head.channel != channel:
        raise BadInput("act/other-channel")
    if act.head.community != community:
        raise BadInput("act/other-community")
    if act.head.at > now_ms + ACT_AHEAD_MS_MAX:
        raise BadInput("act/from-the-future", ahead_ms=act.head.at - now_ms)
    if act.head.at < now_ms - ACT_AGE_MS_MAX:
        raise BadInput("act/too-old", age_ms=now_ms - act.head.at)


def require_signature(public_key: str, signing_input: bytes, signature: bytes) -> None:
    """Refuse (NotAllowed ``act/forged``) unless ``signature`` (r||s) is the key's over the input.

    ``public_key`` is an uncompressed P-256 point, base64url without padding. ES256: RFC 7518, 3.4.
    """
    half = _SIGNATURE_BYTES // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        load_public_key(public_key).verify(encode_dss_signature(r, s), signing_input, _ECDSA)
    except InvalidSignature:
        raise NotAllowed("act/forged") from None


def load_public_key(public_key: str) -> ec.EllipticCurvePublicKey:
    """Read an uncompressed P-256 point (base64url); raises BadInput ``credential/bad-key``."""
    point = _from_base64url(public_key.encode())
    if len(point) != 65 or point[0] != 4:
        raise BadInput("credential/bad-key")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise BadInput("credential/bad-key") from None


def _three_parts(jws: bytes) -> tuple[bytes, bytes, bytes]:
    parts = jws.split(b".")
    if len(parts) != 3:
        raise BadInput("act/malformed")
    return parts[0], parts[1], parts[2]


def _from_base64url(part: bytes) -> bytes:
    """Decode base64url without padding; any second spelling of the same bytes is refused."""
    try:
        data = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("act/malformed") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part:
        raise BadInput("act/malformed")
    return data
