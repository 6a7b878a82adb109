"""Reading signed acts before they cost a transaction (RFC 7515 compact form, ES256).

A lighter reading than the chaincode's and never in its place: it turns away what cannot be
accepted, with the code that the chaincode would give, and says whose act it is and what
identifies it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from chaincode.codec import decode, from_base64url
from chaincode.errors import BadInput, NotAllowed
from chaincode.model.act import ACT_AGE_MS_MAX, ACT_AHEAD_MS_MAX, ACT_BYTES_MAX
from chaincode.model.base import Id, Nonce, TimeMs

KEYS_MAX: Final = 100_000
"""How many credentials' keys are remembered."""
_HALF_BYTES: Final = 32
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    typ: str
    kid: Id


class _Head(msgspec.Struct, frozen=True):
    act: str
    channel: str
    community: Id
    nonce: Nonce
    at: TimeMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A signed act taken apart; `sha256`, of its signing input, identifies it."""

    compact: bytes
    act: str
    channel: str
    community: str
    credential_id: str
    nonce: str
    at: int
    sha256: str


def read_act(compact: bytes) -> Act:
    """Take an act apart; its signature is not checked yet.

    Raises BadInput: ``act/oversize``, ``act/malformed``, ``act/algorithm``, ``act/type``,
    ``input/malformed``.
    """
    if len(compact) > ACT_BYTES_MAX:
        raise BadInput("act/oversize", bytes=len(compact), bytes_max=ACT_BYTES_MAX)
    parts = compact.split(b".")
    if len(parts) != 3:
        raise BadInput("act/malformed")
    header = decode(_bytes_of(parts[0]), _Header)
    if header.alg != "ES256":
        raise BadInput("act/algorithm")
    if header.typ != "commonhold-act+jws":
        raise BadInput("act/type")
    head = decode(_bytes_of(parts[1]), _Head)
    if len(_bytes_of(parts[2])) != 2 * _HALF_BYTES:
        raise BadInput("act/malformed")
    return Act(
        compact=compact,
        act=head.act,
        channel=head.channel,
        community=head.community,
        credential_id=header.kid,
        nonce=head.nonce,
        at=head.at,
        sha256=hashlib.sha256(parts[0] + b"." + parts[1]).hexdigest(),
    )


def require_here_and_now(act: Act, *, channel: str, community: str, now_ms: int) -> None:
    """Refuse (BadInput) an act made for another channel, community or time."""
    if act.channel != channel:
        raise BadInput("act/other-channel")
    if act.community != community:
        raise BadInput("act/other-community")
    if act.at > now_ms + ACT_AHEAD_MS_MAX:
        raise BadInput("act/from-the-future", ahead_ms=act.at - now_ms)
    if act.at < now_ms - ACT_AGE_MS_MAX:
        raise BadInput("act/too-old", age_ms=now_ms - act.at)


def require_signature(act: Act, key: ec.EllipticCurvePublicKey) -> None:
    """Refuse (NotAllowed ``act/forged``) an act that the key did not sign."""
    signing_input, _, signature_part = act.compact.rpartition(b".")
    signature = _bytes_of(signature_part)
    r = int.from_bytes(signature[:_HALF_BYTES], "big")
    s = int.from_bytes(signature[_HALF_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signing_input, _ECDSA)
    except InvalidSignature:
        raise NotAllowed("act/forged") from None


KeyFinder = Callable[[str, str], Awaitable[str]]
"""Community and credential id to the public key as the ledger has it, an uncompressed point in
base64url; raises Refusal or LedgerError."""


class KeyBook:
    """The public keys of credentials. A credential's key never changes, so it is asked for once;
    whether the credential is in force is the chaincode's to say, every time."""

    def __init__(self, find: KeyFinder) -> None:
        self._find = find
        self._keys: OrderedDict[tuple[str, str], ec.EllipticCurvePublicKey] = OrderedDict()

    async def key(self, community: str, credential_id: str) -> ec.EllipticCurvePublicKey:
        """Raises Refusal when there is no such credential, LedgerError when it cannot be asked."""
        place = (community, credential_id)
        known = self._keys.get(place)
        if known is None:
            point = _bytes_of((await self._find(community, credential_id)).encode())
            known = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            self._keys[place] = known
            if len(self._keys) > KEYS_MAX:
                self._keys.popitem(last=False)
        return known


def _bytes_of(part: bytes) -> bytes:
    return from_base64url(part, "act/malformed")
