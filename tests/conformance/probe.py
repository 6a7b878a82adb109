"""A contract with one function per feature of the shim, for tests on real and fake peers.

Run as a service with `python -m tests.conformance.probe`; the environment is that of any chaincode
service (`chaincode/shim/README.md`). Arguments are UTF-8 text, answers JSON unless said otherwise;
values in JSON are text, or null where there is none. An unknown function is refused with 404, a
wrong number of arguments or an argument that is no number with 400.
"""

import asyncio
import inspect
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from chaincode.shim.contract import Response
from chaincode.shim.errors import PeerError, UsageError
from chaincode.shim.policy import signed_by_all
from chaincode.shim.server import run
from chaincode.shim.stub import Stub

OK = 200
BAD_INPUT = 400
NOT_FOUND = 404


def _json(value: Any) -> Response:
    return Response(OK, json.dumps(value, sort_keys=True).encode())


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


async def _pairs(records: AsyncIterator[tuple[str, bytes]]) -> list[list[str | None]]:
    return [[key, _text(value)] async for key, value in records]


# --- State ---


async def put(stub: Stub, key: str, value: str) -> Response:
    """Write `value` under `key`; no result."""
    stub.put(key, value.encode())
    return Response(OK)


async def get(stub: Stub, key: str) -> Response:
    """Answer the raw value of `key`; 404 when there is none."""
    value = await stub.get(key)
    return Response(NOT_FOUND, message="no such key") if value is None else Response(OK, value)


async def get_many(stub: Stub, *keys: str) -> Response:
    """Answer a list of the values of `keys`, in their order."""
    return _json([_text(value) for value in await stub.get_many(keys)])


async def delete(stub: Stub, key: str) -> Response:
    """Delete `key`; no result."""
    stub.delete(key)
    return Response(OK)


async def put_many(stub: Stub, prefix: str, count: str, value: str) -> Response:
    """Write `value` under `count` keys: prefix and number, from 00000 on."""
    for number in range(int(count)):
        stub.put(f"{prefix}{number:05d}", value.encode())
    return Response(OK)


async def three_reads_two_writes(stub: Stub, one: str, two: str, three: str) -> Response:
    """Read three keys one after the other, write the first two with the transaction id."""
    found = [await stub.get(key) for key in (one, two, three)]
    stub.put(one, stub.tx_id.encode())
    stub.put(two, stub.tx_id.encode())
    return _json(sum(value is not None for value in found))


async def read_own_write(stub: Stub, key: str, value: str) -> Response:
    """Write `value`, then answer what a read of `key` shows: the value before the transaction."""
    stub.put(key, value.encode())
    return _json(_text(await stub.get(key)))


async def put_then_refuse(stub: Stub, key: str, value: str) -> Response:
    """Write, set an event, then refuse with 409: neither may reach the ledger."""
    stub.put(key, value.encode())
    stub.set_event("refused", b"")
    return Response(409, message="refused after writing")


# --- Queries ---


async def scan(stub: Stub, start: str, end: str) -> Response:
    """Answer [[key, value], ...] from `start` (included) to `end` (not included)."""
    return _json(await _pairs(stub.scan(start, end)))


async def scan_count(stub: Stub, start: str, end: str) -> Response:
    """Answer how many keys `scan` finds: for ranges larger than one batch."""
    count = 0
    async for _ in stub.scan(start, end):
        count += 1
    return _json(count)


async def scan_first(stub: Stub, start: str, end: str) -> Response:
    """Answer the first key of a range and leave the query before its end."""
    async for key, _ in stub.scan(start, end):
        return _json(key)
    return _json(None)


async def scan_and_put(stub: Stub, start: str, end: str, key: str) -> Response:
    """Count a range and write the count under `key`: a phantom makes it invalid at commit."""
    count = len(await _pairs(stub.scan(start, end)))
    stub.put(key, str(count).encode())
    return _json(count)


async def scan_page(stub: Stub, start: str, end: str, page_size: str, bookmark: str) -> Response:
    """Answer {"records": [[key, value], ...], "bookmark": text} for one page; read-only."""
    page = await stub.scan_page(start, end, int(page_size), bookmark)
    records = [[key, _text(value)] for key, value in page.records]
    return _json({"records": records, "bookmark": page.bookmark})


async def page_then_put(stub: Stub, start: str, end: str, key: str) -> Response:
    """Write after a paginated query: refused with 400 before the peer is asked."""
    await stub.scan_page(start, end, 1)
    stub.put(key, b"never")
    return Response(OK)


async def history(stub: Stub, key: str) -> Response:
    """Answer [{"tx_id", "timestamp_ms", "value"}, ...], the newest first."""
    return _json(
        [
            {"tx_id": entry.tx_id, "timestamp_ms": entry.timestamp_ms, "value": _text(entry.value)}
            async for entry in stub.history(key)
        ]
    )


# --- Composite keys ---


async def put_composite(stub: Stub, object_type: str, value: str, *parts: str) -> Response:
    """Write `value` under the composite key of `object_type` and `parts`."""
    stub.put(stub.composite_key(object_type, parts), value.encode())
    return Response(OK)


async def scan_composite(stub: Stub, object_type: str, *parts: str) -> Response:
    """Answer [[[type, part, ...], value], ...] of the keys that begin with these parts."""
    found = []
    async for key, value in stub.scan_composite(object_type, parts):
        found_type, found_parts = stub.split_composite_key(key)
        found.append([[found_type, *found_parts], _text(value)])
    return _json(found)


async def all_composite_page(stub: Stub, page_size: str, bookmark: str) -> Response:
    """Answer {"keys": [[type, part, ...], ...], "bookmark": text} over all composite keys."""
    page = await stub.all_composite_page(int(page_size), bookmark)
    split = (stub.split_composite_key(key) for key, _ in page.records)
    return _json({"keys": [[kind, *parts] for kind, parts in split], "bookmark": page.bookmark})


# --- The proposal ---


async def creator(stub: Stub) -> Response:
    """Answer {"msp_id", "common_name", "attributes"} of the client."""
    who = stub.creator
    return _json(
        {
            "msp_id": who.msp_id,
            "common_name": who.common_name,
            "attributes": dict(who.attributes),
        }
    )


async def transaction(stub: Stub) -> Response:
    """Answer {"tx_id", "channel_id", "timestamp_ms", "binding" (hex), "decorations" (names)}."""
    return _json(
        {
            "tx_id": stub.tx_id,
            "channel_id": stub.channel_id,
            "timestamp_ms": stub.timestamp_ms,
            "binding": stub.binding.hex(),
            "decorations": sorted(stub.decorations),
        }
    )


async def transient(stub: Stub) -> Response:
    """Answer the transient map; nothing of it is written."""
    return _json({name: _text(value) for name, value in stub.transient.items()})


# --- Key-level endorsement ---


async def set_policy(stub: Stub, key: str, *msp_ids: str) -> Response:
    """Demand that a peer of each of `msp_ids` endorses the next change of `key`."""
    stub.set_validation_parameter(key, signed_by_all(msp_ids))
    return Response(OK)


async def policy(stub: Stub, key: str) -> Response:
    """Answer the policy of `key` in hex, or null."""
    found = await stub.validation_parameter(key)
    return _json(None if found is None else found.hex())


# --- Private data ---


async def private_put(stub: Stub, collection: str, key: str) -> Response:
    """Write the transient entry `value` into a collection; 400 without one."""
    value = stub.transient.get("value")
    if value is None:
        return Response(BAD_INPUT, message="the transient map has no value")
    stub.private(collection).put(key, value)
    return Response(OK)


async def private_get(stub: Stub, collection: str, key: str) -> Response:
    """Answer the raw value; 404 when there is none."""
    value = await stub.private(collection).get(key)
    return Response(NOT_FOUND, message="no such key") if value is None else Response(OK, value)


async def private_get_many(stub: Stub, collection: str, *keys: str) -> Response:
    """Answer a list of the values of `keys`."""
    return _json([_text(value) for value in await stub.private(collection).get_many(keys)])


async def private_delete(stub: Stub, collection: str, key: str) -> Response:
    """Delete `key` from a collection."""
    stub.private(collection).delete(key)
    return Response(OK)


async def private_purge(stub: Stub, collection: str, key: str) -> Response:
    """Delete `key` and its past values from a collection."""
    stub.private(collection).purge(key)
    return Response(OK)


async def private_hash(stub: Stub, collection: str, key: str) -> Response:
    """Answer SHA-256 of the value in hex, or null; works outside the collection too."""
    digest = await stub.private(collection).hash(key)
    return _json(None if digest is None else digest.hex())


async def private_scan(stub: Stub, collection: str, start: str, end: str) -> Response:
    """Answer [[key, value], ...] of a range; read-only."""
    return _json(await _pairs(stub.private(collection).scan(start, end)))


async def private_set_policy(stub: Stub, collection: str, key: str, *msp_ids: str) -> Response:
    """As `set_policy`, for a key of a collection."""
    stub.private(collection).set_validation_parameter(key, signed_by_all(msp_ids))
    return Response(OK)


async def private_policy(stub: Stub, collection: str, key: str) -> Response:
    """Answer the policy of a collection's key in hex, or null."""
    found = await stub.private(collection).validation_parameter(key)
    return _json(None if found is None else found.hex())


# --- Events, other chaincodes ---


async def event(stub: Stub, name: str, payload: str) -> Response:
    """Set one event and write the key `event`, so that there is something to commit."""
    stub.put("event", payload.encode() or b"-")
    stub.set_event(name, payload.encode())
    return Response(OK)


async def two_events(stub: Stub) -> Response:
    """Set two events: refused with 400."""
    stub.set_event("first", b"1")
    stub.set_event("second", b"2")
    return Response(OK)


async def call(stub: Stub, name: str, channel: str, function: str, *args: str) -> Response:
    """Call another chaincode (`channel` empty: this one) and pass on its answer."""
    encoded = [argument.encode() for argument in args]
    return await stub.invoke_chaincode(name, function, encoded, channel)


# --- Trouble ---


async def refuse(_: Stub, status: str, message: str) -> Response:
    """Refuse with `status` (400 to 599) and `message`."""
    return Response(int(status), message=message)


async def fail(_: Stub, text: str) -> Response:
    """Raise an exception that says `text`: the peer gets 500 and never the text."""
    raise RuntimeError(text)


async def peer_error(stub: Stub) -> Response:
    """Make the peer answer ERROR (a private collection that does not exist) and answer its type."""
    try:
        await stub.private("no-such-collection").get("key")
    except PeerError as problem:
        return _json(problem.request)
    return Response(500, message="the peer did not object")


async def big_payload(_: Stub, count_bytes: str) -> Response:
    """Answer that many bytes `x`."""
    return Response(OK, b"x" * int(count_bytes))


async def big_put(stub: Stub, key: str, count_bytes: str) -> Response:
    """Write that many bytes `x` under `key`."""
    stub.put(key, b"x" * int(count_bytes))
    return Response(OK)


async def echo(stub: Stub) -> Response:
    """Answer the arguments joined: with a large argument, a large request."""
    return Response(OK, b"".join(stub.args))


async def slow(_: Stub, milliseconds: str) -> Response:
    """Answer after that time; other transactions go on meanwhile."""
    await asyncio.sleep(int(milliseconds) / 1000)
    return Response(OK)


async def block(_: Stub) -> Response:
    """Never answer: the shim's own time limit ends it with 500."""
    await asyncio.Event().wait()
    return Response(OK)


_Function = Callable[..., Awaitable[Response]]
FUNCTIONS: Mapping[str, _Function] = MappingProxyType(
    {
        name: function
        for name, function in list(globals().items())
        if inspect.iscoroutinefunction(function) and not name.startswith("_")
    }
)


def _takes(function: _Function, count: int) -> bool:
    """Whether a function takes `count` arguments after the stub; cheap, as it is measured too."""
    code = function.__code__
    fixed: int = code.co_argcount - 1
    return count == fixed or (count > fixed and bool(code.co_flags & inspect.CO_VARARGS))


class Probe:
    """The contract: calls the function of the transaction's name."""

    async def invoke(self, stub: Stub) -> Response:
        """Run one function; bad calls are refused, everything else is the function's own."""
        function = FUNCTIONS.get(stub.function)
        if function is None:
            return Response(NOT_FOUND, message="no such function")
        if stub.function == "echo":
            return await echo(stub)
        if not _takes(function, len(stub.args)):
            return Response(BAD_INPUT, message="wrong number of arguments")
        try:
            return await function(stub, *[argument.decode() for argument in stub.args])
        except (UsageError, ValueError) as problem:
            return Response(BAD_INPUT, message=type(problem).__name__)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(run(Probe(), os.environ))
