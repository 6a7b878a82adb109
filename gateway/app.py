"""The application: its parts, its middlewares, and the life of what they share."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from gateway.access import MATRIX
from gateway.appkeys import (
    AUTHENTICATORS,
    BATCHER,
    CLOCK_MS,
    LEDGER,
    METRICS,
    PARTS,
    RATE_LIMITS,
    READINESS,
    SENTENCES,
    SETTINGS,
    STOPPING,
    ClockMs,
)
from gateway.batcher import Batcher, BatchSection
from gateway.errors import NotReady
from gateway.gate import TOKEN_CHARS_MIN, gate, operator_authenticator, refuse_other_tokens
from gateway.ledger import FabricLedger, Ledger
from gateway.limits import LimitsSection, RateLimits
from gateway.logs import observe
from gateway.metrics import Metrics
from gateway.parts import Part
from gateway.problems import answer_problems
from gateway.routes import by_name
from gateway.sentences import load_sentences
from gateway.settings import (
    FabricSection,
    GatewaySection,
    HttpSection,
    Section,
    Settings,
    SettingsError,
)

CORE_SECTIONS: tuple[type[Section], ...] = (
    GatewaySection,
    FabricSection,
    HttpSection,
    LimitsSection,
    BatchSection,
)
SERVER = "commonhold"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not bring its own."""


def utc_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


def make_app(
    settings: Settings,
    parts: Sequence[Part],
    *,
    ledger: Ledger | None = None,
    clock_ms: ClockMs = utc_ms,
) -> web.Application:
    """The service with these parts; `ledger` in place of the network of the settings.

    Raises ValueError when routes and access table do not name the same endpoints.
    """
    routes = by_name([route for part in parts for route in part.routes])
    missing = sorted(set(routes) - set(MATRIX))
    if missing:
        raise ValueError(f"no row in the access table: {', '.join(missing)}")
    app = web.Application(
        middlewares=[observe, answer_problems, gate(routes)],
        client_max_size=max((route.body_bytes_max for route in routes.values()), default=0),
    )
    app[SETTINGS] = settings
    app[PARTS] = tuple(parts)
    app[METRICS] = Metrics()
    app[SENTENCES] = load_sentences()
    app[CLOCK_MS] = clock_ms
    app[RATE_LIMITS] = RateLimits(settings.of(LimitsSection), time.monotonic)
    app[AUTHENTICATORS] = []
    app[READINESS] = {}
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(_tell_stopping)
    app.on_response_prepare.append(_add_headers)
    app.cleanup_ctx.extend(
        [_ledger_life(ledger), _batcher_life, *(part.life for part in parts if part.life)]
    )
    app.cleanup_ctx.append(_last_authenticator)
    for route in routes.values():
        app.router.add_route(route.method, route.path, route.handler, name=route.name)
    return app


def _ledger_life(given: Ledger | None) -> Callable[[web.Application], AsyncIterator[None]]:
    async def life(app: web.Application) -> AsyncIterator[None]:
        token_file = app[SETTINGS].of(GatewaySection).operator_token_file
        if token_file is not None:
            token = token_file.read_text(encoding="ascii").strip()
            if len(token) < TOKEN_CHARS_MIN:
                raise SettingsError(["[gateway] operator_token_file holds too short a token"])
            app[AUTHENTICATORS].append(operator_authenticator(token))
        if given is not None:
            app[LEDGER] = given
            yield
            return
        async with FabricLedger(app[SETTINGS].of(FabricSection)) as ledger:
            app[LEDGER] = ledger
            app[READINESS]["ledger"] = ledger.require_ready
            yield

    return life


async def _batcher_life(app: web.Application) -> AsyncIterator[None]:
    batcher = Batcher(app[LEDGER], app[SETTINGS].of(BatchSection), app[METRICS])
    app[BATCHER] = batcher

    async def require_room() -> None:
        if batcher.is_full:
            raise NotReady("as many acts wait as may")

    app[READINESS]["batcher"] = require_room
    yield
    with suppress(TimeoutError):
        async with asyncio.timeout(app[SETTINGS].of(HttpSection).stop_s):
            await batcher.stop()
    await batcher.abandon()


async def _last_authenticator(app: web.Application) -> AsyncIterator[None]:
    app[AUTHENTICATORS].append(refuse_other_tokens)
    yield


async def _tell_stopping(app: web.Application) -> None:
    app[STOPPING].set()


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
