"""The bridge: money moves once whatever fails, and nothing the bank says is lost."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chaincode.errors import NotFound
from chaincode.model.base import Org
from gateway.bank.bridge import order_id
from gateway.bank.facts import day_of
from gateway.bank.types import BankEvent, OrderState, OrderStatus
from gateway.errors import Busy, LedgerError, NotApplied, NotEndorsed, OutcomeUnknown
from gateway.ledger import Stated, TransactionStatus
from tests.scenarios.money import (
    BUDGET_FEN,
    HASHER,
    Desk,
    book,
    budgeted,
    funded,
    held,
    phase,
    request,
)
from tests.support.bank import CREDITOR, DEBTOR, OPENING_FEN, OWN
from tests.support.bank_bridge import Counter, bank_counter
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import Treasury
from tests.support.town import refusal

PAID = {
    "bank": OPENING_FEN - BUDGET_FEN,
    "free": OPENING_FEN - BUDGET_FEN,
    "budgeted": 0,
    "held": 0,
    "company": 0,
    "suspense": 0,
}


@dataclass
class Failing(ContractLedger):
    """Fails on command: what the n-th transaction meets, and whether it happened all the same."""

    plan: list[tuple[LedgerError, bool] | None] = field(default_factory=list)
    known: dict[str, bool] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)

    async def transact(
        self,
        community: str,
        function: str,
        fields: Mapping[str, Any],
        *,
        channel: str | None = None,
    ) -> Stated:
        trouble = self.plan.pop(0) if self.plan else None
        if trouble is None:
            return await super().transact(community, function, fields, channel=channel)
        error, happens = trouble
        if happens:
            await super().transact(community, function, fields, channel=channel)
        raise error

    async def transaction(self, channel: str, tx_id: str) -> TransactionStatus | None:
        self.looked_up.append(tx_id)
        if tx_id not in self.known:
            return None
        applied = self.known[tx_id]
        code = "VALID" if applied else "MVCC_READ_CONFLICT"
        return TransactionStatus(tx_id=tx_id, code=code, is_applied=applied)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.bank.bridge.PAUSE_MS", 0)


@pytest.fixture
async def town() -> Commons:
    town = await funded(Commons())
    await budgeted(town)
    return town


@pytest.fixture
async def counter(town: Commons, tmp_path: Path) -> AsyncIterator[Counter]:
    ledger = Failing(town=town, org=Org.BANK)
    async with bank_counter(ledger, town.community, tmp_path) as counter:
        yield counter


def failing(counter: Counter) -> Failing:
    ledger = counter.bridge.ledger
    assert isinstance(ledger, Failing)
    return ledger


async def paid(town: Commons, counter: Counter) -> None:
    """Everything that is true once p1 was paid, at the bank and on the ledger."""
    assert counter.balance_fen == OPENING_FEN - BUDGET_FEN
    assert await phase(town) == "settled"
    assert await book(town) == PAID
    assert (await town.ask("bank_exceptions"))["exceptions"] == []
    assert await counter.adapter.pending() == []
    check(Snapshot().read(Treasury(ledger=town.ledger)))


# --- The whole way ---


async def test_a_held_payment_is_ordered_paid_and_on_the_statement(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    rounds = await counter.day()
    assert rounds[0].sent == ("p1",)
    assert [one.left for one in rounds] == [()] * len(rounds)
    await paid(town, counter)
    units = [await town.ask("unit_account", fund_id="repair", unit_id=unit) for unit in UNITS]
    balances = [view["account"]["balance_fen"] for view in units]
    assert sum(balances) == counter.balance_fen
    payment = (await town.ask("payment", payment_id="p1"))["payment"]
    assert (payment["order_id"], payment["booked_fen"]) == (order_id("p1"), BUDGET_FEN)
    over = await town.carry(request(town, "p2", 7))
    assert refusal(over) == (422, "budget/exceeded")
    assert '"gap_fen": 7' in over.message


async def test_running_again_and_again_changes_nothing(town: Commons, counter: Counter) -> None:
    await held(town)
    for _ in range(3):
        await counter.bridge.run_once()
    await counter.day()
    state = town.ledger.state()
    for _ in range(2):
        again = await counter.bridge.run_once()
        assert (again.sent, again.recorded, again.left) == ((), 0, ())
    assert town.ledger.state() == state
    assert len(counter.sandbox.admin("state")["payments"]) == 1


async def test_nothing_is_ordered_before_the_committee_approved(
    town: Commons, counter: Counter
) -> None:
    await town.agreed(request(town))
    await counter.day()
    assert counter.balance_fen == OPENING_FEN
    assert await phase(town) == "requested"


async def test_a_rejection_releases_and_a_return_comes_back(
    town: Commons, counter: Counter
) -> None:
    await held(town, "p1", 300_000)
    counter.sandbox.rule("reject", subject_id="p1", reason="AC04")
    await counter.day()
    view = await town.ask("payment", payment_id="p1")
    assert (view["phase"], view["payment"]["rejected_reason"]) == ("rejected", "AC04")
    await held(town, "p2", 200_000)
    counter.sandbox.rule("return", subject_id="p2", reason="AC01", steps=1)
    await counter.day(steps=5)
    assert await phase(town, "p2") == "returned"
    assert (await book(town))["bank"] == counter.balance_fen == OPENING_FEN
    assert (await town.ask("waiting_lines", fund_id="repair"))["lines"] == []
    check(Snapshot().read(Treasury(ledger=town.ledger)))


async def test_a_bank_that_repeats_and_reorders_pays_once(town: Commons, counter: Counter) -> None:
    await held(town)
    counter.sandbox.rule("repeat", subject_id="p1", steps=3)
    counter.sandbox.rule("reorder", subject_id="p1")
    await counter.day(steps=9)
    await paid(town, counter)


async def test_income_waits_for_who_says_what_it_is(town: Commons, counter: Counter) -> None:
    line = {"amount_fen": 300, "payer_name": "停车", "payer_account": "9001", "reference": "P-01"}
    credit = {"credit_id": "c1", "account": OWN, "lines": [line, {**line, "amount_fen": 7}]}
    counter.sandbox.admin("credits", credit)
    await counter.day()
    lines = (await town.ask("waiting_lines", fund_id="repair"))["lines"]
    assert sorted(one["line"]["fen"] for one in lines) == [7, 300]
    assert {one["line"]["payment_id"] for one in lines} == {None}
    assert {one["line"]["reference"] for one in lines} == {"P-01"}
    assert {one["line"]["counterparty_sha256"] for one in lines} == {HASHER.account("9001")}


# --- What fails ---

HAPPENED, NOT = True, False
TROUBLES = [
    (Busy("RESOURCE_EXHAUSTED"), NOT),
    (NotEndorsed("EndorseError", retryable=True), NOT),
    (NotApplied("t", "MVCC_READ_CONFLICT", retryable=True), NOT),
    (OutcomeUnknown("lost"), HAPPENED),
    (OutcomeUnknown("gone"), NOT),
]


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: f"{type(one[0]).__name__}-{one[1]}")
async def test_each_step_survives_each_trouble(
    town: Commons, counter: Counter, step: int, trouble: tuple[LedgerError, bool]
) -> None:
    """The n-th transaction of the whole way fails, once or lastingly happened: it pays once."""
    await held(town)
    ledger = failing(counter)
    ledger.plan = [*[None] * step, trouble]
    ledger.known = {"lost": True, "gone": False}
    rounds = await counter.day()
    assert ledger.plan == [], "the trouble came about"
    assert [one.left for one in rounds] == [()] * len(rounds)
    assert bool(ledger.looked_up) == isinstance(trouble[0], OutcomeUnknown)
    await paid(town, counter)


async def test_an_order_whose_outcome_stays_unknown_is_not_sent(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    failing(counter).plan = [(OutcomeUnknown("nowhere"), HAPPENED)]
    first = await counter.bridge.run_once()
    assert (first.sent, first.left[0].code) == ((), "OutcomeUnknown")
    counter.sandbox.step()
    assert counter.sandbox.admin("state")["payments"] == []
    await counter.day()
    await paid(town, counter)


async def test_a_lasting_failure_keeps_every_event_for_later(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    await counter.bridge.run_once()
    counter.sandbox.step()
    failing(counter).plan = [(NotEndorsed("EndorseError"), NOT)]
    failed = await counter.bridge.run_once()
    assert (failed.recorded, failed.left[0].code) == (0, "NotEndorsed")
    assert len(await counter.adapter.pending()) >= 1
    await counter.day()
    await paid(town, counter)


async def test_a_crash_after_the_ledger_knows_the_order_sends_it_later(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    await town.done(Org.BANK, "order_payment", payment_id="p1", order_id=order_id("p1"))
    assert await phase(town) == "ordered"
    rounds = await counter.day()
    assert rounds[0].sent == ("p1",)
    await paid(town, counter)


async def test_another_order_id_on_the_ledger_is_never_paid_by_the_bridge(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    await town.done(Org.BANK, "order_payment", payment_id="p1", order_id="by-hand")
    rounds = await counter.day()
    assert rounds[0].left[0].code == "payment/ordered-otherwise"
    assert counter.balance_fen == OPENING_FEN


async def test_a_duplicate_never_releases_a_hold(
    town: Commons, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await held(town)
    await counter.bridge.run_once()
    before = await book(town)
    status = OrderStatus(
        order_id=order_id("p1"),
        payment_id="p1",
        message_id="m",
        state=OrderState.DUPLICATE,
        bank_status="RJCT",
        reason="AM05",
    )
    told = [BankEvent(event_id=99, message_sha256="0" * 64, body=status)]

    async def polled() -> list[BankEvent]:
        return told

    with monkeypatch.context() as patched:
        patched.setattr(counter.adapter, "poll", polled)
        assert (await counter.bridge.run_once()).recorded == 1
    assert await phase(town) == "ordered"
    assert await book(town) == before
    await counter.day()
    await paid(town, counter)


async def test_a_payment_of_nobody_here_is_left_to_the_statement(
    town: Commons, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = OrderStatus(
        order_id="o", payment_id="elsewhere", message_id="m", state=OrderState.ACCEPTED,
        bank_status="ACCP",
    )  # fmt: skip
    told = [BankEvent(event_id=99, message_sha256="0" * 64, body=status)]

    async def polled() -> list[BankEvent]:
        return told

    monkeypatch.setattr(counter.adapter, "poll", polled)
    round_ = await counter.bridge.run_once()
    assert (round_.recorded, round_.left) == (1, ())


async def test_a_community_that_is_not_there_acknowledges_nothing(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    counter.bridge.community = "elsewhere"
    with pytest.raises(NotFound):
        await counter.bridge.run_once()


# --- Who is paid ---


class OtherDesk(Desk):
    """Somebody changed the payee's account in the bank's own records."""

    async def payee(self, payee_id: str) -> Any:
        return DEBTOR


async def test_a_payee_other_than_the_confirmed_one_is_not_paid(
    town: Commons, counter: Counter
) -> None:
    await held(town)
    counter.bridge.directory = OtherDesk()
    rounds = await counter.day()
    assert rounds[0].left[0].code == "directory/other-payee"
    assert await phase(town) == "held"
    assert counter.balance_fen == OPENING_FEN


async def test_one_payment_that_cannot_be_sent_leaves_its_neighbours_alone(
    town: Commons, counter: Counter
) -> None:
    await held(town, "p1", 100)
    await held(town, "p2", 200)
    other = {"payment_id": "p1", "order_id": "an-order-of-another-desk"}
    await failing(counter).transact(town.community, "order_payment", other)
    first = (await counter.day())[0]
    assert first.sent == ("p2",)
    assert [(one.subject, one.code) for one in first.left] == [("p1", "payment/ordered-otherwise")]
    assert counter.balance_fen == OPENING_FEN - 200


def test_the_salt_must_not_be_short() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        type(HASHER)(b"short")
    assert HASHER.party(CREDITOR) != HASHER.party(DEBTOR)


@pytest.mark.parametrize(
    ("day", "at_ms"),
    [(date(1970, 1, 2), 57_600_000), (date(2026, 1, 1), 1_767_196_800_000)],
)
def test_a_day_begins_at_local_midnight(day: date, at_ms: int) -> None:
    assert [day_of(at_ms), day_of(at_ms - 1)] == [day, day - timedelta(days=1)]
