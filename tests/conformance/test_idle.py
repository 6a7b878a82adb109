"""An idle chaincode stream lives on.

A peer pings its chaincode every 60 s and cannot be told otherwise; a gRPC server with default
options takes that for a flood after about three minutes and ends the stream. The quick proof, with
fifty pings at once, is `tests/shim/test_keepalive.py`; these watch the peer itself.
"""

import asyncio
import time

import aiohttp
import pytest

from tests.support.gateways import Caller
from tests.support.network import RunningNetwork

pytestmark = pytest.mark.fabric

SERVICE, PEER = "chaincode0-1.bank", "peer0.bank"
IDLE_S = 360
LOOK_S = 5


def streams(network: RunningNetwork) -> int:
    """How many streams the service has served since it started, as its log tells."""
    return network.log(SERVICE).count("stream ready")


async def is_streaming(network: RunningNetwork) -> bool:
    address = network.topology.node(SERVICE).address("metrics")
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/healthz") as page:
        return int((await page.json())["streams_ready"]) == 1


async def watch(network: RunningNetwork, seconds: int) -> None:
    """The stream stays up for that long while nobody uses it."""
    deadline = time.monotonic() + seconds
    while (rest := deadline - time.monotonic()) > 0:
        assert await is_streaming(network)
        await asyncio.sleep(min(rest, LOOK_S))


@pytest.mark.slow
@pytest.mark.timeout(IDLE_S + 120)
async def test_six_idle_minutes(bank: Caller, fabric_network: RunningNetwork) -> None:
    assert await bank.query("get_many", "before") == [None]
    before = streams(fabric_network)
    await watch(fabric_network, IDLE_S)
    started = time.monotonic()
    assert await bank.query("get_many", "after") == [None]
    assert time.monotonic() - started < 2
    assert streams(fabric_network) == before
    for node in (PEER, SERVICE):
        assert "too_many_pings" not in fabric_network.log(node)
