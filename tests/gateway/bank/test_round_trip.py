"""Orders, statuses, notices and statements with the real sandbox process, over each transport."""

from __future__ import annotations

import signal

import pytest

from gateway.bank.errors import OrderRefused, TransportError
from gateway.bank.types import (
    Direction,
    OrderState,
)
from tests.gateway.bank.conftest import Link
from tests.gateway.bank.telling import notices, statements, statuses
from tests.support.bank import CREDITOR, OPENING_FEN, OWN, order


async def test_an_order_is_accepted_settled_noticed_and_on_the_statement(link: Link) -> None:
    await link.adapter.send([order()])
    accepted = await link.take()
    assert statuses(accepted) == [("pay-1", OrderState.ACCEPTED, None, False)]
    settled = await link.take(2)
    assert statuses(settled) == [("pay-1", OrderState.SETTLED, None, False)]
    (notice,) = notices(settled)
    assert (notice.account, notice.entry.amount_fen) == (OWN, 8_500_00)
    (detail,) = notice.entry.details
    assert (detail.payment_id, detail.order_id) == ("pay-1", "order-1")
    assert (detail.counterparty_name, detail.counterparty_account) == (
        CREDITOR.name,
        CREDITOR.account,
    )
    link.sandbox.admin("end-of-day", {})
    (statement,) = statements(await link.adapter.poll())
    assert (statement.opening_fen, statement.closing_fen) == (
        OPENING_FEN,
        OPENING_FEN - 8_500_00,
    )
    assert statement.entries == (notice.entry,)


async def test_income_arrives_with_payer_and_reference_and_as_a_batch(link: Link) -> None:
    lines = [
        {"amount_fen": 300_00, "payer_name": "停车", "payer_account": "9001", "reference": "P-01"},
        {"amount_fen": 1, "payer_name": "广告", "payer_account": "9002", "remittance": "电梯广告"},
    ]
    for _ in range(2):  # the same command twice is one credit
        link.sandbox.admin("credits", {"credit_id": "c1", "account": OWN, "lines": lines})
    (notice,) = notices(await link.take())
    assert (notice.entry.amount_fen, notice.entry.direction) == (300_01, Direction.CREDIT)
    assert [
        (d.amount_fen, d.counterparty_name, d.reference, d.remittance, d.payment_id)
        for d in notice.entry.details
    ] == [(300_00, "停车", "P-01", "", None), (1, "广告", None, "电梯广告", None)]


async def test_statements_follow_each_other_day_by_day(link: Link) -> None:
    await link.adapter.send([order()])
    await link.take(3)
    for _ in range(3):
        link.sandbox.admin("end-of-day", {})
    found = statements(await link.adapter.poll())
    assert [statement.sequence for statement in found] == [1, 2, 3]
    assert found[0].closing_fen == found[1].opening_fen == found[2].closing_fen


async def test_events_come_again_until_acknowledged(link: Link) -> None:
    await link.adapter.send([order()])
    link.sandbox.step()
    first = await link.adapter.poll()
    assert await link.adapter.poll() == first
    for event in first * 2:
        await link.adapter.ack(event)
    assert await link.adapter.poll() == []


async def test_the_same_order_again_is_sent_once(link: Link) -> None:
    await link.adapter.send([order()])
    await link.adapter.send([order(), order(2)])
    await link.adapter.send([order(2), order()])
    await link.take(4)
    state = link.sandbox.admin("state")
    assert [payment["state"] for payment in state["payments"]] == ["settled"] * 2
    assert state["balances_fen"][OWN] == OPENING_FEN - 2 * 8_500_00


async def test_asking_again_repeats_the_answer_and_pays_nothing(link: Link) -> None:
    await link.adapter.send([order()])
    assert len(await link.take(3)) == 3
    await link.adapter.ask_again("order-1")
    assert await link.take(2) == []  # the answer is known
    assert link.sandbox.admin("state")["balances_fen"][OWN] == OPENING_FEN - 8_500_00


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_fen": 1}, "order/changed"),
        ({"order_id": "order-other"}, "order/payment-ordered"),
        ({"debtor": CREDITOR}, "order/foreign-account"),
    ],
)
async def test_a_changed_order_is_refused_and_its_neighbour_not_sent(
    link: Link, changes: dict[str, object], code: str
) -> None:
    await link.adapter.send([order()])
    with pytest.raises(OrderRefused) as refused:
        await link.adapter.send([order(2), order(**changes)])
    assert refused.value.code == code
    await link.take(3)
    assert len(link.sandbox.admin("state")["payments"]) == 1


async def test_asking_about_an_unknown_order_is_refused(link: Link) -> None:
    with pytest.raises(OrderRefused) as refused:
        await link.adapter.ask_again("order-1")
    assert refused.value.code == "order/unknown"


async def test_a_graceful_stop_and_restart_continues(link: Link) -> None:
    await link.adapter.send([order()])
    await link.take()
    port = link.sandbox.url.rpartition(":")[2]
    assert link.sandbox.stop(signal.SIGTERM) == 0
    link.sandbox.arguments = ("--port", port)
    link.sandbox.start()
    assert [state for _, state, _, _ in statuses(await link.take(3))] == [OrderState.SETTLED]


async def test_an_unreachable_bank_is_a_typed_failure_and_the_order_goes_out_later(
    link: Link,
) -> None:
    port = link.sandbox.url.rpartition(":")[2]
    link.sandbox.stop(signal.SIGKILL)
    if link.sandbox.folder:
        await link.adapter.send([order()])
    else:
        with pytest.raises(TransportError):
            await link.adapter.send([order()])
    link.sandbox.arguments = ("--port", port)
    link.sandbox.start()
    await link.adapter.flush()
    assert [state for _, state, _, _ in statuses(await link.take(4))] == [
        OrderState.ACCEPTED,
        OrderState.SETTLED,
    ]
