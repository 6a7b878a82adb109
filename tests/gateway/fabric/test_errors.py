"""What failures are told to be, and by whose words."""

import grpc
import pytest

from gateway.fabric.errors import (
    CommitError,
    EndorseError,
    ErrorDetail,
    Throttled,
    chaincode_response,
    code_name,
    step_error,
)
from gateway.fabric.rpc import CLIENT_BUSY, Call, RpcFailure, error_details
from tests.support.fake_fabric_messages import THROTTLED, Fail, encode_status

Code = grpc.StatusCode
DETAIL = ErrorDetail("peer0.bank:7051", "BankMSP", "words " * 60)


def failure(code: grpc.StatusCode, message: str, *details: str) -> RpcFailure:
    return RpcFailure(code, message, details=tuple(ErrorDetail("a", "m", text) for text in details))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_details_are_decoded(count: int) -> None:
    status = encode_status(Fail(Code.ABORTED, "failed", [DETAIL] * count))
    assert error_details(status) == (DETAIL,) * count


@pytest.mark.parametrize("raw", [b"", b"\xff", b"\x1a\x05ab", b"\x1a\x02\xff\xff", b"\x18\x05"])
def test_malformed_details_are_none(raw: bytes) -> None:
    assert error_details(raw) == ()


@pytest.mark.parametrize(
    ("message", "details", "expected"),
    [
        ("chaincode response 409, a/b {}", [], (409, "a/b {}")),
        ("evaluate call to endorser returned error: chaincode response 403, x", [], (403, "x")),
        ("see details", ["chaincode response 422, a/b\nline"], (422, "a/b\nline")),
        ("see details", ["unreachable", "chaincode response 400, x"], (400, "x")),
        ("chaincode response 404, message", ["chaincode response 404, detail"], (404, "detail")),
        ("chaincode response 404", [], None),
        ("chaincode response abc, x", [], None),
        ("see details", ["ProposalResponsePayloads do not match"], None),
    ],
)  # fmt: skip
def test_chaincode_response(
    message: str, details: list[str], expected: tuple[int, str] | None
) -> None:
    error = EndorseError(Call.ENDORSE, "tx", failure(Code.ABORTED, message, *details))
    assert chaincode_response(error) == expected


def test_other_errors_hold_no_chaincode_response() -> None:
    assert chaincode_response(CommitError("tx", 11, 1)) is None


@pytest.mark.parametrize("call", list(Call))
@pytest.mark.parametrize(
    "turned_away",
    [failure(Code.UNKNOWN, THROTTLED), failure(Code.RESOURCE_EXHAUSTED, CLIENT_BUSY)],
    ids=str,
)
def test_turned_away_is_throttled_at_every_step(call: Call, turned_away: RpcFailure) -> None:
    error = step_error(call, "tx", turned_away)
    assert isinstance(error, Throttled)
    assert (error.call, error.tx_id) == (call, "tx")


@pytest.mark.parametrize("call", list(Call))
@pytest.mark.parametrize(
    "other",
    [
        failure(Code.ABORTED, THROTTLED),
        failure(Code.UNKNOWN, f"chaincode response 500, {THROTTLED}"),
        failure(Code.RESOURCE_EXHAUSTED, "received message larger than max"),
        failure(Code.ABORTED, "failed", THROTTLED, "chaincode response 409, a/b"),
    ],
    ids=str,
)
def test_what_only_looks_like_throttling(call: Call, other: RpcFailure) -> None:
    assert not isinstance(step_error(call, "tx", other), Throttled)


@pytest.mark.parametrize(
    ("call", "is_throttled"),
    [
        (Call.EVALUATE, True),
        (Call.ENDORSE, True),
        (Call.SUBMIT, False),
        (Call.COMMIT_STATUS, False),
    ],
)
def test_another_nodes_throttling_counts_only_where_nothing_is_ordered(
    call: Call, is_throttled: bool
) -> None:
    error = step_error(call, "tx", failure(Code.UNAVAILABLE, "see details", THROTTLED))
    assert isinstance(error, Throttled) is is_throttled


def test_the_text_names_call_transaction_code_and_each_node() -> None:
    error = step_error(Call.ENDORSE, "tx1", failure(Code.ABORTED, "failed", "one", "two"))
    assert str(error) == "Endorse tx1: ABORTED failed; a m: one; a m: two"


@pytest.mark.parametrize(("code", "name"), [(0, "VALID"), (11, "MVCC_READ_CONFLICT"), (99, "99")])
def test_code_names(code: int, name: str) -> None:
    assert code_name(code) == name
