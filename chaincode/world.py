"""One transaction's typed view of the ledger, and the port to Fabric that it needs.

Fabric's own reads do not see the writes of their transaction. ``World`` keeps what was written,
so that the acts of one batch see each other, and can take one act's writes back without touching
its neighbours'. Each key reaches the peer once, with its last value.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from chaincode import codec, keys
from chaincode.errors import NotFound
from chaincode.model.base import Record

R = TypeVar("R", bound=Record)

EVENT_NAME = "commonhold"


class Version(Protocol):
    """One committed value of a key; ``value`` is None where it was deleted."""

    @property
    def tx_id(self) -> str: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class Ledger(Protocol):
    """What a rule needs of a Fabric transaction; ``chaincode.shim.stub.Stub`` is one."""

    async def get(self, key: str) -> bytes | None:
        """The committed value, or None."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The committed values in the order of ``keys``."""

    def put(self, key: str, value: bytes) -> None:
        """Write at the end of the transaction."""

    def delete(self, key: str) -> None:
        """Delete at the end of the transaction."""

    def scan(self, start: str, end: str) -> AsyncIterator[tuple[str, bytes]]:
        """All committed pairs in ``[start, end)``, sorted by key, phantom-checked at commit."""

    def history(self, key: str) -> AsyncIterator[Version]:
        """Every committed value of the key; for queries only."""

    def set_event(self, name: str, payload: bytes) -> None:
        """The transaction's one event."""


class _Unwritten:
    """Stands for a key that the transaction has not written."""


_UNWRITTEN: Final = _Unwritten()


class World:
    """The records of one community in one transaction."""

    def __init__(self, ledger: Ledger, community: str) -> None:
        self.community = community
        self._ledger = ledger
        self._read: dict[str, bytes | None] = {}
        self._decoded: dict[str, Record] = {}
        self._written: dict[str, Record | None] = {}
        self._undo: dict[str, Record | _Unwritten | None] | None = None
        """Within all_or_nothing: what was written before, of each key written since."""
        self._events: list[Record] = []

    # --- Reading ---

    async def prefetch(self, wanted: Sequence[str]) -> None:
        """Read many keys in one round trip; later reads of them cost none."""
        missing = [key for key in dict.fromkeys(wanted) if key not in self._read]
        if not missing:
            return
        for key, value in zip(missing, await self._ledger.get_many(missing), strict=True):
            self._read[key] = value

    async def find(self, key: str, kind: type[R]) -> R | None:
        """The record under ``key``, or None."""
        if key in self._written:
            return _as(self._written[key], kind)
        if key in self._decoded:
            return _as(self._decoded[key], kind)
        if key not in self._read:
            self._read[key] = await self._ledger.get(key)
        value = self._read[key]
        if value is None:
            return None
        record = codec.decode_stored(value, kind)
        self._decoded[key] = record
        return record

    async def load(self, key: str, kind: type[R], code: str) -> R:
        """The record under ``key``; raises NotFound ``code`` when there is none."""
        record = await self.find(key, kind)
        if record is None:
            raise NotFound(code)
        return record

    async def scan(self, prefix: str, kind: type[R], *, from_id: str = "") -> list[tuple[str, R]]:
        """All records below ``prefix`` sorted by key, those written in this transaction included;
        with ``from_id`` only those from this id on.

        A write transaction that scans is checked for phantoms when it commits (Fabric, read-write
        set semantics); so a count never misses a ballot that slipped in.
        """
        first, end = keys.below(prefix)
        start = first + from_id
        found: dict[str, R] = {}
        async for key, value in self._ledger.scan(start, end):
            found[key] = codec.decode_stored(value, kind)
        for key, record in self._written.items():
            if start <= key < end:
                found.pop(key, None)
                if record is not None:
                    found[key] = _as_present(record, kind)
        return sorted(found.items())

    async def history(self, key: str, kind: type[R]) -> list[tuple[str, int, R | None]]:
        """Every committed version of ``key``: transaction id, its time in ms, the record."""
        return [
            (
                item.tx_id,
                item.timestamp_ms,
                codec.decode_stored(item.value, kind) if item.value else None,
            )
            async for item in self._ledger.history(key)
        ]

    # --- Writing ---

    def save(self, key: str, record: Record) -> None:
        """Write ``record`` under ``key``."""
        self._write(key, record)

    def delete(self, key: str) -> None:
        """Remove ``key`` from the state; its history stays."""
        self._write(key, None)

    def emit(self, event: Record) -> None:
        """Announce a fact; all facts of a transaction travel in its one event."""
        self._events.append(event)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back what is written inside when an exception leaves the block; not nested."""
        assert self._undo is None, self.community
        undo: dict[str, Record | _Unwritten | None] = {}
        self._undo, events = undo, len(self._events)
        try:
            yield
        except BaseException:
            for key, before in undo.items():
                if isinstance(before, _Unwritten):
                    del self._written[key]
                else:
                    self._written[key] = before
            del self._events[events:]
            raise
        finally:
            self._undo = None

    def _write(self, key: str, record: Record | None) -> None:
        if self._undo is not None and key not in self._undo:
            self._undo[key] = self._written.get(key, _UNWRITTEN)
        self._written[key] = record

    def flush(self) -> None:
        """Hand all writes, sorted by key, and the event to the ledger; once, at the end."""
        for key in sorted(self._written):
            record = self._written[key]
            if record is None:
                self._ledger.delete(key)
            else:
                self._ledger.put(key, codec.encode(record))
        if self._events:
            self._ledger.set_event(EVENT_NAME, codec.encode_many(self._events))


def _as(record: Record | None, kind: type[R]) -> R | None:
    return None if record is None else _as_present(record, kind)


def _as_present(record: Record, kind: type[R]) -> R:
    if not isinstance(record, kind):
        raise TypeError(f"a {type(record).__name__} stands where a {kind.__name__} is read")
    return record
