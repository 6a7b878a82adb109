"""What an operator's machines ask, on an address of its own: alive, ready, figures."""

import asyncio
from typing import Final

from aiohttp import web

from gateway.appkeys import METRICS, READINESS, ReadinessCheck
from gateway.errors import NotReady

CHECK_S_MAX: Final = 5.0


def operations_app(service: web.Application) -> web.Application:
    """`/healthz`, `/readyz`, `/metrics` of the service."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        reasons = await unready(service)
        status = 503 if reasons else 200
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=status)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=service[METRICS].text(), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


async def unready(service: web.Application) -> dict[str, str]:
    """Which parts cannot serve, and why."""
    checks = service[READINESS]
    answers = await asyncio.gather(*(_reason(check) for check in checks.values()))
    return {name: why for name, why in zip(checks, answers, strict=True) if why}


async def _reason(check: ReadinessCheck) -> str:
    try:
        async with asyncio.timeout(CHECK_S_MAX):
            await check()
    except NotReady as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {CHECK_S_MAX:.0f} s"
    return ""
