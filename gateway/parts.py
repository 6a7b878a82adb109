"""The parts the service is made of: each brings its settings, its routes and its own life.

To add a part, write a module with a `PART` and list it in `gateway.assembly`.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.routes import Route
from gateway.settings import Section

Life = Callable[[web.Application], AsyncIterator[None]]
"""An aiohttp `cleanup_ctx` generator: start, yield, stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. Lives start in the order of the parts and end in the opposite order.

    `sections` are the settings it reads (`app[SETTINGS].of(kind)`). A life finds what earlier
    parts made under their keys in `gateway.appkeys` and adds its own, its AUTHENTICATORS and
    READINESS checks included.
    """

    name: str
    sections: tuple[type[Section], ...] = ()
    routes: tuple[Route, ...] = ()
    life: Life | None = None
