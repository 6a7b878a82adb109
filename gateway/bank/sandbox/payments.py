"""Payment orders as the sandbox keeps them."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.bank.sandbox.messages import Instruction
from gateway.bank.sandbox.store import Store

_QUERY = (
    "SELECT message_id, state, reason, instruction, return_reason, return_after, repeat_count,"
    " is_reordered FROM payment WHERE "
)


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One order: `state` is accepted, settled, returned or rejected (then with its `reason`)."""

    message_id: str
    state: str
    reason: str | None
    instruction: Instruction
    return_reason: str | None
    return_after: int | None
    repeat_count: int
    is_reordered: bool


def payments(store: Store, where: str, *values: Any) -> list[Payment]:
    """The payments for which `where`, a literal with placeholders, holds."""
    return [
        Payment(
            message_id=row[0],
            state=row[1],
            reason=row[2],
            instruction=msgspec.json.decode(row[3], type=Instruction),
            return_reason=row[4],
            return_after=row[5],
            repeat_count=row[6],
            is_reordered=bool(row[7]),
        )
        for row in store.all(_QUERY + where, *values)
    ]
