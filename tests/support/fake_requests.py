"""How a peer answers each request of a chaincode (Fabric `core/chaincode/handler.go`)."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2

from tests.support.fake_ledger import PUBLIC, LedgerError, Query, Simulation
from tests.support.proposals import timestamp

Message = chaincode_shim_pb2.ChaincodeMessage


@dataclass
class RunningTransaction:
    """What the peer keeps of a transaction until its answer."""

    simulation: Simulation
    answer: asyncio.Future[Any]
    queries: dict[str, Query] = field(default_factory=dict)
    is_busy: bool = False


class Requests:
    """The peer's side of every request, with its limits."""

    def __init__(self, params: Any, query_batch: int, query_max: int) -> None:
        self.params = params
        self.query_batch = query_batch
        self.query_max = query_max
        self.other_chaincodes: dict[str, Any] = {}
        """What a call of another chaincode answers: name -> `Response` message."""
        self._numbers = itertools.count(1)

    def answer(self, message: Any, running: RunningTransaction) -> bytes:
        """Return the payload of the answer.

        Raises:
            LedgerError: the answer is ERROR.
        """
        return HANDLERS[message.type](self, message.payload, running)

    def _get(self, payload: bytes, running: RunningTransaction) -> bytes:
        request = chaincode_shim_pb2.GetState.FromString(payload)
        self._require_collection(request.collection)
        return running.simulation.get(request.collection, request.key)

    def _get_multiple(self, payload: bytes, running: RunningTransaction) -> bytes:
        request = chaincode_shim_pb2.GetStateMultiple.FromString(payload)
        if not 0 < len(request.keys) <= self.params.max_size_get_multiple_keys:
            raise LedgerError("the batch was not negotiated")
        self._require_collection(request.collection)
        try:
            values = [running.simulation.get(request.collection, key) for key in request.keys]
        except LedgerError:
            values = []  # what Fabric 3.1.1 does: no error and no values
        return bytes(chaincode_shim_pb2.GetStateMultipleResult(values=values).SerializeToString())

    def _get_hash(self, payload: bytes, running: RunningTransaction) -> bytes:
        request = chaincode_shim_pb2.GetState.FromString(payload)
        self._require_collection(request.collection)
        return running.simulation.hash(request.collection, request.key)

    def _get_metadata(self, payload: bytes, running: RunningTransaction) -> bytes:
        request = chaincode_shim_pb2.GetStateMetadata.FromString(payload)
        found = running.simulation.metadata(request.collection, request.key)
        entries = [
            chaincode_shim_pb2.StateMetadata(metakey=name, value=value)
            for name, value in found.items()
        ]
        return bytes(chaincode_shim_pb2.StateMetadataResult(entries=entries).SerializeToString())

    def _get_range(self, payload: bytes, running: RunningTransaction) -> bytes:
        request = chaincode_shim_pb2.GetStateByRange.FromString(payload)
        self._require_collection(request.collection)
        paging = chaincode_shim_pb2.QueryMetadata.FromString(request.metadata)
        if paging.pageSize:
            return self._page(request, paging, running)
        found = running.simulation.range(request.collection, request.startKey, request.endKey)
        return self._first_batch(_records(found[: self.query_max]), running)

    def _page(self, request: Any, paging: Any, running: RunningTransaction) -> bytes:
        running.simulation.require_no_writes("Paginated queries")
        start = paging.bookmark or request.startKey
        found = running.simulation.range(PUBLIC, start, request.endKey)
        results = _results(_records(found[: paging.pageSize]))
        bookmark = found[paging.pageSize][0] if len(found) > paging.pageSize else ""
        metadata = chaincode_shim_pb2.QueryResponseMetadata(
            fetched_records_count=len(results), bookmark=bookmark
        )
        response = chaincode_shim_pb2.QueryResponse(
            results=results, has_more=False, id="page", metadata=metadata.SerializeToString()
        )
        return bytes(response.SerializeToString())

    def _get_history(self, payload: bytes, running: RunningTransaction) -> bytes:
        request = chaincode_shim_pb2.GetHistoryForKey.FromString(payload)
        changes = [
            kv_query_result_pb2.KeyModification(
                tx_id=change.tx_id,
                value=change.value,
                is_delete=change.value is None,
                timestamp=timestamp(change.timestamp_ms),
            ).SerializeToString()
            for change in running.simulation.history(request.key)
        ]
        return self._first_batch(changes, running)

    def _first_batch(self, results: list[bytes], running: RunningTransaction) -> bytes:
        query_id = f"query-{next(self._numbers)}"
        running.queries[query_id] = Query(iter(results))
        return self._batch(query_id, running)

    def _next(self, payload: bytes, running: RunningTransaction) -> bytes:
        return self._batch(chaincode_shim_pb2.QueryStateNext.FromString(payload).id, running)

    def _batch(self, query_id: str, running: RunningTransaction) -> bytes:
        if query_id not in running.queries:
            raise LedgerError("query iterator not found")
        batch, has_more = running.queries[query_id].take(self.query_batch)
        if not has_more:
            del running.queries[query_id]
        response = chaincode_shim_pb2.QueryResponse(
            results=_results(batch), has_more=has_more, id=query_id
        )
        return bytes(response.SerializeToString())

    def _close(self, payload: bytes, running: RunningTransaction) -> bytes:
        running.queries.pop(chaincode_shim_pb2.QueryStateClose.FromString(payload).id, None)
        return b""

    def _write(self, payload: bytes, running: RunningTransaction, kind: int = 0) -> bytes:
        record = chaincode_shim_pb2.WriteRecord.FromString(payload)
        self._require_collection(record.collection)
        simulation, place = running.simulation, (record.collection, record.key)
        match kind or record.type:
            case Message.PUT_STATE:
                simulation.put(*place, record.value)
            case Message.DEL_STATE:
                simulation.delete(*place)
            case Message.PURGE_PRIVATE_DATA:
                simulation.purge(*place)
            case Message.PUT_STATE_METADATA:
                simulation.put_metadata(*place, record.metadata.metakey, record.metadata.value)
            case _:
                raise LedgerError("unknown operation type")
        return b""

    def _write_batch(self, payload: bytes, running: RunningTransaction) -> bytes:
        records = chaincode_shim_pb2.WriteBatchState.FromString(payload).rec
        if not 0 < len(records) <= self.params.max_size_write_batch:
            raise LedgerError("the batch was not negotiated")
        for record in records:
            self._write(record.SerializeToString(), running)
        return b""

    def _invoke(self, payload: bytes, running: RunningTransaction) -> bytes:
        spec = chaincode_pb2.ChaincodeSpec.FromString(payload)
        response = self.other_chaincodes.get(spec.chaincode_id.name)
        if response is None:
            raise LedgerError("execute failed: no such chaincode")
        answer = Message(type=Message.COMPLETED, payload=response.SerializeToString())
        return bytes(answer.SerializeToString())

    def _require_collection(self, collection: str) -> None:
        if collection == "no-such-collection":
            raise LedgerError("collection config not found")


def _writer(
    kind: int, message_class: Any
) -> Callable[[Requests, bytes, RunningTransaction], bytes]:
    """Take a single write as the batch record of the same content."""

    def write(requests: Requests, payload: bytes, running: RunningTransaction) -> bytes:
        single = message_class.FromString(payload)
        record = chaincode_shim_pb2.WriteRecord(
            type=kind, key=single.key, collection=single.collection
        )
        if kind == Message.PUT_STATE:
            record.value = single.value
        if kind == Message.PUT_STATE_METADATA:
            record.metadata.CopyFrom(single.metadata)
        return requests._write(record.SerializeToString(), running)

    return write


HANDLERS: dict[int, Callable[[Requests, bytes, RunningTransaction], bytes]] = {
    Message.GET_STATE: Requests._get,
    Message.GET_STATE_MULTIPLE: Requests._get_multiple,
    Message.GET_PRIVATE_DATA_HASH: Requests._get_hash,
    Message.GET_STATE_METADATA: Requests._get_metadata,
    Message.GET_STATE_BY_RANGE: Requests._get_range,
    Message.GET_HISTORY_FOR_KEY: Requests._get_history,
    Message.QUERY_STATE_NEXT: Requests._next,
    Message.QUERY_STATE_CLOSE: Requests._close,
    Message.WRITE_BATCH_STATE: Requests._write_batch,
    Message.INVOKE_CHAINCODE: Requests._invoke,
    Message.PUT_STATE: _writer(Message.PUT_STATE, chaincode_shim_pb2.PutState),
    Message.DEL_STATE: _writer(Message.DEL_STATE, chaincode_shim_pb2.DelState),
    Message.PURGE_PRIVATE_DATA: _writer(
        Message.PURGE_PRIVATE_DATA, chaincode_shim_pb2.PurgePrivateState
    ),
    Message.PUT_STATE_METADATA: _writer(
        Message.PUT_STATE_METADATA, chaincode_shim_pb2.PutStateMetadata
    ),
}


def _records(found: list[tuple[str, bytes]]) -> list[bytes]:
    return [
        kv_query_result_pb2.KV(key=key, value=value).SerializeToString() for key, value in found
    ]


def _results(encoded: list[bytes]) -> list[Any]:
    return [chaincode_shim_pb2.QueryResultBytes(resultBytes=result) for result in encoded]
