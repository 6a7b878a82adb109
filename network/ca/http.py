"""One request to a Fabric CA: TLS verified, bounded in time, size and attempts."""

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any, Self

import aiohttp
from yarl import URL

from network.ca.errors import (
    DUPLICATE_IDENTITY,
    AlreadyRegistered,
    CaBadAnswer,
    CaOutcomeUnknown,
    CaRefused,
    CaUnreachable,
    CaUntrusted,
)

TIMEOUT_S = 30.0
"""For one attempt, from connecting to the last byte."""
CONNECT_TIMEOUT_S = 5.0
REQUESTS_AT_ONCE_MAX = 4
"""The CA hashes secrets with bcrypt: more at once only make each of them slower."""
ATTEMPTS_MAX = 3
RETRY_WAIT_S = 0.2
"""Before the second attempt; twice as long before the third, and so on."""
ANSWER_BYTES_MAX = 16 * 1024 * 1024

Authorize = Callable[[str, str, bytes], str]
"""method, path with query, body -> the Authorization header's value."""


class CaHttp:
    """A connection pool to one CA server, trusting exactly the given roots. Use `async with`."""

    def __init__(
        self,
        url: str,
        tls_root_pem: bytes,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        self.url = url.rstrip("/")
        self._tls = _tls_context(tls_root_pem)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        self._attempts_max = attempts_max
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self, method: str, path: str, body: bytes, authorize: Authorize | None, *, repeatable: bool
    ) -> dict[str, Any]:
        """The `result` of the CA's answer. Raises CaError.

        A request that never left is sent again; one whose answer was lost only if `repeatable`,
        that is if doing it twice is the same as doing it once.
        """
        attempt = 1
        while True:
            try:
                async with self._slots:
                    return await self._attempt(method, path, body, authorize)
            except (CaUnreachable, CaOutcomeUnknown) as error:
                again = repeatable or isinstance(error, CaUnreachable)
                if not again or attempt == self._attempts_max:
                    raise
            await asyncio.sleep(RETRY_WAIT_S * attempt)
            attempt += 1

    async def _attempt(
        self, method: str, path: str, body: bytes, authorize: Authorize | None
    ) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("use `async with`")
        headers = {"Authorization": authorize(method, path, body)} if authorize else {}
        action = f"{method} {path.partition('?')[0]}"
        try:
            async with self._session.request(
                method,
                URL(f"{self.url}{path}", encoded=True),
                data=body,
                headers=headers,
                ssl=self._tls,
                allow_redirects=False,
            ) as answer:
                content = await _read(answer)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise CaUntrusted(f"{self.url}: {error}") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise CaUnreachable(f"{self.url}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CaOutcomeUnknown(f"{action} at {self.url}: {error!r}") from error
        return _result(action, answer.status, content)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise CaBadAnswer(f"an answer longer than {ANSWER_BYTES_MAX} bytes")
    return bytes(content)


def _result(action: str, status: int, content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
        if answer["success"] is True:
            return answer["result"] if isinstance(answer["result"], dict) else {}
        error = answer["errors"][0]
        code, message = int(error["code"]), str(error["message"])
    except (ValueError, LookupError, TypeError) as problem:
        raise CaBadAnswer(f"{action}: HTTP {status} with no Fabric CA answer in it") from problem
    refusal = AlreadyRegistered if code == DUPLICATE_IDENTITY else CaRefused
    raise refusal(action, status, code, message)


def _tls_context(root_pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=root_pem.decode())
    return context
