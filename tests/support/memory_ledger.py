"""An in-memory ledger with versions: transactions read a snapshot and commit or conflict."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chaincode import acts, codec
from chaincode.contract.contract import CommonholdContract, Outcome
from chaincode.model.act import ACCEPTED, Answers

PERIOD_MS = 7 * 24 * 60 * 60 * 1000


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
    answered: list[tuple[str, Sequence[bytes], bytes]] = field(default_factory=list)
    """Every call that was not refused, with its arguments and answer."""
    ordered: list[str] = field(default_factory=list, repr=False)
    """The keys of `histories` sorted, as far as they were asked for; never changed in place."""

    def value(self, key: str) -> bytes | None:
        history = self.histories.get(key)
        return history[-1].value if history else None

    def keys_between(self, start: str, end: str) -> list[str]:
        """Every key ever written from `start` until before `end`, sorted."""
        new = list(self.histories)[len(self.ordered) :]
        if new:
            self.ordered = sorted([*self.ordered, *new])
        return self.ordered[bisect_left(self.ordered, start) : bisect_left(self.ordered, end)]

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
            self.answered.append((function, args, outcome.payload))
        return outcome

    async def hold_back(self, msp_id: str, function: str, *args: bytes) -> "HeldBack":
        """Endorse, and commit only when told to."""
        transaction = self.transaction(msp_id, function, *args)
        return FakeHeldBack(transaction, await self.contract().answer(transaction))

    async def reach(self, at_ms: int) -> None:
        """Let time pass until then."""
        self.now_ms = max(self.now_ms, at_ms)

    def may_reach(self, _at_ms: int) -> bool:
        """Whether a test can wait until then."""
        return True

    @property
    def period_ms(self) -> int:
        """How long a phase of a scenario lasts."""
        return PERIOD_MS

    async def evaluate(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """Run and forget, as a query does."""
        outcome = await self.contract().answer(self.transaction(msp_id, function, *args))
        if outcome.status < 400:
            self.answered.append((function, args, outcome.payload))
        return outcome

    @property
    def called(self) -> frozenset[str]:
        """Transactions and queries answered and acts accepted so far, by name."""
        functions = {function for function, _, _ in self.answered}
        return frozenset(functions.union(*(accepted_acts(*call) for call in self.answered)))


class HeldBack(Protocol):
    """An endorsed call that has not been ordered."""

    @property
    def outcome(self) -> Outcome: ...

    async def send(self) -> None:
        """Order it; raises ReadConflict when what it had read changed meanwhile."""
        ...


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
        inside = self.ledger.keys_between(start, end)
        return [(key, self._version(key)) for key in inside if self.ledger.value(key) is not None]


@dataclass(frozen=True)
class FakeHeldBack:
    """See `HeldBack`."""

    transaction: FakeTransaction
    outcome: Outcome

    async def send(self) -> None:
        transaction = self.transaction
        transaction.commit()
        call = (transaction.function, transaction.args, self.outcome.payload)
        transaction.ledger.answered.append(call)


def accepted_acts(function: str, args: Sequence[bytes], payload: bytes) -> set[str]:
    """The acts of a batch that were accepted, by name."""
    if function != "submit_acts":
        return set()
    answers = codec.decode_stored(payload, Answers).answers
    carried = zip(args[1:], answers, strict=True)
    return {acts.parse(act).head.act for act, answer in carried if answer.code == ACCEPTED}
