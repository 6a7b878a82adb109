"""Large messages, and services that come and go: passed or refused, never left hanging."""

import asyncio

import aiohttp
import pytest

from gateway.fabric.errors import EvaluateError, SubmitError
from gateway.fabric.timeouts import Timeouts
from tests.support.gateways import Caller, calling, until_endorsing
from tests.support.network import RunningNetwork

pytestmark = pytest.mark.fabric

MB = 1 << 20
PATIENT = Timeouts(evaluate_s=60, endorse_s=60, submit_s=60)
DEADLINE_S = 30.0


async def test_above_grpcs_default_limit(fabric_network: RunningNetwork, key: str) -> None:
    """Four MB is what gRPC takes by default: request, answer, write and read of more."""
    text = "x" * (5 * MB)
    async with calling(fabric_network, "bank", timeouts=PATIENT) as bank:
        assert await bank.contract.evaluate("echo", text) == text.encode()
        await bank.submit("big_put", key, str(5 * MB))
        assert len(await bank.contract.evaluate("get", key)) == 5 * MB


async def test_near_the_largest_message(fabric_network: RunningNetwork) -> None:
    async with calling(fabric_network, "bank", timeouts=PATIENT) as bank:
        answer = await bank.contract.evaluate("big_payload", str(48 * MB))
        assert len(answer) == 48 * MB
        with pytest.raises(EvaluateError):
            await bank.contract.evaluate("big_payload", str(101 * MB))
        assert await bank.query("get_many", "still-served") == [None]


async def test_larger_than_a_block_is_refused_and_stops_nobody(
    fabric_network: RunningNetwork, key: str
) -> None:
    """`orderer.batch_bytes` is 10 MB."""
    async with calling(fabric_network, "bank", timeouts=PATIENT) as bank:
        transaction = await bank.contract.proposal("big_put", key, str(11 * MB)).endorse()
        with pytest.raises(SubmitError) as refused:
            await transaction.submit()
        assert "exceeds maximum allowed" in str(refused.value)
        assert await bank.channel.ledger.transaction(transaction.tx_id) is None
        await bank.submit("put", key, "small")
        assert await bank.value(key) == "small"


async def test_a_service_that_is_stopped_finishes_what_runs(
    bank: Caller, fabric_network: RunningNetwork
) -> None:
    answer = asyncio.create_task(bank.contract.evaluate("slow", "2000"))
    async with asyncio.timeout(DEADLINE_S):
        while await running(fabric_network, "chaincode0-1.bank") == 0:
            await asyncio.sleep(0.02)
    await fabric_network.stop("chaincode0-1.bank")
    assert await answer == b""
    await until_endorsing(fabric_network)
    assert await bank.query("get_many", "back") == [None]


async def running(network: RunningNetwork, service: str) -> int:
    """How many transactions the service is at, as its health page says."""
    address = network.topology.node(service).address("metrics")
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/healthz") as page:
        return int((await page.json())["transactions_running"])
