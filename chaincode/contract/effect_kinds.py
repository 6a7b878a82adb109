"""Applying the effect of a carried motion: each kind by the function of its module."""

from collections.abc import Mapping
from typing import Final

from chaincode.contract import effects, fund_effects
from chaincode.contract.drafts import load_motion, save_motion
from chaincode.contract.effects import Apply
from chaincode.contract.handlers import Call, Handler
from chaincode.contract.motion_messages import MotionRequest
from chaincode.contract.result_messages import EffectApplied
from chaincode.errors import RuleForbids
from chaincode.model.effect import Effect
from chaincode.model.motion import Motion
from chaincode.rules import motion as rule
from chaincode.world import World

EFFECTS: Final[Mapping[type[Effect], Apply]] = {
    **effects.EFFECTS,
    **fund_effects.MOTION_EFFECTS,
}


async def apply_effect(world: World, call: Call, request: MotionRequest) -> Motion:
    """Bring about what a final, carried motion decided, once.

    Anyone's gateway calls it when due, and again without harm. Refused if there is no such motion
    (404 ``motion/unknown``); it is not final (409 ``motion/wrong-phase``); it is not carried (422
    ``motion/not-carried``) or brings nothing about (422 ``effect/none``); or as the effect's own
    function says (an adopted rule: 422 ``rule/not-in-force``; a committee: 409 ``effect/not-due``,
    422 ``committee/...``).
    """
    motion = await load_motion(world, request.motion_id)
    if motion.applied is not None:
        return motion
    applied = rule.applied(motion, now_ms=call.now_ms, tx_id=call.tx_id)
    effect = motion.content.effect
    if effect is None:
        raise RuleForbids("effect/none")
    await EFFECTS[type(effect)](world, call, motion)
    save_motion(world, applied)
    kind = str(type(effect).__struct_config__.tag)
    world.emit(EffectApplied(community=world.community, motion_id=motion.motion_id, kind=kind))
    return applied


HANDLERS: Final[Mapping[str, Handler]] = {
    "apply_effect": Handler(request=MotionRequest, run=apply_effect),
}
