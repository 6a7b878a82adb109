"""Fabric's chaincode messages: their types, their limits, and how the shim writes them.

Sources: fabric-protos `peer/chaincode_shim.proto`; for the peer Fabric `core/chaincode/handler.go`.
"""

from dataclasses import dataclass
from typing import Any, Final

from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    chaincode_shim_pb2,
    proposal_response_pb2,
)
from google.protobuf.message import DecodeError

from chaincode.shim.errors import MessageTooLargeError, ProtocolError
from chaincode.shim.response import Response

ChaincodeMessage = chaincode_shim_pb2.ChaincodeMessage

REGISTER: Final[int] = ChaincodeMessage.REGISTER
REGISTERED: Final[int] = ChaincodeMessage.REGISTERED
READY: Final[int] = ChaincodeMessage.READY
KEEPALIVE: Final[int] = ChaincodeMessage.KEEPALIVE
INIT: Final[int] = ChaincodeMessage.INIT
TRANSACTION: Final[int] = ChaincodeMessage.TRANSACTION
COMPLETED: Final[int] = ChaincodeMessage.COMPLETED
RESPONSE: Final[int] = ChaincodeMessage.RESPONSE
ERROR: Final[int] = ChaincodeMessage.ERROR
GET_STATE: Final[int] = ChaincodeMessage.GET_STATE
GET_STATE_MULTIPLE: Final[int] = ChaincodeMessage.GET_STATE_MULTIPLE
GET_STATE_BY_RANGE: Final[int] = ChaincodeMessage.GET_STATE_BY_RANGE
GET_STATE_METADATA: Final[int] = ChaincodeMessage.GET_STATE_METADATA
GET_PRIVATE_DATA_HASH: Final[int] = ChaincodeMessage.GET_PRIVATE_DATA_HASH
GET_HISTORY_FOR_KEY: Final[int] = ChaincodeMessage.GET_HISTORY_FOR_KEY
QUERY_STATE_NEXT: Final[int] = ChaincodeMessage.QUERY_STATE_NEXT
QUERY_STATE_CLOSE: Final[int] = ChaincodeMessage.QUERY_STATE_CLOSE
PUT_STATE: Final[int] = ChaincodeMessage.PUT_STATE
PUT_STATE_METADATA: Final[int] = ChaincodeMessage.PUT_STATE_METADATA
DEL_STATE: Final[int] = ChaincodeMessage.DEL_STATE
PURGE_PRIVATE_DATA: Final[int] = ChaincodeMessage.PURGE_PRIVATE_DATA
WRITE_BATCH_STATE: Final[int] = ChaincodeMessage.WRITE_BATCH_STATE
INVOKE_CHAINCODE: Final[int] = ChaincodeMessage.INVOKE_CHAINCODE

MAX_MESSAGE_BYTES: Final = 100 * 1024 * 1024
"""What a peer accepts in one message (Fabric `internal/pkg/comm`)."""
ENVELOPE_BYTES: Final = 64 * 1024
"""Room left in a message for its type, ids and framing."""
DEFAULT_BATCH_RECORDS: Final = 100
"""Records in one batch when the peer offers batches and names no size (as in the Go shim)."""

TransactionKey = tuple[str, str]
"""Channel id and transaction id: the same transaction may run on two channels at once."""


def type_name(message_type: int) -> str:
    """Return the name of a message type, or its number when it has none."""
    known = chaincode_shim_pb2.ChaincodeMessage.Type.values()
    if message_type not in known:
        return str(message_type)
    name: str = ChaincodeMessage.Type.Name(message_type)
    return name


@dataclass(frozen=True, slots=True)
class Batching:
    """Records per batch the peer accepts; 0 means that it does not take batches of that kind."""

    reads_max: int = 0
    writes_max: int = 0

    @classmethod
    def negotiated(cls, ready_payload: bytes) -> "Batching":
        """Return what the payload of READY offers; a peer before 3.1 sends none.

        Raises:
            ProtocolError: the payload cannot be read.
        """
        offer = parsed(chaincode_pb2.ChaincodeAdditionalParams, ready_payload)
        return cls(
            reads_max=_batch_max(offer.use_get_multiple_keys, offer.max_size_get_multiple_keys),
            writes_max=_batch_max(offer.use_write_batch, offer.max_size_write_batch),
        )


def _batch_max(offered: bool, records: int) -> int:
    return (records or DEFAULT_BATCH_RECORDS) if offered else 0


def register(chaincode_id: str) -> Any:
    """Return the first message of a stream: which package this service answers for."""
    name = chaincode_pb2.ChaincodeID(name=chaincode_id)
    return ChaincodeMessage(type=REGISTER, payload=name.SerializeToString())


def completed(key: TransactionKey, response: Response, event: Any) -> Any:
    """Return the answer to a transaction, with its event if it has one.

    Raises:
        MessageTooLargeError: no peer would accept the answer.
    """
    body = proposal_response_pb2.Response(
        status=response.status, message=response.message, payload=response.payload
    )
    payload = body.SerializeToString()
    event_bytes = event.ByteSize() if event is not None else 0
    require_size(len(payload) + event_bytes)
    return ChaincodeMessage(
        type=COMPLETED, payload=payload, channel_id=key[0], txid=key[1], chaincode_event=event
    )


def error(key: TransactionKey, text: str) -> Any:
    """Return the answer to a transaction that was not run: a gateway tries another peer."""
    return ChaincodeMessage(type=ERROR, payload=text.encode(), channel_id=key[0], txid=key[1])


def event(name: str, payload: bytes) -> Any:
    """Return a chaincode event; the peer adds the chaincode's name and the transaction id."""
    return chaincode_event_pb2.ChaincodeEvent(event_name=name, payload=payload)


def require_size(size_bytes: int) -> None:
    """Refuse a payload no peer would accept; sending it would end the stream for everybody.

    Raises:
        MessageTooLargeError: it is too large.
    """
    if size_bytes > MAX_MESSAGE_BYTES - ENVELOPE_BYTES:
        raise MessageTooLargeError(f"a message of {size_bytes} bytes is too large for a peer")


def parsed(message_class: Any, encoded: bytes) -> Any:
    """Parse a payload the peer sent.

    Raises:
        ProtocolError: it is not a `message_class`.
    """
    try:
        return message_class.FromString(encoded)
    except DecodeError:
        raise ProtocolError(f"cannot read a {message_class.DESCRIPTOR.name}") from None
