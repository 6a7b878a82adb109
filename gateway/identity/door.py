"""How a logged-in person is known again: a cookie for browsers, a bearer token for programs."""

import hmac
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.access import Reader, Who
from gateway.appkeys import Authenticator
from gateway.errors import Problem
from gateway.identity.login import Standings
from gateway.identity.sessions import Kind, Session, Sessions, csrf_token

COOKIE: Final = "__Host-commonhold"
"""The prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis, 4.1.3.2)."""
CSRF_HEADER: Final = "X-CSRF-Token"
BEARER: Final = "Bearer chs."
"""Our tokens' mark, so that other kinds of tokens are left to those who know them."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Door:
    """What it takes to know somebody again."""

    sessions: Sessions
    standings: Standings
    audience: str
    is_embedded: bool

    def authenticators(self) -> list[Authenticator]:
        """For `gateway.appkeys.AUTHENTICATORS`."""
        return [self.by_cookie, self.by_bearer]

    async def by_cookie(self, request: web.Request) -> Reader | None:
        """Who a cookie stands for; one that is over stands for nobody.

        Raises Problem 403 ``session/other-origin`` or ``session/no-csrf-token`` for a request
        that changes something and may come from another site's page.
        """
        token = request.cookies.get(COOKIE)
        session = await self._session(token, Kind.COOKIE) if token else None
        if token is None or session is None:
            return None
        if request.method not in _SAFE_METHODS:
            self._require_own_page(request, token)
        return _reader(session)

    async def by_bearer(self, request: web.Request) -> Reader | None:
        """Who a bearer token stands for (RFC 6750)."""
        token = bearer_token(request)
        session = await self._session(token, Kind.BEARER) if token else None
        return None if session is None else _reader(session)

    async def current(self, request: web.Request) -> tuple[str, Session] | None:
        """The request's own token and session."""
        for token, kind in (
            (request.cookies.get(COOKIE), Kind.COOKIE),
            (bearer_token(request), Kind.BEARER),
        ):
            session = await self._session(token, kind) if token else None
            if token and session:
                return token, session
        return None

    def set_cookie(
        self, response: web.StreamResponse, token: str, *, max_age_s: int | None = None
    ) -> None:
        """Give a browser its session; without `max_age_s` it forgets it when it is closed.

        Written by hand: before Python 3.14 `http.cookies` does not know Partitioned (CHIPS).
        """
        same_site = "SameSite=None; Partitioned" if self.is_embedded else "SameSite=Strict"
        age = "" if max_age_s is None else f"; Max-Age={max_age_s}"
        line = f"{COOKIE}={token}; Path=/; Secure; HttpOnly; {same_site}{age}"
        response.headers.add("Set-Cookie", line)

    def drop_cookie(self, response: web.StreamResponse) -> None:
        """Take it back."""
        self.set_cookie(response, "", max_age_s=0)

    def _require_own_page(self, request: web.Request, token: str) -> None:
        origin = request.headers.get("Origin")
        if origin is not None and origin != self.audience:
            raise Problem(403, "session/other-origin")
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="replace"), csrf_token(token).encode()):
            raise Problem(403, "session/no-csrf-token")

    async def _session(self, token: str, kind: Kind) -> Session | None:
        """The session, if its credential is still in force; if not, all of its sessions end."""
        session = await self.sessions.find(token, kind)
        if session is None:
            return None
        if await self.standings.is_active(session.community, session.credential_id):
            return session
        await self.sessions.close_all(session.community, session.credential_id)
        return None


def bearer_token(request: web.Request) -> str | None:
    """The token of our own kind that the request carries."""
    given = request.headers.get("Authorization", "")
    return given.removeprefix(BEARER) if given.startswith(BEARER) else None


def _reader(session: Session) -> Reader:
    return Reader(
        who=Who(session.role.value),
        community=session.community,
        credential_id=session.credential_id,
        holder_id=session.holder_id,
    )
