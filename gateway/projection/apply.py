"""One block into the tables: whole or not at all, once, and together with its checkpoint."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.database import Database, Work
from gateway.errors import GatewayError
from gateway.projection.blocks import VALID, BlockFacts, TransactionFacts, Write
from gateway.projection.documents import named_hashes
from gateway.projection.words import TEXTS, words_of

PARAMETERS_MAX: Final = 450
"""Of one statement. SQLite looks each one up by its name, so long statements are slow: 450 are
written ten times as fast as 20,000."""
TABLES: Final = (
    "record",
    "history",
    "ledger_transaction",
    "event",
    "word",
    "named_hash",
    "checkpoint",
)
"""What is made from blocks and can be made again."""
NO_DOCUMENTS: Final = frozenset({"act", "ballot", "roll-entry", "roll-import"})
"""Kinds of record that name no file and are too many to look at."""


class OutOfOrder(GatewayError):
    """Another block is due: `next_block`."""

    def __init__(self, channel: str, next_block: int) -> None:
        super().__init__(f"{channel}: block {next_block} is due")
        self.next_block = next_block


class OtherChain(GatewayError):
    """The block does not follow the one that was projected: the channel was made anew."""

    def __init__(self, channel: str, block: int) -> None:
        super().__init__(f"{channel}: block {block} follows another chain; rebuild the read model")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsementTerms:
    """Who must endorse, and who may stand in for one of them."""

    required: tuple[str, ...]
    substitute: str

    def missing(self, endorsers: Sequence[str]) -> tuple[str, ...]:
        """For whom the substitute stood in; empty when it did not have to."""
        if self.substitute not in endorsers:
            return ()
        return tuple(msp_id for msp_id in self.required if msp_id not in endorsers)


class Projection:
    """The tables as a place that blocks are put into."""

    def __init__(self, database: Database, terms: EndorsementTerms) -> None:
        self._database = database
        self._terms = terms

    async def next_block(self, channel: str) -> int:
        """The number of the block that is due."""

        async def work(work: Work) -> int:
            checkpoint = await _checkpoint(work, channel)
            return 0 if checkpoint is None else int(checkpoint["block"]) + 1

        return await self._database.run(work)

    async def apply(self, block: BlockFacts) -> bool:
        """Put in a block; False if it was in already.

        Raises OutOfOrder, OtherChain, DatabaseUnavailable; then nothing of it is in.
        """

        async def work(work: Work) -> bool:
            if not await _is_due(work, block):
                return False
            await _put(work, block, self._terms)
            return True

        return await self._database.run(work)

    async def forget(self, channel: str) -> None:
        """Remove all that was made from a channel's blocks."""

        async def work(work: Work) -> None:
            for table in TABLES:
                await work.rows(f"DELETE FROM {table} WHERE channel = $1", channel)  # noqa: S608

        await self._database.run(work)


async def _checkpoint(work: Work, channel: str) -> Any:
    rows = await work.rows("SELECT * FROM checkpoint WHERE channel = $1", channel)
    return rows[0] if rows else None


async def _is_due(work: Work, block: BlockFacts) -> bool:
    checkpoint = await _checkpoint(work, block.channel)
    due = 0 if checkpoint is None else int(checkpoint["block"]) + 1
    if block.number > due:
        raise OutOfOrder(block.channel, due)
    if checkpoint is not None and block.number == due:
        if checkpoint["block_sha256"] != block.previous_sha256:
            raise OtherChain(block.channel, block.number)
    elif block.number == due - 1 and checkpoint["block_sha256"] != block.sha256:
        raise OtherChain(block.channel, block.number)
    return block.number == due


async def _put(work: Work, block: BlockFacts, terms: EndorsementTerms) -> None:
    await _insert(
        work,
        "ledger_transaction",
        [_transaction_row(block, tx, terms) for tx in block.transactions],
    )
    valid = [tx for tx in block.transactions if tx.code == VALID]
    writes = [(tx, write) for tx in valid for write in tx.writes]
    await _insert(work, "history", [_history_row(block, tx, write) for tx, write in writes])
    await _put_records(work, block, {write.key: (tx, write) for tx, write in writes})
    await _insert(work, "event", _event_rows(block, valid))
    await _insert(work, "named_hash", _hash_rows(block, writes), "ON CONFLICT DO NOTHING")
    await work.rows(
        "INSERT INTO checkpoint VALUES ($1, $2, $3, $4) ON CONFLICT (channel) DO UPDATE SET "
        "block = excluded.block, block_sha256 = excluded.block_sha256, "
        "block_at = excluded.block_at",
        block.channel,
        block.number,
        block.sha256,
        block.at,
    )


async def _put_records(
    work: Work, block: BlockFacts, last: dict[str, tuple[TransactionFacts, Write]]
) -> None:
    """Of each key what the last write of the block left."""
    rows = []
    for key, (tx, write) in last.items():
        if write.value is None:
            await work.rows(
                "DELETE FROM record WHERE channel = $1 AND key = $2", block.channel, key
            )
        else:
            row = (block.channel, key, write.community, write.kind, write.value)
            rows.append((*row, block.number, tx.index, tx.tx_id, tx.at))
        if write.kind in TEXTS:
            await _put_words(work, block.channel, write)
    await _insert(
        work,
        "record",
        rows,
        "ON CONFLICT (channel, key) DO UPDATE SET value = excluded.value, block = excluded.block, "
        "tx_index = excluded.tx_index, tx_id = excluded.tx_id, at = excluded.at",
    )


async def _put_words(work: Work, channel: str, write: Write) -> None:
    await work.rows("DELETE FROM word WHERE channel = $1 AND key = $2", channel, write.key)
    found = words_of(write.kind, None if write.value is None else json.loads(write.value))
    rows = [(write.community, word, write.kind, channel, write.key) for word in sorted(found)]
    await _insert(work, "word", rows)


def _transaction_row(
    block: BlockFacts, tx: TransactionFacts, terms: EndorsementTerms
) -> tuple[object, ...]:
    missing = terms.missing(tx.endorsers)
    place = (block.channel, block.number, tx.index, tx.tx_id, tx.community, tx.name, tx.creator)
    return (*place, ",".join(tx.endorsers), ",".join(missing), tx.code, tx.at)


def _history_row(block: BlockFacts, tx: TransactionFacts, write: Write) -> tuple[object, ...]:
    place = (block.channel, block.number, tx.index, write.key, write.community, write.kind)
    return (*place, write.value, tx.tx_id, tx.at)


def _event_rows(
    block: BlockFacts, transactions: Iterable[TransactionFacts]
) -> list[tuple[object, ...]]:
    return [
        (
            *(block.channel, block.number, tx.index, index),
            *(event.community, event.name, event.payload, tx.tx_id, tx.at),
        )
        for tx in transactions
        for index, event in enumerate(tx.events)
    ]


def _hash_rows(
    block: BlockFacts, writes: Iterable[tuple[TransactionFacts, Write]]
) -> list[tuple[object, ...]]:
    rows: dict[tuple[str, str], tuple[object, ...]] = {}
    for _, write in writes:
        if write.value is None or write.kind in NO_DOCUMENTS:
            continue
        for named in named_hashes(json.loads(write.value)):
            place = (write.community, named.sha256, write.key, block.channel)
            rows.setdefault(
                (write.key, named.sha256), (*place, named.media_type, named.bytes_count)
            )
    return list(rows.values())


async def _insert(
    work: Work, table: str, rows: Sequence[tuple[object, ...]], conflict: str = ""
) -> None:
    """Many rows with as few statements as the databases' limits allow."""
    if not rows:
        return
    width = len(rows[0])
    size = PARAMETERS_MAX // width
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        places = ", ".join(
            f"({', '.join(f'${at * width + column + 1}' for column in range(width))})"
            for at in range(len(part))
        )
        values = [value for row in part for value in row]
        await work.rows(f"INSERT INTO {table} VALUES {places} {conflict}", *values)  # noqa: S608
