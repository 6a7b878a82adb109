"""An organisation's desk: its transactions, made at its own gateway by its own staff.

Every transaction of the contract may be asked for twice and answers the same, so one whose outcome
is not known is simply asked for again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from gateway.assembly import PARTS
from gateway.routes import Route, by_name
from scripts.hand.errors import NotKnown, Refused
from scripts.hand.gateways import Answer, Gateways, NoAnswer
from scripts.story.papers import Paper

ROUTES: Final[Mapping[str, Route]] = by_name([route for part in PARTS for route in part.routes])
TRIES_MAX: Final = 10
PAUSE_S: Final = 1.0
DOWNLOADS_MAX: Final = 3
BLOCK_LAG_S: Final = 5.0
LAGGING: Final = frozenset({403, 404, 409, 422})
"""Statuses of the contract that depend on what is on the ledger."""
BLOCK_LAG_PAUSE_S: Final = 0.1
T = TypeVar("T")

Headers = Callable[[], Awaitable[Mapping[str, str]]]
"""What proves who asks, renewed when it must be."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One organisation's gateway, used by its operator or by a logged-in member of its staff."""

    gateway: Gateways
    community: str
    headers: Headers

    async def state(self, function: str, **fields: Any) -> Any:
        """Make a transaction; its answer.

        Raises Refused with the contract's code, Unreachable, NotKnown when the outcome stays open.
        """
        route = ROUTES[function]
        path, body = self._place(route, fields)
        for _ in range(TRIES_MAX):
            answer = await patiently(lambda: self._called(route.method, path, body))
            if answer.status != HTTPStatus.ACCEPTED:
                return answer.json()
            await asyncio.sleep(PAUSE_S)
        raise NotKnown(f"the outcome of {function} is not known")

    async def _called(self, method: str, path: str, body: Any) -> Answer:
        return await self.gateway.call(method, path, json_body=body, headers=await self.headers())

    async def read(self, function: str, **fields: Any) -> Any:
        """Ask a query whose fields are all in its path."""
        route = ROUTES[function]
        path, _ = self._place(route, fields)
        return (await patiently(lambda: self._called("GET", path, None))).json()

    async def upload(self, paper: Paper) -> None:
        """Leave a document at the gateway under its hash; again is harmless."""
        route = ROUTES["put_attachment"]
        path, _ = self._place(route, {"sha256": paper.sha256})
        headers = {**await self.headers(), "Content-Type": paper.media_type}
        (address,) = self.gateway.addresses
        answer = await self.gateway.ask(
            address, route.method, path, body=paper.data, headers=headers
        )
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise answer.refusal()

    async def download(self, function: str, **fields: Any) -> bytes:
        """A document that the gateway makes or keeps. Raises Refused, NoAnswer."""
        path, _ = self._place(ROUTES[function], fields)
        for _ in range(DOWNLOADS_MAX - 1):
            with suppress(NoAnswer):
                return await self._document(path)
        return await self._document(path)

    async def _document(self, path: str) -> bytes:
        (address,) = self.gateway.addresses
        answer = await self.gateway.ask(address, "GET", path, headers=await self.headers())
        if answer.status != HTTPStatus.OK:
            raise answer.refusal()
        return answer.body

    def _place(self, route: Route, fields: Mapping[str, Any]) -> tuple[str, Any]:
        """The path with its parts filled in, and the rest as the body."""
        named = {name: fields[name] for name in route.path_names if name != "community"}
        path = route.path.format(community=self.community, **named)
        rest = {name: value for name, value in fields.items() if name not in named}
        return path, rest if route.body is not None else None


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """A call that builds on what was written a moment ago.

    Peers that endorse may hear of a block a little later than the one that answered, and then
    refuse what is right; a refusal leaves no trace, so it is asked again for a while.
    """
    deadline_s = time.monotonic() + BLOCK_LAG_S
    while True:
        try:
            return await call()
        except Refused as refused:
            if refused.status not in LAGGING or time.monotonic() > deadline_s:
                raise
        await asyncio.sleep(BLOCK_LAG_PAUSE_S)


def operator(token: str) -> Headers:
    """The operator's proof."""

    async def headers() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token}"}

    return headers


async def no_proof() -> Mapping[str, str]:
    """Nothing: for what everybody may read."""
    return {}
