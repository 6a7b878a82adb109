"""Credentials issued with two independent signatures, one by one or many at once."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import codec, jws, keys
from chaincode.contract.answering import answer_each
from chaincode.contract.committees import committee_now
from chaincode.contract.credentials import find_credential, newest_credential
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.units import is_on_register
from chaincode.errors import BadInput, Conflict, Refusal
from chaincode.model.act import Answers
from chaincode.model.base import Record
from chaincode.model.community import Provider
from chaincode.model.credential import (
    ATTESTATION_BYTES_MAX,
    ATTESTATION_TYP,
    Attestation,
    Attestations,
    Credential,
    KeyUse,
    NewestCredential,
)
from chaincode.rules import committee as committee_rule
from chaincode.rules import credential as rule
from chaincode.world import World

# --- Requests, events ---


class IssueCredential(Request):
    """Record the credential that a provider attests; the JWS says all of it."""

    attestation: str

    def __post_init__(self) -> None:
        _read(self.attestation)


class IssueCredentials(Request):
    """Record up to 100 credentials, in this order."""

    attestations: Attestations


class Attested(Record):
    """An attestation taken apart, its signature not yet checked."""

    compact: str
    jws: jws.Jws
    says: Attestation

    @property
    def sha256(self) -> str:
        """Hash of the signing input: the attestation's identity."""
        return self.jws.sha256


class CredentialIssued(Record):
    """Event: a credential is recorded; the one it replaces is out of force."""

    community: str
    credential_id: str
    holder_id: str
    replaces: str | None
    event: str = "CredentialIssued"


# --- Transactions ---


async def issue_credential(world: World, call: Call, request: IssueCredential) -> Credential:
    """Record a credential; the holder's earlier one is replaced at once.

    A change of device or messaging account needs a new credential, for no call changes one. The
    same attestation again gets the same record, whatever has become of it and of its provider.
    Refused if

    * 400: the attestation cannot be read (``attestation/oversize``, ``/malformed``,
      ``/algorithm``, ``/type``, ``input/malformed``, ``input/duplicate-field``); the key is no
      P-256 point (``credential/bad-key``); the validity ends before it begins
      (``credential/bad-dates``);
    * 403: another office issues this role (``credential/other-issuer``); the attestation was made
      for elsewhere (``attestation/other-channel``, ``attestation/other-community``); the provider
      is not known (``provider/unknown``), did not sign (``attestation/forged``) or may not attest
      (``provider/not-confirmed``, ``provider/not-active``);
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
    return await _issue(world, call, _read(request.attestation))


async def issue_credentials(world: World, call: Call, request: IssueCredentials) -> Answers:
    """Record up to 100 credentials in order, each exactly as ``issue_credential`` would.

    Each attestation has its own answer, whose ``tx_id`` is the transaction that first recorded the
    credential; a refused one leaves its neighbours alone, and a later one sees what an earlier one
    wrote. A single attestation's refusal is the transaction's. When each of several is refused the
    answers come back all the same, and nothing is written.

    The whole is refused (400 ``input/malformed``) if it holds no attestation or more than 100; one
    attestation is refused as ``issue_credential`` says.
    """
    items = [_read_or_refusal(compact) for compact in request.attestations]
    await _prefetch(world, [item for item in items if isinstance(item, Attested)])

    async def issue(item: Attested) -> str:
        return (await _issue(world, call, item)).issued_tx

    return await answer_each(world, items, issue)


# --- Helpers ---


def _read(compact: str) -> Attested:
    """The attestation taken apart (BadInput), its signature not yet checked."""
    if not compact.isascii():
        raise BadInput("attestation/malformed")
    signed = jws.read(
        compact.encode(), typ=ATTESTATION_TYP, noun="attestation", bytes_max=ATTESTATION_BYTES_MAX
    )
    attestation = codec.decode_unambiguous(signed.payload, Attestation)
    jws.load_public_key(attestation.public_key, noun="credential")
    rule.require_attestable(attestation)
    return Attested(compact=compact, jws=signed, says=attestation)


def _read_or_refusal(compact: str) -> Attested | Refusal:
    try:
        return _read(compact)
    except Refusal as refusal:
        return refusal


async def _prefetch(world: World, items: Sequence[Attested]) -> None:
    """Two round trips for a whole batch: who attests whom, then what is replaced."""
    holders = [keys.holder_credential(world.community, item.says.holder_id) for item in items]
    wanted = [keys.committee(world.community), *holders]
    for item in items:
        wanted += (
            keys.provider(world.community, item.jws.kid),
            keys.credential(world.community, item.says.credential_id),
            _key_use(world, item.says.public_key),
        )
    await world.prefetch(wanted)
    newest = [await world.find(key, NewestCredential) for key in holders]
    await world.prefetch(
        [keys.credential(world.community, one.credential_id) for one in newest if one is not None]
    )


async def _issue(world: World, call: Call, attested: Attested) -> Credential:
    """Verify and record one attestation; one that was recorded before gets its record."""
    attestation = attested.says
    rule.require_issuer(attestation, call.org, call.channel, world.community)
    found = await world.find(keys.provider(world.community, attested.jws.kid), Provider)
    provider = rule.require_provider(found)
    jws.require_signature(attested.jws, provider.public_key, noun="attestation")
    existing = await find_credential(world, attestation.credential_id)
    if existing is not None and existing.attestation_sha256 == attested.sha256:
        return existing
    rule.require_attesting(provider)
    term_until_at = await _require_place(world, attestation, call.now_ms)
    if existing is not None:
        raise Conflict("credential/exists-with-different-content")
    credential, replaced = rule.issue(
        attestation,
        jws=attested.compact,
        jws_sha256=attested.sha256,
        provider_id=provider.provider_id,
        org=call.org,
        newest=await newest_credential(world, attestation.holder_id),
        key_used=await world.find(_key_use(world, attestation.public_key), KeyUse) is not None,
        term_until_at=term_until_at,
        now_ms=call.now_ms,
        tx_id=call.tx_id,
    )
    _save_issued(world, credential, replaced)
    return credential


async def _require_place(world: World, attestation: Attestation, now_ms: int) -> int | None:
    """Check that the holder has their role; gives the end of a member's term."""
    committee = await committee_now(world)
    seated = committee_rule.is_seated(committee, attestation.holder_id, now_ms)
    on_register = await is_on_register(world, attestation.holder_id)
    rule.require_place(attestation, on_register=on_register, seated=seated)
    return committee.until_at if rule.is_bound_to_term(attestation) and committee else None


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


HANDLERS: Final[Mapping[str, Handler]] = {
    "issue_credential": Handler(request=IssueCredential, run=issue_credential),
    "issue_credentials": Handler(request=IssueCredentials, run=issue_credentials),
}
