"""What a carried motion brings about: applied once, by a transaction of its own.

Making a result final never waits for its effect, and an effect that cannot be applied yet is
applied later. The funds module adds its own kinds in `chaincode.contract.effect_kinds`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from chaincode import keys
from chaincode.contract.committees import seat_elected
from chaincode.contract.handlers import Call
from chaincode.contract.rulebook import put_matter_rule, require_in_force
from chaincode.errors import Conflict
from chaincode.model.effect import AdoptRule, Effect, SeatCommittee
from chaincode.model.motion import Motion
from chaincode.model.result import Result
from chaincode.model.tally import SeatStatus
from chaincode.rules.motion import published
from chaincode.world import World

E = TypeVar("E")

Apply = Callable[[World, Call, Motion], Awaitable[None]]
"""Writes what a carried motion brings about, or refuses; nothing is written of a refused one."""


def effect_of(motion: Motion, kind: type[E]) -> E:
    """The motion's effect as the kind under which its function was registered."""
    assert isinstance(motion.content.effect, kind), motion.motion_id
    return motion.content.effect


async def adopt_rule(world: World, call: Call, motion: Motion) -> None:
    """The owners' own rule takes the place of the one before; running votes keep theirs.

    Refused if it is not in force yet or any more (422 ``rule/not-in-force``).
    """
    rule = effect_of(motion, AdoptRule).rule
    require_in_force(rule, call.now_ms)
    put_matter_rule(world, call, rule, motion_id=motion.motion_id)


async def seat_committee(world: World, call: Call, motion: Motion) -> None:
    """The elected take their seats, the old committee's powers end in the same block.

    Refused before the term begins (409 ``effect/not-due``) or if the committee cannot be seated
    (422 ``committee/...``).
    """
    effect = effect_of(motion, SeatCommittee)
    if call.now_ms < effect.term_from_at:
        raise Conflict("effect/not-due", due_at=effect.term_from_at)
    result = await world.load(
        keys.result(world.community, motion.motion_id), Result, "result/unknown"
    )
    form = published(motion).rule.ballot.multi_seat
    seats = result.decision.seats
    await seat_elected(
        world,
        call,
        motion_id=motion.motion_id,
        members=[seat.candidate for seat in seats if seat.status is SeatStatus.ELECTED],
        alternates=[seat.candidate for seat in seats if seat.status is SeatStatus.ALTERNATE],
        seat_count=form.seats if form else 0,
        until_at=effect.term_until_at,
    )


EFFECTS: Final[Mapping[type[Effect], Apply]] = {
    AdoptRule: adopt_rule,
    SeatCommittee: seat_committee,
}
