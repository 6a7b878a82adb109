"""An idle stream lives through a peer's pings.

A peer pings every 60 s and cannot be told otherwise; gRPC's default server takes more than two
pings closer than five minutes for a flood and answers GOAWAY. So fifty pings at once, spoken in
bare HTTP/2 (RFC 9113), show in a moment what an idle stream shows after minutes.
"""

import asyncio
import struct

import pytest

from tests.shim.conftest import DEADLINE_S, Services

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, PING, GOAWAY = 1, 4, 6, 7
ACK, END_HEADERS = 1, 4
ENHANCE_YOUR_CALM = 11
PINGS = 50
REQUEST = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/protos.Chaincode/Connect",
    ":authority": "127.0.0.1",
    "content-type": "application/grpc",
    "te": "trailers",
}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(headers: dict[str, str]) -> bytes:
    """Literal header fields without indexing (RFC 7541, 6.2.2)."""
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return b"".join(
        bytes([0, len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )


async def pings_answered(host: str, port: int) -> tuple[int, int | None]:
    """Open the chaincode stream, ping, and return the answered pings and GOAWAY's error code."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
    writer.write(frame(HEADERS, END_HEADERS, 1, header_block(REQUEST)))
    answered = 0
    try:
        while answered < PINGS:
            kind, flags, payload = await next_frame(reader)
            if kind == GOAWAY:
                return answered, struct.unpack(">II", payload[:8])[1]
            if kind == SETTINGS and not flags & ACK:
                writer.write(frame(SETTINGS, ACK, 0, b"") + frame(PING, 0, 0, bytes(8)))
            if kind == PING and flags & ACK:
                answered += 1
                writer.write(frame(PING, 0, 0, bytes(8)))
    finally:
        writer.close()
    return answered, None


async def next_frame(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    head = await reader.readexactly(9)
    kind, flags = head[3], head[4]
    return kind, flags, await reader.readexactly(int.from_bytes(head[:3]))


async def ping(services: Services) -> tuple[int, int | None]:
    server = await services.start()
    address = services.addresses[server]
    async with asyncio.timeout(DEADLINE_S):
        return await pings_answered(address.host, address.port)


async def test_an_idle_stream_survives_a_peers_pings(services: Services) -> None:
    assert await ping(services) == (PINGS, None)


async def test_grpcs_defaults_would_end_the_stream(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaincode.shim.server.GRPC_OPTIONS", ())
    answered, code = await ping(services)
    assert answered < PINGS
    assert code == ENHANCE_YOUR_CALM
