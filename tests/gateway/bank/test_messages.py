"""Every message we write is valid; what the bank writes is read to the fen, or refused by name."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiso20022.camt.camt_054_001_08.camt_054_001_08 import Document

from gateway.bank import codec, limits, money
from gateway.bank.errors import MessageRefused, OrderRefused
from gateway.bank.inbound import read_message
from gateway.bank.pain001 import message_id, order_groups, write_orders
from gateway.bank.sandbox import messages
from gateway.bank.types import Direction, Entry, EntryNotice, OrderState, Statement
from gateway.bank.xmlguard import parse_guarded
from tests.support import bank_messages as good
from tests.support.bank import CREDITOR, DEBTOR, OWN, order
from tests.support.bank_messages import sent_orders
from tests.support.bank_xsd import require_valid, sample

_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=140
)
_orders = st.lists(
    st.builds(
        lambda number, fen, text, day: order(
            number, fen, remittance=text, execution_date=date(2026, 1, day)
        ),
        st.integers(1, 10**6),
        st.integers(1, limits.AMOUNT_FEN_MAX // 20),
        _text,
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda made: made.order_id,
)


@settings(max_examples=40, deadline=None)
@given(_orders)
def test_orders_are_valid_and_read_back_to_the_fen(orders: list) -> None:
    data = write_orders(orders, DEBTOR.name)
    assert data == write_orders(orders[::-1], DEBTOR.name)
    require_valid(data)
    read = messages.read_orders(data)
    assert read.message_id == message_id(orders)
    assert {(i.payment_id, i.order_id, i.amount_fen, i.remittance) for i in read.instructions} == {
        (o.payment_id, o.order_id, o.amount_fen, o.remittance) for o in orders
    }
    assert {(i.debtor, i.creditor) for i in read.instructions} == {(DEBTOR, CREDITOR)}
    assert [i.group_id for i in read.instructions] == [
        group.group_id for group in order_groups(orders) for _ in group.orders
    ]


_signed = st.integers(-(10**11), 10**11).filter(bool)


@settings(max_examples=40, deadline=None)
@given(st.lists(_signed, max_size=6), st.integers(-(10**12), 10**12))
def test_statements_are_valid_and_read_back_to_the_fen(moves: list[int], opening: int) -> None:
    entries = tuple(
        Entry(
            entry_ref=f"E{index}",
            amount_fen=abs(fen),
            direction=Direction.CREDIT if fen > 0 else Direction.DEBIT,
            booked_on=date(2026, 1, 2),
            valued_on=date(2026, 1, 2),
        )
        for index, fen in enumerate(moves)
    )
    data = good.statement(opening, 1, entries)
    require_valid(data)
    (read,) = read_message(data, {OWN}, sent_orders)
    assert isinstance(read, Statement)
    assert (read.opening_fen, read.closing_fen) == (opening, opening + sum(moves))
    assert read.entries == entries


@pytest.mark.parametrize("data", [good.notice(), good.statement(), good.report("ACSP")])
def test_what_the_sandbox_writes_is_valid(data: bytes) -> None:
    require_valid(data)


def test_a_notice_keeps_each_part_of_a_batch() -> None:
    (read,) = read_message(good.notice(), {OWN}, sent_orders)
    assert read == EntryNotice(account=OWN, notice_id="SB0000000001", entry=good.INCOME)


@pytest.mark.parametrize("name", ["camt.053.001.08", "camt.054.001.08"])
def test_a_foreign_sample_is_understood_and_refused_for_its_account(name: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        read_message(sample(name), {OWN}, sent_orders)
    assert refused.value.code == f"{name[:8]}/account"


def test_the_statement_sample_in_our_currency_is_read() -> None:
    text = sample("camt.053.001.08").decode()
    for foreign in ("EUR", "SEK", "CHF", "JPY"):
        text = text.replace(f'Ccy="{foreign}"', 'Ccy="CNY"')
    text = text.replace('Ccy="CNY">0<', 'Ccy="CNY">8.85<').replace("<PgNb>2<", "<PgNb>1<")
    text = text.replace(
        ">27.00</Amt>\n                <CdtDbtInd>DBIT", ">27.00</Amt><CdtDbtInd>CRDT"
    )
    (read,) = read_message(text.encode(), {"NL26VAYB8060476890"}, sent_orders)
    assert isinstance(read, Statement)
    assert (read.opening_fen, read.closing_fen, read.sequence) == (18_15, 27_00, 12312)
    (entry,) = read.entries
    assert (entry.booked_on, entry.valued_on) == (date(2014, 12, 31), date(2015, 1, 2))
    (detail,) = entry.details
    assert (detail.payment_id, detail.reference) == ("MUELL/FINP/RA12345", "4654654654654654")
    assert (detail.counterparty_name, detail.counterparty_account) == (
        "NAME NAME",
        "NL56AGDH9619008421",
    )


def test_the_notice_sample_parses_whole() -> None:
    document = codec.read(Document, parse_guarded(sample("camt.054.001.08")))
    (notified,) = document.bk_to_cstmr_dbt_cdt_ntfctn.ntfctn
    assert len(notified.ntry[0].ntry_dtls[0].tx_dtls) == 3


# --- status reports ---

A, S, R, D = OrderState.ACCEPTED, OrderState.SETTLED, OrderState.REJECTED, OrderState.DUPLICATE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (good.report("ACCP"), [(A, None, False)] * 3),
        (good.report("ACTC"), [(A, None, False)] * 3),
        (good.report("PDNG"), [(A, None, False)] * 3),
        (good.report("ACSC"), [(S, None, False)] * 3),
        (
            good.report("RJCT", (1, "RJCT", "AC04"), (2, "RJCT", "AM04"), (3, "RJCT", "AC01")),
            [(R, "AC04", False), (R, "AM04", False), (R, "AC01", False)],
        ),
        (
            good.report("PART", (2, "RJCT", "AM04")),
            [(A, None, True), (R, "AM04", False), (A, None, True)],
        ),
        (
            good.report("PART", (1, "ACSC", None), (3, "RJCT", "DU04")),
            [(S, None, False), (A, None, True), (D, "DU04", False)],
        ),
        (good.report(None, (3, "ACSC", None)), [(S, None, False)]),
    ],
)
def test_statuses(data: bytes, expected: list[tuple[OrderState, str | None, bool]]) -> None:
    require_valid(data)
    read = read_message(data, {OWN}, sent_orders)
    assert [(s.state, s.reason, s.inferred) for s in read] == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (good.report(None), "pain.002/status"),
        (good.report("RCVD"), "pain.002/status"),
        (good.report("PART", (1, "PART", None)), "pain.002/status"),
        (good.report("PART"), "pain.002/status-conflict"),
        (good.report("PART", (1, "ACCP", None)), "pain.002/status-conflict"),
        (good.report("ACCP", (1, "RJCT", "AC04")), "pain.002/status-conflict"),
        (good.report("RJCT", (1, "ACSC", None)), "pain.002/status-conflict"),
        (good.report("RJCT"), "pain.002/reason-missing"),
        (good.report("PART", (1, "RJCT", None)), "pain.002/reason-missing"),
        (good.report("PART", (4, "RJCT", "AC04")), "pain.002/unknown-order"),
        (good.report("PART", (1, "RJCT", "AC04"), (1, "ACCP", None)), "pain.002/duplicate"),
        (good.report("ACCP", orders=2), "pain.002/unknown-message"),
    ],
)
def test_contradictory_reports_are_refused_whole(data: bytes, code: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        read_message(data, {OWN}, sent_orders)
    assert refused.value.code == code


# --- orders that are not sent ---

LONG = "x" * 141


@pytest.mark.parametrize(
    ("orders", "code", "field"),
    [
        ([], "order/count", ""),
        ([order(n) for n in range(limits.ORDER_COUNT_MAX + 1)], "order/count", ""),
        ([order(order_id="")], "order/id", "order_id"),
        ([order(order_id="a" * 36)], "order/id", "order_id"),
        ([order(payment_id="支付")], "order/id", "payment_id"),
        ([order(payment_id="a\n")], "order/id", "payment_id"),
        ([order(currency="EUR")], "order/currency", "currency"),
        ([order(1, 0)], "order/amount", "amount_fen"),
        ([order(1, -1)], "order/amount", "amount_fen"),
        ([order(1, limits.AMOUNT_FEN_MAX + 1)], "order/amount", "amount_fen"),
        ([order(remittance=LONG)], "order/remittance", "remittance"),
        ([order(remittance="a\x00b")], "order/remittance", "remittance"),
        ([order(created_at=-1)], "order/date", "created_at"),
        ([order(created_at=10**15)], "order/date", "created_at"),
        ([order(remittance="")], "order/remittance", "remittance"),
        ([order(remittance=" a")], "order/remittance", "remittance"),
        ([order(), order()], "order/duplicate", "order_id"),
        ([order(), order(2, payment_id="pay-1")], "order/duplicate", "payment_id"),
    ],
)
def test_unsendable_orders(orders: list, code: str, field: str) -> None:
    with pytest.raises(OrderRefused) as refused:
        write_orders(orders, DEBTOR.name)
    assert (refused.value.code, refused.value.path) == (code, field)


@pytest.mark.parametrize("part", ["name", "account", "bank"])
@pytest.mark.parametrize("side", ["debtor", "creditor"])
@pytest.mark.parametrize("bad", ["", "x" * 141, "a\x07b"])
def test_unwritable_parties(side: str, part: str, bad: str) -> None:
    party = msgspec.structs.replace(CREDITOR, **{part: bad})
    with pytest.raises(OrderRefused) as refused:
        write_orders([order(**{side: party})], DEBTOR.name)
    assert (refused.value.code, refused.value.path) == ("order/party", f"{side}.{part}")


def test_the_largest_order_and_the_longest_texts_are_valid() -> None:
    ids = {"order_id": "o" * 35, "payment_id": "p" * 35, "remittance": "备" * 140}
    require_valid(write_orders([order(1, limits.AMOUNT_FEN_MAX, **ids)], DEBTOR.name))


# --- money ---


@given(st.integers(0, limits.AMOUNT_FEN_MAX))
def test_fen_and_yuan_are_exact(amount_fen: int) -> None:
    assert money.fen(money.yuan(amount_fen)) == amount_fen
    assert isinstance(money.fen(money.yuan(amount_fen)), int)
