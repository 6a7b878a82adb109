"""One good message of each kind the bank sends, for tests to break."""

from __future__ import annotations

from datetime import date

from gateway.bank.pain001 import message_id, order_groups
from gateway.bank.sandbox import messages
from gateway.bank.sandbox.messages import Stamp, Verdict
from gateway.bank.types import Direction, Entry, EntryDetail, PaymentOrder
from tests.support.bank import OWN, order

ORDERS = (order(1), order(2, 1), order(3, 2_345_67))
STAMP = Stamp(message_id="SB0000000001", day=date(2026, 1, 2), step=7)
PAID = Entry(
    entry_ref="BK1",
    amount_fen=8_500_00,
    direction=Direction.DEBIT,
    booked_on=date(2026, 1, 2),
    valued_on=date(2026, 1, 3),
    details=(
        EntryDetail(
            amount_fen=8_500_00,
            direction=Direction.DEBIT,
            payment_id="pay-1",
            order_id="order-1",
            bank_ref="BK1",
            counterparty_name="门禁维修有限公司",
            counterparty_account="62330000000002",
            remittance="大门维修 1",
        ),
    ),
)
INCOME = Entry(
    entry_ref="BK2",
    amount_fen=300_01,
    direction=Direction.CREDIT,
    booked_on=date(2026, 1, 2),
    valued_on=date(2026, 1, 2),
    details=(
        EntryDetail(amount_fen=300_00, direction=Direction.CREDIT, reference="P-01"),
        EntryDetail(amount_fen=1, direction=Direction.CREDIT, remittance="电梯广告"),
    ),
)


def report(
    group_status: str | None, *listed: tuple[int, str, str | None], orders: int = 3
) -> bytes:
    """A pain.002 on ORDERS that lists (number, status, reason)."""
    sent = ORDERS[:orders]
    (group,) = order_groups(sent)
    verdicts = [
        Verdict(
            payment_id=f"pay-{number}",
            order_id=f"order-{number}",
            group_id=group.group_id,
            code=code,
            reason=reason,
        )
        for number, code, reason in listed
    ]
    return messages.report(STAMP, message_id(sent), group_status, verdicts)


def notice() -> bytes:
    """A camt.054 about income of two payments."""
    return messages.notice(STAMP, OWN, INCOME)


def statement(
    opening_fen: int = 10_000_00, sequence: int = 1, entries: tuple[Entry, ...] = (PAID, INCOME)
) -> bytes:
    """A camt.053 of a day with a payment and an income."""
    return messages.statement(STAMP, OWN, sequence, opening_fen, entries)


def sent_orders(wanted: str) -> tuple[PaymentOrder, ...]:
    """ORDERS under their message id, as the journal finds them."""
    return ORDERS if wanted == message_id(ORDERS) else ()
