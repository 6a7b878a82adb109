"""The real time, and waiting for things to become true."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

WAIT_S: Final = 120.0
"""For what takes seconds, on a machine with much else to do."""
POLL_S: Final = 0.1
POLL_S_MAX: Final = 0.5
DAY_MS: Final = 24 * 60 * 60 * 1000
YEAR_MS: Final = 365 * DAY_MS


class TooLate(Exception):
    """What was waited for did not come in time."""


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


async def wait_for(
    look: Callable[[], Awaitable[T | None]], what: str, within_s: float = WAIT_S
) -> T:
    """The first true answer of `look`. Raises TooLate."""
    deadline_s = time.monotonic() + within_s
    pause_s = POLL_S
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline_s:
            raise TooLate(f"{what} did not happen within {within_s:.0f} s")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, POLL_S_MAX)
