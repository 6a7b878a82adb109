"""Queries that return many records: ranges, one page of a range, the history of a key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2

from chaincode.shim.errors import KeyFormatError, UsageError
from chaincode.shim.keys import key_after
from chaincode.shim.link import PeerLink
from chaincode.shim.messages import (
    GET_HISTORY_FOR_KEY,
    GET_STATE_BY_RANGE,
    QUERY_STATE_NEXT,
    parsed,
)

RESUME_FROM_RECORDS: Final = 1000
"""A range that ends after this many records or more is asked for again behind its last key.

A peer ends a range in silence at `ledger.state.totalQueryLimit` (100,000 by default). Such an end
looks like the true one, so it is believed only when nothing follows.
"""
PAGE_RECORDS_MAX: Final = 2**31 - 1

Record = tuple[str, bytes]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One committed change of a key: `value` is None when the key was deleted."""

    tx_id: str
    timestamp_ms: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a range, and the bookmark of the next part: empty after the last."""

    records: tuple[Record, ...]
    bookmark: str


class Results(Generic[Item]):
    """The results of one query, fetched from the peer in batches; iterate over it once.

    A loop that is left early leaves the query open at the peer until `aclose` or the end of the
    transaction, whichever is first.
    """

    def __init__(
        self,
        link: PeerLink,
        first: Callable[[], tuple[int, Any]],
        parse: Callable[[bytes], Item],
        following: Callable[[Item], tuple[int, Any]] | None = None,
    ) -> None:
        self._link = link
        self._next_request: Callable[[], tuple[int, Any]] | None = first
        self._parse = parse
        self._following = following
        self._batch: Any = ()
        self._position = 0
        self._query_id = ""
        self._query_records = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while self._position == len(self._batch):
            if self._next_request is None:
                raise StopAsyncIteration
            await self._fetch(*self._next_request())
        item = self._parse(self._batch[self._position].resultBytes)
        self._position += 1
        return item

    async def aclose(self) -> None:
        """Close the query at the peer and yield no more."""
        self._next_request, self._batch, self._position = None, (), 0
        await self._link.close_query(self._query_id)

    async def _fetch(self, message_type: int, body: Any) -> None:
        self._next_request = None
        payload = await self._link.request(message_type, body)
        response = parsed(chaincode_shim_pb2.QueryResponse, payload)
        self._batch, self._position = response.results, 0
        self._query_records += len(response.results)
        if response.has_more:
            self._keep_open(response.id)
        else:
            self._end_query(response.id)

    def _keep_open(self, query_id: str) -> None:
        self._query_id = query_id
        close = chaincode_shim_pb2.QueryStateClose(id=query_id)
        self._link.open_queries[query_id] = close
        self._next_request = self._more

    def _more(self) -> tuple[int, Any]:
        return QUERY_STATE_NEXT, chaincode_shim_pb2.QueryStateNext(id=self._query_id)

    def _end_query(self, query_id: str) -> None:
        self._link.open_queries.pop(query_id, None)
        following = self._following
        if following is not None and self._query_records >= RESUME_FROM_RECORDS and self._batch:
            last = self._parse(self._batch[-1].resultBytes)
            self._query_records = 0
            self._next_request = lambda: following(last)


def range_results(link: PeerLink, collection: str, start: str, end: str) -> Results[Record]:
    """Return all records from `start` (included) to `end` (not included) in key order."""

    def from_key(key: str) -> tuple[int, Any]:
        body = chaincode_shim_pb2.GetStateByRange(startKey=key, endKey=end, collection=collection)
        return GET_STATE_BY_RANGE, body

    return Results(
        link, lambda: from_key(start), _record, lambda last: from_key(key_after(last[0]))
    )


def history_results(link: PeerLink, key: str) -> Results[HistoryEntry]:
    """Return the committed changes of `key`, the newest first."""
    body = chaincode_shim_pb2.GetHistoryForKey(key=key)
    return Results(link, lambda: (GET_HISTORY_FOR_KEY, body), _history_entry)


async def range_page(
    link: PeerLink, bounds: tuple[str, str], page_size: int, bookmark: str
) -> Page:
    """Return at most `page_size` records of a range, from `bookmark` on if it is not empty.

    Raises:
        UsageError: the page size is not positive.
        KeyFormatError: the bookmark lies outside the range.
    """
    start, end = bounds
    if not 1 <= page_size <= PAGE_RECORDS_MAX:
        raise UsageError("a page holds at least one record")
    if bookmark and not (start <= bookmark and (not end or bookmark <= end)):
        raise KeyFormatError("the bookmark lies outside the range")
    paging = chaincode_shim_pb2.QueryMetadata(pageSize=page_size, bookmark=bookmark)
    body = chaincode_shim_pb2.GetStateByRange(
        startKey=start, endKey=end, metadata=paging.SerializeToString()
    )
    payload = await link.request(GET_STATE_BY_RANGE, body)
    response = parsed(chaincode_shim_pb2.QueryResponse, payload)
    position = parsed(chaincode_shim_pb2.QueryResponseMetadata, response.metadata)
    records = tuple(_record(result.resultBytes) for result in response.results)
    return Page(records=records, bookmark=position.bookmark)


def _record(encoded: bytes) -> Record:
    record = parsed(kv_query_result_pb2.KV, encoded)
    return record.key, record.value


def _history_entry(encoded: bytes) -> HistoryEntry:
    change = parsed(kv_query_result_pb2.KeyModification, encoded)
    stamp = change.timestamp
    return HistoryEntry(
        tx_id=change.tx_id,
        timestamp_ms=stamp.seconds * 1000 + stamp.nanos // 1_000_000,
        value=None if change.is_delete else change.value,
    )
