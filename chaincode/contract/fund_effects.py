"""What owners' decisions bring about in the funds: by a carried motion, or by a resolution made
elsewhere where a community uses funds without voting."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from chaincode import keys
from chaincode.contract import books, budgets, effects, successions
from chaincode.contract.budget_messages import (
    BudgetRatified,
    LimitDelegated,
    RecordResolution,
    ResolutionRecorded,
)
from chaincode.contract.committees import seat_elected
from chaincode.contract.communities import require_community
from chaincode.contract.decided import Decided
from chaincode.contract.effects import Apply
from chaincode.contract.fund_messages import RateAdopted
from chaincode.contract.handlers import Call, Handler
from chaincode.errors import Conflict, RuleForbids
from chaincode.model.base import Module, changed
from chaincode.model.budget import BudgetSource, Delegation, Resolution
from chaincode.model.effect import (
    AdoptSalaryRate,
    DelegateLimit,
    Effect,
    RatifyBudget,
    SeatCommittee,
    UseFund,
)
from chaincode.model.motion import Motion
from chaincode.model.procedure import Scope
from chaincode.model.roll import RollEntry
from chaincode.rules import budget as budget_rule
from chaincode.rules import fund as fund_rule
from chaincode.rules.motion_draft import in_scope
from chaincode.rules.succession import require_due
from chaincode.world import World

FundApply = Callable[[World, Call, Any, Decided], Awaitable[None]]
"""Writes what owners decided, or refuses; nothing is written of a refused one."""

# --- Effects ---


async def use_fund(world: World, call: Call, use: UseFund, decided: Decided) -> None:
    """Open the budget that owners decided (使用资金); its id is the motion's or resolution's.

    Refused if there is no such fund (404 ``fund/unknown``), a unit has no account (404
    ``fund/unit-without-account``), the id is taken (409 ``budget/exists``), the day is over (422
    ``budget/over``), or the fund does not cover it (422 ``budget/fund-too-small`` with the gap).
    """
    units = use.unit_ids or decided.units
    await budgets.open_decided_budget(
        world, call, decided.decision_id, changed(use, unit_ids=units), decided.source
    )


async def delegate_limit(world: World, call: Call, limit: DelegateLimit, decided: Decided) -> None:
    """Let the committee decide within a limit; an earlier delegation for the fund ends with it.

    What was used of the earlier one stays used: the new one has a total of its own. Refused if it
    ends before it begins (400 ``delegation/dates``) or there is no such fund (404
    ``fund/unknown``).
    """
    new = budget_rule.delegate(limit, decided.decision_id)
    await books.load_fund(world, limit.fund_id)
    starts_at = max(limit.from_at, call.now_ms)
    prefix = keys.delegations(world.community, limit.fund_id)
    for key, earlier in await world.scan(prefix, Delegation):
        if earlier.ended_at is None or earlier.ended_at > starts_at:
            world.save(key, changed(earlier, ended_at=starts_at))
    world.save(keys.delegation(world.community, new.fund_id, new.delegation_id), new)
    world.emit(
        LimitDelegated(
            community=world.community, fund_id=new.fund_id, delegation_id=new.delegation_id
        )
    )


async def adopt_salary_rate(
    world: World, _call: Call, rate: AdoptSalaryRate, decided: Decided
) -> None:
    """Adopt the company's pay rate under the salary system (酬金制).

    Refused if it ends before it begins (400 ``fund/rate-dates``), there is no such fund (404
    ``fund/unknown``), or the fund's money is the owners' alone (422 ``fund/rate-not-for-kind``).
    """
    fund = await books.load_fund(world, rate.fund_id)
    after = fund_rule.adopt_rate(fund, rate, decided.decision_id)
    world.save(keys.fund(world.community, after.fund_id), after)
    world.emit(
        RateAdopted(
            community=world.community,
            fund_id=after.fund_id,
            basis_points=rate.basis_points,
            decided_by=decided.decision_id,
        )
    )


async def ratify_budget(world: World, _call: Call, effect: RatifyBudget, decided: Decided) -> None:
    """Owners agree to an emergency budget, in time or late.

    Refused if there is no such budget (404 ``budget/unknown``), or it needs no consent or has it
    (409 ``budget/not-awaiting-ratification``).
    """
    budget = await budgets.load_budget(world, effect.budget_id)
    ratified = budget_rule.ratify(budget, decided.decision_id)
    budgets.save_budget(world, ratified)
    world.delete(keys.awaits_ratification(world.community, budget.fund_id, budget.budget_id))
    world.emit(
        BudgetRatified(
            community=world.community,
            budget_id=budget.budget_id,
            decided_by=decided.decision_id,
        )
    )


FUND_EFFECTS: Final[Mapping[type[Effect], FundApply]] = {
    UseFund: use_fund,
    DelegateLimit: delegate_limit,
    AdoptSalaryRate: adopt_salary_rate,
    RatifyBudget: ratify_budget,
    **successions.EFFECTS,
}

# --- By a motion ---


async def by_motion(world: World, call: Call, motion: Motion) -> None:
    """Bring about the fund effect of a carried motion.

    Refused as the effect's own function says. That the community uses funds was asked when the
    motion was drafted, and its modules never change.
    """
    effect = motion.content.effect
    assert effect is not None, motion.motion_id
    decided = Decided(
        decision_id=motion.motion_id,
        source=BudgetSource.MOTION,
        units=await _units_asked(world, motion),
    )
    await FUND_EFFECTS[type(effect)](world, call, effect, decided)


async def _units_asked(world: World, motion: Motion) -> tuple[str, ...]:
    """The units the motion was put to; empty for the whole community."""
    if motion.content.scope.kind is Scope.COMMUNITY:
        return ()
    assert motion.roll is not None, motion.motion_id
    prefix = keys.roll_entries(world.community, motion.roll.roll_id)
    roll = await world.scan(prefix, RollEntry)
    return tuple(entry.unit_id for _, entry in roll if in_scope(motion.content.scope, entry))


async def seat_committee(world: World, call: Call, motion: Motion) -> None:
    """Seat the elected; in a community with funds, what was open is approved anew.

    Refused as `chaincode.contract.effects.seat_committee` says.
    """
    await effects.seat_committee(world, call, motion)
    await successions.hand_over_committee(world, call, motion.motion_id)


MOTION_EFFECTS: Final[Mapping[type[Effect], Apply]] = {
    **dict.fromkeys(FUND_EFFECTS, by_motion),
    SeatCommittee: seat_committee,
}

# --- By a resolution ---


async def seat_resolved(world: World, call: Call, effect: SeatCommittee, decided: Decided) -> None:
    """Seat the committee that the resolution names; what was open is approved anew.

    Refused if a person is named twice (400 ``committee/member-twice``), the term has not begun
    (409 ``effect/not-due``) or the committee cannot be seated (422 ``committee/...``).
    """
    assert decided.elected is not None, decided.decision_id
    require_due(effect.term_from_at, call.now_ms)
    await seat_elected(
        world,
        call,
        motion_id=decided.decision_id,
        members=decided.elected.members,
        alternates=decided.elected.alternates,
        seat_count=decided.elected.seat_count,
        until_at=effect.term_until_at,
    )
    await successions.hand_over_committee(world, call, decided.decision_id)


RESOLUTION_EFFECTS: Final[Mapping[type[Effect], FundApply]] = {
    **FUND_EFFECTS,
    SeatCommittee: seat_resolved,
}


async def record_resolution(world: World, call: Call, request: RecordResolution) -> Resolution:
    """Record a signed resolution made elsewhere and bring it about, where there is no voting.

    The same request again gets the same record. Refused if the use contradicts itself (400
    ``budget/payee-contradicts``, ``budget/unit-twice``) or members are named for anything but a
    committee (400 ``resolution/elected-contradicts``); the community votes on the ledger (409
    ``resolution/votes-here``) or the id is another's (409 ``resolution/exists``); it is no
    matter of funds (422 ``effect/module-not-used``); or as the effect's own function says.
    """
    key = keys.resolution(world.community, request.resolution_id)
    resolution = Resolution(
        resolution_id=request.resolution_id,
        resolution_sha256=request.resolution_sha256,
        effect=request.effect,
        elected=request.elected,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    existing = await world.find(key, Resolution)
    if existing is not None:
        if changed(resolution, at=existing.at, tx_id=existing.tx_id) != existing:
            raise Conflict("resolution/exists")
        return existing
    if Module.VOTING in (await require_community(world)).modules:
        raise Conflict("resolution/votes-here")
    apply = RESOLUTION_EFFECTS.get(type(request.effect))
    if apply is None:
        raise RuleForbids("effect/module-not-used")
    decided = Decided(
        decision_id=request.resolution_id,
        source=BudgetSource.RESOLUTION,
        elected=request.elected,
    )
    await apply(world, call, request.effect, decided)
    world.save(key, resolution)
    world.emit(
        ResolutionRecorded(
            community=world.community,
            resolution_id=resolution.resolution_id,
            resolution_sha256=resolution.resolution_sha256,
            kind=str(type(request.effect).__struct_config__.tag),
        )
    )
    return resolution


HANDLERS: Final[Mapping[str, Handler]] = {
    "record_resolution": Handler(request=RecordResolution, run=record_resolution),
}
