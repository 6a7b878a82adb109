"""Ballots: one unit's recorded choice, online or on paper, and what stands behind it."""

from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import Count, Id, Record, Sha256, TimeMs
from chaincode.model.motion import PublicKey

CHOICES_MAX = 100
UNITS_PER_ACT_MAX = 500
PAPER_ENTRIES_MAX = 20
SIGNERS_MAX = 64

Salt = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]
"""32 random bytes, base64url without padding."""
Ciphertext = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{86}\Z")]
"""48 bytes of plaintext and 16 of the GCM tag, base64url without padding: one length for all."""
PrivateKey = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]
"""A P-256 scalar of 32 bytes, base64url without padding."""
Choices = Annotated[tuple[Id, ...], msgspec.Meta(max_length=CHOICES_MAX)]
UnitIds = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=UNITS_PER_ACT_MAX)]


class SealedChoice(Record):
    """A choice nobody can read before the end (see `chaincode.rules.sealing`)."""

    commitment: Sha256
    ephemeral_key: PublicKey
    ciphertext: Ciphertext


class Ballot(Record):
    """The online ballot of one unit; casting again overwrites it, its history stays.

    Exactly one of `choices` and `sealed` is given. `owner_ids` are the unit's owners at that
    moment. `first_at` is when the first ballot of this owner was accepted, and counts where the
    rule says that the first of an online and a paper ballot stands.
    """

    motion_id: Id
    unit_id: Id
    owner_ids: tuple[Id, ...]
    cast_by: Id
    credential_id: Id
    act_sha256: Sha256
    signed_at: TimeMs
    first_at: TimeMs
    at: TimeMs
    tx_id: str
    choices: Choices = ()
    sealed: SealedChoice | None = None
    grant_id: Id | None = None
    """The proxy grant it was cast under; None for the owner's own."""


class CoSignature(Record):
    """What one co-owner wants the unit's ballot to be; it is cast when all agree."""

    motion_id: Id
    unit_id: Id
    holder_id: Id
    act_sha256: Sha256
    signed_at: TimeMs
    at: TimeMs
    tx_id: str
    choices: Choices = ()
    sealed: SealedChoice | None = None


class PaperContent(Record):
    """What a paper ballot says, as a clerk read it; two clerks must read the same.

    A spoiled sheet has no choices. `signed_by` are the owners who signed it, sorted.
    """

    signed_by: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=SIGNERS_MAX)]
    choices: Choices
    spoiled: bool
    scan_sha256: Sha256
    received_at: TimeMs


class PaperEntry(Record):
    """One clerk's reading of a paper ballot."""

    clerk_id: Id
    content: PaperContent
    act_sha256: Sha256
    at: TimeMs
    tx_id: str


class PaperSheet(Record):
    """All readings of one unit's paper ballot, the newest of each clerk, by clerk id."""

    motion_id: Id
    unit_id: Id
    entries: tuple[PaperEntry, ...]


class OptionCount(Record):
    """How many sheets chose one option."""

    option: Id
    sheets_count: Count


class HandCount(Record):
    """The paper ballots as one clerk counted them by hand; it must equal what was entered.

    Each clerk's newest statement stands. Options without a sheet may be left out.
    """

    motion_id: Id
    sheets_count: Count
    spoiled_count: Count
    options: tuple[OptionCount, ...]
    evidence_sha256: Sha256
    clerk_id: Id
    act_sha256: Sha256
    at: TimeMs
    tx_id: str


class ProxyGrant(Record):
    """A written grant (书面委托): one owner lets another person vote for units of theirs.

    Without a `motion_id` it holds for every motion until it expires.
    """

    grant_id: Id
    grantor_id: Id
    proxy_id: Id
    unit_ids: UnitIds
    evidence_sha256: Sha256
    from_at: TimeMs
    until_at: TimeMs
    act_sha256: Sha256
    at: TimeMs
    tx_id: str
    motion_id: Id | None = None
    revoked_at: TimeMs | None = None


class ProxyUse(Record):
    """That a proxy casts for a unit in a motion; the rule caps how many."""

    motion_id: Id
    proxy_id: Id
    unit_id: Id
    grant_id: Id


class ServiceKind(StrEnum):
    """How the notice reached the owners of a unit."""

    OWN_DEVICE = "own-device"
    MESSAGE = "message"
    POST = "post"
    VISIT = "visit"
    PAPER = "paper"
    PUBLIC_NOTICE = "public-notice"


class Service(Record):
    """Evidence that the notice of a motion was served (送达) for one unit."""

    motion_id: Id
    unit_id: Id
    kind: ServiceKind
    evidence_sha256: Sha256
    by: Id
    act_sha256: Sha256
    at: TimeMs
    tx_id: str


class KeyRelease(Record):
    """A trustee organisation gave its private key for the opening, after the end."""

    motion_id: Id
    private_key: PrivateKey
    at: TimeMs
    tx_id: str


class OpenedBallot(Record):
    """A sealed ballot opened by the device that cast it."""

    motion_id: Id
    unit_id: Id
    salt: Salt
    choices: Choices
    act_sha256: Sha256
    at: TimeMs
    tx_id: str
