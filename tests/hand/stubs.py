"""Gateways that answer what a test says, one answer after the other; the last one stays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Reply:
    """An answer; `lost` closes the connection in its place."""

    status: int = 200
    body: Any = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


def problem(status: int, code: str, **headers: str) -> Reply:
    body = {"code": code, "detail": f"About {code}.", "details": {"n": 1}}
    return Reply(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


@dataclass
class Stub:
    """What was asked, and what is answered."""

    replies: list[Reply]
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    address: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs, await request.read()))
        self.languages.append(request.headers["Accept-Language"])
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.lost:
            assert request.transport is not None
            request.transport.abort()
        if reply.text is not None:
            return web.Response(status=reply.status, text=reply.text, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)


@asynccontextmanager
async def stub(*replies: Reply) -> AsyncIterator[Stub]:
    made = Stub(list(replies))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    server = TestServer(app)
    await server.start_server(access_log=None)
    made.address = str(server.make_url("")).rstrip("/")
    try:
        yield made
    finally:
        await server.close()
