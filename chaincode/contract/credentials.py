"""Credentials: issued with two independent signatures, suspended, revoked, replaced."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from chaincode import codec, jws, keys
from chaincode.contract.committees import committee_now
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.units import is_on_register, unit_versions
from chaincode.errors import BadInput, Conflict
from chaincode.model.base import Id, Record
from chaincode.model.community import Provider
from chaincode.model.credential import (
    ATTESTATION_BYTES_MAX,
    ATTESTATION_TYP,
    Attestation,
    Credential,
    CredentialReason,
    KeyUse,
    NewestCredential,
)
from chaincode.rules import committee as committee_rule
from chaincode.rules import credential as rule
from chaincode.rules.roll import owner_ids
from chaincode.world import World

# --- Requests, answers, events ---


class IssueCredential(Request):
    """Record the credential that a provider attests; the JWS says all of it."""

    attestation: str

    def __post_init__(self) -> None:
        self.read()

    def read(self) -> tuple[jws.Jws, Attestation]:
        """The attestation taken apart (BadInput), its signature not yet checked."""
        if not self.attestation.isascii():
            raise BadInput("attestation/malformed")
        signed = jws.read(
            self.attestation.encode(),
            typ=ATTESTATION_TYP,
            noun="attestation",
            bytes_max=ATTESTATION_BYTES_MAX,
        )
        attestation = codec.decode_unambiguous(signed.payload, Attestation)
        jws.load_public_key(attestation.public_key, noun="credential")
        rule.require_attestable(attestation)
        return signed, attestation


class ChangeCredential(Request):
    """Suspend, resume or revoke a credential for a reason."""

    credential_id: Id
    reason: CredentialReason


class CredentialRequest(Request):
    """Name one credential."""

    credential_id: Id


class HolderRequest(Request):
    """Name one holder."""

    holder_id: Id


class UnitCredentialsRequest(Request):
    """Name one unit."""

    unit_id: Id


class Credentials(Record):
    """Credentials by holder, each holder's newest first."""

    credentials: tuple[Credential, ...]


class CredentialIssued(Record):
    """Event: a credential is recorded; the one it replaces is out of force."""

    community: str
    credential_id: str
    holder_id: str
    replaces: str | None
    event: str = "CredentialIssued"


class CredentialChanged(Record):
    """Event: a credential was suspended, resumed or revoked, as ``event`` says."""

    community: str
    credential_id: str
    holder_id: str
    reason: CredentialReason
    event: str


# --- Transactions ---


async def issue_credential(world: World, call: Call, request: IssueCredential) -> Credential:
    """Record a credential; the holder's earlier one is replaced at once.

    A change of device or messaging account needs a new credential, for no call changes one. The
    same attestation again gets the same record, whatever has become of it. Refused if

    * 400: the attestation cannot be read (``attestation/oversize``, ``/malformed``,
      ``/algorithm``, ``/type``, ``input/malformed``, ``input/duplicate-field``); the key is no
      P-256 point (``credential/bad-key``); the validity ends before it begins
      (``credential/bad-dates``);
    * 403: another office issues this role (``credential/other-issuer``); the attestation was made
      for elsewhere (``attestation/other-channel``, ``attestation/other-community``); the provider
      is not admitted (``provider/unknown``, ``provider/not-confirmed``, ``provider/not-active``)
      or did not sign (``attestation/forged``);
    * 404: an owner owns no unit (``holder/not-on-register``), a member has no seat
      (``holder/not-seated``);
    * 409: the id is taken (``credential/exists-with-different-content``), the key was used before
      (``credential/key-in-use``), or another office keeps this holder
      (``holder/of-another-org``);
    * 422: the attestation is not of these 24 hours (``attestation/from-the-future``,
      ``attestation/too-old``); the validity is over (``credential/validity-over``), longer than
      five years (``credential/valid-too-long``) or than the member's term
      (``credential/beyond-term``).
    """
    signed, attestation = request.read()
    rule.require_issuer(attestation, call.org, call.channel, world.community)
    found = await world.find(keys.provider(world.community, signed.kid), Provider)
    provider = rule.require_provider(found)
    jws.require_signature(signed, provider.public_key, noun="attestation")
    existing = await _find(world, attestation.credential_id)
    if existing is not None and existing.attestation_sha256 == signed.sha256:
        return existing
    term_until_at = await _require_place(world, attestation, call.now_ms)
    if existing is not None:
        raise Conflict("credential/exists-with-different-content")
    credential, replaced = rule.issue(
        attestation,
        jws=request.attestation,
        jws_sha256=signed.sha256,
        provider_id=provider.provider_id,
        org=call.org,
        newest=await _newest(world, attestation.holder_id),
        key_used=await world.find(_key_use(world, attestation.public_key), KeyUse) is not None,
        term_until_at=term_until_at,
        now_ms=call.now_ms,
        tx_id=call.tx_id,
    )
    _save_issued(world, credential, replaced)
    return credential


async def suspend_credential(world: World, call: Call, request: ChangeCredential) -> Credential:
    """Put a credential out of force; resuming ends that. Suspending twice changes nothing.

    Refused if another office issued it (403 ``credential/other-issuer``; the regulator may
    always), it does not exist (404 ``credential/not-found``), or it is over (409
    ``credential/already-revoked``, ``credential/already-replaced``).
    """
    existing = await _kept(world, call, request)
    credential = rule.suspend(existing, request.reason, call.now_ms)
    return _save_changed(world, existing, credential, "CredentialSuspended")


async def resume_credential(world: World, call: Call, request: ChangeCredential) -> Credential:
    """Put a suspended credential in force again; resuming twice changes nothing.

    Refused if another office issued it (403 ``credential/other-issuer``), it does not exist (404
    ``credential/not-found``), or it is over (409 ``credential/already-revoked``,
    ``credential/already-replaced``).
    """
    existing = await _kept(world, call, request)
    credential = rule.resume(existing, request.reason)
    return _save_changed(world, existing, credential, "CredentialResumed")


async def revoke_credential(world: World, call: Call, request: ChangeCredential) -> Credential:
    """Put a credential out of force for good. Revoking twice for one reason changes nothing.

    Refused if another office issued it (403 ``credential/other-issuer``), it does not exist (404
    ``credential/not-found``), or it is over (409 ``credential/already-revoked``,
    ``credential/already-replaced``).
    """
    existing = await _kept(world, call, request)
    credential = rule.revoke(existing, request.reason, call.now_ms)
    return _save_changed(world, existing, credential, "CredentialRevoked")


# --- Queries ---


async def credential(world: World, _call: Call, request: CredentialRequest) -> Credential:
    """One credential; 404 ``credential/not-found``."""
    key = keys.credential(world.community, request.credential_id)
    return await world.load(key, Credential, "credential/not-found")


async def holder_credentials(world: World, _call: Call, request: HolderRequest) -> Credentials:
    """Every credential ever issued to a holder, newest first; none if there is no such holder."""
    return await _credentials(world, (request.holder_id,))


async def unit_credentials(
    world: World, _call: Call, request: UnitCredentialsRequest
) -> Credentials:
    """Every credential ever issued to anyone who owns or owned the unit.

    So each owner sees a credential that somebody else had made in their name. 404
    ``unit/unknown``.
    """
    versions = await unit_versions(world, request.unit_id)
    owners = {owner for one in versions if one.unit for owner in owner_ids(one.unit)}
    return await _credentials(world, sorted(owners))


# --- Helpers ---


async def _find(world: World, credential_id: str) -> Credential | None:
    return await world.find(keys.credential(world.community, credential_id), Credential)


async def _newest(world: World, holder_id: str) -> Credential | None:
    pointer = await world.find(keys.holder_credential(world.community, holder_id), NewestCredential)
    return None if pointer is None else await _find(world, pointer.credential_id)


async def _kept(world: World, call: Call, request: ChangeCredential) -> Credential:
    return rule.require_keeper(await _find(world, request.credential_id), call.org)


async def _require_place(world: World, attestation: Attestation, now_ms: int) -> int | None:
    """Check that the holder has their role; gives the end of a member's term."""
    committee = await committee_now(world)
    seated = committee_rule.is_seated(committee, attestation.holder_id, now_ms)
    on_register = await is_on_register(world, attestation.holder_id)
    rule.require_place(attestation, on_register=on_register, seated=seated)
    return committee.until_at if rule.is_bound_to_term(attestation) and committee else None


async def _credentials(world: World, holders: Iterable[str]) -> Credentials:
    found = []
    for holder_id in holders:
        one = await _newest(world, holder_id)
        while one is not None:
            found.append(one)
            one = await _find(world, one.replaces) if one.replaces else None
    return Credentials(credentials=tuple(found))


def _key_use(world: World, public_key: str) -> str:
    return keys.public_key(world.community, hashlib.sha256(public_key.encode()).hexdigest())


def _save_issued(world: World, credential: Credential, replaced: Credential | None) -> None:
    newest = NewestCredential(credential_id=credential.credential_id)
    world.save(keys.credential(world.community, credential.credential_id), credential)
    world.save(keys.holder_credential(world.community, credential.holder_id), newest)
    use = KeyUse(credential_id=credential.credential_id)
    world.save(_key_use(world, credential.public_key), use)
    if replaced is not None:
        world.save(keys.credential(world.community, replaced.credential_id), replaced)
    world.emit(
        CredentialIssued(
            community=world.community,
            credential_id=credential.credential_id,
            holder_id=credential.holder_id,
            replaces=credential.replaces,
        )
    )


def _save_changed(world: World, before: Credential, after: Credential, event: str) -> Credential:
    if after is before:
        return after
    assert after.reason is not None
    world.save(keys.credential(world.community, after.credential_id), after)
    world.emit(
        CredentialChanged(
            community=world.community,
            credential_id=after.credential_id,
            holder_id=after.holder_id,
            reason=after.reason,
            event=event,
        )
    )
    return after


HANDLERS: Final[Mapping[str, Handler]] = {
    "issue_credential": Handler(request=IssueCredential, run=issue_credential),
    "suspend_credential": Handler(request=ChangeCredential, run=suspend_credential),
    "resume_credential": Handler(request=ChangeCredential, run=resume_credential),
    "revoke_credential": Handler(request=ChangeCredential, run=revoke_credential),
    "credential": Handler(request=CredentialRequest, run=credential),
    "holder_credentials": Handler(request=HolderRequest, run=holder_credentials),
    "unit_credentials": Handler(request=UnitCredentialsRequest, run=unit_credentials),
}
