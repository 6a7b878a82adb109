"""How a person gets through the steps that happen elsewhere: by being told, at the sandbox by
itself."""

import asyncio
import re
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import msgspec
from aiohttp import web

from scripts.hand.certifying import Applicant
from scripts.hand.errors import BadInput, HandError, Refused, Unreachable

TIMEOUT_S: Final = 10.0
HERE: Final = "127.0.0.1"
_DONE: Final = "Done. You may close this page. 完成，可以关闭本页。"


class AskingGuide:
    """Tells the person what to do and asks for codes; `say` prints, `ask` prints and reads a line.

    Listens on this machine for the browser that comes back from signing in (RFC 8252, 7.3), at a
    path that nobody can guess. Use it as an async context manager.
    """

    redirect_uri = ""

    def __init__(self, say: Callable[[str], None], ask: Callable[[str], str]) -> None:
        self._say = say
        self._ask = ask
        self._path = f"/{secrets.token_urlsafe(16)}"
        self._code: asyncio.Future[str] | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self._code = asyncio.get_running_loop().create_future()
        app = web.Application()
        app.router.add_get(self._path, self._came_back)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HERE, 0).start()
        self.redirect_uri = f"http://{HERE}:{self._runner.addresses[0][1]}{self._path}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def show_face(self, url: str) -> None:
        """See `Guide`."""
        self._say(f"Open this page and show your face: {url}")

    async def attend(self, url: str, applicant: Applicant) -> None:
        """See `Guide`."""
        self._say(f"Go to the counter with your document and this ticket: {url}")

    async def read_code(self, phone: str, mark: str) -> str:
        """See `Guide`."""
        question = f"A code was sent to your phone. Its message must show the mark {mark}. Code: "
        return await _answered(self._ask, question)

    async def sign_in(self, url: str) -> str:
        """See `Guide`."""
        self._say(f"Open this page and sign in to your account: {url}")
        assert self._code is not None, "use `async with`"
        return await self._code

    async def _came_back(self, request: web.Request) -> web.Response:
        code = request.query.get("code", "")
        if code and self._code is not None and not self._code.done():
            self._code.set_result(code)
        return web.Response(text=_DONE)


async def _answered(ask: Callable[[str], str], question: str) -> str:
    """What a person answers, waited for apart: a program that is told to stop does not wait for
    them, as it would for a thread of the usual pool."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()

    def run() -> None:
        try:
            tell(found.set_result, ask(question))
        except Exception as error:
            tell(found.set_exception, error)

    def tell(settle: Callable[[Any], None], what: object) -> None:
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(lambda: None if found.done() else settle(what))

    threading.Thread(target=run, daemon=True).start()
    return await found


class _Ready(msgspec.Struct, frozen=True):
    """sandbox.json, as far as it is needed."""

    url: str


class SandboxGuide:
    """Does at the sandbox authority what its people would do: for a demo, never for real persons.

    `data` is the sandbox's folder, whose tester's token it reads. Use it as an async context
    manager; one serves any number of persons at once. Raises BadInput when no sandbox runs there.
    """

    redirect_uri = f"http://{HERE}/back"

    def __init__(self, data: Path) -> None:
        try:
            self._url = msgspec.json.decode((data / "sandbox.json").read_bytes(), type=_Ready).url
            self._token = (data / "admin.token").read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise BadInput(f"no sandbox authority runs with {data} ({error})") from None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def show_face(self, url: str) -> None:
        """See `Guide`."""
        await self._admin("POST", "face", {"ticket": _ticket(url)})

    async def attend(self, url: str, applicant: Applicant) -> None:
        """See `Guide`."""
        given = {"ticket": _ticket(url), "document_no": applicant.id_no}
        await self._admin("POST", "attend", given)

    async def read_code(self, phone: str, mark: str) -> str:
        """See `Guide`; takes no message about another key."""
        sent = await self._admin("GET", f"codes?phone={quote(phone, safe='')}", None)
        mine = [one for one in sent if mark in one["text"]]
        if not mine:
            raise Refused(404, "sandbox/no-message", "No message went to this phone.")
        return str(mine[-1]["code"])

    async def sign_in(self, url: str) -> str:
        """See `Guide`."""
        assert self._session is not None, "use `async with`"
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                query = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
                return query.get("code", [""])[0]
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _down(error) from None

    async def _admin(self, method: str, verb: str, body: Any) -> Any:
        assert self._session is not None, "use `async with`"
        headers = {"Authorization": f"Bearer {self._token}"}
        place = f"{self._url}/admin/{verb}"
        try:
            async with self._session.request(method, place, json=body, headers=headers) as answer:
                said = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _down(error) from None
        if answer.status != 200:
            raise Refused(answer.status, str(said["code"]), "The sandbox authority says no.")
        return said


def _down(error: Exception) -> HandError:
    return Unreachable(f"the sandbox authority does not answer ({type(error).__name__})")


def _ticket(url: str) -> str:
    return re.sub(r".*/", "", url)
