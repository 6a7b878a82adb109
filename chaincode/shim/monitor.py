"""Two pages for the operator's tools: `/healthz` and, for Prometheus, `/metrics`.

Served by the loop that also serves the peers, so an answer proves that the loop turns.
"""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from chaincode.shim.settings import Address

REQUEST_S: Final = 5.0
HEAD_BYTES_MAX: Final = 8192

Page = tuple[HTTPStatus, str, bytes]


class Monitor:
    """A minimal HTTP server; `health` says whether new transactions are taken, and details."""

    def __init__(
        self, registry: CollectorRegistry, health: Callable[[], tuple[bool, dict[str, int]]]
    ) -> None:
        self._registry = registry
        self._health = health
        self._server: asyncio.Server | None = None

    async def start(self, address: Address) -> int:
        """Listen and return the port.

        Raises:
            OSError: the address cannot be used.
        """
        host = address.host.strip("[]")
        self._server = await asyncio.start_server(
            self._serve, host, address.port, limit=HEAD_BYTES_MAX
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_encode(self._page(head)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _page(self, head: bytes) -> Page:
        method, path, *_ = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""]
        if method != b"GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b""
        match path:
            case b"/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry)
            case b"/healthz":
                return self._health_page()
            case _:
                return HTTPStatus.NOT_FOUND, "text/plain", b""

    def _health_page(self) -> Page:
        is_serving, details = self._health()
        status = HTTPStatus.OK if is_serving else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"status": "serving" if is_serving else "stopping", **details}
        return status, "application/json", json.dumps(body).encode()


def _encode(page: Page) -> bytes:
    status, content_type, body = page
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
