"""Typed keys of what the application holds; every part of the service finds the others here."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.access import Reader
from gateway.batcher import Batcher
from gateway.ledger import Ledger
from gateway.limits import RateLimits
from gateway.metrics import Metrics
from gateway.parts import Part
from gateway.sentences import Sentences
from gateway.settings import Settings

Authenticator = Callable[[web.Request], Awaitable[Reader | None]]
"""Who asks, by one kind of proof (a session, a bearer token); None when it is not this kind.

Raises Problem 401 for a proof of this kind that is wrong or over.
"""
ClockMs = Callable[[], int]
"""UTC milliseconds."""
ReadinessCheck = Callable[[], Awaitable[None]]
"""Returns when its part can serve; raises NotReady with the reason."""

SETTINGS = web.AppKey("settings", Settings)
PARTS = web.AppKey("parts", tuple[Part, ...])
LEDGER = web.AppKey("ledger", Ledger)
BATCHER = web.AppKey("batcher", Batcher)
METRICS = web.AppKey("metrics", Metrics)
RATE_LIMITS = web.AppKey("rate_limits", RateLimits)
SENTENCES = web.AppKey("sentences", Sentences)
CLOCK_MS: web.AppKey[ClockMs] = web.AppKey("clock_ms")
AUTHENTICATORS = web.AppKey("authenticators", list[Authenticator])
"""Asked in order; a part appends its own when it starts."""
READINESS: web.AppKey[dict[str, ReadinessCheck]] = web.AppKey("readiness")
"""By the name of the part; a part adds its own when it starts."""

STOPPING = web.AppKey("stopping", asyncio.Event)
"""Set when the service is told to stop: answers without an end must end now."""

READER = web.RequestKey("reader", Reader)
"""Who asks; set before any handler runs."""
REQUEST_ID = web.RequestKey("request_id", str)
