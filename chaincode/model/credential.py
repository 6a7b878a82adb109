"""A person's key on the ledger: whose it is, what it may do, and for how long."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chaincode.model.base import Id, Org, Record, Role, Sha256, TimeMs

ATTESTATION_TYP: Final = "commonhold-attestation+jws"
ATTESTATION_BYTES_MAX: Final = 4 * 1024
ATTESTATIONS_PER_TRANSACTION_MAX: Final = 100
Attestations = Annotated[
    tuple[str, ...], msgspec.Meta(min_length=1, max_length=ATTESTATIONS_PER_TRANSACTION_MAX)
]
"""What one transaction records, each a JWS."""
ATTESTATION_AGE_MS_MAX: Final = 24 * 60 * 60 * 1000
"""How long after the attestation a credential may be issued."""
ATTESTATION_AHEAD_MS_MAX: Final = 120 * 1000
CREDENTIAL_MS_MAX: Final = (5 * 365 + 2) * 24 * 60 * 60 * 1000
"""Five years, the longest term of office; then the person is certified again."""


class Standing(StrEnum):
    """Where a credential stands; derived from its dates, never stored."""

    ACTIVE = "active"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    REVOKED = "revoked"


class CredentialReason(StrEnum):
    """Why a credential was suspended, resumed or revoked; a code, never a story."""

    OWN_REQUEST = "own-request"
    DEVICE_LOST = "device-lost"
    KEY_EXPOSED = "key-exposed"
    UNDER_INQUIRY = "under-inquiry"
    INQUIRY_CLOSED = "inquiry-closed"
    NOT_AN_OWNER = "no-longer-an-owner"
    OUT_OF_OFFICE = "out-of-office"
    COMPANY_REPLACED = "company-replaced"
    DIED = "died"
    JUDGMENT = "court-judgment"
    ISSUED_IN_ERROR = "issued-in-error"


class Attestation(Record):
    """What an identity provider signs (JWS, typ ``commonhold-attestation+jws``, kid its id).

    It says all that the credential will say; the issuing office adds nothing but its own
    transaction's signature. `credential_id` is used once, so it is the nonce as well.
    """

    channel: str
    community: Id
    credential_id: Id
    holder_id: Id
    role: Role
    public_key: str
    certificate_sha256: Sha256
    device_sha256: Sha256
    account_sha256: Sha256
    evidence_sha256: Sha256
    valid_from_at: TimeMs
    valid_until_at: TimeMs
    at: TimeMs
    company_id: Id | None = None
    """For a company's clerk: which company; the clerk may act while it is in office."""


class Credential(Record):
    """One key of one person in one community, vouched for by an office and a provider."""

    credential_id: Id
    holder_id: Id
    """Random id of the owner, member or clerk; names stay in the regulator's own database."""
    role: Role
    org: Org
    """Whose transaction issued it: the regulator's, or for clerks their employer's."""
    public_key: str
    """Uncompressed P-256 point, base64url without padding (87 characters)."""
    certificate_sha256: Sha256
    device_sha256: Sha256
    account_sha256: Sha256
    """Salted hash of the messaging account (WeChat) the credential is bound to."""
    evidence_sha256: Sha256
    provider_id: Id
    attestation: str
    """The provider's JWS over this credential's fields, as it was given."""
    attestation_sha256: Sha256
    """Hash of its signing input: the same attestation again is the same credential."""
    valid_from_at: TimeMs
    valid_until_at: TimeMs
    issued_at: TimeMs
    issued_tx: str
    company_id: Id | None = None
    """For a company's clerk: which company, as the provider attests."""
    replaces: Id | None = None
    """The holder's credential before this one; so all of a holder's form a chain."""
    suspended_at: TimeMs | None = None
    revoked_at: TimeMs | None = None
    reason: CredentialReason | None = None
    """Why it was last suspended, resumed or revoked."""
    replaced_by: Id | None = None


class NewestCredential(Record):
    """A holder's newest credential; the others follow from `replaces`."""

    credential_id: Id


class KeyUse(Record):
    """Which credential a public key belongs to; a key never serves a second one."""

    credential_id: Id


def standing(credential: Credential, now_ms: int) -> Standing:
    """Where the credential stands at ``now_ms``; the gravest reason wins."""
    if credential.revoked_at is not None:
        return Standing.REVOKED
    if credential.replaced_by is not None:
        return Standing.REPLACED
    if credential.suspended_at is not None:
        return Standing.SUSPENDED
    if now_ms < credential.valid_from_at:
        return Standing.NOT_YET_VALID
    if now_ms >= credential.valid_until_at:
        return Standing.EXPIRED
    return Standing.ACTIVE
