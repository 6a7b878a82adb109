"""What the read model answers; every answer names its block and how old it is."""

from typing import Any, Final

import msgspec

DIGITS_MAX: Final = 16
"""Of a number in a place: it fits every database's integers."""


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """Which block an answer is of, and how old it may be.

    `age_ms` is the time since this gateway last saw that no newer block exists; before it saw that
    for the first time, the time since the block.
    """

    channel: str
    block: int
    block_at: int
    age_ms: int


class RecordRow(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it stands and what wrote it."""

    key: str
    value: Any
    block: int
    tx_id: str
    at: int


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """A page of records, by key; `next_after` begins the next page."""

    as_of: AsOf
    records: list[RecordRow]
    next_after: str | None = None


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a record; `value` is null where it was deleted."""

    value: Any
    block: int
    tx_index: int
    tx_id: str
    at: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Every version of one record, oldest first; `next_after` begins the next page."""

    as_of: AsOf
    key: str
    versions: list[VersionRow]
    next_after: str | None = None


class TransactionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction: what it called, who made it, who endorsed it, and its outcome.

    `stood_in_for` are the organisations in whose place the substitute endorsed it.
    """

    tx_id: str
    block: int
    tx_index: int
    at: int
    name: str
    creator: str
    endorsers: list[str]
    stood_in_for: list[str]
    code: str


class Transactions(msgspec.Struct, frozen=True, kw_only=True):
    """A page of transactions, newest first; `next_before` begins the next page."""

    as_of: AsOf
    transactions: list[TransactionRow]
    next_before: str | None = None


class Substitution(msgspec.Struct, frozen=True, kw_only=True):
    """How often the substitute stood in for these organisations, and when last."""

    stood_in_for: list[str]
    transactions_count: int
    last_block: int


class Substitutions(msgspec.Struct, frozen=True, kw_only=True):
    """All substitutions of a community beside the number of its transactions."""

    as_of: AsOf
    transactions_count: int
    substitutions: list[Substitution]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Records whose texts hold every word of the query."""

    as_of: AsOf
    records: list[RecordRow]


class Place(msgspec.Struct, frozen=True, order=True):
    """The place of a transaction on its channel."""

    block: int
    tx_index: int

    def __str__(self) -> str:
        return f"{self.block}:{self.tx_index}"


class Position(msgspec.Struct, frozen=True, order=True):
    """The place of an event on its channel."""

    block: int
    tx_index: int
    event_index: int

    def __str__(self) -> str:
        return f"{self.block}:{self.tx_index}:{self.event_index}"


class LedgerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the chaincode; `payload` is its JSON."""

    channel: str
    position: Position
    community: str
    name: str
    payload: str
    tx_id: str
    at: int


def parse_place(text: str) -> Place:
    """Read ``block:transaction``. Raises ValueError."""
    return Place(*_numbers(text, 2))


def parse_position(text: str) -> Position:
    """Read ``block:transaction:event``. Raises ValueError."""
    return Position(*_numbers(text, 3))


def _numbers(text: str, count: int) -> list[int]:
    parts = text.split(":")
    if len(parts) != count or not all(
        part.isascii() and part.isdigit() and len(part) <= DIGITS_MAX for part in parts
    ):
        raise ValueError("not a place on the ledger")
    return [int(part) for part in parts]
