"""Payments: who asks does not approve, who approves does not pay, and each step happens once."""

from typing import Any

import pytest

from chaincode import codec, keys
from chaincode.errors import BadInput, RuleForbids
from chaincode.model.base import Org, changed
from chaincode.model.committee import Committee
from chaincode.model.freeze import FreezeOrder, FreezeReason, Frozen
from chaincode.model.payment import PaymentContent
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import (
    ACCOUNT,
    COMMUNITY,
    DAY_MS,
    FEE,
    MAINTENANCE,
    MEMBERS,
    Treasury,
    sha,
    treasury,
)


def phase(town: Treasury, payment_id: str) -> str:
    return str(town.ask("payment", payment_id=payment_id).phase)


def answer(town: Treasury, payment_id: str, **fields: Any) -> dict[str, Any]:
    shown = town.ask("payment", payment_id=payment_id).content_sha256
    return {"payment_id": payment_id, "content_sha256": shown, "verdict": "approve", **fields}


# --- Asking ---


def test_a_payment_is_held_with_the_third_of_five_approvals() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    payment_id = town.ask_payment(budget_id, 600)
    town.approve(payment_id, "m1", "m2")
    assert phase(town, payment_id) == "requested"
    assert town.book().held == 0
    town.approve(payment_id, "m3")
    assert phase(town, payment_id) == "held"
    assert (town.book().held, town.book().budgeted) == (600, 400)
    view = town.ask("payment", payment_id=payment_id)
    assert view.hold.held_fen == 600
    assert [given.holder_id for given in view.approval.approvals] == ["m1", "m2", "m3"]
    check(Snapshot().read(town))


def test_a_payment_id_fits_into_the_banks_messages() -> None:
    content = treasury().content("budget-1", 600)
    fits, too_long = (
        codec.encode(content).replace(content.payment_id.encode(), b"p" * length)
        for length in (35, 36)
    )
    assert codec.decode(fits, PaymentContent).payment_id == "p" * 35
    with pytest.raises(BadInput) as refusal:
        codec.decode(too_long, PaymentContent)
    assert refusal.value.code == "input/malformed"


def test_the_same_request_again_changes_nothing_and_another_content_is_refused() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    content = town.content(budget_id, 600)
    town.run("request_payment", "clerk", payment=content)
    state = town.ledger.state()
    town.run("request_payment", "clerk-2", payment=content)
    assert town.ledger.state() == state
    for fields in ({"amount_fen": 601}, {"payee_id": "painter"}, {"purpose": "other"}):
        refused = town.refused("request_payment", "clerk", payment=changed(content, **fields))
        assert refused == (409, "payment/exists-with-different-content")


def test_over_budget_the_gap_is_exact_and_the_facts_of_a_new_motion_are_given() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    town.held_payment(budget_id, 600)
    with pytest.raises(RuleForbids) as refused:
        town.ask_payment(budget_id, 500)
    assert refused.value.code == "budget/exceeded"
    assert refused.value.details == {
        "gap_fen": 100,
        "remaining_fen": 400,
        "budget_id": budget_id,
        "fund_id": MAINTENANCE,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"fund_id": "x", "payee_id": "x"}, (404, "fund/unknown")),
        ({"budget_id": "x", "payee_id": "x"}, (404, "budget/unknown")),
        ({"payee_id": "x"}, (404, "payee/unknown")),
        ({"fund_id": FEE, "payee_id": "painter"}, (409, "budget/other-fund")),
        ({"payee_id": "painter"}, (422, "budget/other-payee")),
        ({"payee_id": "stranger"}, (422, "payee/not-confirmed")),
        ({"amount_fen": 1_001}, (422, "budget/exceeded")),
    ],
)
def test_a_request_is_refused_in_order(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    town = treasury()
    town.run(
        "register_payee",
        Org.PROPERTY,
        payee_id="stranger",
        payee_class="repair",
        payee_sha256=sha("stranger"),
    )
    content = changed(town.content(town.open_budget(1_000), 2_000), **{"amount_fen": 1, **fields})
    assert town.refused("request_payment", "clerk", payment=content) == expected


def test_only_a_clerk_of_the_company_asks_or_withdraws() -> None:
    town = treasury()
    content = town.content("x", 5)
    asked = town.refused("request_payment", "m1", payment=content)
    assert asked == (403, "caller/not-the-company")
    withdrawn = town.refused("withdraw_payment", "m1", payment_id="x")
    assert withdrawn == (403, "caller/not-the-company")


def test_an_invoice_is_paid_once_whatever_the_payments_id() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    first = town.ask_payment(budget_id, 5, invoice_sha256=sha("invoice"))
    again = town.content(budget_id, 5, invoice_sha256=sha("invoice"))
    refused = town.refused("request_payment", "clerk", payment=again)
    assert refused == (409, "payment/invoice-used")
    town.run("withdraw_payment", "clerk", payment_id=first)
    town.run("request_payment", "clerk", payment=again)
    town.approve(again.payment_id, *MEMBERS[:3])
    town.order(again.payment_id)
    town.report(again.payment_id, "settled", amount_fen=5)
    third = town.content(budget_id, 5, invoice_sha256=sha("invoice"))
    refused = town.refused("request_payment", "clerk", payment=third)
    assert refused == (409, "payment/invoice-used")


def test_without_a_committee_in_office_nothing_is_asked() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    town.pass_ms(3 * 365 * DAY_MS)
    content = town.content(budget_id, 5)
    refused = town.refused("request_payment", "clerk", payment=content)
    assert refused == (409, "committee/not-in-office")


def test_more_approvals_than_seats_are_out_of_reach() -> None:
    town = treasury()
    fund = town.funds()[1]
    town.put(keys.fund(COMMUNITY, MAINTENANCE), changed(fund, approvals_required=6))
    content = town.content(town.open_budget(1_000), 5)
    refused = town.refused("request_payment", "clerk", payment=content)
    assert refused == (422, "committee-decision/out-of-reach")


def test_a_fund_may_ask_for_more_than_the_majority() -> None:
    town = treasury()
    fund = town.funds()[1]
    town.put(keys.fund(COMMUNITY, MAINTENANCE), changed(fund, approvals_required=5))
    payment_id = town.ask_payment(town.open_budget(1_000), 5)
    town.approve(payment_id, *MEMBERS[:4])
    assert phase(town, payment_id) == "requested"
    town.approve(payment_id, "m5")
    assert phase(town, payment_id) == "held"


def test_a_budget_whose_day_is_over_is_not_spent() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000, valid_until_at=town.now_ms + DAY_MS)
    waiting = town.ask_payment(budget_id, 5)
    town.approve(waiting, "m1", "m2")
    town.pass_ms(DAY_MS)
    content = town.content(budget_id, 5)
    refused = town.refused("request_payment", "clerk", payment=content)
    assert refused == (409, "budget/expired")
    refused = town.refused("answer_payment", "m3", **answer(town, waiting))
    assert refused == (409, "budget/expired")


# --- Approving ---


def test_an_approval_is_refused_in_order() -> None:
    town = treasury()
    payment_id = town.ask_payment(town.open_budget(1_000), 5)
    given = answer(town, payment_id)
    assert town.refused("answer_payment", "m9", **given) == (403, "caller/not-seated")
    unknown = town.refused("answer_payment", "m1", **{**given, "payment_id": "x"})
    assert unknown == (404, "payment/unknown")
    other = town.refused("answer_payment", "m1", **{**given, "content_sha256": sha("x")})
    assert other == (409, "committee-decision/other-content")
    town.pass_ms(30 * DAY_MS)
    late = town.refused("answer_payment", "m1", **given)
    assert late == (409, "committee-decision/not-open")
    town.run("expire_payment", payment_id=payment_id)
    assert phase(town, payment_id) == "expired"
    assert town.refused("answer_payment", "m1", **given) == (409, "payment/wrong-phase")


def test_who_asked_does_not_approve() -> None:
    town = treasury()
    committee = town.one(keys.committee(COMMUNITY), Committee)
    seats = tuple(
        changed(seat, holder_id="clerk") if seat.holder_id == "m1" else seat
        for seat in committee.seats
    )
    town.put(keys.committee(COMMUNITY), changed(committee, seats=seats))
    payment_id = town.ask_payment(town.open_budget(1_000), 5)
    given = answer(town, payment_id)
    assert town.refused("answer_payment", "clerk", **given) == (403, "payment/own-request")


def test_a_member_counts_once_by_the_last_word() -> None:
    town = treasury()
    payment_id = town.ask_payment(town.open_budget(1_000), 5)
    town.approve(payment_id, "m1", "m1", "m1", "m2")
    assert phase(town, payment_id) == "requested"
    town.approve(payment_id, "m1", verdict="reject")
    town.approve(payment_id, "m3")
    assert phase(town, payment_id) == "requested"
    town.approve(payment_id, "m4")
    assert phase(town, payment_id) == "held"


def test_when_too_many_reject_the_payment_is_declined() -> None:
    town = treasury()
    payment_id = town.ask_payment(town.open_budget(1_000), 5)
    town.approve(payment_id, "m1", "m2", verdict="reject")
    assert phase(town, payment_id) == "requested"
    town.approve(payment_id, "m3", verdict="reject")
    assert phase(town, payment_id) == "declined"
    given = answer(town, payment_id)
    assert town.refused("answer_payment", "m4", **given) == (409, "payment/wrong-phase")


def test_two_requests_over_one_budget_the_second_hold_is_refused_and_may_be_given_again() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    first, second = (town.ask_payment(budget_id, 600) for _ in range(2))
    town.approve(first, *MEMBERS[:3])
    town.approve(second, "m1", "m2")
    given = answer(town, second)
    assert town.refused("answer_payment", "m3", **given) == (422, "budget/exceeded")
    town.run("withdraw_payment", "clerk", payment_id=first)
    town.approve(second, "m3")
    assert phase(town, second) == "held"
    check(Snapshot().read(town))


# --- Withdrawing and expiring ---


def test_what_was_not_ordered_may_be_withdrawn() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    payment_id = town.held_payment(budget_id, 600)
    town.run("withdraw_payment", "clerk", payment_id=payment_id)
    assert phase(town, payment_id) == "withdrawn"
    assert town.ask("budget", budget_id=budget_id).remaining_fen == 1_000
    ordered = town.ordered_payment(budget_id, 600)
    for name in (payment_id, ordered):
        refused = town.refused("withdraw_payment", "clerk", payment_id=name)
        assert refused == (409, "payment/wrong-phase")
    assert town.refused("withdraw_payment", "clerk", payment_id="x") == (404, "payment/unknown")


@pytest.mark.parametrize(("is_ordered", "days"), [(False, 30), (True, 180)])
def test_a_hold_expires_after_its_time_once(is_ordered: bool, days: int) -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    ask = town.ordered_payment if is_ordered else town.held_payment
    payment_id = ask(budget_id, 600)
    town.pass_ms(days * DAY_MS - 1)
    refused = town.refused("expire_payment", payment_id=payment_id)
    assert refused == (409, "payment/not-due")
    town.pass_ms(1)
    if not is_ordered:
        late = {"payment_id": payment_id, "order_id": "late"}
        assert town.refused("order_payment", Org.BANK, **late) == (409, "payment/expired")
    expired = town.run("expire_payment", payment_id=payment_id)
    assert town.run("expire_payment", payment_id=payment_id) == expired
    assert town.ask("budget", budget_id=budget_id).remaining_fen == 1_000
    assert town.book().held == 0


def test_what_ended_otherwise_does_not_expire() -> None:
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    town.report(payment_id, "settled", amount_fen=600)
    town.pass_ms(400 * DAY_MS)
    refused = town.refused("expire_payment", payment_id=payment_id)
    assert refused == (409, "payment/wrong-phase")
    assert town.refused("expire_payment", payment_id="x") == (404, "payment/unknown")


# --- Ordering ---


def test_an_order_is_written_once() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    first, second = (town.held_payment(budget_id, 100) for _ in range(2))
    given = {"payment_id": first, "order_id": "o"}
    ordered = town.run("order_payment", Org.BANK, **given)
    assert ordered.account_sha256 == ACCOUNT
    town.pass_ms(1)
    assert town.run("order_payment", Org.BANK, **given) == ordered
    for fields, expected in (
        ({"payment_id": "x", "order_id": "o"}, (404, "payment/unknown")),
        ({"payment_id": second, "order_id": "o"}, (409, "payment/order-id-used")),
        ({"payment_id": first, "order_id": "o2"}, (409, "payment/ordered-otherwise")),
    ):
        assert town.refused("order_payment", Org.BANK, **fields) == expected


def test_only_what_is_held_is_ordered() -> None:
    town = treasury()
    payment_id = town.ask_payment(town.open_budget(1_000), 100)
    given = {"payment_id": payment_id, "order_id": "o"}
    assert town.refused("order_payment", Org.BANK, **given) == (409, "payment/wrong-phase")


def freeze(town: Treasury, frozen: str, subject_id: str) -> str:
    freeze_id = town.next_id("freeze")
    order = FreezeOrder(
        frozen=Frozen(frozen),
        subject_id=subject_id,
        reason=FreezeReason.AUDIT,
        evidence_sha256=sha("audit"),
        until_at=town.now_ms + 20 * DAY_MS,
    )
    town.run("set_freeze", Org.REGULATOR, freeze_id=freeze_id, order=order)
    return freeze_id


@pytest.mark.parametrize("frozen", ["fund", "budget", "payment"])
def test_frozen_money_is_not_held_and_a_hold_is_not_ordered_but_an_order_settles(
    frozen: str,
) -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    asked = town.ask_payment(budget_id, 100)
    town.approve(asked, "m1", "m2")
    held = town.held_payment(budget_id, 100)
    ordered = town.ordered_payment(budget_id, 100)
    for payment_id in (asked, held, ordered):
        freeze(town, frozen, {"fund": MAINTENANCE, "budget": budget_id}.get(frozen, payment_id))
    given = answer(town, asked)
    assert town.refused("answer_payment", "m3", **given) == (409, "payment/frozen")
    given = {"payment_id": held, "order_id": "o"}
    assert town.refused("order_payment", Org.BANK, **given) == (409, "payment/frozen")
    town.report(ordered, "settled", amount_fen=100)
    assert phase(town, ordered) == "settled"
    town.pass_ms(20 * DAY_MS)
    town.order(held)


# --- Looking ---


def test_payments_are_listed_by_fund_and_budget() -> None:
    town = treasury()
    one, other = town.open_budget(1_000), town.open_budget(1_000)
    first, second = town.ask_payment(one, 5), town.held_payment(other, 6)
    rows = town.ask("payments", fund_id=MAINTENANCE).payments
    assert {row.payment.payment_id: row.phase for row in rows} == {
        first: "requested",
        second: "held",
    }
    rows = town.ask("payments", fund_id=MAINTENANCE, budget_id=other).payments
    assert [row.payment.payment_id for row in rows] == [second]
    assert town.ask("payments", fund_id=FEE).payments == ()
    assert town.refused("payments", fund_id="x") == (404, "fund/unknown")
    assert town.refused("payment", payment_id="x") == (404, "payment/unknown")
