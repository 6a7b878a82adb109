"""Sealed ballots: nobody reads a choice before the end, and nobody can change it afterwards.

The voter's device draws 32 random bytes (the salt) and writes the choice as a bit mask of 16
bytes, big-endian: bit `i`, from the least significant, is option `i` in the order of the ballot.
With `D` = `commonhold-sealed-ballot-v1` and zero bytes between ids:

    commitment = SHA-256(D 00 motion 00 unit 00 salt mask)
    secret     = ECDH(ephemeral, trustee 1) .. ECDH(ephemeral, trustee n)      32 bytes each
    key, iv    = HKDF-SHA-256(secret, salt = ephemeral point, info = D 00 motion 00 unit), 32 + 12
    ciphertext = AES-256-GCM(key, iv, salt mask, additional data = commitment)

All of it is in WebCrypto. The plaintext has one length, so the ciphertext tells nothing. Trustees
stand in the order of the publication; without every trustee's key nothing opens before the end.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chaincode.errors import Conflict, RuleForbids
from chaincode.model.ballot import Ballot, KeyRelease
from chaincode.model.base import Org
from chaincode.model.motion import Motion, Phase, Publication, TrusteeKey
from chaincode.rules.motion import published, require_phase
from chaincode.rules.motion_draft import seals

DOMAIN: Final = b"commonhold-sealed-ballot-v1"
TRUSTEES: Final = (Org.COMMITTEE, Org.REGULATOR)
"""Who must give a key: neither the committee nor the regulator alone sees a ballot early."""
SALT_BYTES: Final = 32
MASK_BYTES: Final = 16
KEY_BYTES: Final = 32
IV_BYTES: Final = 12
OPENING_MS: Final = 72 * 60 * 60 * 1000
"""How long after the close owners may open their ballots while a trustee's key is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What a sealed ballot holds."""

    salt: bytes
    mask: int


def is_sealed(publication: Publication) -> bool:
    """Whether ballots of the motion are sealed until the end."""
    return seals(publication.rule)


def mask_of(options: Sequence[str], choices: Sequence[str]) -> int:
    """The bit mask of choices; each must be an option."""
    return sum(1 << options.index(choice) for choice in choices)


def choices_of(options: Sequence[str], mask: int) -> tuple[str, ...] | None:
    """The choices of a mask in the ballot's order; None if a bit stands for no option."""
    if mask >> len(options):
        return None
    return tuple(option for index, option in enumerate(options) if mask >> index & 1)


def context(motion_id: str, unit_id: str) -> bytes:
    """What binds a sealed ballot to its motion and unit."""
    return b"\0".join((DOMAIN, motion_id.encode(), unit_id.encode()))


def commitment(motion_id: str, unit_id: str, plain: Plain) -> str:
    """The commitment of a choice (hex)."""
    bound = context(motion_id, unit_id) + b"\0" + to_bytes(plain)
    return hashlib.sha256(bound).hexdigest()


def to_bytes(plain: Plain) -> bytes:
    """The 48 bytes that are sealed."""
    return plain.salt + plain.mask.to_bytes(MASK_BYTES, "big")


def from_bytes(data: bytes) -> Plain:
    """The reverse of `to_bytes`."""
    return Plain(salt=data[:SALT_BYTES], mask=int.from_bytes(data[SALT_BYTES:], "big"))


def read_base64url(text: str) -> bytes:
    """Bytes of base64url without padding; the field's pattern has fixed its length."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def write_base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# --- Trustees ---


def require_trustees(registered: Sequence[TrusteeKey]) -> tuple[TrusteeKey, ...]:
    """The keys of all trustees in order; Conflict `motion/trustee-key-missing` without one."""
    by_org = {key.org: key for key in registered}
    for org in TRUSTEES:
        if org not in by_org:
            raise Conflict("motion/trustee-key-missing", org=org)
    return tuple(by_org[org] for org in TRUSTEES)


def trustee_key(motion: Motion, org: Org) -> TrusteeKey:
    """The key that the organisation gave for the motion.

    Raises RuleForbids `motion/not-sealed`, `motion/not-a-trustee`.
    """
    publication = published(motion)
    if not is_sealed(publication):
        raise RuleForbids("motion/not-sealed")
    for key in publication.trustees:
        if key.org is org:
            return key
    raise RuleForbids("motion/not-a-trustee")


def require_openable(motion: Motion, released: int, now_ms: int) -> None:
    """Refuse to count sealed ballots before all keys are there or the opening window is over.

    `released` is how many trustees gave their keys. Raises Conflict `motion/not-opened-yet`.
    """
    assert motion.closed is not None, motion.motion_id
    due_at = motion.closed.at + OPENING_MS
    missing = len(published(motion).trustees) - released
    if missing and now_ms < due_at:
        raise Conflict("motion/not-opened-yet", keys_missing=missing, due_at=due_at)


def require_opens(ballot: Ballot, plain: Plain, motion: Motion, now_ms: int) -> None:
    """Refuse an opening outside its window, or one that is not what was committed to.

    Raises Conflict `motion/wrong-phase`, RuleForbids `motion/not-sealed`,
    `ballot/commitment-mismatch`.
    """
    require_phase(motion, now_ms, Phase.CLOSED)
    if ballot.sealed is None:
        raise RuleForbids("motion/not-sealed")
    if commitment(ballot.motion_id, ballot.unit_id, plain) != ballot.sealed.commitment:
        raise RuleForbids("ballot/commitment-mismatch")


def full_set(releases: Sequence[KeyRelease | None]) -> tuple[str, ...] | None:
    """All private keys in the trustees' order; None while one is missing."""
    keys = tuple(release.private_key for release in releases if release is not None)
    return keys if keys and len(keys) == len(releases) else None
