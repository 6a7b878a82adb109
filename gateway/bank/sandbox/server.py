"""HTTP of the sandbox: /v1 for customers (README.md: HTTP protocol), /admin for whoever tests."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.bank.errors import MessageRefused
from gateway.bank.limits import MESSAGE_BYTES_MAX
from gateway.bank.sandbox.bank import Bank, CommandError, Credit, Taken
from gateway.bank.sandbox.behaviour import Rule

_T = TypeVar("_T")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STEP_COUNT_MAX = 1_000
_PUT_STATUS = {Taken.NEW: 201, Taken.REPEATED: 200, Taken.CONFLICT: 409}


class OpenAccount(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /admin/accounts."""

    number: str
    opening_fen: int = 0


class CloseAccount(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /admin/close."""

    number: str


class Steps(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /admin/step."""

    count: int = 1


def create_app(
    bank: Bank, *, customer_token: str, admin_token: str, pump: Callable[[], None]
) -> web.Application:
    """The application; `pump` lets one step pass, folder included."""
    routes = _Routes(bank, pump)
    app = web.Application(
        client_max_size=MESSAGE_BYTES_MAX,
        middlewares=[_guard(customer_token=customer_token, admin_token=admin_token)],
    )
    app.add_routes(
        [
            web.put("/v1/messages/{message_id}", routes.put_message),
            web.get("/v1/outbox", routes.list_outbox),
            web.get("/v1/outbox/{delivery_id}", routes.get_delivery),
            web.delete("/v1/outbox/{delivery_id}", routes.delete_delivery),
            web.post("/admin/accounts", routes.open_account),
            web.post("/admin/close", routes.close_account),
            web.post("/admin/credits", routes.credit),
            web.post("/admin/rules", routes.add_rule),
            web.post("/admin/step", routes.step),
            web.post("/admin/end-of-day", routes.end_day),
            web.get("/admin/state", routes.state),
        ]
    )
    return app


def _guard(
    *, customer_token: str, admin_token: str
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Each part of the interface has its own token; refusals are answered in JSON."""

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        token = admin_token if request.path.startswith("/admin/") else customer_token
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return web.json_response({"code": "http/unauthorized"}, status=401)
        try:
            return await handler(request)
        except MessageRefused as refusal:
            body = {"code": refusal.code, "path": refusal.path}
            return web.json_response(body, status=400)
        except (CommandError, msgspec.DecodeError) as error:
            body = {"code": "admin/command", "reason": str(error)}
            return web.json_response(body, status=400)

    return guard


class _Routes:
    def __init__(self, bank: Bank, pump: Callable[[], None]) -> None:
        self._bank = bank
        self._pump = pump

    async def put_message(self, request: web.Request) -> web.Response:
        taken = self._bank.take(await request.read(), request.match_info["message_id"])
        return web.json_response({"taken": taken}, status=_PUT_STATUS[taken])

    async def list_outbox(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not limit.isdecimal():
            raise CommandError("limit is a number")
        names = [name for name, _ in self._bank.mail.undelivered()]
        return web.json_response(names[: int(limit)])

    async def get_delivery(self, request: web.Request) -> web.Response:
        wanted = request.match_info["delivery_id"]
        for name, data in self._bank.mail.undelivered():
            if name == wanted:
                return web.Response(body=data, content_type="application/xml")
        return web.json_response({"code": "http/gone"}, status=404)

    async def delete_delivery(self, request: web.Request) -> web.Response:
        self._bank.mail.mark_delivered(request.match_info["delivery_id"])
        return web.Response(status=204)

    async def open_account(self, request: web.Request) -> web.Response:
        body = await _body(request, OpenAccount)
        self._bank.open_account(body.number, body.opening_fen)
        return web.json_response({})

    async def close_account(self, request: web.Request) -> web.Response:
        body = await _body(request, CloseAccount)
        self._bank.close_account(body.number)
        return web.json_response({})

    async def credit(self, request: web.Request) -> web.Response:
        self._bank.credit(await _body(request, Credit))
        return web.json_response({})

    async def add_rule(self, request: web.Request) -> web.Response:
        self._bank.add_rule(await _body(request, Rule))
        return web.json_response({})

    async def step(self, request: web.Request) -> web.Response:
        body = await _body(request, Steps)
        if not 1 <= body.count <= _STEP_COUNT_MAX:
            raise CommandError("count from 1 to 1000")
        for _ in range(body.count):
            self._pump()
        return web.json_response(self._bank.state())

    async def end_day(self, request: web.Request) -> web.Response:
        self._bank.end_day()
        self._pump()
        return web.json_response(self._bank.state())

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(self._bank.state())


async def _body(request: web.Request, kind: type[_T]) -> _T:
    return msgspec.json.decode(await request.read() or b"{}", type=kind)
