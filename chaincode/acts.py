"""Signed acts: what a person does, as a JWS (RFC 7515, compact form, ES256) made with their key.

A gateway carries acts. It cannot forge or alter one (the signature covers the exact bytes), move
one to another channel or community (both stand inside), or make one count twice (nonce).

What identifies an act is its credential, its nonce and the hash of its *signing input*; so the
high-S twin of an act, a second signature over the same input, is that same act.
"""

from typing import Annotated, Final

import msgspec

from chaincode import codec, jws
from chaincode.errors import BadInput
from chaincode.model.act import ACT_AGE_MS_MAX, ACT_AHEAD_MS_MAX, ACT_BYTES_MAX
from chaincode.model.base import Id, Nonce, Record, TimeMs

ACT_TYP: Final = "commonhold-act+jws"
ACTS_PER_TRANSACTION_MAX: Final = 200


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

    jws: jws.Jws
    head: ActHead
    sha256: str
    """Hash of the signing input: the act's identity."""

    @property
    def credential_id(self) -> str:
        """The credential it says it was signed with."""
        return self.jws.kid


def parse(compact: bytes) -> SignedAct:
    """Take an act apart.

    Raises BadInput: ``act/oversize``, ``act/malformed``, ``act/algorithm``, ``act/type``,
    ``input/malformed``, ``input/duplicate-field``.
    """
    signed = jws.read(compact, typ=ACT_TYP, noun="act", bytes_max=ACT_BYTES_MAX)
    head = codec.decode_unambiguous(signed.payload, ActHead)
    return SignedAct(jws=signed, head=head, sha256=signed.sha256)


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


def require_signature(act: SignedAct, public_key: str) -> None:
    """Refuse (NotAllowed ``act/forged``) an act that the key did not sign."""
    jws.require_signature(act.jws, public_key, noun="act")
