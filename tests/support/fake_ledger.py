"""The state of one channel as a peer keeps it: versions, history, metadata, private data, MVCC."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

PUBLIC = ""


class LedgerError(Exception):
    """What a real ledger would refuse; a fake peer answers it as ERROR."""


@dataclass
class Entry:
    value: bytes
    version: int
    metadata: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    tx_id: str
    timestamp_ms: int
    value: bytes | None


class FakeLedger:
    """Committed state. `read_fails` imitates a broken state database."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.changes: dict[str, list[Change]] = {}
        self.height = 0
        self.read_fails = False

    def range(self, collection: str, start: str, end: str) -> list[tuple[str, Entry]]:
        """Keys in the byte order of UTF-8, which is also the order of Python's strings."""
        return sorted(
            (key, entry)
            for (space, key), entry in self.entries.items()
            if space == collection and key >= start and (not end or key < end)
        )

    def put(self, key: str, value: bytes, collection: str = PUBLIC) -> None:
        """Commit one value, as a transaction of its own."""
        simulation = Simulation(self, f"seed-{self.height}", 0)
        simulation.put(collection, key, value)
        assert simulation.commit()

    def value(self, key: str, collection: str = PUBLIC) -> bytes | None:
        entry = self.entries.get((collection, key))
        return entry.value if entry else None


class Query:
    """A query that hands out its results in batches; closed when they are exhausted."""

    def __init__(self, results: Iterator[bytes]) -> None:
        self._results = results
        self._ahead = list(itertools.islice(results, 1))

    def take(self, count: int) -> tuple[list[bytes], bool]:
        batch = self._ahead + list(itertools.islice(self._results, count - len(self._ahead)))
        self._ahead = list(itertools.islice(self._results, 1))
        return batch, bool(self._ahead)


class Simulation:
    """One transaction's reads and writes, with the checks of Fabric's `tx_simulator.go`."""

    def __init__(self, ledger: FakeLedger, tx_id: str, timestamp_ms: int) -> None:
        self._ledger = ledger
        self.tx_id = tx_id
        self._timestamp_ms = timestamp_ms
        self.reads: dict[tuple[str, str], int] = {}
        self.ranges: list[tuple[str, str, str, list[tuple[str, int]]]] = []
        self.writes: dict[tuple[str, str], bytes | None] = {}
        self.metadata_writes: dict[tuple[str, str], dict[str, bytes]] = {}
        self.purges: set[tuple[str, str]] = set()
        self._is_read_only = False

    def get(self, collection: str, key: str) -> bytes:
        if self._ledger.read_fails:
            raise LedgerError("the state database is down")
        entry = self._ledger.entries.get((collection, key))
        self.reads[collection, key] = entry.version if entry else 0
        return entry.value if entry else b""

    def range(self, collection: str, start: str, end: str) -> list[tuple[str, bytes]]:
        if collection != PUBLIC:
            self.require_no_writes("Queries on pvt data")
        found = self._ledger.range(collection, start, end)
        versions = [(key, entry.version) for key, entry in found]
        self.ranges.append((collection, start, end, versions))
        return [(key, entry.value) for key, entry in found]

    def require_no_writes(self, what: str) -> None:
        if self.writes or self.metadata_writes:
            raise LedgerError(f"{what} is supported only in a read-only transaction")
        self._is_read_only = True

    def hash(self, collection: str, key: str) -> bytes:
        value = self.get(collection, key)
        return hashlib.sha256(value).digest() if value else b""

    def metadata(self, collection: str, key: str) -> dict[str, bytes]:
        entry = self._ledger.entries.get((collection, key))
        return entry.metadata if entry else {}

    def history(self, key: str) -> list[Change]:
        return self._ledger.changes.get(key, [])[::-1]

    def put(self, collection: str, key: str, value: bytes) -> None:
        self._require_writable(key)
        self.writes[collection, key] = value or None

    def delete(self, collection: str, key: str) -> None:
        self._require_writable(key)
        self.writes[collection, key] = None

    def purge(self, collection: str, key: str) -> None:
        if collection == PUBLIC:
            raise LedgerError("only applicable for private data")
        self.delete(collection, key)
        self.purges.add((collection, key))

    def put_metadata(self, collection: str, key: str, name: str, value: bytes) -> None:
        self._require_writable(key)
        self.metadata_writes.setdefault((collection, key), {})[name] = value

    def commit(self) -> bool:
        """Apply the writes if nothing read has changed since; return whether that was so."""
        if not self._is_current():
            return False
        self._ledger.height += 1
        for place, value in self.writes.items():
            self._apply(place, value)
        for place, metadata in self.metadata_writes.items():
            if entry := self._ledger.entries.get(place):
                entry.metadata |= metadata
        return True

    def _apply(self, place: tuple[str, str], value: bytes | None) -> None:
        old = self._ledger.entries.pop(place, None)
        if value is not None:
            metadata = old.metadata if old else {}
            self._ledger.entries[place] = Entry(value, self._ledger.height, metadata)
        if place[0] == PUBLIC:
            change = Change(self.tx_id, self._timestamp_ms, value)
            self._ledger.changes.setdefault(place[1], []).append(change)

    def _is_current(self) -> bool:
        entries = self._ledger.entries
        reads = all(
            (entries[place].version if place in entries else 0) == version
            for place, version in self.reads.items()
        )
        return reads and all(
            versions == [(key, entry.version) for key, entry in self._ledger.range(*bounds)]
            for *bounds, versions in self.ranges
        )

    def _require_writable(self, key: str) -> None:
        if self._is_read_only:
            raise LedgerError("Transaction has already performed a query. Writes are not allowed")
        if not key:
            raise LedgerError("a key is empty")
