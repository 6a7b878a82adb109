"""Known again over HTTP: cookies, CSRF tokens, bearer tokens, and what ends them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from chaincode.model.base import Org
from gateway.database import DatabaseUnavailable
from gateway.identity.door import COOKIE, CSRF_HEADER
from gateway.identity.login import STANDING_MS
from gateway.identity.loginroutes import DOOR, PART
from gateway.identity.sessions import Kind
from gateway.identity.settings import LoginSection
from gateway.routes import API
from gateway.settings import Section
from tests.gateway.identity.test_login import AUDIENCE, end, who
from tests.support.api import Api, serving
from tests.support.applicant import Applicant
from tests.support.contract_ledger import ContractLedger
from tests.support.identity import Bureau

__all__ = ["who"]


@asynccontextmanager
async def door_of(bureau: Bureau, folder: Path, **settings: Any) -> AsyncIterator[Api]:
    section: Section = LoginSection(
        **{"audience": AUDIENCE, "database": str(folder / "doors.db"), **settings}
    )
    ledger = ContractLedger(bureau.town, Org.PROPERTY)
    async with serving(bureau.town, ledger, section, parts=[PART]) as api:  # type: ignore[arg-type]
        yield api


async def enter(api: Api, who: Applicant, wanted: str = "cookie") -> ClientResponse:
    asked = {"community": who.community, "credential_id": who.credential_id}
    async with api.client.post(f"{API}/login/challenges", json=asked) as response:
        assert response.status == 200
        got = await response.json()
    body = {"statement": who.statement(got), "wanted": wanted}
    return await api.client.post(f"{API}/login", json=body)


def cookie_of(response: ClientResponse) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={response.cookies[COOKIE].value}"}


@pytest.fixture
async def api(bureau: Bureau, tmp_path: Path) -> AsyncIterator[Api]:
    async with door_of(bureau, tmp_path) as made:
        yield made


async def problem_of(response: ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["code"]


async def test_a_browser_gets_a_cookie_that_scripts_cannot_read(api: Api, who: Applicant) -> None:
    response = await enter(api, who)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    answer = await response.json()
    assert answer["token"] is None
    line = response.headers["Set-Cookie"]
    assert line.startswith(f"{COOKIE}=")
    assert {part.strip() for part in line.split(";")[1:]} == {
        "HttpOnly", "Path=/", "SameSite=Strict", "Secure",
    }  # fmt: skip
    async with api.client.get(f"{API}/session", headers=cookie_of(response)) as known:
        assert (await known.json())["csrf_token"] == answer["csrf_token"]


async def test_an_embedded_page_gets_a_partitioned_cookie(
    bureau: Bureau, who: Applicant, tmp_path: Path
) -> None:
    async with door_of(bureau, tmp_path, is_embedded=True) as api:
        response = await enter(api, who)
        parts = {part.strip() for part in response.headers["Set-Cookie"].split(";")[1:]}
    assert parts == {"HttpOnly", "Path=/", "SameSite=None", "Secure", "Partitioned"}


async def test_only_our_own_pages_change_something(api: Api, who: Applicant) -> None:
    response = await enter(api, who)
    cookie, csrf = cookie_of(response), (await response.json())["csrf_token"]
    for headers in ({}, {CSRF_HEADER: "0" * 64}, {CSRF_HEADER: ""}, {CSRF_HEADER: "é"}):
        async with api.client.delete(f"{API}/session", headers={**cookie, **headers}) as no:
            assert await problem_of(no) == (403, "session/no-csrf-token")
    foreign = {**cookie, CSRF_HEADER: csrf, "Origin": "https://evil.example"}
    async with api.client.delete(f"{API}/session", headers=foreign) as no:
        assert await problem_of(no) == (403, "session/other-origin")
    own = {**cookie, CSRF_HEADER: csrf, "Origin": AUDIENCE}
    async with api.client.delete(f"{API}/session", headers=own) as yes:
        assert yes.status == 204
        assert yes.cookies[COOKIE]["max-age"] == "0"
    async with api.client.get(f"{API}/session", headers=cookie) as over:
        assert await problem_of(over) == (401, "gateway/no-credential")


async def test_a_program_gets_a_token_that_no_cookie_replaces(api: Api, who: Applicant) -> None:
    response = await enter(api, who, "bearer")
    assert COOKIE not in response.cookies
    token = (await response.json())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with api.client.get(f"{API}/session", headers=headers) as known:
        assert (await known.json())["holder_id"]
    as_cookie = {"Cookie": f"{COOKIE}={token.removeprefix('chs.')}"}
    async with api.client.get(f"{API}/session", headers=as_cookie) as no:
        assert await problem_of(no) == (401, "gateway/no-credential")
    async with api.client.delete(f"{API}/session", headers=headers) as yes:
        assert yes.status == 204
    async with api.client.get(f"{API}/session", headers=headers) as over:
        assert await problem_of(over) == (401, "gateway/bad-token")


async def test_a_form_of_another_site_cannot_log_anybody_in(api: Api, who: Applicant) -> None:
    for path in (f"{API}/login", f"{API}/login/challenges"):
        async with api.client.post(path, data="{}", headers={"Content-Type": "text/plain"}) as no:
            assert await problem_of(no) == (415, "gateway/media-type")
        async with api.client.post(path, json={"x": 1}) as no:
            assert await problem_of(no) == (400, "input/malformed")


@pytest.mark.parametrize("wanted", ["cookie", "bearer"])
async def test_a_session_ends_with_its_credential(
    bureau: Bureau, api: Api, who: Applicant, wanted: str
) -> None:
    response = await enter(api, who, wanted)
    token = (await response.json()).get("token")
    headers = {"Authorization": f"Bearer {token}"} if token else cookie_of(response)
    async with api.client.get(f"{API}/session", headers=headers) as known:
        assert known.status == 200
    await end(bureau, who, "revoke_credential")
    bureau.later(STANDING_MS)
    async with api.client.get(f"{API}/session", headers=headers) as over:
        assert over.status == 401
    assert not await api.app[DOOR].sessions._database.run(_sessions_left)


async def _sessions_left(work: Any) -> Any:
    return await work.rows("SELECT * FROM session")


async def test_a_database_that_is_away_is_said(api: Api, who: Applicant) -> None:
    response = await enter(api, who)
    await api.app[DOOR].sessions._database.close()
    with pytest.MonkeyPatch.context() as patch:

        async def away(*_: object) -> None:
            raise DatabaseUnavailable("gone")

        patch.setattr(api.app[DOOR].sessions._database, "run", away)
        async with api.client.get(f"{API}/session", headers=cookie_of(response)) as no:
            assert await problem_of(no) == (503, "gateway/database-unavailable")


async def test_without_settings_nobody_logs_in(bureau: Bureau, who: Applicant) -> None:
    ledger = ContractLedger(bureau.town, Org.PROPERTY)
    async with serving(bureau.town, ledger, LoginSection(), parts=[PART]) as api:  # type: ignore[arg-type]
        asked = {"community": who.community, "credential_id": who.credential_id}
        async with api.client.post(f"{API}/login/challenges", json=asked) as no:
            assert await problem_of(no) == (404, "login/not-offered")
        async with api.client.get(f"{API}/session") as no:
            assert await problem_of(no) == (401, "gateway/no-credential")


async def test_bearer_tokens_are_short_lived(bureau: Bureau, api: Api, who: Applicant) -> None:
    response = await enter(api, who, "bearer")
    token = (await response.json())["token"]
    door = api.app[DOOR]
    bureau.later(15 * 60 * 1000)
    assert await door.sessions.find(token.removeprefix("chs."), Kind.BEARER) is None
