"""Questions to the tables. Reads that must be exact go to the peer, not here."""

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from chaincode.errors import NotFound
from chaincode.model.base import INT_MAX
from gateway.database import Database, Row, Work
from gateway.projection.answers import (
    AsOf,
    Found,
    History,
    LedgerEvent,
    Place,
    Position,
    RecordRow,
    Records,
    Substitution,
    Substitutions,
    TransactionRow,
    Transactions,
    VersionRow,
)
from gateway.projection.words import query_words

T = TypeVar("T")

PAGE_MAX: Final = 200
"""Rows of one page."""
QUERY_WORDS_MAX: Final = 12
AgeMs = Callable[[str, int], int]
"""How old an answer of a channel is, given the time of its last block."""

_AFTER: Final = (
    "(block > {0} OR (block = {0} AND (tx_index > {1} OR (tx_index = {1} AND event_index > {2}))))"
)
BEGINNING: Final = Position(-1, 0, 0)
"""Before every event."""
FIRST_PLACE: Final = Place(-1, 0)
LAST_PLACE: Final = Place(INT_MAX, 0)


class ReadModel:
    """The read model of all channels. Every call raises DatabaseUnavailable; those of a community
    raise NotFound ``community/unknown``."""

    def __init__(self, database: Database, age_ms: AgeMs) -> None:
        self._database = database
        self._age_ms = age_ms

    async def communities(self) -> dict[str, int]:
        """The communities of all channels, with the last block that has a transaction of each."""

        async def work(work: Work) -> Sequence[Row]:
            return await work.rows(
                "SELECT community, (SELECT max(block) FROM ledger_transaction AS t "
                "WHERE t.community = record.community) AS last FROM record "
                "WHERE kind = 'community' ORDER BY community"
            )

        return {row["community"]: row["last"] for row in await self._database.run(work)}

    async def as_of(self, community: str) -> AsOf:
        """How far the read model is with the channel of a community."""
        return await self._database.run(lambda work: self._as_of(work, community))

    async def record(self, community: str, key: str) -> tuple[AsOf, RecordRow | None]:
        """One record as it stands."""

        async def work(work: Work) -> tuple[AsOf, RecordRow | None]:
            as_of = await self._as_of(work, community)
            rows = await work.rows(
                "SELECT * FROM record WHERE channel = $1 AND key = $2", as_of.channel, key
            )
            return as_of, _record(rows[0]) if rows else None

        return await self._database.run(work)

    async def records(
        self, community: str, kind: str, *, after: str = "", limit: int = PAGE_MAX
    ) -> Records:
        """The records of one kind, by key, behind `after`."""
        size = _page(limit)

        async def work(work: Work) -> Records:
            as_of = await self._as_of(work, community)
            rows = await work.rows(
                "SELECT * FROM record WHERE community = $1 AND kind = $2 AND key > $3 "
                "ORDER BY key LIMIT $4",
                community,
                kind,
                after,
                size + 1,
            )
            found = [_record(row) for row in rows[:size]]
            return Records(
                as_of=as_of,
                records=found,
                next_after=found[-1].key if len(rows) > size else None,
            )

        return await self._database.run(work)

    async def history(
        self, community: str, key: str, *, after: Place = FIRST_PLACE, limit: int = PAGE_MAX
    ) -> History:
        """The versions of a record behind a place, oldest first."""
        size = _page(limit)

        async def work(work: Work) -> History:
            as_of = await self._as_of(work, community)
            rows = await work.rows(
                "SELECT * FROM history WHERE community = $1 AND key = $2 "
                "AND (block > $3 OR (block = $3 AND tx_index > $4)) "
                "ORDER BY block, tx_index LIMIT $5",
                community,
                key,
                after.block,
                after.tx_index,
                size + 1,
            )
            versions = [_version(row) for row in rows[:size]]
            return History(as_of=as_of, key=key, versions=versions, next_after=_next(rows, size))

        return await self._database.run(work)

    async def transactions(
        self,
        community: str,
        *,
        before: Place = LAST_PLACE,
        limit: int = PAGE_MAX,
        substituted: bool = False,
    ) -> Transactions:
        """Transactions of the community before a place, newest first."""
        size = _page(limit)
        wanted = "AND missing <> ''" if substituted else ""

        async def work(work: Work) -> Transactions:
            as_of = await self._as_of(work, community)
            rows = await work.rows(
                "SELECT * FROM ledger_transaction WHERE community = $1 "  # noqa: S608
                f"AND (block < $2 OR (block = $2 AND tx_index < $3)) {wanted} "
                "ORDER BY block DESC, tx_index DESC LIMIT $4",
                community,
                before.block,
                before.tx_index,
                size + 1,
            )
            found = [_transaction(row) for row in rows[:size]]
            return Transactions(as_of=as_of, transactions=found, next_before=_next(rows, size))

        return await self._database.run(work)

    async def substitutions(self, community: str) -> Substitutions:
        """How often the substitute stood in for whom."""

        async def work(work: Work) -> Substitutions:
            as_of = await self._as_of(work, community)
            rows = await work.rows(
                "SELECT missing, count(*) AS n, max(block) AS last FROM ledger_transaction "
                "WHERE community = $1 AND code = 'VALID' GROUP BY missing ORDER BY missing",
                community,
            )
            return Substitutions(
                as_of=as_of,
                transactions_count=sum(row["n"] for row in rows),
                substitutions=[_substitution(row) for row in rows if row["missing"]],
            )

        return await self._database.run(work)

    async def search(
        self, community: str, text: str, *, kind: str = "", limit: int = PAGE_MAX
    ) -> Found:
        """Records whose texts hold every word of `text` (the first QUERY_WORDS_MAX of it)."""
        wanted = sorted(query_words(text))[:QUERY_WORDS_MAX]

        async def work(work: Work) -> Found:
            as_of = await self._as_of(work, community)
            if not wanted:
                return Found(as_of=as_of, records=[])
            places = ", ".join(f"${at + 5}" for at in range(len(wanted)))
            rows = await work.rows(
                "SELECT * FROM record WHERE channel = $1 AND key IN ("  # noqa: S608
                "SELECT key FROM word WHERE community = $2 AND ($3 = '' OR kind = $3) "
                f"AND word IN ({places}) "
                f"GROUP BY key HAVING count(*) = {len(wanted)}) "
                "ORDER BY block DESC, key LIMIT $4",
                as_of.channel,
                community,
                kind,
                _page(limit),
                *wanted,
            )
            return Found(as_of=as_of, records=[_record(row) for row in rows])

        return await self._database.run(work)

    async def events(
        self, channel: str, after: Position, *, community: str = "", limit: int = PAGE_MAX
    ) -> list[LedgerEvent]:
        """Events behind a position in the order of the ledger, of one community or of all."""
        mine = "AND community = $6" if community else ""

        async def work(work: Work) -> Sequence[Row]:
            return await work.rows(
                "SELECT * FROM event WHERE channel = $1 AND "  # noqa: S608
                f"{_AFTER.format('$2', '$3', '$4')} {mine} "
                "ORDER BY block, tx_index, event_index LIMIT $5",
                channel,
                after.block,
                after.tx_index,
                after.event_index,
                limit,
                *((community,) if community else ()),
            )

        return [_event(row) for row in await self._database.run(work)]

    async def names_hash(self, sha256: str, community: str = "") -> bool:
        """Whether the ledger names, or once named, a file of this hash."""

        async def work(work: Work) -> bool:
            rows = await work.rows(
                "SELECT community FROM named_hash WHERE sha256 = $1 "
                "AND ($2 = '' OR community = $2) LIMIT 1",
                sha256,
                community,
            )
            return bool(rows)

        return await self._database.run(work)

    async def run(self, work: Callable[[Work], Coroutine[Any, Any, T]]) -> T:
        """A unit of work of a part that keeps tables of its own in this database."""
        return await self._database.run(work)

    async def _as_of(self, work: Work, community: str) -> AsOf:
        rows = await work.rows(
            "SELECT checkpoint.* FROM record JOIN checkpoint USING (channel) "
            "WHERE record.community = $1 AND record.kind = 'community' LIMIT 1",
            community,
        )
        if not rows:
            raise NotFound("community/unknown")
        row = rows[0]
        age_ms = self._age_ms(row["channel"], row["block_at"])
        return AsOf(
            channel=row["channel"], block=row["block"], block_at=row["block_at"], age_ms=age_ms
        )


def _page(limit: int) -> int:
    return max(1, min(limit, PAGE_MAX))


def _next(rows: Sequence[Row], size: int) -> str | None:
    """The place of a page's last row, if there are more rows."""
    if len(rows) <= size:
        return None
    return str(Place(rows[size - 1]["block"], rows[size - 1]["tx_index"]))


def _record(row: Row) -> RecordRow:
    return RecordRow(
        key=row["key"],
        value=json.loads(row["value"]),
        block=row["block"],
        tx_id=row["tx_id"],
        at=row["at"],
    )


def _version(row: Row) -> VersionRow:
    return VersionRow(
        value=None if row["value"] is None else json.loads(row["value"]),
        block=row["block"],
        tx_index=row["tx_index"],
        tx_id=row["tx_id"],
        at=row["at"],
    )


def _transaction(row: Row) -> TransactionRow:
    return TransactionRow(
        tx_id=row["tx_id"],
        block=row["block"],
        tx_index=row["tx_index"],
        at=row["at"],
        name=row["name"],
        creator=row["creator"],
        endorsers=_list(row["endorsers"]),
        stood_in_for=_list(row["missing"]),
        code=row["code"],
    )


def _substitution(row: Row) -> Substitution:
    return Substitution(
        stood_in_for=_list(row["missing"]), transactions_count=row["n"], last_block=row["last"]
    )


def _event(row: Row) -> LedgerEvent:
    position = Position(row["block"], row["tx_index"], row["event_index"])
    return LedgerEvent(
        channel=row["channel"],
        position=position,
        community=row["community"],
        name=row["name"],
        payload=row["payload"],
        tx_id=row["tx_id"],
        at=row["at"],
    )


def _list(text: Any) -> list[str]:
    return text.split(",") if text else []
