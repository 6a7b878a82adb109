"""Written grants of proxy: given, taken back, asked for."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.ballot_messages import (
    GrantProxy,
    GrantRequest,
    ProxyGranted,
    ProxyRevoked,
    RevokeProxy,
)
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.model.ballot import ProxyGrant
from chaincode.model.roll import Unit
from chaincode.rules import proxy as rule
from chaincode.rules.roll import is_owner
from chaincode.world import World


async def grant_proxy(world: World, call: Call, actor: Actor, body: GrantProxy) -> None:
    """An owner lets another person vote for units (物业管理条例 Art. 12).

    Refused if a unit is named twice (400 ``proxy/unit-repeated``), it ends before it begins (400
    ``proxy/period-contradicts``) or is given to oneself (400 ``proxy/to-self``); a unit is not on
    the register (404 ``unit/unknown``) or another's (403 ``proxy/not-your-unit``); or the id is
    taken (409 ``proxy/exists``) or its time is over (409 ``proxy/over``).
    """
    key = keys.proxy_grant(world.community, body.grant_id)
    units = await _units(world, actor, body)
    new = ProxyGrant(
        grant_id=body.grant_id,
        grantor_id=actor.credential.holder_id,
        proxy_id=body.proxy_id,
        unit_ids=body.unit_ids,
        evidence_sha256=body.evidence_sha256,
        from_at=body.from_at,
        until_at=body.until_at,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
        motion_id=body.motion_id,
    )
    world.save(key, rule.grant(new, await world.find(key, ProxyGrant), units))
    world.emit(ProxyGranted(community=world.community, grant_id=body.grant_id))


async def _units(world: World, actor: Actor, body: GrantProxy) -> list[Unit | None]:
    """The grant's units up to the first that is not the grantor's: that one refuses it."""
    units: list[Unit | None] = []
    for unit_id in body.unit_ids:
        unit = await world.find(keys.unit(world.community, unit_id), Unit)
        units.append(unit)
        if unit is None or not is_owner(unit, actor.credential.holder_id):
            break
    return units


async def revoke_proxy(world: World, call: Call, actor: Actor, body: RevokeProxy) -> None:
    """Take a grant back at once; what was cast under it stands until the owner casts.

    Refused if there is no such grant (404 ``proxy/unknown``), it is another's (403
    ``proxy/not-yours``) or revoked (409 ``proxy/revoked``).
    """
    held = await load_grant(world, body.grant_id)
    revoked = rule.revoke(held, actor.credential.holder_id, call.now_ms)
    world.save(keys.proxy_grant(world.community, body.grant_id), revoked)
    world.emit(ProxyRevoked(community=world.community, grant_id=body.grant_id))


async def proxy_grant(world: World, _call: Call, request: GrantRequest) -> ProxyGrant:
    """One grant; 404 ``proxy/unknown``."""
    return await load_grant(world, request.grant_id)


async def load_grant(world: World, grant_id: str) -> ProxyGrant:
    """The grant; 404 ``proxy/unknown``."""
    key = keys.proxy_grant(world.community, grant_id)
    return await world.load(key, ProxyGrant, "proxy/unknown")


HANDLERS: Final[Mapping[str, Handler]] = {
    "grant_proxy": Handler(request=GrantProxy, run=grant_proxy),
    "revoke_proxy": Handler(request=RevokeProxy, run=revoke_proxy),
    "proxy_grant": Handler(request=GrantRequest, run=proxy_grant),
}
