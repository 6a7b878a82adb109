"""What can go wrong between this client and a Fabric network; the type says what may have happened.

FabricError
├── BadIdentity          a certificate, key or signature that cannot be used
├── NotSigned            a step was run with neither a signer nor an outside signature
├── MalformedMessage     bytes that are not the message they should be
├── CheckpointCorrupt    a checkpoint file that does not hold a checkpoint
├── EventsError          a stream of events ended and could not be resumed without a gap
├── StepError            a step failed: transaction id, gRPC code, each node's own words
│   ├── EvaluateError        nothing happened
│   ├── EndorseError         nothing happened
│   ├── SubmitError          outcome unknown, unless `may_be_ordered` is false
│   ├── CommitStatusError    outcome unknown
│   └── Throttled            `call` was turned away unread: too many requests at once
├── CommitError          known: not applied; only MVCC and phantom conflicts are `retryable`
└── OutcomeUnknown       asked and sent again as often as allowed: ask later by transaction id
"""

from typing import assert_never

import grpc
from fabric_protos.peer import transaction_pb2

from gateway.fabric.rpc import Call, ErrorDetail, RpcFailure

__all__ = [
    "BadIdentity",
    "CheckpointCorrupt",
    "CommitError",
    "CommitStatusError",
    "EndorseError",
    "ErrorDetail",
    "EvaluateError",
    "EventsError",
    "FabricError",
    "MalformedMessage",
    "NotSigned",
    "OutcomeUnknown",
    "StepError",
    "SubmitError",
    "Throttled",
    "chaincode_response",
    "code_name",
    "step_error",
]

VALID = 0
"""`TxValidationCode.VALID`: the transaction is applied."""
DUPLICATE_TXID = 9
"""A later copy of a transaction whose first copy has its own code."""
_MISMATCH = "ProposalResponsePayloads do not match"
"""What the Gateway says of a peer whose endorsement differs (internal/pkg/gateway)."""
_MVCC_READ_CONFLICT = 11
_PHANTOM_READ_CONFLICT = 12


class FabricError(Exception):
    """Base of every error this package raises on purpose."""


class BadIdentity(FabricError):
    """A certificate, key or signature cannot be used; the text never holds key material."""


class NotSigned(FabricError):
    """A step needs a signature: give the client a signer, or the message a signature."""


class MalformedMessage(FabricError):
    """Bytes are not the Fabric message they were given as."""


class CheckpointCorrupt(FabricError):
    """A checkpoint file holds something else; it is left as it is."""


class EventsError(FabricError):
    """A stream of events ended for good. `code` is the last gRPC code, `address` the last peer."""

    def __init__(self, channel: str, failure: RpcFailure) -> None:
        super().__init__(f"events of {channel}: {failure} (peer {failure.address})")
        self.channel = channel
        self.code = failure.code
        self.message = failure.message
        self.address = failure.address


class StepError(FabricError):
    """A step of a transaction failed."""

    def __init__(self, call: Call, tx_id: str, failure: RpcFailure) -> None:
        words = "".join(f"; {detail}" for detail in failure.details)
        super().__init__(f"{call} {tx_id}: {failure}{words}")
        self.call = call
        self.tx_id = tx_id
        self.failure = failure

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status code."""
        return self.failure.code

    @property
    def message(self) -> str:
        """The gRPC status message: the words of the peer that was asked."""
        return self.failure.message

    @property
    def details(self) -> tuple[ErrorDetail, ...]:
        """Each other node's own words, where the peer had asked others."""
        return self.failure.details


class EvaluateError(StepError):
    """A query failed. Nothing was written."""


class EndorseError(StepError):
    """Not enough endorsements. Nothing was sent to the orderers."""

    @property
    def retryable(self) -> bool:
        """The peers answered differently, mostly because one had not committed the last block
        yet: a new transaction may succeed."""
        return any(_MISMATCH in detail.message for detail in self.details)


class SubmitError(StepError):
    """The orderers did not acknowledge the transaction; they may order it all the same."""

    @property
    def may_be_ordered(self) -> bool:
        """False when the peer refused before it asked any orderer (gateway/submit.go)."""
        refused = {
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.FAILED_PRECONDITION,
            grpc.StatusCode.NOT_FOUND,
            grpc.StatusCode.PERMISSION_DENIED,
        }
        return self.code not in refused and not self.failure.is_unsent


class CommitStatusError(StepError):
    """The peer could not say whether the transaction was committed."""


class Throttled(StepError):
    """This call was turned away unread because too many were running; send it again later."""


class CommitError(FabricError):
    """The transaction is in block `block_number` and was not applied, for the reason `code`."""

    def __init__(self, tx_id: str, code: int, block_number: int) -> None:
        name = code_name(code)
        super().__init__(f"transaction {tx_id} not applied: {name} in block {block_number}")
        self.tx_id = tx_id
        self.code = code
        self.code_name = name
        self.block_number = block_number

    @property
    def retryable(self) -> bool:
        """Another transaction changed what this one had read: a new transaction may succeed."""
        return self.code in (_MVCC_READ_CONFLICT, _PHANTOM_READ_CONFLICT)


class OutcomeUnknown(FabricError):
    """The transaction may be committed or not.

    Ask later with `client.channel(channel).commit(tx_id).status()`; or look it up and, if need be,
    send the same envelope again with `client.transaction_from_bytes(transaction).resolve()`.
    """

    def __init__(self, tx_id: str, channel: str, transaction: bytes) -> None:
        super().__init__(f"outcome of transaction {tx_id} on {channel} is unknown")
        self.tx_id = tx_id
        self.channel = channel
        self.transaction = transaction


def step_error(call: Call, tx_id: str, failure: RpcFailure) -> StepError:
    """The error of the step that `call` belongs to."""
    # An orderer's words never count here: the other orderers may have taken the transaction.
    is_read_only = call in (Call.EVALUATE, Call.ENDORSE, Call.PROCESS_PROPOSAL)
    if failure.is_turned_away or (is_read_only and failure.is_endorser_busy):
        return Throttled(call, tx_id, failure)
    match call:
        case Call.EVALUATE | Call.PROCESS_PROPOSAL:
            return EvaluateError(call, tx_id, failure)
        case Call.ENDORSE:
            return EndorseError(call, tx_id, failure)
        case Call.SUBMIT:
            return SubmitError(call, tx_id, failure)
        case Call.COMMIT_STATUS:
            return CommitStatusError(call, tx_id, failure)
        case _:
            assert_never(call)


def chaincode_response(error: FabricError) -> tuple[int, str] | None:
    """Status and message with which the chaincode itself refused, or None if it was not that.

    On evaluate the peer puts them in its message, on endorse in the per-peer details
    (internal/pkg/gateway/apiutils.go).
    """
    return error.failure.chaincode_response() if isinstance(error, StepError) else None


def code_name(code: int) -> str:
    """Fabric's name of a `TxValidationCode`, or its number when this version knows no name."""
    if code in transaction_pb2.TxValidationCode.values():
        return str(transaction_pb2.TxValidationCode.Name(code))
    return str(code)
