"""The keys of one chaincode as one transaction sees them: public state or a private collection."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from fabric_protos.peer import chaincode_shim_pb2

from chaincode.shim.errors import ProtocolError, UsageError
from chaincode.shim.keys import composite_range, require_key, simple_range
from chaincode.shim.link import PeerLink
from chaincode.shim.messages import (
    GET_PRIVATE_DATA_HASH,
    GET_STATE,
    GET_STATE_METADATA,
    GET_STATE_MULTIPLE,
    parsed,
)
from chaincode.shim.queries import Record, range_results
from chaincode.shim.writes import (
    WriteBuffer,
    delete_record,
    metadata_record,
    purge_record,
    put_record,
)

PUBLIC: Final = ""
"""The collection name that stands for the public state."""
VALIDATION_PARAMETER: Final = "VALIDATION_PARAMETER"
"""Metadata entry that holds a key's endorsement policy (Fabric `MetaDataKeys`)."""


class KeySpace:
    """Reads and writes of one collection.

    Reads show the state before the transaction, never its own writes. A request the peer answers
    with ERROR raises `PeerError`, a key that cannot be one `KeyFormatError`.
    """

    __slots__ = ("_collection", "_link", "_writes")

    def __init__(self, link: PeerLink, writes: WriteBuffer, collection: str) -> None:
        self._link = link
        self._writes = writes
        self._collection = collection

    async def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None when it has none."""
        require_key(key)
        body = chaincode_shim_pb2.GetState(key=key, collection=self._collection)
        return await self._link.request(GET_STATE, body) or None

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of `keys` in their order, None where there is none.

        Raises:
            ProtocolError: the peer answered for another number of keys. Peers up to 3.1.5 hide a
                failed state database behind an answer without values; this is how it is noticed.
        """
        for key in keys:
            require_key(key)
        size = self._link.batching.reads_max
        if not size or len(keys) < 2:
            return [await self.get(key) for key in keys]
        values: list[bytes | None] = []
        for first in range(0, len(keys), size):
            values += await self._get_batch(keys[first : first + size])
        return values

    async def _get_batch(self, keys: Sequence[str]) -> list[bytes | None]:
        body = chaincode_shim_pb2.GetStateMultiple(keys=keys, collection=self._collection)
        payload = await self._link.request(GET_STATE_MULTIPLE, body)
        values = parsed(chaincode_shim_pb2.GetStateMultipleResult, payload).values
        if len(values) != len(keys):
            raise ProtocolError(f"the peer answered {len(values)} of {len(keys)} keys")
        return [value or None for value in values]

    def put(self, key: str, value: bytes) -> None:
        """Write `value`; it is sent when the contract has answered with success.

        Raises:
            UsageError: the value is empty: Fabric takes that for a deletion.
        """
        require_key(key)
        if not value:
            raise UsageError("an empty value would delete the key: use delete")
        self._writes.add(put_record(self._collection, key, value))

    def delete(self, key: str) -> None:
        """Delete `key`; sent when the contract has answered with success."""
        require_key(key)
        self._writes.add(delete_record(self._collection, key))

    def scan(self, start: str, end: str) -> AsyncIterator[Record]:
        """Return the simple keys from `start` (included) to `end` (not included) in key order.

        Empty bounds are open. A private collection may be scanned only if nothing is written.
        """
        return self._scan(simple_range(start, end))

    def scan_composite(self, object_type: str, parts: Sequence[str]) -> AsyncIterator[Record]:
        """Return the records whose composite key begins with `object_type` and `parts`."""
        return self._scan(composite_range(object_type, parts))

    async def validation_parameter(self, key: str) -> bytes | None:
        """Return the endorsement policy of `key` (`SignaturePolicyEnvelope`), None without one."""
        require_key(key)
        body = chaincode_shim_pb2.GetStateMetadata(key=key, collection=self._collection)
        payload = await self._link.request(GET_STATE_METADATA, body)
        entries = parsed(chaincode_shim_pb2.StateMetadataResult, payload).entries
        policies = (entry.value for entry in entries if entry.metakey == VALIDATION_PARAMETER)
        return next(policies, None)

    def set_validation_parameter(self, key: str, policy: bytes) -> None:
        """Set who must endorse the next change of `key`; see `chaincode.shim.policy`."""
        require_key(key)
        self._writes.add(metadata_record(self._collection, key, VALIDATION_PARAMETER, policy))

    def purge(self, key: str) -> None:
        """Delete `key` and its past values from the peers' private data; hashes stay.

        Raises:
            UsageError: this is the public state, which cannot be purged.
        """
        require_key(key)
        self._require_private()
        self._writes.add(purge_record(self._collection, key))

    async def hash(self, key: str) -> bytes | None:
        """Return SHA-256 of a private value; peers outside the collection know it too.

        Raises:
            UsageError: this is the public state.
        """
        require_key(key)
        self._require_private()
        body = chaincode_shim_pb2.GetState(key=key, collection=self._collection)
        return await self._link.request(GET_PRIVATE_DATA_HASH, body) or None

    def _scan(self, bounds: tuple[str, str]) -> AsyncIterator[Record]:
        if self._collection != PUBLIC:
            self._writes.require_read_only()
        return range_results(self._link, self._collection, *bounds)

    def _require_private(self) -> None:
        if self._collection == PUBLIC:
            raise UsageError("only private data has a hash and can be purged")
