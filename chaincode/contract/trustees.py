"""The trustees of sealed ballots: their public keys before, their private keys after."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.ballot_messages import KeyReleased, ReleaseTrusteeKey
from chaincode.contract.drafts import load_motion
from chaincode.contract.handlers import Call, Handler
from chaincode.contract.motion_messages import RegisterTrusteeKey, TrusteeKeyRegistered
from chaincode.contract.opening import public_key_of, require_point
from chaincode.errors import RuleForbids
from chaincode.model.ballot import KeyRelease
from chaincode.model.motion import Motion, Phase, TrusteeKey
from chaincode.rules.motion import published, require_phase
from chaincode.rules.sealing import trustee_key
from chaincode.world import World


async def register_trustee_key(world: World, call: Call, request: RegisterTrusteeKey) -> TrusteeKey:
    """Give the organisation's public key for the sealed ballots of one motion, before its notice.

    Another key replaces it until then. Refused if the key is no point on P-256 (400
    ``trustee/bad-key``), there is no such motion (404 ``motion/unknown``), or it is no draft (409
    ``motion/wrong-phase``).
    """
    require_point(request.public_key)
    motion = await load_motion(world, request.motion_id)
    require_phase(motion, call.now_ms, Phase.DRAFT)
    key = TrusteeKey(org=call.org, public_key=request.public_key)
    world.save(keys.trustee(world.community, motion.motion_id, call.org), key)
    world.emit(
        TrusteeKeyRegistered(
            community=world.community, motion_id=motion.motion_id, org=call.org.value
        )
    )
    return key


async def release_trustee_key(world: World, call: Call, request: ReleaseTrusteeKey) -> KeyRelease:
    """Give the private key, so that the sealed ballots open; after the close and never before.

    The same key again gets the same record. Refused if there is no such motion (404
    ``motion/unknown``); it is not closed, or counted (409 ``motion/wrong-phase``); its ballots are
    not sealed (422 ``motion/not-sealed``), the organisation is no trustee (422
    ``motion/not-a-trustee``), or the key is not the one of its public key (422
    ``trustee/other-key``).
    """
    motion = await load_motion(world, request.motion_id)
    state_key = keys.key_release(world.community, motion.motion_id, call.org)
    existing = await world.find(state_key, KeyRelease)
    if existing is not None and existing.private_key == request.private_key:
        return existing
    require_phase(motion, call.now_ms, Phase.CLOSED)
    registered = trustee_key(motion, call.org)
    if public_key_of(request.private_key) != registered.public_key:
        raise RuleForbids("trustee/other-key")
    release = KeyRelease(
        motion_id=motion.motion_id,
        private_key=request.private_key,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    world.save(state_key, release)
    world.emit(
        KeyReleased(community=world.community, motion_id=motion.motion_id, org=call.org.value)
    )
    return release


# --- For other modules ---


async def registered_trustees(world: World, motion_id: str) -> list[TrusteeKey]:
    """The public keys given for a motion."""
    found = await world.scan(keys.trustees(world.community, motion_id), TrusteeKey)
    return [key for _, key in found]


async def releases(world: World, motion: Motion) -> tuple[KeyRelease | None, ...]:
    """The private keys given, in the trustees' order; None for one that is missing."""
    found: list[KeyRelease | None] = []
    for trustee in published(motion).trustees:
        key = keys.key_release(world.community, motion.motion_id, trustee.org)
        found.append(await world.find(key, KeyRelease))
    return tuple(found)


HANDLERS: Final[Mapping[str, Handler]] = {
    "register_trustee_key": Handler(request=RegisterTrusteeKey, run=register_trustee_key),
    "release_trustee_key": Handler(request=ReleaseTrusteeKey, run=release_trustee_key),
}
