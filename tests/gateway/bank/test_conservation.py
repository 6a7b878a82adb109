"""No money appears or vanishes under a hostile bank, and what was told adds up to the balance."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bank.adapter import BankAdapter
from gateway.bank.folder import FolderTransport
from gateway.bank.journal import Journal
from gateway.bank.sandbox.bank import Bank, Credit, CreditLine
from gateway.bank.sandbox.behaviour import Action, Rule, Subject
from gateway.bank.sandbox.exchange import FolderExchange
from gateway.bank.sandbox.store import Store
from gateway.bank.types import (
    BankEvent,
    EntryNotice,
    OrderState,
    OrderStatus,
    OwnAccount,
    Statement,
)
from tests.support.bank import OPENING_FEN, OWN, order

_rules = st.one_of(
    st.builds(
        Rule,
        action=st.sampled_from(list(Action)),
        count=st.integers(1, 5),
        reason=st.sampled_from(["AC04", "AM04", "MS03"]),
        steps=st.integers(0, 4),
    ),
    st.builds(
        Rule,
        action=st.sampled_from([Action.REPEAT, Action.REORDER]),
        subject=st.sampled_from([Subject.CREDIT, Subject.STATEMENT]),
        count=st.integers(1, 5),
        steps=st.integers(0, 3),
    ),
)
_acts = st.one_of(
    st.tuples(st.just("rule"), _rules),
    st.tuples(st.just("send"), st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)),
    st.tuples(st.just("again"), st.integers(1, 12)),
    st.tuples(st.just("credit"), st.integers(1, 50_000_00)),
    st.tuples(st.just("step"), st.integers(1, 3)),
    st.tuples(st.just("day"), st.none()),
    st.tuples(st.just("poll"), st.none()),
)


def amount_fen(number: int) -> int:
    return 1 + number * 1_234_567


class World:
    """Our adapter and the bank in one process, with a folder between them."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root / "bank.db")
        self.bank = Bank(self.store, first_day=date(2026, 1, 1), seed=7)
        self.bank.open_account(OWN, OPENING_FEN)
        self.exchange = FolderExchange(self.bank, root / "shared")
        self.journal = Journal(root / "journal.db")
        self.folder = FolderTransport(root / "shared")
        account = OwnAccount(number=OWN, opening_fen=OPENING_FEN)
        self.adapter = BankAdapter(self.journal, self.folder, [account], initiator="业主大会")
        self.events: list[BankEvent] = []
        self.sent: set[int] = set()
        self.credits = 0

    async def act(self, verb: str, what: object) -> None:
        match verb, what:
            case "rule", Rule():
                self.bank.add_rule(what)
            case "send", list():
                self.sent.update(what)
                await self.adapter.send([order(n, amount_fen(n)) for n in what])
            case "again", int():
                if what in self.sent:
                    await self.adapter.ask_again(f"order-{what}")
            case "credit", int():
                line = CreditLine(amount_fen=what, payer_name="停车", payer_account="9001")
                self.credits += 1
                self.bank.credit(Credit(credit_id=f"c{self.credits}", account=OWN, lines=(line,)))
            case "step", int():
                for _ in range(what):
                    self.step()
            case "day", _:
                self.bank.end_day()
            case _:
                await self.poll()

    def step(self) -> None:
        self.exchange.collect()
        self.bank.step()
        self.exchange.deliver()

    async def poll(self) -> None:
        for event in await self.adapter.poll():
            self.events.append(event)
            await self.adapter.ack(event)

    async def settle_down(self) -> None:
        for _ in range(25):
            self.step()
            await self.poll()
        self.bank.end_day()
        for _ in range(10):
            self.step()
            await self.poll()

    def close(self) -> None:
        self.folder.close()
        self.journal.close()
        self.store.close()


async def play(acts: list[tuple[str, object]], root: Path) -> None:
    world = World(root)
    try:
        for verb, what in acts:
            await world.act(verb, what)
        await world.settle_down()
        require_conserved(world)
    finally:
        world.close()


def require_conserved(world: World) -> None:
    bodies = [event.body for event in world.events]
    balance_fen = world.bank.state()["balances_fen"][OWN]
    notices = [body for body in bodies if isinstance(body, EntryNotice)]
    refs = [notice.entry.entry_ref for notice in notices]
    assert len(set(refs)) == len(refs)
    assert OPENING_FEN + sum(notice.entry.signed_fen for notice in notices) == balance_fen
    statements = [body for body in bodies if isinstance(body, Statement)]
    assert [s.sequence for s in statements] == list(range(1, len(statements) + 1))
    assert [e.entry_ref for s in statements for e in s.entries] == sorted(refs)
    assert statements[-1].closing_fen == balance_fen
    require_each_order_once(world, bodies, notices)
    assert len(statements) + len(notices) + sum(isinstance(b, OrderStatus) for b in bodies) == len(
        bodies
    ), "an honest bank's message was refused"


def require_each_order_once(world: World, bodies: list[object], notices: list[EntryNotice]) -> None:
    """An order ends settled or rejected, never both, and was debited once where settled."""
    final = {
        (body.payment_id, body.state)
        for body in bodies
        if isinstance(body, OrderStatus) and body.state is not OrderState.ACCEPTED
    }
    assert sorted(payment for payment, _ in final) == sorted(f"pay-{n}" for n in world.sent)
    debits = [
        detail.payment_id
        for notice in notices
        for detail in notice.entry.details
        if notice.entry.signed_fen < 0
    ]
    settled = [payment for payment, state in final if state is OrderState.SETTLED]
    assert sorted(settled) == sorted(filter(None, debits))


@settings(max_examples=15, deadline=None)
@given(st.lists(_acts, max_size=20))
def test_money_is_conserved_and_told_once(acts: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(acts, Path(folder)))
