"""The sandbox's outgoing mail: when each message leaves, how often, and in which order."""

from __future__ import annotations

import hashlib

from gateway.bank.sandbox.store import Store

_REORDER_STEPS_MAX = 3


class Mail:
    """Messages are released at the end of a step and stay until they were delivered."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._seed = seed

    def emit(self, kind: str, data: bytes, repeat_count: int, is_reordered: bool) -> None:
        """Queues a message and its copies, inside a transaction."""
        now = self._store.counter("step")
        for copy in range(repeat_count + 1):
            position = self._store.count("position")
            late = 0
            if is_reordered:
                draw = self._draw(position)
                late, position = draw % (_REORDER_STEPS_MAX + 1), draw % 1_000_003
            self._store.run(
                "INSERT INTO outgoing (due_step, position, name, data) VALUES (?, ?, ?, ?)",
                now + copy + late,
                position,
                kind,
                data,
            )

    def release(self, now: int) -> None:
        """Gives what is due its place in the order of delivery, inside a transaction."""
        rows = self._store.all(
            "SELECT outgoing_id, name FROM outgoing WHERE delivery_id IS NULL AND due_step <= ?"
            " ORDER BY due_step, position, outgoing_id",
            now,
        )
        for outgoing_id, name in rows:
            self._store.run(
                "UPDATE outgoing SET delivery_id = ? WHERE outgoing_id = ?",
                f"{self._store.count('delivery'):08d}-{name}",
                outgoing_id,
            )

    def undelivered(self) -> list[tuple[str, bytes]]:
        """Released messages not delivered yet, in their order."""
        return self._store.all(
            "SELECT delivery_id, data FROM outgoing WHERE delivery_id IS NOT NULL"
            " AND is_delivered = 0 ORDER BY delivery_id"
        )

    def mark_delivered(self, delivery_id: str) -> None:
        """Notes that the customer has it; again, or for an unknown one, changes nothing."""
        with self._store.transaction():
            self._store.run(
                "UPDATE outgoing SET is_delivered = 1 WHERE delivery_id = ?", delivery_id
            )

    def waiting_count(self) -> int:
        """Messages queued or released that the customer does not have."""
        return int(self._store.one("SELECT count(*) FROM outgoing WHERE is_delivered = 0")[0])

    def _draw(self, number: int) -> int:
        """The same number for the same seed and occasion, in every run."""
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{number}".encode()).digest()[:6])
