"""Every feature of the shim through real peers: state, queries, proposal, trouble.

The same cases as `tests/shim`, whose peer is a fake one: here the real one judges it.
"""

import asyncio
import json
import time

import pytest

from gateway.fabric.errors import CommitError, EndorseError, chaincode_response
from tests.conformance.conftest import STRICT
from tests.support.gateways import Caller, calling
from tests.support.network import CHANNEL, RunningNetwork

pytestmark = pytest.mark.fabric

MVCC_READ_CONFLICT = "MVCC_READ_CONFLICT"
PHANTOM_READ_CONFLICT = "PHANTOM_READ_CONFLICT"
BATCH_MAX = 1000
"""Keys in one batch, as the peer's configuration says (network/templates/core.yaml)."""


# --- State ---


async def test_put_get_delete(bank: Caller, key: str) -> None:
    await bank.submit("put", key, "一")
    assert await bank.contract.evaluate("get", key) == "一".encode()
    await bank.submit("delete", key)
    assert await bank.refusal("get", key) == (404, "no such key")


async def test_get_many_keeps_order_and_gaps(bank: Caller, key: str) -> None:
    await bank.submit("put_many", key, "3", "v")
    asked = [f"{key}00002", f"{key}x", f"{key}00000", f"{key}00002"]
    assert await bank.query("get_many", *asked) == ["v", None, "v", "v"]
    assert await bank.query("get_many") == []


async def test_batches_larger_than_negotiated(bank: Caller, key: str) -> None:
    count = BATCH_MAX + 1
    await bank.submit("put_many", key, str(count), "v")
    asked = [f"{key}{number:05d}" for number in range(count)]
    assert await bank.query("get_many", *asked) == ["v"] * count


async def test_the_peer_negotiates_batches(fabric_network: RunningNetwork) -> None:
    log = fabric_network.log("chaincode0-1.bank")
    ready = next(line for line in log.splitlines() if "stream ready" in line)
    assert ready.count(str(BATCH_MAX)) == 2


async def test_a_transaction_does_not_see_its_own_write(bank: Caller, key: str) -> None:
    await bank.submit("put", key, "old")
    committed = await bank.submit("read_own_write", key, "new")
    assert json.loads(committed.result) == "old"
    assert await bank.value(key) == "new"


async def test_a_refusal_writes_nothing(bank: Caller, key: str) -> None:
    with pytest.raises(EndorseError) as refused:
        await bank.contract.submit("put_then_refuse", key, "1")
    assert chaincode_response(refused.value) == (409, "refused after writing")
    assert await bank.value(key) is None
    assert await bank.channel.ledger.transaction(refused.value.tx_id) is None


async def test_of_two_that_read_the_same_one_is_invalid(bank: Caller, key: str) -> None:
    keys = (f"{key}a", f"{key}b", f"{key}c")
    first, second = [
        await bank.contract.proposal("three_reads_two_writes", *keys).endorse() for _ in range(2)
    ]
    committed = await first.commit()
    with pytest.raises(CommitError) as conflict:
        await second.commit()
    assert (conflict.value.code_name, conflict.value.retryable) == (MVCC_READ_CONFLICT, True)
    assert await bank.value(keys[0]) == await bank.value(keys[1]) == committed.tx_id


async def test_a_phantom_in_a_scan_makes_it_invalid(bank: Caller, key: str) -> None:
    await bank.submit("put", f"{key}1", "v")
    total = f"sum-{key}"
    late = await bank.contract.proposal("scan_and_put", key, f"{key}~", total).endorse()
    await bank.submit("put", f"{key}2", "v")
    with pytest.raises(CommitError) as conflict:
        await late.commit()
    assert conflict.value.code_name == PHANTOM_READ_CONFLICT
    assert await bank.value(total) is None


# --- Queries ---


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
async def test_scan_over_the_peers_batches(bank: Caller, key: str, count: int) -> None:
    if count:
        await bank.submit("put_many", key, str(count), "v")
    found = await bank.query("scan", key, f"{key}~")
    assert found == [[f"{key}{number:05d}", "v"] for number in range(count)]


async def test_a_scan_that_is_left_early(bank: Caller, key: str) -> None:
    await bank.submit("put_many", key, "250", "v")
    assert await bank.query("scan_first", key, f"{key}~") == f"{key}00000"


async def test_pages_cover_a_range_once(bank: Caller, key: str) -> None:
    await bank.submit("put_many", key, "5", "v")
    keys, bookmark, pages = [], "", 0
    while pages == 0 or bookmark:
        page = await bank.query("scan_page", key, f"{key}~", "2", bookmark)
        keys += [name for name, _ in page["records"]]
        bookmark, pages = page["bookmark"], pages + 1
    assert (keys, pages) == ([f"{key}{number:05d}" for number in range(5)], 3)


async def test_writing_after_a_page_is_refused(bank: Caller, key: str) -> None:
    assert await bank.refusal("page_then_put", key, f"{key}~", key) == (400, "ReadOnlyError")


async def test_history_is_complete_and_newest_first(bank: Caller, key: str) -> None:
    written = [await bank.submit("put", key, text) for text in ("1", "2")]
    deleted = await bank.submit("delete", key)
    entries = await bank.query("history", key)
    assert [entry["value"] for entry in entries] == [None, "2", "1"]
    assert [e["tx_id"] for e in entries] == [deleted.tx_id, written[1].tx_id, written[0].tx_id]
    times = [entry["timestamp_ms"] for entry in entries]
    assert times == sorted(times, reverse=True)


async def test_composite_keys(bank: Caller, key: str) -> None:
    kind = f"单元{key}"
    for parts in (("3", "1"), ("3", "2"), ("30", "1")):
        await bank.submit("put_composite", kind, "v", *parts)
    found = await bank.query("scan_composite", kind, "3")
    assert found == [[[kind, "3", "1"], "v"], [[kind, "3", "2"], "v"]]
    assert len(await bank.query("scan_composite", kind)) == 3
    assert not any(kind in name for name, _ in await bank.query("scan", "", ""))


async def test_pages_over_all_composite_keys(bank: Caller, key: str) -> None:
    for part in ("1", "2", "3"):
        await bank.submit("put_composite", key, "v", part)
    keys, bookmark, pages = [], "", 0
    while pages == 0 or bookmark:
        page = await bank.query("all_composite_page", "2", bookmark)
        keys += [parts for parts in page["keys"] if parts[0] == key]
        bookmark, pages = page["bookmark"], pages + 1
    assert keys == [[key, "1"], [key, "2"], [key, "3"]]
    assert pages >= 2


# --- The proposal ---


async def test_creator_with_attributes(bank: Caller, committee: Caller) -> None:
    for caller, msp_id in ((bank, "BankMSP"), (committee, "CommitteeMSP")):
        who = await caller.query("creator")
        assert (who["msp_id"], who["common_name"]) == (msp_id, "gateway")
        assert who["attributes"]["hf.EnrollmentID"] == "gateway"
        assert who["attributes"]["hf.Type"] == "client"


async def test_what_a_transaction_knows_about_itself(bank: Caller) -> None:
    proposal = bank.contract.proposal("transaction")
    known = json.loads(await proposal.evaluate())
    assert (known["tx_id"], known["channel_id"]) == (proposal.tx_id, CHANNEL)
    assert abs(known["timestamp_ms"] - time.time() * 1000) < 60_000
    assert len(bytes.fromhex(known["binding"])) == 32


async def test_transient_data_stays_off_the_ledger(bank: Caller) -> None:
    secret = {"value": "秘密-transient".encode(), "other": b"2"}
    assert await bank.query("transient", transient=secret) == {
        "value": "秘密-transient",
        "other": "2",
    }
    # The probe answers what it got, so only a function that keeps it shows what is on the ledger.
    committed = await bank.submit("put", "transient-test", "v", transient=secret)
    block = await bank.channel.ledger.block_of(committed.tx_id)
    assert secret["value"] not in block.SerializeToString()


# --- Trouble ---


@pytest.mark.parametrize(("status", "message"), [("400", "bad"), ("409", "ballot/not-open 甲")])
async def test_a_refusal_arrives_word_for_word(bank: Caller, status: str, message: str) -> None:
    assert await bank.refusal("refuse", status, message) == (int(status), message)
    with pytest.raises(EndorseError) as refused:
        await bank.contract.submit("refuse", status, message)
    assert chaincode_response(refused.value) == (int(status), message)


async def test_an_exception_is_500_without_its_text(
    bank: Caller, fabric_network: RunningNetwork
) -> None:
    secret = "a-name-that-must-not-leak"
    proposal = bank.contract.proposal("fail", secret)
    with pytest.raises(EndorseError) as failed:
        await proposal.endorse()
    response = chaincode_response(failed.value)
    assert response is not None
    assert response[0] == 500
    assert secret not in str(failed.value)
    assert proposal.tx_id in fabric_network.log("chaincode0-1.bank")
    for node in ("chaincode0-1.bank", "peer0.bank"):
        assert secret not in fabric_network.log(node)


async def test_an_exception_is_answered_at_once(bank: Caller) -> None:
    started = time.monotonic()
    assert (await bank.refusal("fail", "x"))[0] == 500
    assert time.monotonic() - started < 5


async def test_an_error_of_the_peer_is_an_exception(bank: Caller) -> None:
    assert await bank.query("peer_error") == "GET_STATE"


async def test_an_unknown_function_and_a_wrong_call(bank: Caller) -> None:
    assert await bank.refusal("no_such_function") == (404, "no such function")
    assert await bank.refusal("put", "only-a-key") == (400, "wrong number of arguments")


async def test_calling_a_chaincode_on_another_channel(
    bank: Caller, fabric_network: RunningNetwork, key: str
) -> None:
    name = fabric_network.chaincode
    async with calling(fabric_network, "bank", channel=STRICT) as strict:
        await strict.submit("put", key, "far")
    assert await bank.contract.evaluate("call", name, STRICT, "get", key) == b"far"
    assert await bank.refusal("call", name, STRICT, "get", f"{key}x") == (404, "no such key")
    assert await bank.value(key) is None


@pytest.mark.parametrize("name", ["commonhold", "no-such-chaincode"])
async def test_a_call_that_the_peer_cannot_make(bank: Caller, name: str) -> None:
    """A chaincode cannot call itself within one transaction of one channel either."""
    status, message = await bank.refusal("call", name, "", "get", "key")
    assert status == 500
    assert name not in message


async def test_two_events_are_refused(bank: Caller) -> None:
    assert await bank.refusal("two_events") == (400, "EventAlreadySetError")


# --- Many at once ---


async def test_two_hundred_transactions_at_once(bank: Caller, key: str) -> None:
    async with bank.channel.follower() as follower:
        written = await asyncio.gather(
            *(bank.submit("put", f"{key}{n:03d}", str(n), follower=follower) for n in range(200))
        )
    assert len({committed.tx_id for committed in written}) == 200
    found = await bank.query("scan", key, f"{key}~")
    assert found == [[f"{key}{n:03d}", str(n)] for n in range(200)]


async def test_a_slow_transaction_holds_up_nobody(bank: Caller) -> None:
    slow = asyncio.create_task(bank.contract.evaluate("slow", "3000"))
    for number in range(20):
        assert await bank.query("get_many", f"none-{number}") == [None]
    assert not slow.done()
    assert await slow == b""
