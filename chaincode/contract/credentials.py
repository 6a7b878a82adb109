"""Credentials: suspended, resumed and revoked; by id, by holder and by unit."""

from collections.abc import Iterable, Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.units import unit_versions
from chaincode.model.base import Id, Record
from chaincode.model.credential import (
    Credential,
    CredentialReason,
    NewestCredential,
)
from chaincode.rules import credential as rule
from chaincode.rules.roll import owner_ids
from chaincode.world import World

# --- Requests, answers, events ---


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


class CredentialChanged(Record):
    """Event: a credential was suspended, resumed or revoked, as ``event`` says."""

    community: str
    credential_id: str
    holder_id: str
    reason: CredentialReason
    event: str


# --- Transactions ---


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


async def find_credential(world: World, credential_id: str) -> Credential | None:
    """A credential by its id, or None."""
    return await world.find(keys.credential(world.community, credential_id), Credential)


async def newest_credential(world: World, holder_id: str) -> Credential | None:
    """A holder's newest credential, or None; the others follow from `replaces`."""
    pointer = await world.find(keys.holder_credential(world.community, holder_id), NewestCredential)
    return None if pointer is None else await find_credential(world, pointer.credential_id)


async def _kept(world: World, call: Call, request: ChangeCredential) -> Credential:
    return rule.require_keeper(await find_credential(world, request.credential_id), call.org)


async def _credentials(world: World, holders: Iterable[str]) -> Credentials:
    found = []
    for holder_id in holders:
        one = await newest_credential(world, holder_id)
        while one is not None:
            found.append(one)
            one = await find_credential(world, one.replaces) if one.replaces else None
    return Credentials(credentials=tuple(found))


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
    "suspend_credential": Handler(request=ChangeCredential, run=suspend_credential),
    "resume_credential": Handler(request=ChangeCredential, run=resume_credential),
    "revoke_credential": Handler(request=ChangeCredential, run=revoke_credential),
    "credential": Handler(request=CredentialRequest, run=credential),
    "holder_credentials": Handler(request=HolderRequest, run=holder_credentials),
    "unit_credentials": Handler(request=UnitCredentialsRequest, run=unit_credentials),
}
