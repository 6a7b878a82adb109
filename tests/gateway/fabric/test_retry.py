"""Conflicts are retried with a new transaction, nothing else is."""

import grpc
import pytest

from gateway.fabric.backoff import delay_s, retry_conflicts
from gateway.fabric.errors import (
    CommitError,
    EndorseError,
    ErrorDetail,
    FabricError,
    OutcomeUnknown,
)
from gateway.fabric.rpc import Call, RpcFailure
from gateway.fabric.timeouts import Reconnect, Resolution, Timeouts

MVCC, PHANTOM, POLICY = 11, 12, 10


class Calls:
    """Fails with the given errors in turn, then answers with how often it was called."""

    def __init__(self, *errors: FabricError) -> None:
        self.errors = list(errors)
        self.count = 0

    async def __call__(self) -> int:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.count


@pytest.mark.parametrize("codes", [[], [MVCC], [PHANTOM, MVCC]])
async def test_conflicts_are_retried(codes: list[int]) -> None:
    calls = Calls(*(CommitError("tx", code, 1) for code in codes))
    assert await retry_conflicts(calls, attempts=3, jitter_s=0) == len(codes) + 1


async def test_at_most_so_many_attempts() -> None:
    calls = Calls(*(CommitError("tx", MVCC, 1) for _ in range(9)))
    with pytest.raises(CommitError):
        await retry_conflicts(calls, attempts=3, jitter_s=0)
    assert calls.count == 3


def endorse_error(words: str) -> EndorseError:
    details = (ErrorDetail("peer0.bank:7051", "BankMSP", words),)
    failure = RpcFailure(grpc.StatusCode.ABORTED, "failed to collect", details=details)
    return EndorseError(Call.ENDORSE, "tx", failure)


async def test_peers_at_different_blocks_are_retried() -> None:
    calls = Calls(endorse_error("ProposalResponsePayloads do not match"))
    assert await retry_conflicts(calls, attempts=3, jitter_s=0) == 2


@pytest.mark.parametrize(
    "error",
    [
        CommitError("tx", POLICY, 1),
        OutcomeUnknown("tx", "c", b""),
        endorse_error("chaincode response 409, a/b {}"),
    ],
)
async def test_nothing_else_is_retried(error: FabricError) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)):
        await retry_conflicts(calls, attempts=3, jitter_s=0)
    assert calls.count == 1


async def test_at_least_one_attempt() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await retry_conflicts(Calls(), attempts=0)


@pytest.mark.parametrize(("attempt", "step_s"), [(0, 0.1), (1, 0.2), (3, 0.8), (9, 5), (10**6, 5)])
def test_delays_double_up_to_the_cap(attempt: int, step_s: float) -> None:
    for _ in range(50):
        assert step_s / 2 <= delay_s(attempt, first_s=0.1, cap_s=5) <= step_s


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Timeouts, "evaluate_s"),
        (Timeouts, "commit_status_s"),
        (Resolution, "lookup_s"),
        (Resolution, "resends_max"),
        (Reconnect, "failures_max"),
    ],
)
@pytest.mark.parametrize("value", [0, -1])
def test_options_must_be_above_zero(kind: type, name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        kind(**{name: value})
