"""Calls of one or several gateways of a community: bounded in time, tried elsewhere when one is
down. Everything sent through `call` may be sent twice without harm."""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from gateway.identity.settings import is_origin
from scripts.hand.errors import BadInput, HandError, NotKnown, Refused, Unreachable

TRY_S: Final = 30.0
"""One try at one gateway; a gateway answers an act within 20 s or says where to ask."""
CONNECT_S: Final = 5.0
PATIENCE_S: Final = 90.0
"""All tries of one call."""
TRIES_MAX: Final = 40
PAUSE_S: Final = 0.25
PAUSE_S_MAX: Final = 5.0
RETRY_AFTER_S_MAX: Final = 30.0
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses that another try, or another gateway, may not get."""
NOTHING_HAPPENED: Final = frozenset(
    {
        "gateway/conflict",
        "gateway/contract-failed",
        "gateway/full",
        "gateway/network-busy",
        "gateway/not-endorsed",
        "gateway/stopping",
        "gateway/too-many-requests",
    }
)
"""Codes of a passing status with which a gateway vouches that nothing was done."""
LANGUAGES: Final = ("en", "zh")


class NoAnswer(HandError):
    """One try at one gateway ended without a whole answer."""

    def __init__(self, address: str, reason: str, *, was_sent: bool) -> None:
        super().__init__(f"{address} does not answer ({reason})")
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Answer:
    """One gateway's answer."""

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises NotKnown: whatever answers there is no gateway."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise NotKnown(f"{self.address} answers something that is not JSON") from None

    def refusal(self) -> Refused:
        """A problem (RFC 9457) as an error."""
        try:
            problem = json.loads(self.body)
            code, sentence = str(problem["code"]), str(problem.get("detail", ""))
            return Refused(self.status, code, sentence, problem.get("details"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return Refused(self.status, "http/no-gateway", f"{self.address} is no gateway")

    @property
    def pause_s(self) -> float:
        """How long the gateway asks to be left alone (Retry-After), within bounds."""
        text = self.headers.get("Retry-After", "")
        return min(float(text), RETRY_AFTER_S_MAX) if text.isdecimal() else 0.0


class Gateways:
    """Addresses, in the order they are tried; use it as an async context manager.

    `language` is that of the sentences in refusals; `roots` a file of trusted TLS roots in place
    of the system's. Raises BadInput for an address that is no origin, or not https beyond this
    machine: names and identity codes travel here.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        language: str = "en",
        roots: Path | None = None,
        patience_s: float = PATIENCE_S,
        try_s: float = TRY_S,
    ) -> None:
        self.addresses = tuple(address.rstrip("/") for address in addresses)
        for address in self.addresses:
            if not is_origin(address):
                raise BadInput(
                    f"{address!r} is no gateway address: https://host[:port]"
                    " (http on this machine only)"
                )
        if not self.addresses:
            raise BadInput("give the address of a gateway")
        self.patience_s = patience_s
        self._try_s = try_s
        self._roots = roots
        self._language = language
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=self._try_s, sock_connect=CONNECT_S)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            connector=aiohttp.TCPConnector(ssl=_tls(self._roots)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Language": self._language},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def only(self, address: str, *, patience_s: float | None = None) -> "Gateways":
        """The same with one of the addresses; lives as long as this one."""
        patience_s = self.patience_s if patience_s is None else min(patience_s, self.patience_s)
        one = Gateways([address], language=self._language, patience_s=patience_s)
        one._session = self._session
        return one

    async def ask(
        self,
        address: str,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One try at one gateway, whatever it answers. Raises NoAnswer."""
        assert self._session is not None, "use `async with`"
        try:
            async with self._session.request(
                method, address + path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                content = await _read(answer)
                return Answer(address, answer.status, dict(answer.headers), content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NoAnswer(address, type(error).__name__, was_sent=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NoAnswer(address, type(error).__name__, was_sent=True) from error

    async def call(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The first success of any gateway.

        Raises Refused for what no other try would change, or when time is up; Unreachable when
        none answered.
        """
        body = None if json_body is None else json.dumps(json_body).encode()
        typed = {**(headers or {}), **({} if body is None else {"Content-Type": JSON})}
        last: HandError = Unreachable("no gateway was asked")
        turns = self.turns()
        while turn := await turns.next():
            try:
                answer = await self.ask(turn.address, method, path, body=body, headers=typed)
            except NoAnswer as error:
                last = Unreachable(str(error))
                continue
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return answer
            last = answer.refusal()
            if answer.status not in PASSING:
                raise last
            turn.pause_s = answer.pause_s
        raise last

    def turns(self) -> "Turns":
        """The gateways one after the other, again and again, until `patience_s` is over."""
        return Turns(self.addresses, self.patience_s)


@dataclass(slots=True)
class Turn:
    """One gateway's turn; who uses it notes how long that gateway wants to be left alone."""

    address: str
    pause_s: float = 0.0


class Turns:
    """Rounds over some addresses, with growing pauses between them."""

    def __init__(self, addresses: Sequence[str], patience_s: float) -> None:
        self._addresses = addresses
        self._until = time.monotonic() + patience_s
        self._round: list[Turn] = []
        self._count = 0
        self._pause_s = PAUSE_S

    async def next(self) -> Turn | None:
        """The next turn; None when time or tries are used up."""
        if len(self._round) == len(self._addresses) and not await self._paused():
            return None
        turn = Turn(self._addresses[len(self._round)])
        self._round.append(turn)
        self._count += 1
        return turn

    async def _paused(self) -> bool:
        """Between two rounds, as long as the most patient gateway asks; False: no more rounds."""
        wait_s = max(self._pause_s, min(turn.pause_s for turn in self._round))
        if self._count >= TRIES_MAX or time.monotonic() + wait_s >= self._until:
            return False
        await asyncio.sleep(wait_s)
        self._pause_s = min(2 * self._pause_s, PAUSE_S_MAX)
        self._round = []
        return True


JSON: Final = "application/json"


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise ValueError("too long")
    return bytes(content)


def _tls(roots: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=roots)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"{roots} holds no TLS roots: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
