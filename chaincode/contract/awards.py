"""What an award orders, each kind carried out by the module it belongs to."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from chaincode import keys
from chaincode.contract import budgets, settlements
from chaincode.contract.drafts import load_motion, save_motion
from chaincode.contract.freezes import load_freeze, save_lifted
from chaincode.contract.handlers import Call
from chaincode.contract.motion_messages import MotionVoided
from chaincode.contract.payments import direct_payment
from chaincode.errors import Conflict
from chaincode.model.base import Org
from chaincode.model.budget import Budget, BudgetSource
from chaincode.model.dispute import (
    Award,
    AwardOrder,
    CancelBudgetOrder,
    DirectPaymentOrder,
    Dispute,
    LiftFreezeOrder,
    ReleasePaymentOrder,
    VoidMotionOrder,
)
from chaincode.model.effect import UseFund
from chaincode.model.freeze import Freezer, LiftOrder, LiftReason
from chaincode.model.motion import Voided
from chaincode.model.payment import PaymentPhase
from chaincode.rules import budget as budget_rule
from chaincode.rules import freeze as freeze_rule
from chaincode.rules import motion as motion_rule
from chaincode.rules import payment as payment_rule
from chaincode.world import World

CarryOut = Callable[[World, Call, str, Award, Any], Awaitable[None]]
"""Does what one order of the award of a dispute says, or refuses."""


async def carry_out(world: World, call: Call, decided: Dispute, order: AwardOrder) -> None:
    """Do what one order says; the award is refused whole if one cannot be done."""
    assert decided.award is not None, decided.dispute_id
    await CARRY_OUT[type(order)](world, call, decided.dispute_id, decided.award, order)


async def lift_freeze(
    world: World, call: Call, _dispute_id: str, award: Award, order: LiftFreezeOrder
) -> None:
    """Lift a freeze. Refused: 403 ``freeze/not-yours-to-lift`` where the regulator decides on a
    freeze of an arbitration body, 404 ``freeze/unknown``, 409 ``freeze/not-in-force``."""
    freeze = await load_freeze(world, order.freeze_id)
    by = Freezer.ARBITRATION if award.org is Org.ARBITRATION else Freezer.REGULATOR
    lift = LiftOrder(reason=LiftReason.AWARD, evidence_sha256=award.award_sha256)
    save_lifted(world, freeze_rule.lift(freeze, by, lift, now_ms=call.now_ms, tx_id=call.tx_id))


async def release_payment(
    world: World, call: Call, _dispute_id: str, _award: Award, order: ReleasePaymentOrder
) -> None:
    """End a payment that the bank was not told of. Refused: 404 ``payment/unknown``, 409
    ``payment/wrong-phase``."""
    payment = await settlements.load_payment(world, order.payment_id)
    payment_rule.require_phase(payment, PaymentPhase.REQUESTED, PaymentPhase.HELD)
    await settlements.release(world, call, payment)
    settlements.save_payment(world, payment_rule.decline(payment, call.now_ms))


async def cancel_budget(
    world: World, call: Call, _dispute_id: str, _award: Award, order: CancelBudgetOrder
) -> None:
    """Close a budget. Refused: 404 ``budget/unknown``, 409 ``budget/closed``."""
    budget = await budgets.load_budget(world, order.budget_id)
    if budget.closed_at is not None:
        raise Conflict("budget/closed")
    await budgets.end_budget(world, call, budget)


async def direct(
    world: World, call: Call, dispute_id: str, _award: Award, order: DirectPaymentOrder
) -> None:
    """Hold a payment, out of a budget that the award opens if it says so."""
    if order.use is not None:
        await _open_budget(world, call, dispute_id, order.payment.budget_id, order.use)
    await direct_payment(world, call, order.payment, dispute_id)


async def _open_budget(
    world: World, call: Call, dispute_id: str, budget_id: str | None, use: UseFund
) -> None:
    """Open a budget by the award; a company's own pay has none (409 ``budget/exists``)."""
    if budget_id is None or await world.find(keys.budget(world.community, budget_id), Budget):
        raise Conflict("budget/exists")
    budget = budget_rule.open_budget(
        budget_id,
        use,
        source=BudgetSource.AWARD,
        source_id=dispute_id,
        now_ms=call.now_ms,
        tx_id=call.tx_id,
    )
    await budgets.fund_budget(world, call, budget, use)


async def void_motion(
    world: World, call: Call, dispute_id: str, award: Award, order: VoidMotionOrder
) -> None:
    """Void a motion, a final one as well; what it brought about is ended by orders of its own.

    Refused: 404 ``motion/unknown``, 409 ``motion/wrong-phase`` if it is void.
    """
    motion = await load_motion(world, order.motion_id)
    voided = Voided(
        org=award.org,
        reason=order.reason,
        evidence_sha256=award.award_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
        dispute_id=dispute_id,
    )
    save_motion(world, motion_rule.void(motion, voided))
    world.emit(MotionVoided(community=world.community, motion_id=motion.motion_id))


CARRY_OUT: Final[Mapping[type[AwardOrder], CarryOut]] = {
    LiftFreezeOrder: lift_freeze,
    ReleasePaymentOrder: release_payment,
    CancelBudgetOrder: cancel_budget,
    DirectPaymentOrder: direct,
    VoidMotionOrder: void_motion,
}
