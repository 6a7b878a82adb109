"""What a failed gRPC call said, as plain values: code, message and each node's own words."""

import re
from dataclasses import dataclass
from enum import StrEnum

import grpc
from fabric_protos.gateway import gateway_pb2
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

STATUS_DETAILS_KEY = "grpc-status-details-bin"
STATUS_DETAILS_FIELD = 3
"""`google.rpc.Status.details`: the repeated `Any` in which a peer puts its `ErrorDetail`s."""

# A full peer answers so, with the code UNKNOWN (internal/peer/node/grpc_limiters.go).
_THROTTLED = re.compile(r"too many requests for \S+, exceeding concurrency limit")
CLIENT_BUSY = "too many calls wait in this client"
# gRPC's own words when no connection could be made: the request never left this process.
_NOT_CONNECTED = "failed to connect to all addresses"
_CHAINCODE_RESPONSE = re.compile(r"chaincode response (\d{3}), (.*)", re.DOTALL)


class Call(StrEnum):
    """The unary calls of the peer's Gateway and Endorser services, by their names on the wire."""

    EVALUATE = "Evaluate"
    ENDORSE = "Endorse"
    SUBMIT = "Submit"
    COMMIT_STATUS = "CommitStatus"
    PROCESS_PROPOSAL = "ProcessProposal"
    """The Endorser's only one: asks this very peer, and needs no channel."""


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One node's own words about a failed call; no details mean the gateway peer itself failed."""

    address: str
    msp_id: str
    message: str

    def __str__(self) -> str:
        return f"{self.address} {self.msp_id}: {self.message}"


class RpcFailure(Exception):
    """A gRPC call that did not end with OK. `address` is the peer that was asked."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        address: str = "",
        details: tuple[ErrorDetail, ...] = (),
    ) -> None:
        super().__init__(f"{code.name} {message}")
        self.code = code
        self.message = message
        self.address = address
        self.details = details

    @property
    def is_unreachable(self) -> bool:
        """This peer cannot serve now, another one might: no node behind it was even asked."""
        return self.code is grpc.StatusCode.UNAVAILABLE and not self.details

    @property
    def is_unsent(self) -> bool:
        """No connection could be made, so no peer has received the request."""
        return self.code is grpc.StatusCode.UNAVAILABLE and _NOT_CONNECTED in self.message

    @property
    def is_turned_away(self) -> bool:
        """The call was not even read: no free slot at the peer, or none in this client."""
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.message == CLIENT_BUSY
        return self.code is grpc.StatusCode.UNKNOWN and bool(_THROTTLED.match(self.message))

    @property
    def is_endorser_busy(self) -> bool:
        """Another peer turned the call away, and no chaincode refused it."""
        if self.chaincode_response() is not None:
            return False
        return any(_THROTTLED.search(detail.message) for detail in self.details)

    def chaincode_response(self) -> tuple[int, str] | None:
        """The first `chaincode response <status>, <message>` in the details or the message."""
        for text in (*(detail.message for detail in self.details), self.message):
            found = _CHAINCODE_RESPONSE.search(text)
            if found:
                return int(found[1]), found[2]
        return None


def rpc_failure(error: grpc.aio.AioRpcError, address: str) -> RpcFailure:
    """The failure of a call to the peer at `address`, with its status details decoded."""
    trailers = error.trailing_metadata() or ()
    raw = next((value for key, value in trailers if key == STATUS_DETAILS_KEY), b"")
    details = error_details(raw) if isinstance(raw, bytes) else ()
    return RpcFailure(error.code(), error.details() or "", address=address, details=details)


def error_details(status: bytes) -> tuple[ErrorDetail, ...]:
    """The `gateway.ErrorDetail`s in a serialised `google.rpc.Status`; none when it is malformed.

    The Python packages of the protos carry no `google.rpc.Status`, so its one field that matters
    is read as an unknown field of an empty message.
    """
    try:
        fields = UnknownFieldSet(empty_pb2.Empty.FromString(status))
        packed = [
            any_pb2.Any.FromString(field.data)
            for field in fields  # type: ignore[attr-defined]  # the stub lacks __iter__
            if field.field_number == STATUS_DETAILS_FIELD
        ]
        return tuple(
            ErrorDetail(detail.address, detail.msp_id, detail.message)
            for detail in map(_unpack, packed)
            if detail is not None
        )
    except (DecodeError, TypeError):
        return ()


def _unpack(packed: any_pb2.Any) -> gateway_pb2.ErrorDetail | None:
    detail = gateway_pb2.ErrorDetail()
    return detail if packed.Unpack(detail) else None
