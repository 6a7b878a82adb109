"""Credentials: two independent signatures make one, and one per person is in force.

The issuing office (the regulator; for clerks their employer) signs the transaction, and an
identity provider that two offices have admitted signs the attestation. So no office alone can
invent a voter or a clerk.
"""

from collections.abc import Mapping
from typing import Final

from chaincode.errors import BadInput, Conflict, NotAllowed, NotFound, RuleForbids
from chaincode.model.base import Org, Role, changed
from chaincode.model.community import Provider
from chaincode.model.credential import (
    ATTESTATION_AGE_MS_MAX,
    ATTESTATION_AHEAD_MS_MAX,
    CREDENTIAL_MS_MAX,
    Attestation,
    Credential,
    CredentialReason,
)

ISSUER: Final[Mapping[Role, Org]] = {
    Role.OWNER: Org.REGULATOR,
    Role.REPRESENTATIVE: Org.REGULATOR,
    Role.COMMITTEE_MEMBER: Org.REGULATOR,
    Role.REGULATOR_CLERK: Org.REGULATOR,
    Role.COMPANY_CLERK: Org.PROPERTY,
    Role.BANK_CLERK: Org.BANK,
    Role.ARBITRATOR: Org.ARBITRATION,
}

# --- Providers ---


def register_provider(
    existing: Provider | None,
    *,
    provider_id: str,
    public_key: str,
    evidence_sha256: str,
    now_ms: int,
) -> Provider:
    """The provider as named by the regulator; it may not attest before it is confirmed."""
    if existing is None:
        return Provider(
            provider_id=provider_id,
            public_key=public_key,
            evidence_sha256=evidence_sha256,
            registered_at=now_ms,
        )
    if (existing.public_key, existing.evidence_sha256) != (public_key, evidence_sha256):
        raise Conflict("provider/exists-with-different-content")
    return existing


def confirm_provider(provider: Provider, org: Org, public_key: str, now_ms: int) -> Provider:
    """The provider with a second office's consent to this very key."""
    if provider.public_key != public_key:
        raise Conflict("provider/other-key")
    if provider.ended_at is not None:
        raise Conflict("provider/ended")
    if provider.confirmed_at is not None:
        return provider
    return changed(provider, confirmed_by=org, confirmed_at=now_ms)


def end_provider(provider: Provider, now_ms: int) -> Provider:
    """The provider that attests no more; the credentials it attested stay."""
    return provider if provider.ended_at is not None else changed(provider, ended_at=now_ms)


# --- Issuing ---


def require_attestable(attestation: Attestation) -> None:
    """Refuse (BadInput ``credential/bad-dates``) a validity that ends before it begins."""
    if attestation.valid_from_at >= attestation.valid_until_at:
        raise BadInput("credential/bad-dates")


def require_issuer(attestation: Attestation, org: Org, channel: str, community: str) -> None:
    """Refuse an office that may not issue this role, and an attestation made for elsewhere."""
    if ISSUER[attestation.role] is not org:
        raise NotAllowed("credential/other-issuer")
    if attestation.channel != channel:
        raise NotAllowed("attestation/other-channel")
    if attestation.community != community:
        raise NotAllowed("attestation/other-community")


def require_provider(provider: Provider | None) -> Provider:
    """The provider; NotAllowed ``provider/unknown`` when nobody named it."""
    if provider is None:
        raise NotAllowed("provider/unknown")
    return provider


def require_attesting(provider: Provider) -> None:
    """Refuse (NotAllowed) a provider that is not confirmed, or that has ended."""
    if provider.confirmed_at is None:
        raise NotAllowed("provider/not-confirmed")
    if provider.ended_at is not None:
        raise NotAllowed("provider/not-active")


def require_place(attestation: Attestation, *, on_register: bool, seated: bool) -> None:
    """Refuse (NotFound) an owner who owns nothing here, or a member without a seat."""
    if attestation.role in (Role.OWNER, Role.REPRESENTATIVE) and not on_register:
        raise NotFound("holder/not-on-register")
    if attestation.role is Role.COMMITTEE_MEMBER and not seated:
        raise NotFound("holder/not-seated")


def is_bound_to_term(attestation: Attestation) -> bool:
    """Whether the credential may not outlast the committee's term."""
    return attestation.role is Role.COMMITTEE_MEMBER


def issue(
    attestation: Attestation,
    *,
    jws: str,
    jws_sha256: str,
    provider_id: str,
    org: Org,
    newest: Credential | None,
    key_used: bool,
    term_until_at: int | None,
    now_ms: int,
    tx_id: str,
) -> tuple[Credential, Credential | None]:
    """The new credential, and the holder's earlier one, which it replaces at once.

    ``term_until_at`` is the end of a committee member's term. An earlier credential that is
    revoked stays so.
    """
    if key_used:
        raise Conflict("credential/key-in-use")
    if newest is not None and newest.org is not org:
        raise Conflict("holder/of-another-org", org=newest.org)
    _require_times(attestation, term_until_at, now_ms)
    credential = Credential(
        credential_id=attestation.credential_id,
        holder_id=attestation.holder_id,
        role=attestation.role,
        org=org,
        public_key=attestation.public_key,
        certificate_sha256=attestation.certificate_sha256,
        device_sha256=attestation.device_sha256,
        account_sha256=attestation.account_sha256,
        evidence_sha256=attestation.evidence_sha256,
        provider_id=provider_id,
        attestation=jws,
        attestation_sha256=jws_sha256,
        valid_from_at=attestation.valid_from_at,
        valid_until_at=attestation.valid_until_at,
        issued_at=now_ms,
        issued_tx=tx_id,
        company_id=attestation.company_id,
        replaces=None if newest is None else newest.credential_id,
    )
    if newest is None:
        return credential, None
    return credential, changed(newest, replaced_by=credential.credential_id)


# --- Standing ---


def require_keeper(credential: Credential | None, org: Org) -> Credential:
    """The credential, for the regulator or the office that issued it; others learn nothing."""
    if org is not Org.REGULATOR and (credential is None or credential.org is not org):
        raise NotAllowed("credential/other-issuer")
    if credential is None:
        raise NotFound("credential/not-found")
    return credential


def suspend(credential: Credential, reason: CredentialReason, now_ms: int) -> Credential:
    """The credential out of force until it is resumed."""
    _require_not_over(credential)
    if credential.suspended_at is not None:
        return credential
    return changed(credential, suspended_at=now_ms, reason=reason)


def resume(credential: Credential, reason: CredentialReason) -> Credential:
    """The credential in force again."""
    _require_not_over(credential)
    if credential.suspended_at is None:
        return credential
    return changed(credential, suspended_at=None, reason=reason)


def revoke(credential: Credential, reason: CredentialReason, now_ms: int) -> Credential:
    """The credential out of force for good."""
    if credential.revoked_at is not None and credential.reason is reason:
        return credential
    _require_not_over(credential)
    return changed(credential, revoked_at=now_ms, reason=reason)


# --- Helpers ---


def _require_not_over(credential: Credential) -> None:
    if credential.revoked_at is not None:
        raise Conflict("credential/already-revoked")
    if credential.replaced_by is not None:
        raise Conflict("credential/already-replaced")


def _require_times(attestation: Attestation, term_until_at: int | None, now_ms: int) -> None:
    if attestation.at > now_ms + ATTESTATION_AHEAD_MS_MAX:
        raise RuleForbids("attestation/from-the-future", ahead_ms=attestation.at - now_ms)
    if attestation.at < now_ms - ATTESTATION_AGE_MS_MAX:
        raise RuleForbids("attestation/too-old", age_ms=now_ms - attestation.at)
    if attestation.valid_until_at <= now_ms:
        raise RuleForbids("credential/validity-over")
    if attestation.valid_until_at - attestation.valid_from_at > CREDENTIAL_MS_MAX:
        raise RuleForbids("credential/valid-too-long", ms_max=CREDENTIAL_MS_MAX)
    if term_until_at is not None and attestation.valid_until_at > term_until_at:
        raise RuleForbids("credential/beyond-term", until_at=term_until_at)
