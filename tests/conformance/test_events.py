"""Events from real peers: none lost, none twice, through restarts of the peer and of the reader."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.fabric.checkpoint import Checkpointer
from gateway.fabric.errors import CommitError, EndorseError
from tests.support.gateways import Caller, until_endorsing
from tests.support.network import RunningNetwork

pytestmark = pytest.mark.fabric

DEADLINE_S = 30.0


async def emit(caller: Caller, name: str) -> str:
    return (await caller.submit("event", name, name)).tx_id


async def take(events: Any, count: int) -> list[str]:
    async with asyncio.timeout(DEADLINE_S):
        return [(await anext(events)).event_name for _ in range(count)]


async def test_one_event_with_its_payload(bank: Caller, fabric_network: RunningNetwork) -> None:
    async with bank.channel.chaincode_events(fabric_network.chaincode) as events:
        await events.open()
        tx_id = await emit(bank, "MotionOpened")
        event = await anext(events)
    assert (event.tx_id, event.chaincode_name) == (tx_id, fabric_network.chaincode)
    assert (event.event_name, event.payload) == ("MotionOpened", b"MotionOpened")


async def test_no_event_of_what_was_refused_or_invalid(
    bank: Caller, fabric_network: RunningNetwork
) -> None:
    async with bank.channel.chaincode_events(fabric_network.chaincode) as events:
        await events.open()
        with pytest.raises(EndorseError):
            await bank.contract.submit("put_then_refuse", "a", "v")
        with pytest.raises(CommitError):
            await bank.contract.submit("event", "Invalid", "x", endorsing_orgs=["BankMSP"])
        await bank.submit("put", "no-event", "v")
        await emit(bank, "Last")
        assert await take(events, 1) == ["Last"]


async def test_from_a_block_on(bank: Caller, fabric_network: RunningNetwork) -> None:
    first = await bank.contract.submit("event", "First", "x")
    await emit(bank, "Second")
    events = bank.channel.chaincode_events(fabric_network.chaincode, start_block=first.block_number)
    async with events:
        assert await take(events, 2) == ["First", "Second"]


async def test_a_reader_that_comes_back_goes_on_after_its_checkpoint(
    bank: Caller, fabric_network: RunningNetwork, tmp_path: Path
) -> None:
    names = [f"Event{number}" for number in range(6)]
    file = tmp_path / "checkpoint"
    read: list[str] = []
    start = await bank.channel.ledger.height()
    await asyncio.gather(*(emit(bank, name) for name in names))
    for _ in range(3):  # each time a new reader, as after a crash
        checkpoint = Checkpointer(file)
        async with bank.channel.chaincode_events(
            fabric_network.chaincode, start_block=start, checkpoint=checkpoint
        ) as events:
            async with asyncio.timeout(DEADLINE_S):
                for _ in range(2):
                    event = await anext(events)
                    read.append(event.event_name)
                    await checkpoint.checkpoint_event(event)
    assert sorted(read) == names


@pytest.mark.parametrize("kind", ["blocks", "filtered_blocks", "blocks_with_private_data"])
async def test_block_streams(bank: Caller, kind: str) -> None:
    start = await bank.channel.ledger.height()
    tx_ids = [await emit(bank, f"Event{number}") for number in range(2)]
    async with getattr(bank.channel, kind)(start_block=start) as blocks:
        async with asyncio.timeout(DEADLINE_S):
            found = [await anext(blocks) for _ in range(2)]
    text = b"".join(block.SerializeToString() for block in found)
    assert all(tx_id.encode() in text for tx_id in tx_ids)


async def test_through_a_restart_of_the_peer_without_gap_or_repeat(
    bank: Caller, committee: Caller, fabric_network: RunningNetwork
) -> None:
    """Events committed while the reader's peer is down arrive when it is back."""
    names = [f"Event{number}" for number in range(9)]
    async with (
        bank.channel.chaincode_events(fabric_network.chaincode) as events,
        bank.channel.blocks() as blocks,
    ):
        await asyncio.gather(events.open(), blocks.open())
        for name in names[:3]:
            await emit(bank, name)
        await fabric_network.stop("peer0.bank")
        for name in names[3:6]:
            await emit(committee, name)
        await fabric_network.start("peer0.bank")
        for name in names[6:]:
            await emit(committee, name)
        assert await take(events, len(names)) == names
        async with asyncio.timeout(DEADLINE_S):
            numbers = [(await anext(blocks)).header.number for _ in names]
    assert numbers == list(range(numbers[0], numbers[0] + len(names)))
    await until_endorsing(fabric_network)
