"""What stands before every handler: rate, size and time limits, who asks, and what they may.

In this order, so that what is cheap to refuse is refused first: address, path, credential, access
table, the route's own guard.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from chaincode.errors import BadInput, NotAllowed, NotFound
from chaincode.model.base import Org
from gateway.access import NOBODY_KNOWN, Reader, Who, may, speaks_for
from gateway.appkeys import AUTHENTICATORS, LEDGER, RATE_LIMITS, READER, SETTINGS, Authenticator
from gateway.errors import Problem
from gateway.ledger import ask
from gateway.routes import Route
from gateway.settings import GatewaySection, HttpSection

BEARER: Final = "Bearer "
TOKEN_CHARS_MIN: Final = 32


class _CommitteeNow(msgspec.Struct, frozen=True):
    """What is needed of the query `committee`."""

    seated: tuple[str, ...]


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def gate(routes: Mapping[str, Route]) -> Middleware:
    """The middleware for these routes, by name."""

    @web.middleware
    async def stand(request: web.Request, handler: Handler) -> web.StreamResponse:
        request.app[RATE_LIMITS].require_address(client_address(request))
        route = routes.get(request.match_info.route.name or "")
        if route is None:
            return await handler(request)
        _require_path(request, route)
        _require_size(request, route)
        async with asyncio.timeout(route.answer_s_max):
            request[READER] = await authenticate(request)
            await _require_access(request, route)
            return await handler(request.clone(client_max_size=route.body_bytes_max))

    return stand


def client_address(request: web.Request) -> str:
    """The address of who asks; behind our own proxies what the outermost of them saw."""
    count = request.app[SETTINGS].of(HttpSection).trusted_proxies_count
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if count and len(forwarded) >= count and forwarded[-count]:
        return forwarded[-count]
    return request.remote or ""


async def authenticate(request: web.Request) -> Reader:
    """Who asks, by the first kind of proof that is there. Raises Problem 401."""
    for authenticator in request.app[AUTHENTICATORS]:
        reader = await authenticator(request)
        if reader is not None:
            return reader
    return NOBODY_KNOWN


def operator_authenticator(token: str) -> Authenticator:
    """Knows the operator by a bearer token (RFC 6750)."""

    async def authenticator(request: web.Request) -> Reader | None:
        given = request.headers.get("Authorization", "")
        expected = (BEARER + token).encode()
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), expected):
            return None
        return Reader(who=Who.OPERATOR)

    return authenticator


async def refuse_other_tokens(request: web.Request) -> Reader | None:
    """The last authenticator: a token that nobody knew is refused, not overlooked."""
    if "Authorization" in request.headers:
        raise Problem(401, "gateway/bad-token")
    return None


async def _require_access(request: web.Request, route: Route) -> None:
    reader = request[READER]
    if not may(reader, route.name):
        if reader.who is Who.ANYONE:
            raise Problem(401, "gateway/no-credential")
        raise Problem(403, "gateway/not-for-you")
    if reader.credential_id:
        request.app[RATE_LIMITS].require_credential(reader.community, reader.credential_id)
        community = request.match_info.get("community", reader.community)
        if not may(NOBODY_KNOWN, route.name) and community != reader.community:
            raise Problem(403, "gateway/other-community")
    org = request.app[SETTINGS].of(GatewaySection).org
    if route.orgs and not (org in route.orgs and speaks_for(reader, org)):
        raise Problem(403, "gateway/other-office")
    if route.orgs and org is Org.COMMITTEE and reader.who is Who.COMMITTEE_MEMBER:
        await _require_seat(request, reader)
    if route.guard is not None:
        await route.guard(request)


async def _require_seat(request: web.Request, reader: Reader) -> None:
    """The committee speaks through members who are seated now, whatever a credential says.

    Raises NotAllowed ``caller/not-seated``.
    """
    try:
        now = await ask(request.app[LEDGER], reader.community, "committee", _CommitteeNow)
    except NotFound:
        raise NotAllowed("caller/not-seated") from None
    if reader.holder_id not in now.seated:
        raise NotAllowed("caller/not-seated")


def _require_path(request: web.Request, route: Route) -> None:
    for name in route.path_names:
        try:
            msgspec.convert(request.match_info[name], type=route.path_kind(name), strict=False)
        except msgspec.ValidationError:
            raise BadInput("input/bad-id") from None


def _require_size(request: web.Request, route: Route) -> None:
    """By what the client announces; what comes without a length is cut while it is read, at the
    same limit, which the handler's request carries."""
    if (request.content_length or 0) > route.body_bytes_max:
        raise Problem(413, "gateway/body-too-large", {"bytes_max": route.body_bytes_max})
