"""What an operator's machines ask, on an address of its own: alive, ready, figures."""

import asyncio
from typing import Final

from aiohttp import web

from gateway.appkeys import METRICS, READINESS, ReadinessCheck
from gateway.errors import NotReady, PartlyReady

CHECK_S_MAX: Final = 5.0


def operations_app(service: web.Application) -> web.Application:
    """`/healthz`, `/readyz`, `/metrics` of the service."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        faults = await unready(service)
        is_ready = all(isinstance(fault, PartlyReady) for fault in faults.values())
        reasons = {name: str(fault) for name, fault in faults.items()}
        status = 200 if is_ready else 503
        return web.json_response({"ready": is_ready, "reasons": reasons}, status=status)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=service[METRICS].text(), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


async def unready(service: web.Application) -> dict[str, NotReady]:
    """Which parts cannot serve, or not all channels, and why."""
    checks = service[READINESS]
    answers = await asyncio.gather(*(_fault(check) for check in checks.values()))
    return {name: fault for name, fault in zip(checks, answers, strict=True) if fault}


async def _fault(check: ReadinessCheck) -> NotReady | None:
    try:
        async with asyncio.timeout(CHECK_S_MAX):
            await check()
    except NotReady as error:
        return error
    except TimeoutError:
        return NotReady(f"no answer within {CHECK_S_MAX:.0f} s")
    return None
