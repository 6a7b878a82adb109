"""BankTransport over HTTPS (README.md: HTTP protocol): bounded tries, always with the same id."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from gateway.bank import limits
from gateway.bank.errors import TransportError
from gateway.bank.transport import Delivery

_T = TypeVar("_T")
_LISTING_BYTES_MAX = 256 * 1024
_PASSING = frozenset({429, 500, 502, 503, 504})  # worth another try with the same id
_Listing = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEndpoint:
    """Where the bank listens and how we prove who we are.

    `cert_file` and `key_file` together turn on mutual TLS; `ca_file` replaces the system's roots.
    `plain_http` must be said out loud to leave TLS off, e.g. behind a local proxy.
    """

    base_url: str
    token: str = field(repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    plain_http: bool = False
    timeout_s: float = limits.HTTP_TIMEOUT_S
    retry_wait_s: float = limits.HTTP_RETRY_WAIT_S

    def __post_init__(self) -> None:
        """Raises ValueError on an endpoint that would talk in the clear or half-authenticated."""
        if not self.base_url.startswith("https://") and not self.plain_http:
            raise ValueError("base_url must be https unless plain_http is set")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")


class HttpTransport:
    """Talks to the bank's endpoint; one connection pool until `close`."""

    def __init__(self, endpoint: HttpEndpoint) -> None:
        """Must be called inside the event loop that uses it."""
        self._endpoint = endpoint
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_ssl_context(endpoint)),
            headers={"Authorization": f"Bearer {endpoint.token}"},
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s),
        )

    async def send(self, message_id: str, data: bytes) -> None:
        """PUT /v1/messages/<id>. Raises TransportError."""
        headers = {"Content-Type": "application/xml"}
        url = self._url("messages", message_id)

        async def put() -> None:
            async with self._session.put(
                url, data=data, headers=headers, allow_redirects=False
            ) as response:
                _require(response, {200, 201})

        await self._tried(put)

    async def receive(self, count_max: int, resting: Container[str] = ()) -> list[Delivery]:
        """GET /v1/outbox, then each message in it. Raises TransportError for the list."""
        listing = await self._get(f"{self._url('outbox')}?limit={count_max}", _LISTING_BYTES_MAX)
        try:
            delivery_ids = _Listing.decode(listing or b"")[:count_max]
        except msgspec.DecodeError as error:
            raise TransportError("the list of waiting messages is unreadable") from error
        found = [await self._delivery(name) for name in delivery_ids if name not in resting]
        return [delivery for delivery in found if delivery is not None]

    async def confirm(self, delivery: Delivery) -> None:
        """DELETE /v1/outbox/<id>. Raises TransportError."""
        url = self._url("outbox", delivery.delivery_id)

        async def delete() -> None:
            async with self._session.delete(url, allow_redirects=False) as response:
                _require(response, {204, 404})  # gone already: confirmed before a crash

        await self._tried(delete)

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    def _url(self, *parts: str) -> str:
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{self._endpoint.base_url.rstrip('/')}/v1/{path}"

    async def _delivery(self, name: str) -> Delivery | None:
        """A message of the list, or why it cannot be had; None when it is gone."""
        limit = limits.MESSAGE_BYTES_MAX + 1  # one byte too many is enough to refuse a message
        try:
            data = await self._get(self._url("outbox", name), limit)
        except TransportError as error:
            return Delivery(name, b"", error)
        return None if data is None else Delivery(name, data)

    async def _get(self, url: str, bytes_max: int) -> bytes | None:
        """The body; None where there is no such thing (any more)."""

        async def get() -> bytes | None:
            async with self._session.get(url, allow_redirects=False) as response:
                _require(response, {200, 404})
                if response.status == 404:
                    return None
                return await _read_at_most(response, bytes_max)

        return await self._tried(get)

    async def _tried(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """The call's answer, after as many tries as allowed for failures that may pass."""
        wait_s = self._endpoint.retry_wait_s
        for _ in range(limits.HTTP_TRY_COUNT_MAX - 1):
            try:
                return await call()
            except (_PassingError, aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(wait_s)
                wait_s *= 2
        try:
            return await call()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TransportError(f"the bank does not answer: {type(error).__name__}") from error


class _PassingError(TransportError):
    """The bank answered that it cannot just now."""


def _require(response: aiohttp.ClientResponse, wanted: set[int]) -> None:
    if response.status in _PASSING:
        raise _PassingError(f"the bank answered {response.status}")
    if response.status not in wanted:
        raise TransportError(f"the bank answered {response.status}")


async def _read_at_most(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) >= bytes_max:
            return bytes(body[:bytes_max])
    return bytes(body)


def _ssl_context(endpoint: HttpEndpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.cert_file:
        context.load_cert_chain(endpoint.cert_file, endpoint.key_file)
    return context
