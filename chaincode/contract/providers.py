"""Identity providers: named by the regulator, confirmed by a second office."""

from collections.abc import Mapping
from typing import Final

from chaincode import jws, keys
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.model.base import Id, Org, Record, Sha256
from chaincode.model.community import Provider
from chaincode.rules import credential as rule
from chaincode.world import World


class RegisterProvider(Request):
    """Name an identity provider and its key; the evidence is the hash of its accreditation."""

    provider_id: Id
    public_key: str
    evidence_sha256: Sha256

    def __post_init__(self) -> None:
        jws.load_public_key(self.public_key, noun="provider")


class ConfirmProvider(Request):
    """Consent to a provider with this key."""

    provider_id: Id
    public_key: str


class ProviderRequest(Request):
    """Name one provider."""

    provider_id: Id


class ProviderRegistered(Record):
    """Event: an identity provider was named."""

    community: str
    provider_id: str
    event: str = "ProviderRegistered"


class ProviderConfirmed(Record):
    """Event: a second office confirmed a provider, which may attest from now on."""

    community: str
    provider_id: str
    by: Org
    event: str = "ProviderConfirmed"


class ProviderEnded(Record):
    """Event: a provider attests no more."""

    community: str
    provider_id: str
    event: str = "ProviderEnded"


async def register_provider(world: World, call: Call, request: RegisterProvider) -> Provider:
    """Name an identity provider; it attests once another office has confirmed it.

    The same request again gets the same record. Refused if the key is no P-256 point (400
    ``provider/bad-key``), or the provider is named with another key or evidence (409
    ``provider/exists-with-different-content``).
    """
    key = keys.provider(world.community, request.provider_id)
    existing = await world.find(key, Provider)
    provider = rule.register_provider(
        existing,
        provider_id=request.provider_id,
        public_key=request.public_key,
        evidence_sha256=request.evidence_sha256,
        now_ms=call.now_ms,
    )
    if provider is not existing:
        world.save(key, provider)
        event = ProviderRegistered(community=world.community, provider_id=provider.provider_id)
        world.emit(event)
    return provider


async def confirm_provider(world: World, call: Call, request: ConfirmProvider) -> Provider:
    """A second office consents to the provider.

    Confirming twice changes nothing. Refused if it is not named (404 ``provider/not-found``), has
    another key (409 ``provider/other-key``), or has ended (409 ``provider/ended``).
    """
    existing = await _provider(world, request.provider_id)
    provider = rule.confirm_provider(existing, call.org, request.public_key, call.now_ms)
    if provider is not existing:
        world.save(keys.provider(world.community, provider.provider_id), provider)
        event = ProviderConfirmed(
            community=world.community, provider_id=provider.provider_id, by=call.org
        )
        world.emit(event)
    return provider


async def end_provider(world: World, call: Call, request: ProviderRequest) -> Provider:
    """End a provider; the credentials it attested stay, and it never attests again.

    Ending twice changes nothing. Refused if it is not named (404 ``provider/not-found``).
    """
    existing = await _provider(world, request.provider_id)
    provider = rule.end_provider(existing, call.now_ms)
    if provider is not existing:
        world.save(keys.provider(world.community, provider.provider_id), provider)
        world.emit(ProviderEnded(community=world.community, provider_id=provider.provider_id))
    return provider


async def provider(world: World, _call: Call, request: ProviderRequest) -> Provider:
    """One identity provider; 404 ``provider/not-found``."""
    return await _provider(world, request.provider_id)


async def _provider(world: World, provider_id: str) -> Provider:
    key = keys.provider(world.community, provider_id)
    return await world.load(key, Provider, "provider/not-found")


HANDLERS: Final[Mapping[str, Handler]] = {
    "register_provider": Handler(request=RegisterProvider, run=register_provider),
    "confirm_provider": Handler(request=ConfirmProvider, run=confirm_provider),
    "end_provider": Handler(request=ProviderRequest, run=end_provider),
    "provider": Handler(request=ProviderRequest, run=provider),
}
