"""HTTP of the sandbox authority: /v1 for gateways, pages for people, /admin for whoever tests."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from html import escape
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from chaincode.codec import decode
from chaincode.errors import BadInput
from chaincode.model.base import Id, Record
from gateway.identity.protocol import (
    MESSAGE_BYTES_MAX,
    AttestationAnswer,
    AttestationInput,
    Beginning,
    GivenCode,
    Opened,
    Opening,
    RefusedAnswer,
    Step,
)
from gateway.identity.sandbox.authority import Authority, Refused
from gateway.identity.sandbox.behaviour import Action, Behaviour, Call, Rule

R = TypeVar("R", bound=Record)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Attend(Record):
    """Body of POST /admin/attend."""

    ticket: Id
    document_no: str


class Face(Record):
    """Body of POST /admin/face."""

    ticket: Id
    is_own: bool = True


def create_app(authority: Authority, *, token: str, admin_token: str) -> web.Application:
    """The application. `token` is the gateway's, `admin_token` the tester's."""
    behaviour = Behaviour()
    asked, people, admin = _Asked(authority, behaviour), _People(authority), _Admin(authority)
    app = web.Application(
        client_max_size=MESSAGE_BYTES_MAX, middlewares=[_guard(token, admin_token)]
    )

    async def add_rule(request: web.Request) -> web.Response:
        behaviour.add(decode(await request.read(), Rule))
        return web.json_response({})

    step = "/v1/verifications/{credential_id}/steps/{step}"
    app.add_routes(
        [
            web.get("/v1/provider", asked.info),
            web.put("/v1/verifications/{credential_id}", asked.open),
            web.put(step, asked.begin),
            web.get(step, asked.look),
            web.post(f"{step}/code", asked.give_code),
            web.post("/v1/verifications/{credential_id}/attestation", asked.attest),
            web.get("/face/{ticket}", people.face_page),
            web.post("/face/{ticket}", people.show_face),
            web.get("/account/{ticket}", people.sign_in),
            web.get("/counter/{ticket}", people.ticket_page),
            web.post("/admin/rules", add_rule),
            web.post("/admin/face", admin.show_face),
            web.post("/admin/attend", admin.attend),
            web.get("/admin/codes", admin.codes),
        ]
    )
    return app


def _guard(token: str, admin_token: str) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Gateways and testers have a token each; people come without. Refusals are JSON."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        wanted = {"v1": token, "admin": admin_token}.get(request.path.split("/")[1])
        given = request.headers.get("Authorization", "")
        if wanted and not hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
            return _refused(401, "http/unauthorized")
        try:
            return await handler(request)
        except Refused as refused:
            return _refused(refused.status, refused.code)
        except BadInput as refusal:
            return _refused(400, refusal.code)
        except ValueError:
            return _refused(400, "input/malformed")

    return guard


class _Asked:
    """What gateways ask (README.md: "Provider protocol"), with what may go wrong."""

    def __init__(self, authority: Authority, behaviour: Behaviour) -> None:
        self._authority = authority
        self._behaviour = behaviour

    async def info(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, Call.INFO, None, lambda _: self._authority.info())

    async def open(self, request: web.Request) -> web.StreamResponse:
        opening, credential_id = await _read(request, Opening), _credential_id(request)

        def run(_: Action | None) -> Record:
            self._authority.open(credential_id, opening)
            return Opened(credential_id=credential_id)

        return await self._answer(request, Call.OPEN, None, run)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        beginning, credential_id, step = (
            await _read(request, Beginning),
            _credential_id(request),
            _step(request),
        )
        return await self._answer(
            request,
            Call.BEGIN,
            step,
            lambda action: self._authority.begin(
                credential_id, step, beginning, mismatch=action is Action.MISMATCH
            ),
        )

    async def look(self, request: web.Request) -> web.StreamResponse:
        credential_id, step = _credential_id(request), _step(request)
        return await self._answer(
            request, Call.LOOK, step, lambda _: self._authority.look(credential_id, step)
        )

    async def give_code(self, request: web.Request) -> web.StreamResponse:
        given, credential_id, step = (
            await _read(request, GivenCode),
            _credential_id(request),
            _step(request),
        )
        return await self._answer(
            request,
            Call.CODE,
            step,
            lambda _: self._authority.give_code(credential_id, step, given),
        )

    async def attest(self, request: web.Request) -> web.StreamResponse:
        asked, credential_id = await _read(request, AttestationInput), _credential_id(request)

        def run(action: Action | None) -> Record:
            jws = self._authority.attest(
                credential_id, asked, forge=action is Action.FORGE, swap=action is Action.SWAP
            )
            return AttestationAnswer(attestation=jws)

        return await self._answer(request, Call.ATTEST, None, run)

    async def _answer(
        self,
        request: web.Request,
        call: Call,
        step: Step | None,
        run: Callable[[Action | None], Record],
    ) -> web.StreamResponse:
        rule = self._behaviour.next(call, step)
        action = rule.action if rule else None
        if action is Action.UNAVAILABLE:
            return _refused(503, "provider/not-now")
        if rule is not None and action is Action.SLOW:
            await asyncio.sleep(rule.seconds)
        body = msgspec.json.encode(run(action))
        if action is Action.LOSE and request.transport is not None:
            request.transport.abort()
        if action is Action.GARBAGE:
            body = b"<html>"
        return web.Response(body=body, content_type="application/json")


class _People:
    """What people see in their browsers."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def face_page(self, request: web.Request) -> web.StreamResponse:
        return _page("<form method=post><button>Show my face 开始刷脸</button></form>")

    async def show_face(self, request: web.Request) -> web.StreamResponse:
        self._authority.show_face(request.match_info["ticket"])
        return _page("Done 完成")

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        place, code = self._authority.sign_in(
            request.match_info["ticket"], request.query.get("account")
        )
        query = urlencode({"code": code, "state": request.match_info["ticket"]})
        raise web.HTTPFound(f"{place}{'&' if '?' in place else '?'}{query}")

    async def ticket_page(self, request: web.Request) -> web.StreamResponse:
        return _page(f"Ticket 取号：{escape(request.match_info['ticket'])}")


class _Admin:
    """What a tester does in people's place."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    async def show_face(self, request: web.Request) -> web.Response:
        face = await _read(request, Face)
        self._authority.show_face(face.ticket, is_own=face.is_own)
        return web.json_response({})

    async def attend(self, request: web.Request) -> web.Response:
        attend = await _read(request, Attend)
        self._authority.attend(attend.ticket, attend.document_no)
        return web.json_response({})

    async def codes(self, request: web.Request) -> web.Response:
        body = msgspec.json.encode(self._authority.sent_codes(request.query.get("phone")))
        return web.Response(body=body, content_type="application/json")


async def _read(request: web.Request, kind: type[R]) -> R:
    return decode(await request.read(), kind)


def _credential_id(request: web.Request) -> str:
    return msgspec.convert(request.match_info["credential_id"], type=Id)


def _step(request: web.Request) -> Step:
    return Step(request.match_info["step"])


def _refused(status: int, code: str) -> web.Response:
    body = msgspec.json.encode(RefusedAnswer(code=code))
    return web.Response(body=body, status=status, content_type="application/json")


def _page(content: str) -> web.Response:
    return web.Response(
        text=f"<!doctype html><meta charset=utf-8><title>Sandbox</title>{content}",
        content_type="text/html",
    )
