"""Who guesses is slowed down: names for an identity code, codes sent to a phone.

A try is spent before it is looked at, so that many at once do not pass together. After
`FREE_TRIES` each further one waits twice as long as the one before.
"""

from collections.abc import Callable
from math import ceil
from typing import Final

from gateway.database import Work
from gateway.errors import Problem
from gateway.identity.vault import Vault

FREE_TRIES: Final = 5
LOCK_MS: Final = 60 * 1000
"""The first lock; doubled by every further try."""
LOCK_MS_MAX: Final = 60 * 60 * 1000
FORGET_MS: Final = 24 * 60 * 60 * 1000
"""Tries older than this no longer count."""

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS guess (subject_index TEXT PRIMARY KEY, tries BIGINT NOT NULL,"
    " last_at BIGINT NOT NULL, locked_until_at BIGINT NOT NULL)",
)


class Guesses:
    """Counts of tries by subject; subjects are kept as keyed hashes only."""

    def __init__(self, vault: Vault, clock_ms: Callable[[], int]) -> None:
        self._vault = vault
        self._clock_ms = clock_ms

    async def spend(self, purpose: str, subject: str) -> None:
        """Spend a try. Raises Problem 429 ``identity/locked`` while too many have been."""
        index = self._vault.index(f"guess/{purpose}", subject)
        now_ms = self._clock_ms()

        async def spend(work: Work) -> int:
            rows = await work.rows("SELECT * FROM guess WHERE subject_index = $1", index)
            if rows and rows[0]["locked_until_at"] > now_ms:
                return int(rows[0]["locked_until_at"])
            is_recent = bool(rows) and rows[0]["last_at"] > now_ms - FORGET_MS
            tries = 1 + (int(rows[0]["tries"]) if is_recent else 0)
            await work.rows(
                "INSERT INTO guess (subject_index, tries, last_at, locked_until_at)"
                " VALUES ($1, $2, $3, $4) ON CONFLICT (subject_index) DO UPDATE SET"
                " tries = excluded.tries, last_at = excluded.last_at,"
                " locked_until_at = excluded.locked_until_at",
                *(index, tries, now_ms, now_ms + _lock_ms(tries)),
            )
            return 0

        locked_until_at = await self._vault.database.run(spend)
        if locked_until_at:
            wait_s = ceil((locked_until_at - now_ms) / 1000)
            raise Problem(
                429, "identity/locked", {"until_at": locked_until_at}, retry_after_s=wait_s
            )

    async def clear(self, purpose: str, subject: str) -> None:
        """Forget the tries: the right one was among them."""
        index = self._vault.index(f"guess/{purpose}", subject)

        async def clear(work: Work) -> None:
            await work.rows("DELETE FROM guess WHERE subject_index = $1", index)

        await self._vault.database.run(clear)

    async def prune(self) -> None:
        """Delete the counts that no longer count."""
        forgotten_at = self._clock_ms() - FORGET_MS

        async def prune(work: Work) -> None:
            await work.rows("DELETE FROM guess WHERE last_at < $1", forgotten_at)

        await self._vault.database.run(prune)


def _lock_ms(tries: int) -> int:
    if tries < FREE_TRIES:
        return 0
    doublings = min(tries - FREE_TRIES, LOCK_MS_MAX.bit_length())
    return min(LOCK_MS << doublings, LOCK_MS_MAX)
