"""The writes of one transaction, kept until its contract has answered."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fabric_protos.peer import chaincode_shim_pb2

from chaincode.shim.errors import ReadOnlyError
from chaincode.shim.link import PeerLink
from chaincode.shim.messages import (
    DEL_STATE,
    MAX_MESSAGE_BYTES,
    PURGE_PRIVATE_DATA,
    PUT_STATE,
    PUT_STATE_METADATA,
    WRITE_BATCH_STATE,
)

WriteRecord = chaincode_shim_pb2.WriteRecord

BATCH_BYTES_MAX: Final = MAX_MESSAGE_BYTES // 2
"""A batch is cut here, so that many large values do not exceed one message."""


class WriteBuffer:
    """Holds what a contract wrote: the last write of each key wins, in the order first written.

    Nothing reaches the peer before `flush`, so a refusal leaves no trace and costs no round trip.
    """

    __slots__ = ("_link", "_read_only", "_records")

    def __init__(self, link: PeerLink) -> None:
        self._link = link
        self._records: dict[tuple[str, str, bool], Any] = {}
        self._read_only = False

    def add(self, record: Any) -> None:
        """Keep one write record.

        Raises:
            ReadOnlyError: the transaction ran a query that Fabric allows only without writes.
        """
        if self._read_only:
            raise ReadOnlyError("this transaction ran a paginated or private-data query")
        is_metadata = record.type == PUT_STATE_METADATA
        self._records[record.collection, record.key, is_metadata] = record

    def require_read_only(self) -> None:
        """Note a query that Fabric allows only without writes (Fabric `tx_simulator.go`).

        Raises:
            ReadOnlyError: the transaction has already written.
        """
        if self._records:
            raise ReadOnlyError("this transaction has already written")
        self._read_only = True

    async def flush(self) -> None:
        """Send everything to the peer, in batches when it takes them.

        Raises:
            PeerError: the peer refused a write; the transaction must fail.
        """
        records = list(self._records.values())
        if self._link.batching.writes_max:
            for chunk in _chunks(records, self._link.batching.writes_max):
                batch = chaincode_shim_pb2.WriteBatchState(rec=chunk)
                await self._link.request(WRITE_BATCH_STATE, batch)
        else:
            for record in records:
                await self._link.request(record.type, _single(record))


def _single(record: Any) -> Any:
    """Return the message that carries one record to a peer that takes no batches."""
    where = {"key": record.key, "collection": record.collection}
    match record.type:
        case WriteRecord.PUT_STATE:
            return chaincode_shim_pb2.PutState(value=record.value, **where)
        case WriteRecord.PUT_STATE_METADATA:
            return chaincode_shim_pb2.PutStateMetadata(metadata=record.metadata, **where)
        case WriteRecord.PURGE_PRIVATE_DATA:
            return chaincode_shim_pb2.PurgePrivateState(**where)
        case _:
            return chaincode_shim_pb2.DelState(**where)


def _chunks(records: Sequence[Any], count_max: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size_bytes = 0
    for record in records:
        record_bytes = record.ByteSize()
        if chunk and (len(chunk) == count_max or size_bytes + record_bytes > BATCH_BYTES_MAX):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(record)
        size_bytes += record_bytes
    if chunk:
        yield chunk


def put_record(collection: str, key: str, value: bytes) -> Any:
    """Return the record that writes `value`."""
    return WriteRecord(type=PUT_STATE, collection=collection, key=key, value=value)


def delete_record(collection: str, key: str) -> Any:
    """Return the record that deletes `key`."""
    return WriteRecord(type=DEL_STATE, collection=collection, key=key)


def purge_record(collection: str, key: str) -> Any:
    """Return the record that deletes `key` and its history from the peers' private data."""
    return WriteRecord(type=PURGE_PRIVATE_DATA, collection=collection, key=key)


def metadata_record(collection: str, key: str, name: str, value: bytes) -> Any:
    """Return the record that sets one metadata entry of `key`."""
    return WriteRecord(
        type=PUT_STATE_METADATA,
        collection=collection,
        key=key,
        metadata=chaincode_shim_pb2.StateMetadata(metakey=name, value=value),
    )
