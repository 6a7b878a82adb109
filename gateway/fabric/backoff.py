"""Waiting between attempts, and the one helper that may start a transaction anew."""

import asyncio
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import TypeVar

from gateway.fabric.errors import CommitError, EndorseError

Result = TypeVar("Result")

_DOUBLINGS_MAX = 16


def delay_s(attempt: int, *, first_s: float, cap_s: float) -> float:
    """Seconds to wait after the failed `attempt` (0, 1, ...): doubled each time, with jitter.

    Between half of the step and the whole of it, so that many clients do not return together.
    """
    step_s = min(cap_s, first_s * 2.0 ** min(attempt, _DOUBLINGS_MAX))
    return step_s * SystemRandom().uniform(0.5, 1.0)


async def retry_conflicts(
    make: Callable[[], Awaitable[Result]], *, attempts: int = 5, jitter_s: float = 0.1
) -> Result:
    """Run `make` again while it ends in a conflict, at most `attempts` times: an MVCC or phantom
    conflict in a block, or peers that endorsed from different states.

    `make` must build a new transaction each time and be harmless to repeat, that is carry a
    client-made id of its own (fabric.md 3.4). Any other error passes; so does the last conflict.
    """
    if attempts < 1:
        raise ValueError("attempts must be at least 1")
    for attempt in range(attempts - 1):
        try:
            return await make()
        except (CommitError, EndorseError) as error:
            if not error.retryable:
                raise
        await asyncio.sleep(SystemRandom().uniform(0, jitter_s * 2.0**attempt))
    return await make()
