"""Reads, writes and queries of public state, with and without batches."""

import json
from typing import Any

import pytest

from chaincode.shim.contract import Contract, Response
from chaincode.shim.errors import KeyFormatError, ProtocolError, ReadOnlyError, UsageError
from chaincode.shim.stub import Stub
from tests.shim.conftest import Services
from tests.support.fake_peer import Answer, FakePeer, Message


def decoded(answer: Answer) -> Any:
    assert answer.status == 200, answer.message
    return json.loads(answer.payload)


class Raising(Contract):
    """Runs one step and keeps what it raised, so that a test can look at it."""

    def __init__(self, step: Any) -> None:
        self._step = step
        self.raised: Exception | None = None

    async def invoke(self, stub: Stub) -> Response:
        try:
            await self._step(stub)
        except Exception as problem:
            self.raised = problem
            raise
        return Response(200)


async def raised_by(services: Services, step: Any, **how: Any) -> Exception:
    contract = Raising(step)
    peer = await services.peer(contract, **how)
    answer, committed = await peer.submit("any")
    assert (answer.status, committed) == (500, False)
    assert answer.simulation.writes == {}
    assert contract.raised is not None
    return contract.raised


async def test_put_get_delete(any_peer: FakePeer) -> None:
    assert (await any_peer.submit("put", "a", "1"))[1]
    assert (await any_peer.invoke("get", "a")).payload == b"1"
    assert (await any_peer.submit("delete", "a"))[1]
    assert (await any_peer.invoke("get", "a")).status == 404


async def test_get_many_keeps_order_and_gaps(any_peer: FakePeer) -> None:
    for key in ("a", "c", "e"):
        any_peer.ledger().put(key, key.encode())
    answer = await any_peer.invoke("get_many", "e", "d", "c", "b", "a", "e")
    assert decoded(answer) == ["e", None, "c", None, "a", "e"]


async def test_get_many_of_nothing_asks_nothing(any_peer: FakePeer) -> None:
    assert decoded(await any_peer.invoke("get_many")) == []
    assert [message.type for message in any_peer.received] == [Message.REGISTER, Message.COMPLETED]


async def test_batches_are_cut_at_the_negotiated_size(services: Services) -> None:
    peer = await services.peer(reads_max=2, writes_max=3)
    await peer.submit("put_many", "k", "7", "v")
    await peer.invoke("get_many", *[f"k{number:05d}" for number in range(5)])
    assert peer.count(Message.WRITE_BATCH_STATE) == 3
    assert peer.count(Message.GET_STATE_MULTIPLE) == 3
    assert peer.count(Message.PUT_STATE) == peer.count(Message.GET_STATE) == 0


async def test_reads_and_writes_are_negotiated_apart(services: Services) -> None:
    peer = await services.peer(reads_max=0, writes_max=10)
    await peer.submit("put_many", "k", "2", "v")
    await peer.invoke("get_many", "k00000", "k00001")
    assert peer.count(Message.WRITE_BATCH_STATE) == 1
    assert peer.count(Message.GET_STATE) == 2


async def test_a_batch_without_values_is_an_error_and_not_absence(services: Services) -> None:
    async def step(stub: Stub) -> None:
        await stub.get_many(["a", "b"])

    contract = Raising(step)
    peer = await services.peer(contract, reads_max=10)
    peer.ledger().read_fails = True
    assert (await peer.invoke("any")).status == 500
    assert type(contract.raised) is ProtocolError


async def test_a_transaction_does_not_see_its_own_write(any_peer: FakePeer) -> None:
    any_peer.ledger().put("a", b"old")
    answer, committed = await any_peer.submit("read_own_write", "a", "new")
    assert (decoded(answer), committed) == ("old", True)
    assert any_peer.ledger().value("a") == b"new"


async def test_a_refusal_sends_no_write_and_no_event(any_peer: FakePeer) -> None:
    answer = await any_peer.invoke("put_then_refuse", "a", "1")
    assert (answer.status, answer.message, answer.event) == (409, "refused after writing", None)
    assert [message.type for message in any_peer.received] == [Message.REGISTER, Message.COMPLETED]


async def test_the_last_write_of_a_key_wins(services: Services) -> None:
    class Twice(Contract):
        async def invoke(self, stub: Stub) -> Response:
            stub.put("a", b"1")
            stub.delete("a")
            stub.put("b", b"1")
            stub.put("b", b"2")
            return Response(200)

    peer = await services.peer(Twice(), writes_max=10)
    answer, _ = await peer.submit("any")
    assert answer.simulation.writes == {("", "a"): None, ("", "b"): b"2"}


async def test_a_changed_read_is_a_conflict_at_commit(peer: FakePeer) -> None:
    peer.ledger().put("a", b"1")
    answer = await peer.invoke("three_reads_two_writes", "a", "b", "c")
    peer.ledger().put("a", b"2")
    assert answer.is_endorsed
    assert not answer.simulation.commit()


async def test_a_phantom_in_a_scan_is_a_conflict_at_commit(peer: FakePeer) -> None:
    peer.ledger().put("k1", b"1")
    answer = await peer.invoke("scan_and_put", "k", "l", "sum")
    peer.ledger().put("k2", b"1")
    assert decoded(answer) == 1
    assert not answer.simulation.commit()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
async def test_scan_over_several_batches(peer: FakePeer, count: int) -> None:
    await peer.submit("put_many", "k", str(count), "v")
    peer.ledger().put("j", b"before")
    peer.ledger().put("l", b"after")
    keys = [key for key, _ in decoded(await peer.invoke("scan", "k", "l"))]
    assert keys == [f"k{number:05d}" for number in range(count)]


async def test_an_open_scan_leaves_composite_keys_out(peer: FakePeer) -> None:
    await peer.submit("put_composite", "unit", "v", "3", "1")
    peer.ledger().put("a", b"1")
    assert decoded(await peer.invoke("scan", "", "")) == [["a", "1"]]


async def test_a_scan_goes_on_where_the_peer_stopped_in_silence(services: Services) -> None:
    """The peer ends a range at its query limit as if that were the end."""
    peer = await services.peer(query_batch=500, query_max=1000)
    for number in range(2500):
        peer.ledger().put(f"k{number:05d}", b"v")
    assert decoded(await peer.invoke("scan_count", "k", "l")) == 2500
    assert peer.count(Message.GET_STATE_BY_RANGE) == 3


async def test_a_scan_that_is_left_is_closed_at_the_peer(peer: FakePeer) -> None:
    await peer.submit("put_many", "k", "9", "v")
    answer = await peer.invoke("scan_first", "k", "l")
    assert (decoded(answer), answer.open_queries) == ("k00000", 0)
    assert peer.count(Message.QUERY_STATE_CLOSE) == 1


async def test_a_finished_scan_needs_no_close(peer: FakePeer) -> None:
    await peer.submit("put_many", "k", "9", "v")
    answer = await peer.invoke("scan", "k", "l")
    assert answer.open_queries == 0
    assert peer.count(Message.QUERY_STATE_CLOSE) == 0


async def test_aclose_ends_a_scan(services: Services) -> None:
    class Leaving(Contract):
        async def invoke(self, stub: Stub) -> Response:
            records: Any = stub.scan("k", "l")
            await anext(records)
            await records.aclose()
            return Response(200, str([record async for record in records]).encode())

    peer = await services.peer(Leaving())
    for number in range(9):
        peer.ledger().put(f"k{number}", b"v")
    assert (await peer.invoke("any")).payload == b"[]"
    assert peer.count(Message.QUERY_STATE_CLOSE) == 1


async def test_pages_cover_a_range_once(peer: FakePeer) -> None:
    await peer.submit("put_many", "k", "5", "v")
    keys, bookmark, pages = [], "", 0
    while pages == 0 or bookmark:
        page = decoded(await peer.invoke("scan_page", "k", "l", "2", bookmark))
        keys += [key for key, _ in page["records"]]
        bookmark, pages = page["bookmark"], pages + 1
    assert (keys, pages) == ([f"k{number:05d}" for number in range(5)], 3)


@pytest.mark.parametrize("bookmark", ["a", "z"])
async def test_a_bookmark_cannot_leave_its_range(peer: FakePeer, bookmark: str) -> None:
    answer = await peer.invoke("scan_page", "k", "l", "2", bookmark)
    assert (answer.status, answer.message) == (400, "KeyFormatError")


@pytest.mark.parametrize("size", ["0", "-1", "2147483648"])
async def test_a_page_size_that_is_none_is_refused(peer: FakePeer, size: str) -> None:
    answer = await peer.invoke("scan_page", "k", "l", size, "")
    assert (answer.status, answer.message) == (400, "UsageError")


async def test_writing_after_a_page_is_refused_before_the_peer_is_asked(peer: FakePeer) -> None:
    answer = await peer.invoke("page_then_put", "k", "l", "a")
    assert (answer.status, answer.message) == (400, "ReadOnlyError")
    assert peer.count(Message.PUT_STATE) == 0


async def test_a_page_after_writing_is_refused(services: Services) -> None:
    async def step(stub: Stub) -> None:
        stub.put("a", b"1")
        await stub.scan_page("k", "l", 1)

    assert type(await raised_by(services, step)) is ReadOnlyError


async def test_history_is_complete_and_newest_first(peer: FakePeer) -> None:
    for number in range(4):
        await peer.submit("put", "a", str(number), tx_id=f"t{number}", timestamp_ms=number)
    await peer.submit("delete", "a", tx_id="t4", timestamp_ms=1_700_000_000_999)
    entries = decoded(await peer.invoke("history", "a"))
    assert entries[0] == {"tx_id": "t4", "timestamp_ms": 1_700_000_000_999, "value": None}
    assert [entry["value"] for entry in entries] == [None, "3", "2", "1", "0"]


async def test_composite_keys(peer: FakePeer) -> None:
    for parts in (("3", "1"), ("3", "2"), ("30", "1")):
        await peer.submit("put_composite", "单元", "v", *parts)
    await peer.submit("put_composite", "other", "v", "x")
    found = decoded(await peer.invoke("scan_composite", "单元", "3"))
    assert found == [[["单元", "3", "1"], "v"], [["单元", "3", "2"], "v"]]


async def test_pages_over_all_composite_keys(peer: FakePeer) -> None:
    for number in range(3):
        await peer.submit("put_composite", "b", "v", str(number))
    peer.ledger().put("simple", b"v")
    first = decoded(await peer.invoke("all_composite_page", "2", ""))
    assert first["keys"] == [["b", "0"], ["b", "1"]]
    last = decoded(await peer.invoke("all_composite_page", "2", first["bookmark"]))
    assert (last["keys"], last["bookmark"]) == ([["b", "2"]], "")


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (lambda stub: stub.put("", b"1"), KeyFormatError),
        (lambda stub: stub.put("\ud800", b"1"), KeyFormatError),
        (lambda stub: stub.put("a", b""), UsageError),
        (lambda stub: stub.delete(""), KeyFormatError),
        (lambda stub: stub.scan("\x00a", ""), KeyFormatError),
        (lambda stub: stub.scan("", "\x00a"), KeyFormatError),
        (lambda stub: stub.scan("\ud800", ""), KeyFormatError),
        (lambda stub: stub.history(""), KeyFormatError),
        (lambda stub: stub.composite_key("a", ["b\x00"]), KeyFormatError),
        (lambda stub: stub.composite_key("a\U0010ffff", []), KeyFormatError),
        (lambda stub: stub.split_composite_key("simple"), KeyFormatError),
        (lambda stub: stub.split_composite_key("\x00"), KeyFormatError),
        (lambda stub: stub.private(""), UsageError),
        (lambda stub: stub.set_event("", b"1"), UsageError),
        (lambda stub: stub.set_validation_parameter("", b"1"), KeyFormatError),
        (lambda stub: stub.private("c").scan("a", "b") and stub.put("a", b"1"), ReadOnlyError),
        (lambda stub: (stub.put("a", b"1"), stub.private("c").scan("a", "b")), ReadOnlyError),
    ],
)
async def test_what_fabric_does_not_allow_is_refused(
    services: Services, step: Any, error: type[Exception]
) -> None:
    async def run(stub: Stub) -> None:
        step(stub)

    assert type(await raised_by(services, run)) is error


@pytest.mark.parametrize("call", ["get", "get_many", "validation_parameter"])
async def test_reading_without_a_key_is_refused(services: Services, call: str) -> None:
    async def run(stub: Stub) -> None:
        await getattr(stub, call)([""] if call == "get_many" else "")

    assert type(await raised_by(services, run)) is KeyFormatError
