"""What a list of bank events says, in short."""

from __future__ import annotations

from gateway.bank.types import (
    BankEvent,
    EntryNotice,
    OrderState,
    OrderStatus,
    RefusedMessage,
    Statement,
)


def statuses(events: list[BankEvent]) -> list[tuple[str, OrderState, str | None, bool]]:
    return [
        (body.payment_id, body.state, body.reason, body.inferred)
        for body in (event.body for event in events)
        if isinstance(body, OrderStatus)
    ]


def notices(events: list[BankEvent]) -> list[EntryNotice]:
    return [event.body for event in events if isinstance(event.body, EntryNotice)]


def statements(events: list[BankEvent]) -> list[Statement]:
    return [event.body for event in events if isinstance(event.body, Statement)]


def refusals(events: list[BankEvent]) -> list[RefusedMessage]:
    return [event.body for event in events if isinstance(event.body, RefusedMessage)]
