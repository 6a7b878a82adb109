"""An in-memory ledger with versions: transactions read a snapshot and commit or conflict."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from chaincode.contract.contract import CommonholdContract, Outcome


class ReadConflict(Exception):
    """The transaction read a key or range that changed before it committed (MVCC, phantom)."""


@dataclass(frozen=True)
class Creator:
    msp_id: str


@dataclass(frozen=True)
class Committed:
    tx_id: str
    timestamp_ms: int
    value: bytes | None


@dataclass
class FakeLedger:
    """World state with history; every key's version is the number of writes to it."""

    channel_id: str = "fuzemen"
    now_ms: int = 1_790_000_000_000
    histories: dict[str, list[Committed]] = field(default_factory=dict)
    events: list[tuple[str, str, bytes]] = field(default_factory=list)
    transaction_count: int = 0
    log: list[tuple[str, str, Sequence[bytes], int]] = field(default_factory=list)
    """Every submitted call with its time, for a replay."""

    def value(self, key: str) -> bytes | None:
        history = self.histories.get(key)
        return history[-1].value if history else None

    def state(self) -> dict[str, bytes]:
        """All present pairs, sorted."""
        present = ((key, self.value(key)) for key in sorted(self.histories))
        return {key: value for key, value in present if value is not None}

    def transaction(
        self, msp_id: str, function: str, *args: bytes, now_ms: int | None = None
    ) -> "FakeTransaction":
        self.transaction_count += 1
        return FakeTransaction(
            ledger=self,
            creator=Creator(msp_id),
            function=function,
            args=args,
            tx_id=f"{self.transaction_count:064x}",
            timestamp_ms=self.now_ms if now_ms is None else now_ms,
        )

    def contract(self) -> CommonholdContract:
        """A contract whose endorser's clock is this ledger's."""
        return CommonholdContract(lambda: self.now_ms)

    async def submit(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """Endorse and, when endorsed, commit at once."""
        self.log.append((msp_id, function, args, self.now_ms))
        transaction = self.transaction(msp_id, function, *args)
        outcome = await self.contract().answer(transaction)
        if outcome.status < 400:
            transaction.commit()
        return outcome

    async def evaluate(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """Run and forget, as a query does."""
        return await self.contract().answer(self.transaction(msp_id, function, *args))


@dataclass
class FakeTransaction:
    """One endorsed but not yet committed transaction; its reads do not see its own writes."""

    ledger: FakeLedger
    creator: Creator
    function: str
    args: Sequence[bytes]
    tx_id: str
    timestamp_ms: int
    reads: dict[str, int] = field(default_factory=dict)
    ranges: list[tuple[str, str, list[tuple[str, int]]]] = field(default_factory=list)
    writes: dict[str, bytes | None] = field(default_factory=dict)
    event: tuple[str, bytes] | None = None

    @property
    def channel_id(self) -> str:
        return self.ledger.channel_id

    async def get(self, key: str) -> bytes | None:
        self.reads[key] = self._version(key)
        return self.ledger.value(key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]

    def put(self, key: str, value: bytes) -> None:
        self.writes[key] = value

    def delete(self, key: str) -> None:
        self.writes[key] = None

    async def scan(self, start: str, end: str) -> AsyncIterator[tuple[str, bytes]]:
        seen = self._versions(start, end)
        self.ranges.append((start, end, seen))
        for key, _ in seen:
            value = self.ledger.value(key)
            assert value is not None
            yield key, value

    async def history(self, key: str) -> AsyncIterator[Committed]:
        for item in reversed(self.ledger.histories.get(key, [])):
            yield item

    def set_event(self, name: str, payload: bytes) -> None:
        assert self.event is None, "one event per transaction"
        self.event = (name, payload)

    def commit(self) -> None:
        """Apply the writes, or raise ReadConflict as a peer's validation would."""
        if any(self._version(key) != version for key, version in self.reads.items()):
            raise ReadConflict
        if any(self._versions(start, end) != seen for start, end, seen in self.ranges):
            raise ReadConflict
        for key, value in self.writes.items():
            item = Committed(self.tx_id, self.timestamp_ms, value)
            self.ledger.histories.setdefault(key, []).append(item)
        if self.event is not None:
            self.ledger.events.append((self.tx_id, *self.event))

    def _version(self, key: str) -> int:
        return len(self.ledger.histories.get(key, []))

    def _versions(self, start: str, end: str) -> list[tuple[str, int]]:
        inside = sorted(key for key in self.ledger.histories if start <= key < end)
        return [(key, self._version(key)) for key in inside if self.ledger.value(key) is not None]
