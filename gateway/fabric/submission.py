"""Submitting a transaction and finding out what became of it, whatever happens on the way.

The orderers may commit a transaction although nobody acknowledged it, and a lost answer says
nothing. So an unknown outcome is looked up by the transaction id; if it is not found for a while,
the same signed envelope is sent again, never a new transaction. Fabric applies one id at most once:
a second copy in a later block is marked DUPLICATE_TXID and changes nothing.
"""

import asyncio
import logging
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

from gateway.fabric.backoff import delay_s
from gateway.fabric.commit import Commit, Status
from gateway.fabric.context import Context
from gateway.fabric.errors import (
    CommitStatusError,
    NotSigned,
    OutcomeUnknown,
    StepError,
    SubmitError,
    Throttled,
)
from gateway.fabric.follower import CommitFollower, Waiter

FOLLOW_S_MAX = 10.0
"""A follower that shows nothing for so long is doubted."""
ASK_S_MIN = 1.0
"""A peer is asked at least this long after a follower has seen nothing."""
_ASK_FIRST_S = 0.05
_ASK_CAP_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction that was applied: its block, and what the chaincode answered."""

    tx_id: str
    block_number: int
    result: bytes


class Submittable(Protocol):
    """What this module needs of a transaction."""

    tx_id: str
    channel_name: str

    def to_bytes(self) -> bytes: ...
    def result(self) -> bytes: ...
    def pending(self) -> Commit: ...
    async def submit(self, *, timeout_s: float | None = None) -> Commit: ...


async def commit_transaction(
    transaction: Submittable, context: Context, follower: CommitFollower | None
) -> Committed:
    """Submit, wait for the commit, and resolve an unknown outcome.

    Raises CommitError (in a block, not applied), OutcomeUnknown, NotSigned; SubmitError and
    Throttled only when the transaction surely reached no orderer.
    """
    result = _result(transaction, context)
    with nullcontext() if follower is None else follower.expect(transaction.tx_id) as waiter:
        cause = await _first_send(transaction)
        timeout_s = context.timeouts.commit_status_s
        window_s = timeout_s if cause is None else context.resolution.lookup_s
        status = await _outcome(transaction, context, waiter, window_s, cause)
    status.require_valid()
    return Committed(status.tx_id, status.block_number, result)


async def resolve_transaction(transaction: Submittable, context: Context) -> Committed:
    """Find out what became of a transaction that was sent before, perhaps by another process.

    It is looked up first and sent again only if it is not found. Raises CommitError,
    OutcomeUnknown, NotSigned.
    """
    result = _result(transaction, context)
    status = await _outcome(transaction, context, None, context.resolution.lookup_s, None)
    status.require_valid()
    return Committed(status.tx_id, status.block_number, result)


def _result(transaction: Submittable, context: Context) -> bytes:
    """The chaincode's answer; refuses before anything is sent what could not be followed up."""
    if context.signer is None:
        raise NotSigned("resolving an outcome takes questions signed here; run the steps instead")
    return transaction.result()


async def _outcome(
    transaction: Submittable,
    context: Context,
    waiter: Waiter | None,
    window_s: float,
    cause: StepError | None,
) -> Status:
    """Look up for `window_s`, then send again and look up as often as allowed."""
    resolution = context.resolution
    commit = transaction.pending()
    for resends in range(resolution.resends_max + 1):
        status, error = await _look_up(commit, waiter, window_s)
        if status is not None:
            return status
        cause = error or cause
        if resends < resolution.resends_max:
            _log.info("transaction %s not found, sending it again", transaction.tx_id)
            cause = await _send_again(transaction) or cause
        window_s = resolution.lookup_s
    raise OutcomeUnknown(
        transaction.tx_id, transaction.channel_name, transaction.to_bytes()
    ) from cause


async def _first_send(transaction: Submittable) -> StepError | None:
    """None when acknowledged, the error when it may be ordered; raises when it surely is not."""
    try:
        await transaction.submit()
    except SubmitError as error:
        if not error.may_be_ordered:
            raise
        _log.info("transaction %s unacknowledged: %s", transaction.tx_id, error.code.name)
        return error
    return None


async def _send_again(transaction: Submittable) -> StepError | None:
    try:
        await transaction.submit()
    except (SubmitError, Throttled) as error:
        return error
    return None


async def _look_up(
    commit: Commit, waiter: Waiter | None, window_s: float
) -> tuple[Status | None, StepError | None]:
    """The outcome if it becomes known within `window_s`, else the last error of asking for it.

    A follower may hang on a silent peer, so now and then the peer in use is asked too.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + window_s
    if waiter is None:
        return await _ask_until(deadline, commit)
    while True:
        status = await waiter.status(min(deadline - now(), FOLLOW_S_MAX))
        if status is not None:
            return status, None
        ask_deadline = now() + ASK_S_MIN
        ask_deadline = max(deadline, ask_deadline) if waiter.is_over else ask_deadline
        status, error = await _ask_until(ask_deadline, commit)
        if status is not None or now() >= deadline:
            return status, error


async def _ask_until(deadline: float, commit: Commit) -> tuple[Status | None, StepError | None]:
    now = asyncio.get_running_loop().time
    last_error: StepError | None = None
    attempt = 0
    while (rest_s := deadline - now()) > 0:
        try:
            return await commit.status(timeout_s=rest_s), None
        except (CommitStatusError, Throttled) as error:
            last_error = error
        pause_s = delay_s(attempt, first_s=_ASK_FIRST_S, cap_s=_ASK_CAP_S)
        await asyncio.sleep(min(pause_s, max(deadline - now(), 0)))
        attempt += 1
    return None, last_error
