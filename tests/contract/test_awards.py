"""What an award orders is done at once, all of it or nothing."""

from typing import Any

import pytest

from chaincode import keys
from chaincode.contract.awards import CARRY_OUT
from chaincode.model.base import Org
from chaincode.model.dispute import (
    AwardOrder,
    CancelBudgetOrder,
    Claim,
    DirectPaymentOrder,
    LiftFreezeOrder,
    Matter,
    Party,
    ReleasePaymentOrder,
    VoidMotionOrder,
)
from chaincode.model.payment import PaymentPhase
from chaincode.rules.payment import phase
from tests.support.community import Commons
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import COMMUNITY, FEE, MAINTENANCE, MEMBERS, Treasury, sha, treasury
from tests.support.offices import events, freeze_order, refused, settled_town, succeed
from tests.support.town import HASH, refusal


def disputed(town: Treasury) -> None:
    claim = Claim(
        matter=Matter.FUND,
        subject_id=MAINTENANCE,
        claim_sha256=sha("claim"),
        respondents=(Party(org=Org.PROPERTY),),
    )
    town.run("open_dispute", "owner", dispute_id="d", claim=claim)


def award(*orders: AwardOrder) -> dict[str, Any]:
    return {"dispute_id": "d", "award_sha256": sha("award"), "orders": orders}


def awarded(town: Treasury, *orders: AwardOrder, by: Org = Org.REGULATOR) -> Any:
    answer = town.run("record_award", by, **award(*orders))
    check(Snapshot().read(town))
    return answer


def test_every_order_has_its_function() -> None:
    assert set(CARRY_OUT) == set(AwardOrder.__args__)


@pytest.mark.parametrize("by", [Org.REGULATOR, Org.ARBITRATION])
def test_an_award_lifts_a_freeze_and_the_money_moves_again(by: Org) -> None:
    town = treasury()
    disputed(town)
    held = town.held_payment(town.open_budget(5_000), 1_000)
    order = freeze_order(town, "payment", held)
    town.run("set_freeze", Org.REGULATOR, freeze_id="z", order=order)
    awarded(town, LiftFreezeOrder(freeze_id="z"), by=by)
    freeze = town.ask("freeze", freeze_id="z").freeze
    assert (freeze.lifted_by, freeze.lift.reason, freeze.lift.evidence_sha256) == (
        by,
        "award",
        sha("award"),
    )
    town.order(held)


def test_an_award_releases_what_was_not_ordered() -> None:
    town = treasury()
    disputed(town)
    budget_id = town.open_budget(5_000)
    requested, held = town.ask_payment(budget_id, 1_000), town.held_payment(budget_id, 2_000)
    orders = tuple(ReleasePaymentOrder(payment_id=one) for one in (requested, held))
    decided = awarded(town, *orders)
    assert decided.award.orders == orders
    assert {phase(town.payment(one)) for one in (requested, held)} == {PaymentPhase.DECLINED}
    assert (town.book().held, town.book().budgeted) == (0, 5_000)


def test_an_award_cancels_a_budget_and_what_it_holds() -> None:
    town = treasury()
    disputed(town)
    budget_id = town.open_budget(5_000)
    held, sent = town.held_payment(budget_id, 1_000), town.ordered_payment(budget_id, 500)
    awarded(town, ReleasePaymentOrder(payment_id=held), CancelBudgetOrder(budget_id=budget_id))
    assert town.budget(budget_id).closed_fen == 4_500
    town.report(sent, "settled", amount_fen=500)
    assert (town.book().held, town.book().budgeted) == (0, 0)
    check(Snapshot().read(town))


def test_an_award_holds_a_requested_payment_in_the_committees_place() -> None:
    town = treasury()
    disputed(town)
    requested = town.ask_payment(town.open_budget(5_000), 1_000)
    town.approve(requested, MEMBERS[0])
    awarded(town, DirectPaymentOrder(payment=town.payment(requested).content))
    assert phase(town.payment(requested)) is PaymentPhase.HELD
    town.order(requested)


def test_an_award_confirms_what_a_succession_left_open() -> None:
    town = settled_town()
    disputed(town)
    held = town.held_payment(town.open_budget(5_000), 1_000)
    succeed(town, "company")
    awarded(town, DirectPaymentOrder(payment=town.payment(held).content))
    assert town.payment(held).awaits_handover is None
    town.order(held)


def test_an_award_opens_a_budget_and_directs_a_payment_from_it() -> None:
    town = treasury()
    disputed(town)
    content = town.content("by-award", 700, payment_id="directed")
    awarded(town, DirectPaymentOrder(payment=content, use=town.use(700)))
    budget = town.budget("by-award")
    assert (budget.source, budget.source_id, budget.amount_fen) == ("award", "d", 700)
    payment = town.payment("directed")
    assert (payment.requested_by, phase(payment)) == ("d", PaymentPhase.HELD)
    town.order("directed")
    town.report("directed", "settled", amount_fen=700)
    assert (town.book().held, town.book().budgeted) == (0, 0)


def test_an_award_cannot_do_what_cannot_be_and_then_does_nothing() -> None:
    town = treasury()
    disputed(town)
    budget_id = town.open_budget(5_000)
    sent, held = town.ordered_payment(budget_id, 100), town.held_payment(budget_id, 200)
    closed = town.open_budget(1_000)
    town.run("record_award", **award_on(town, "d0", CancelBudgetOrder(budget_id=closed)))
    town.run(
        "set_freeze", Org.ARBITRATION, freeze_id="theirs", order=freeze_order(town, "fund", FEE)
    )
    release = ReleasePaymentOrder(payment_id=held)
    own_pay = town.content(None, 10, fund_id=FEE)
    cases: list[tuple[AwardOrder, str]] = [
        (LiftFreezeOrder(freeze_id="x"), "404 freeze/unknown"),
        (LiftFreezeOrder(freeze_id="theirs"), "403 freeze/not-yours-to-lift"),
        (ReleasePaymentOrder(payment_id="x"), "404 payment/unknown"),
        (ReleasePaymentOrder(payment_id=sent), "409 payment/wrong-phase"),
        (CancelBudgetOrder(budget_id="x"), "404 budget/unknown"),
        (CancelBudgetOrder(budget_id=closed), "409 budget/closed"),
        (VoidMotionOrder(motion_id="x", reason="r"), "404 motion/unknown"),
        (DirectPaymentOrder(payment=town.content("x", 1)), "404 budget/unknown"),
        (DirectPaymentOrder(payment=town.content("x", 1, fund_id="f")), "404 fund/unknown"),
        (DirectPaymentOrder(payment=town.payment(sent).content), "409 payment/wrong-phase"),
        (
            DirectPaymentOrder(payment=town.content(budget_id, 1, payment_id=held)),
            "409 payment/exists-with-different-content",
        ),
        (
            DirectPaymentOrder(payment=town.content(budget_id, 1), use=town.use(1)),
            "409 budget/exists",
        ),
        (DirectPaymentOrder(payment=own_pay, use=town.use(1)), "409 budget/exists"),
        (DirectPaymentOrder(payment=town.content(budget_id, 9_999)), "422 budget/exceeded"),
        (
            DirectPaymentOrder(payment=town.content("new", 1), use=town.use(10**9)),
            "422 budget/fund-too-small",
        ),
    ]
    for order, expected in cases:
        assert refused(town, "record_award", **award(release, order)) == expected, order
    assert phase(town.payment(held)) is PaymentPhase.HELD
    check(Snapshot().read(town))


def award_on(town: Treasury, dispute_id: str, *orders: AwardOrder) -> dict[str, Any]:
    """The award of another dispute."""
    claim = Claim(
        matter=Matter.FUND,
        subject_id=FEE,
        claim_sha256=sha("claim"),
        respondents=(Party(org=Org.BANK),),
    )
    town.run("open_dispute", "owner", dispute_id=dispute_id, claim=claim)
    return {**award(*orders), "dispute_id": dispute_id}


def test_frozen_money_is_directed_only_once_the_award_lifts_the_freeze() -> None:
    town = treasury()
    disputed(town)
    budget_id = town.open_budget(5_000)
    town.run("set_freeze", freeze_id="z", order=freeze_order(town, "budget", budget_id))
    direct = DirectPaymentOrder(payment=town.content(budget_id, 100, payment_id="directed"))
    assert refused(town, "record_award", **award(direct)) == "409 payment/frozen"
    awarded(town, LiftFreezeOrder(freeze_id="z"), direct)
    assert phase(town.payment("directed")) is PaymentPhase.HELD
    assert town.ledger.value(keys.payment(COMMUNITY, "directed")) is not None
    assert len(events(town, "FreezeLifted")) == 1


async def test_an_award_voids_a_final_motion() -> None:
    town = await Commons().settle()
    await town.carried()
    claim = {
        "matter": "motion",
        "subject_id": "m1",
        "claim_sha256": HASH,
        "respondents": [{"org": "committee"}],
    }
    await town.agreed(town.act(town.people["o1"], "open_dispute", dispute_id="d", claim=claim))
    plain = {"motion_id": "m1", "reason": "not served", "evidence_sha256": HASH}
    outcome = await town.call(Org.REGULATOR, "void_motion", **plain)
    assert refusal(outcome) == (409, "motion/wrong-phase")
    orders = [{"kind": "void_motion", "motion_id": "m1", "reason": "not served"}]
    call = {"dispute_id": "d", "award_sha256": HASH, "orders": orders}
    await town.done(Org.REGULATOR, "record_award", **call)
    view = await town.ask("motion", motion_id="m1")
    assert (view["phase"], view["motion"]["voided"]["dispute_id"]) == ("void", "d")
    await town.done(Org.REGULATOR, "record_award", **call)
    await town.agreed(town.act(town.people["o2"], "open_dispute", dispute_id="d2", claim=claim))
    outcome = await town.call(Org.REGULATOR, "record_award", **{**call, "dispute_id": "d2"})
    assert refusal(outcome) == (409, "motion/wrong-phase")
