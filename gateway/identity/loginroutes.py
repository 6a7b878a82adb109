"""The routes of logging in: a part of every organisation's gateway."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, Literal, TypeVar

import msgspec
from aiohttp import web

from chaincode.codec import decode_unambiguous
from chaincode.model.base import Id, Record, Role, TimeMs
from gateway.appkeys import AUTHENTICATORS, CLOCK_MS, LEDGER, READINESS, SETTINGS
from gateway.database import DatabaseUnavailable, Work, open_tables
from gateway.errors import NotReady, Problem
from gateway.identity.door import BEARER, Door
from gateway.identity.login import Challenge, ChallengeRequest, Login, Standings
from gateway.identity.sessions import SCHEMA, Kind, Session, Sessions, csrf_token
from gateway.identity.settings import LoginSection
from gateway.parts import Part
from gateway.routes import API, Route

R = TypeVar("R", bound=Record)

TAG: Final = "login"
LOGIN = web.AppKey("login", Login)
DOOR = web.AppKey("door", Door)
PRUNE_S: Final = 60.0
JSON: Final = "application/json"
NO_STORE: Final = {"Cache-Control": "no-store"}


class LoginRequest(Record):
    """A signed statement; `wanted` is a browser's cookie or a program's token."""

    statement: str
    wanted: Literal["cookie", "bearer"] = "cookie"


class SessionAnswer(Record):
    """Who is logged in. A browser sends `csrf_token` with whatever changes something; `token` is
    told once, to programs only."""

    community: Id
    credential_id: Id
    holder_id: Id
    role: Role
    until_at: TimeMs
    csrf_token: str | None = None
    token: str | None = None


async def start_login(request: web.Request) -> web.StreamResponse:
    """A challenge to sign."""
    asked = await read_json(request, ChallengeRequest)
    return answer(await _login(request).challenge(asked))


async def log_in(request: web.Request) -> web.StreamResponse:
    """Log in with a signed challenge."""
    asked = await read_json(request, LoginRequest)
    kind = Kind(asked.wanted)
    statement = asked.statement.encode("ascii", errors="replace")
    now_ms = request.app[CLOCK_MS]()
    token, session = await _login(request).log_in(statement, now_ms, kind)
    if kind is Kind.BEARER:
        return answer(_session_answer(session, token=BEARER.removeprefix("Bearer ") + token))
    response = answer(_session_answer(session, csrf_token=csrf_token(token)))
    request.app[DOOR].set_cookie(response, token)
    return response


async def read_session(request: web.Request) -> web.StreamResponse:
    """Who is logged in, and for how long."""
    token, session = await _current(request)
    if session.kind is Kind.BEARER:
        return answer(_session_answer(session))
    return answer(_session_answer(session, csrf_token=csrf_token(token)))


async def log_out(request: web.Request) -> web.StreamResponse:
    """End this session."""
    token, _ = await _current(request)
    door = request.app[DOOR]
    await door.sessions.close(token)
    response = web.Response(status=204, headers=NO_STORE)
    door.drop_cookie(response)
    return response


async def read_json(request: web.Request, kind: type[R]) -> R:
    """The body as a record. Raises Problem 415 ``gateway/media-type``, BadInput.

    Insisting on JSON keeps other sites' forms out: browsers ask before they send it.
    """
    if request.content_type != JSON:
        raise Problem(415, "gateway/media-type")
    return decode_unambiguous(await request.read(), kind)


def answer(record: Record, status: int = 200) -> web.Response:
    """A record that no cache keeps."""
    body = msgspec.json.encode(record)
    return web.Response(body=body, status=status, content_type=JSON, headers=NO_STORE)


async def _current(request: web.Request) -> tuple[str, Session]:
    current = await request.app[DOOR].current(request) if DOOR in request.app else None
    if current is None:
        raise Problem(401, "gateway/no-credential")
    return current


def _login(request: web.Request) -> Login:
    if LOGIN not in request.app:
        raise Problem(404, "login/not-offered")
    return request.app[LOGIN]


def _session_answer(
    session: Session, *, csrf_token: str | None = None, token: str | None = None
) -> SessionAnswer:
    return SessionAnswer(
        community=session.community,
        credential_id=session.credential_id,
        holder_id=session.holder_id,
        role=session.role,
        until_at=session.until_at,
        csrf_token=csrf_token,
        token=token,
    )


async def _life(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS].of(LoginSection)
    if not settings.audience:
        yield
        return
    database = await open_tables(settings.database, SCHEMA)
    sessions = Sessions(
        database,
        app[CLOCK_MS],
        session_ms=int(settings.session_s * 1000),
        idle_ms=int(settings.idle_s * 1000),
    )
    standings = Standings(app[LEDGER], app[CLOCK_MS])
    door = Door(sessions, standings, settings.audience, settings.is_embedded)
    app[LOGIN] = Login(sessions, app[LEDGER], settings.audience)
    app[DOOR] = door
    app[AUTHENTICATORS].extend(door.authenticators())

    async def require_ready() -> None:
        try:
            await database.run(_look)
        except DatabaseUnavailable as error:
            raise NotReady("the session database does not answer") from error

    app[READINESS]["login"] = require_ready
    pruner = asyncio.create_task(pruning(sessions.prune))
    try:
        yield
    finally:
        pruner.cancel()
        await asyncio.wait((pruner,))
        await database.close()


async def pruning(prune: Callable[[], Awaitable[None]]) -> None:
    """Prune every `PRUNE_S`, until cancelled."""
    while True:
        await asyncio.sleep(PRUNE_S)
        with suppress(DatabaseUnavailable):
            await prune()


async def _look(work: Work) -> None:
    await work.rows("SELECT 1")


PART: Final = Part(
    name="login",
    sections=(LoginSection,),
    life=_life,
    routes=(
        Route(
            name="start_login",
            method="POST",
            path=f"{API}/login/challenges",
            says="A challenge to sign with a credential's key.",
            tag=TAG,
            handler=start_login,
            body=ChallengeRequest,
            answer=Challenge,
        ),
        Route(
            name="log_in",
            method="POST",
            path=f"{API}/login",
            says="Log in with a signed challenge; a cookie for browsers, a token for programs.",
            tag=TAG,
            handler=log_in,
            body=LoginRequest,
            answer=SessionAnswer,
        ),
        Route(
            name="read_session",
            method="GET",
            path=f"{API}/session",
            says="Who is logged in, and for how long.",
            tag=TAG,
            handler=read_session,
            is_validated=False,
            answer=SessionAnswer,
        ),
        Route(
            name="log_out",
            method="DELETE",
            path=f"{API}/session",
            says="End this session.",
            tag=TAG,
            handler=log_out,
            answer_media_type="",
        ),
    ),
)
