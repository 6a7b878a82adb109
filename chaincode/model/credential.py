"""A person's key on the ledger: whose it is, what it may do, and for how long."""

from enum import StrEnum

from chaincode.model.base import Id, Record, Role, Sha256, TimeMs


class Standing(StrEnum):
    """Where a credential stands; derived from its dates, never stored."""

    ACTIVE = "active"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    REVOKED = "revoked"


class Credential(Record):
    """One key of one person in one community, vouched for by regulator and identity provider."""

    credential_id: Id
    holder_id: Id
    """Random id of the owner, member or clerk; names stay in the regulator's own database."""
    role: Role
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
    valid_from_at: TimeMs
    valid_until_at: TimeMs
    issued_at: TimeMs
    issued_tx: str
    suspended_at: TimeMs | None = None
    revoked_at: TimeMs | None = None
    replaced_by: Id | None = None


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
