"""A bank that rejects, delays, repeats, reorders, returns and part-accepts, as a real process.

How messages travel makes no difference here, so one transport does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.bank.journal import Journal
from gateway.bank.types import Direction, OrderState, Statement
from tests.gateway.bank.conftest import Link, adapter_on
from tests.gateway.bank.telling import notices, statements, statuses
from tests.support.bank import OPENING_FEN, OWN, order

pytestmark = pytest.mark.parametrize("transport_name", ["folder"], indirect=True)


async def test_reject_gives_the_reason_and_moves_nothing(link: Link) -> None:
    link.sandbox.rule("reject", reason="AC04")
    await link.adapter.send([order()])
    assert statuses(await link.take(4)) == [("pay-1", OrderState.REJECTED, "AC04", False)]
    assert link.sandbox.admin("state")["balances_fen"][OWN] == OPENING_FEN


async def test_no_funds_and_a_closed_account_are_rejected_by_the_bank_itself(link: Link) -> None:
    await link.adapter.send([order(1, OPENING_FEN + 1)])
    assert statuses(await link.take(3))[-1] == ("pay-1", OrderState.REJECTED, "AM04", False)
    link.sandbox.admin("close", {"number": OWN})
    await link.adapter.send([order(2)])
    assert statuses(await link.take(3)) == [("pay-2", OrderState.REJECTED, "AC04", False)]


async def test_delay_settles_late_but_once(link: Link) -> None:
    link.sandbox.rule("delay", amount_fen=8_500_00, steps=5)
    await link.adapter.send([order()])
    assert [state for _, state, _, _ in statuses(await link.take(6))] == [OrderState.ACCEPTED]
    assert [state for _, state, _, _ in statuses(await link.take(4))] == [OrderState.SETTLED]


async def test_repeated_messages_are_told_once(link: Link) -> None:
    link.sandbox.rule("repeat", subject_id="pay-1", steps=3)
    await link.adapter.send([order()])
    events = await link.take(4) + await link.take(4)
    assert [state for _, state, _, _ in statuses(events)] == [
        OrderState.ACCEPTED,
        OrderState.SETTLED,
    ]
    assert len(notices(events)) == 1
    assert len(events) == 3


async def test_reordered_messages_lose_nothing(link: Link) -> None:
    link.sandbox.rule("reorder", count=10)
    link.sandbox.rule("repeat", count=10, steps=1)
    await link.adapter.send([order(number) for number in range(1, 11)])
    events = await link.take(10)
    assert sorted(statuses(events)) == sorted(
        (f"pay-{number}", state, None, False)
        for number in range(1, 11)
        for state in (OrderState.ACCEPTED, OrderState.SETTLED)
    )
    assert len(notices(events)) == 10


async def test_reordered_statements_wait_for_their_predecessors(link: Link) -> None:
    link.sandbox.rule("reorder", subject="statement", count=6)
    found: list[Statement] = []
    waited = 0
    for _ in range(6):
        link.sandbox.admin("end-of-day", {})
        events = await link.adapter.poll()
        for event in events:
            await link.adapter.ack(event)
        found += statements(events)
        waited += len(await link.adapter.waiting_statements())
    found += statements(await link.take(5))
    assert [statement.sequence for statement in found] == [1, 2, 3, 4, 5, 6]
    assert waited > 0, "the seed brings none out of order"
    assert await link.adapter.waiting_statements() == []


async def test_return_brings_the_money_back_with_its_own_entry(link: Link) -> None:
    link.sandbox.rule("return", reason="AC01", steps=2)
    await link.adapter.send([order()])
    events = await link.take(8)
    paid, returned = notices(events)
    assert (paid.entry.direction, returned.entry.direction) == (Direction.DEBIT, Direction.CREDIT)
    (detail,) = returned.entry.details
    assert (detail.payment_id, detail.return_reason) == ("pay-1", "AC01")
    assert link.sandbox.admin("state")["balances_fen"][OWN] == OPENING_FEN


async def test_part_accepted_batch_infers_the_unlisted_and_says_so(link: Link) -> None:
    link.sandbox.rule("part", subject_id="pay-2", reason="AM04")
    await link.adapter.send([order(1), order(2), order(3)])
    assert statuses(await link.take()) == [
        ("pay-1", OrderState.ACCEPTED, None, True),
        ("pay-2", OrderState.REJECTED, "AM04", False),
        ("pay-3", OrderState.ACCEPTED, None, True),
    ]
    assert [state for _, state, _, _ in statuses(await link.take(3))] == [OrderState.SETTLED] * 2


async def test_an_order_the_bank_has_already_is_a_duplicate_not_a_rejection(
    link: Link, tmp_path: Path
) -> None:
    """As after the loss of a journal: the payment goes out under another message id."""
    await link.adapter.send([order()])
    await link.take(4)
    journal = Journal(tmp_path / "new.db")
    restored = replace(link, adapter=adapter_on(journal, link.transport), journal=journal)
    await restored.adapter.send([order(), order(2)])
    states = {payment: state for payment, state, _, _ in statuses(await restored.take(4))}
    journal.close()
    assert states == {"pay-1": OrderState.DUPLICATE, "pay-2": OrderState.SETTLED}
    assert link.sandbox.admin("state")["balances_fen"][OWN] == OPENING_FEN - 2 * 8_500_00
