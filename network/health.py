"""Whether a node really serves: its health page says so and its port accepts connections."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp

from network.topology import Kind, Node

_CHECK_TIMEOUT_S = 2.0
_OK = 200
_TLS_PORTS = {
    Kind.ORDERER: ("listen", "admin"),
    Kind.PEER: ("listen",),
    Kind.CHAINCODE: ("listen",),
}
_HEALTH_PORT = {Kind.ORDERER: "operations", Kind.PEER: "operations", Kind.CHAINCODE: "metrics"}


async def is_serving(node: Node) -> bool:
    """One look at a peer, an orderer or a chaincode service; never raises for a silent one."""
    for port in _TLS_PORTS[node.kind]:
        if not await _accepts(node.host, node.ports[port]):
            return False
    return await _is_healthy(node.address(_HEALTH_PORT[node.kind]))


async def _accepts(host: str, port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
    return False


async def _is_healthy(address: str) -> bool:
    limit = aiohttp.ClientTimeout(total=_CHECK_TIMEOUT_S)
    with suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(f"http://{address}/healthz") as response,
        ):
            return response.status == _OK
    return False
