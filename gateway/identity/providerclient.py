"""An identity provider over HTTP (README.md: "Provider protocol")."""

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
import msgspec

from chaincode.model.base import Record
from gateway.identity.protocol import (
    MESSAGE_BYTES_MAX,
    AttestationAnswer,
    AttestationInput,
    Beginning,
    GivenCode,
    Opened,
    Opening,
    ProviderInfo,
    RefusedAnswer,
    Step,
    StepAnswer,
)
from gateway.identity.provider import ProviderBadAnswer, ProviderRefused, ProviderUnavailable

A = TypeVar("A", bound=Record)

TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 3.0
ATTEMPTS_MAX: Final = 3
RETRY_WAIT_S: Final = 0.2
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEndpoint:
    """Where a provider is and how it knows us: a bearer token, and a certificate if it wants one.

    `ca_file` is the only root trusted; None trusts the system's.
    """

    url: str
    token: str = field(repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    timeout_s: float = TIMEOUT_S


class HttpProvider:
    """See `provider.Provider`. Use `async with`; every call raises ProviderError."""

    def __init__(self, endpoint: ProviderEndpoint) -> None:
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(
            total=self._endpoint.timeout_s, sock_connect=CONNECT_TIMEOUT_S
        )
        connector = aiohttp.TCPConnector(ssl=_tls(self._endpoint))
        headers = {"Authorization": f"Bearer {self._endpoint.token}"}
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, headers=headers)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def info(self) -> ProviderInfo:
        """See `Provider.info`."""
        return await self._call("GET", "/v1/provider", None, ProviderInfo)

    async def open(self, credential_id: str, opening: Opening) -> None:
        """See `Provider.open`."""
        opened = await self._call("PUT", _place(credential_id), opening, Opened)
        if opened.credential_id != credential_id:
            raise ProviderBadAnswer("the answer is about another verification")

    async def begin(self, credential_id: str, step: Step, beginning: Beginning) -> StepAnswer:
        """See `Provider.begin`."""
        answer = await self._call("PUT", _place(credential_id, step), beginning, StepAnswer)
        return _about(answer, step, beginning.attempt)

    async def give_code(self, credential_id: str, step: Step, given: GivenCode) -> StepAnswer:
        """See `Provider.give_code`."""
        place = f"{_place(credential_id, step)}/code"
        answer = await self._call("POST", place, given, StepAnswer, attempts_max=1)
        return _about(answer, step, given.attempt)

    async def look(self, credential_id: str, step: Step) -> StepAnswer:
        """See `Provider.look`."""
        answer = await self._call("GET", _place(credential_id, step), None, StepAnswer)
        return _about(answer, step, answer.attempt)

    async def attest(self, credential_id: str, wanted: AttestationInput) -> str:
        """See `Provider.attest`."""
        place = f"{_place(credential_id)}/attestation"
        return (await self._call("POST", place, wanted, AttestationAnswer)).attestation

    async def _call(
        self,
        method: str,
        path: str,
        body: Record | None,
        kind: type[A],
        *,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> A:
        attempt = 1
        while True:
            try:
                return await self._attempt(method, path, body, kind)
            except ProviderUnavailable:
                if attempt == attempts_max:
                    raise
            await asyncio.sleep(RETRY_WAIT_S * 2 ** (attempt - 1))
            attempt += 1

    async def _attempt(self, method: str, path: str, body: Record | None, kind: type[A]) -> A:
        assert self._session is not None, "use `async with`"
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                method,
                self._endpoint.url.rstrip("/") + path,
                data=None if body is None else msgspec.json.encode(body),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                content = await _read(answer)
                return _decoded(answer.status, content, kind)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(type(error).__name__) from error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(MESSAGE_BYTES_MAX):
        content += chunk
        if len(content) > MESSAGE_BYTES_MAX:
            raise ProviderBadAnswer(f"an answer longer than {MESSAGE_BYTES_MAX} bytes")
    return bytes(content)


def _decoded(status: int, content: bytes, kind: type[A]) -> A:
    """The answer. Raises ProviderError; what the provider wrote is never repeated."""
    if status in _PASSING:
        raise ProviderUnavailable(f"HTTP {status}")
    try:
        if status in (200, 201):
            return msgspec.json.decode(content, type=kind)
        refused = msgspec.json.decode(content, type=RefusedAnswer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ProviderBadAnswer(f"HTTP {status} with an answer that cannot be read") from None
    if not 400 <= status < 500:
        raise ProviderBadAnswer(f"HTTP {status}")
    raise ProviderRefused(status, refused.code)


def _about(answer: StepAnswer, step: Step, attempt: int) -> StepAnswer:
    if (answer.step, answer.attempt) != (step, attempt):
        raise ProviderBadAnswer("the answer is about another step or attempt")
    return answer


def _place(credential_id: str, step: Step | None = None) -> str:
    place = f"/v1/verifications/{credential_id}"
    return place if step is None else f"{place}/steps/{step.value}"


def _tls(endpoint: ProviderEndpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.cert_file is not None:
        context.load_cert_chain(endpoint.cert_file, endpoint.key_file)
    return context
