"""Logging in by signature, and being known again: challenges, cookies, tokens, and their ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from cryptography.hazmat.primitives.asymmetric import ec

from chaincode.errors import Refusal
from chaincode.model.base import Org
from gateway.database import DatabaseUnavailable
from gateway.errors import Problem
from gateway.identity import sessions
from gateway.identity.database import open_tables
from gateway.identity.door import COOKIE, CSRF_HEADER
from gateway.identity.login import (
    LOGIN_BYTES_MAX,
    STANDING_MS,
    ChallengeRequest,
    Login,
)
from gateway.identity.loginroutes import DOOR, PART
from gateway.identity.sessions import CHALLENGE_MS, Kind, Sessions
from gateway.identity.settings import LoginSection
from gateway.routes import API
from gateway.settings import Section
from tests.support.api import Api, serving
from tests.support.contract_ledger import ContractLedger
from tests.support.identity import Applicant, Bureau

AUDIENCE = "https://vote.example"
SESSION_MS = 3_600_000
IDLE_MS = 600_000


@pytest.fixture
async def who(bureau: Bureau) -> Applicant:
    applicant = Applicant()
    await bureau.certify(applicant)
    return applicant


@pytest.fixture
async def login(bureau: Bureau, tmp_path: Path) -> AsyncIterator[Login]:
    async with login_at(bureau, str(tmp_path / "doors.db")) as made:
        yield made


@pytest.fixture
async def any_login(bureau: Bureau, address: str) -> AsyncIterator[Login]:
    """The same on each kind of database."""
    async with login_at(bureau, address) as made:
        yield made


@asynccontextmanager
async def login_at(bureau: Bureau, address: str, audience: str = AUDIENCE) -> AsyncIterator[Login]:
    """The door of the bank's gateway, on the regulator's ledger."""
    if "://" not in address:
        address += ".sessions"
    database = await open_tables(address, sessions.SCHEMA)
    made = Sessions(database, bureau.clock_ms, session_ms=SESSION_MS, idle_ms=IDLE_MS)
    yield Login(made, ContractLedger(bureau.town, Org.BANK), audience)
    await database.close()


async def challenge(login: Login, who: Applicant) -> dict[str, Any]:
    request = ChallengeRequest(community=who.community, credential_id=who.credential_id)
    got = await login.challenge(request)
    return {"nonce": got.nonce, "audience": got.audience}


async def log_in(bureau: Bureau, login: Login, statement: str) -> str:
    now_ms = bureau.town.ledger.now_ms
    token, _ = await login.log_in(statement.encode(), now_ms, Kind.COOKIE)
    return token


async def refused(doing: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises((Problem, Refusal)) as problem:
        await doing
    return problem.value.status, problem.value.code  # type: ignore[union-attr]


# --- The statement ---


async def test_any_organisations_gateway_knows_the_person(
    bureau: Bureau, any_login: Login, who: Applicant
) -> None:
    token = await log_in(bureau, any_login, who.statement(await challenge(any_login, who)))
    session = await any_login._sessions.find(token, Kind.COOKIE)
    assert session is not None
    assert (session.holder_id, session.credential_id) == (bureau.holder_id, who.credential_id)
    assert session.until_at == bureau.town.ledger.now_ms + SESSION_MS


async def test_a_challenge_is_good_once(bureau: Bureau, any_login: Login, who: Applicant) -> None:
    statement = who.statement(await challenge(any_login, who))
    done = await asyncio.gather(
        *(log_in(bureau, any_login, statement) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in done) == 1
    codes = {one.code for one in done if isinstance(one, Problem)}
    assert codes == {"login/challenge-used"}
    assert await refused(log_in(bureau, any_login, statement)) == (403, "login/challenge-used")


async def test_a_challenge_is_soon_over(bureau: Bureau, any_login: Login, who: Applicant) -> None:
    statement = who.statement(await challenge(any_login, who))
    bureau.later(CHALLENGE_MS)
    assert await refused(log_in(bureau, any_login, statement)) == (403, "login/challenge-over")
    bureau.later(CHALLENGE_MS + 1)
    await challenge(any_login, who)
    assert await refused(log_in(bureau, any_login, statement)) == (403, "login/challenge-unknown")


async def test_a_challenge_is_one_credentials(bureau: Bureau, login: Login, who: Applicant) -> None:
    other = Applicant()
    foreign = who.statement(await challenge(login, other))
    made_up = who.statement({"nonce": "0" * 32, "audience": AUDIENCE})
    for statement in (foreign, made_up):
        assert await refused(log_in(bureau, login, statement)) == (403, "login/challenge-unknown")


async def test_a_statement_for_another_gateway_is_worth_nothing_here(
    bureau: Bureau, login: Login, who: Applicant
) -> None:
    got = await challenge(login, who)
    statement = who.statement(got, audience="https://phish.example")
    assert await refused(log_in(bureau, login, statement)) == (403, "login/other-audience")
    assert await log_in(bureau, login, who.statement(got))


async def test_another_key_does_not_log_in_and_uses_nothing_up(
    bureau: Bureau, login: Login, who: Applicant
) -> None:
    got = await challenge(login, who)
    forged = who.statement(got, key=ec.generate_private_key(ec.SECP256R1()))
    assert await refused(log_in(bureau, login, forged)) == (403, "login/forged")
    assert await log_in(bureau, login, who.statement(got))


async def test_an_act_is_no_login(bureau: Bureau, login: Login, who: Applicant) -> None:
    act = who.act("cast_ballot", channel="fuzemen", at=1)
    assert await refused(log_in(bureau, login, act.decode())) == (400, "login/type")


@pytest.mark.parametrize(
    ("header", "changes", "expected"),
    [
        ({"alg": "none"}, {}, (400, "login/algorithm")),
        ({"kid": "c-nobody"}, {}, (403, "login/no-credential")),
        ({}, {"extra": 1}, (400, "input/malformed")),
        ({}, {"bindings": {"salt": "x", "device": "y", "account": "z"}}, (400, "input/malformed")),
        ({}, {"community": "other"}, (403, "login/no-credential")),
    ],
)
async def test_statements_that_say_something_else(
    bureau: Bureau,
    login: Login,
    who: Applicant,
    header: dict[str, str],
    changes: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    statement = who.statement(await challenge(login, who), header=header, **changes)
    assert await refused(log_in(bureau, login, statement)) == expected


@pytest.mark.parametrize(
    ("statement", "code"),
    [("a.b", "login/malformed"), ("x" * (LOGIN_BYTES_MAX + 1), "login/oversize")],
)
async def test_what_is_no_statement(
    bureau: Bureau, login: Login, statement: str, code: str
) -> None:
    assert await refused(log_in(bureau, login, statement)) == (400, code)


# --- What the credential is bound to ---


@pytest.mark.parametrize("binding", ["device", "account"])
async def test_a_changed_device_or_account_certifies_again(
    bureau: Bureau, login: Login, who: Applicant, binding: str
) -> None:
    assert who.bindings is not None
    bindings = {name: getattr(who.bindings, name) for name in ("salt", "device", "account")}
    bindings[binding] = "9" * 64
    statement = who.statement(await challenge(login, who), bindings=bindings)
    assert await refused(log_in(bureau, login, statement)) == (403, f"login/{binding}-changed")
    again = Applicant()
    await bureau.certify(again)
    assert await log_in(bureau, login, again.statement(await challenge(login, again)))
    old = who.statement(await challenge(login, who))
    with pytest.raises(Problem) as problem:
        await log_in(bureau, login, old)
    assert (problem.value.code, problem.value.details) == (
        "login/not-active",
        {"standing": "replaced"},
    )


async def test_another_salt_is_another_preimage(
    bureau: Bureau, login: Login, who: Applicant
) -> None:
    assert who.bindings is not None
    bindings = {"salt": "0" * 32, "device": who.device, "account": who.bindings.account}
    statement = who.statement(await challenge(login, who), bindings=bindings)
    assert await refused(log_in(bureau, login, statement)) == (403, "login/device-changed")


@pytest.mark.parametrize(
    ("call", "standing"), [("revoke_credential", "revoked"), ("suspend_credential", "suspended")]
)
async def test_a_credential_out_of_force_does_not_log_in(
    bureau: Bureau, login: Login, who: Applicant, call: str, standing: str
) -> None:
    await end(bureau, who, call)
    with pytest.raises(Problem) as problem:
        await log_in(bureau, login, who.statement(await challenge(login, who)))
    assert (problem.value.code, problem.value.details) == (
        "login/not-active",
        {"standing": standing},
    )


async def end(bureau: Bureau, who: Applicant, call: str) -> None:
    await bureau.town.done(
        Org.REGULATOR, call, credential_id=who.credential_id, reason="device-lost"
    )


# --- Sessions ---


async def test_sessions_end(bureau: Bureau, any_login: Login, who: Applicant) -> None:
    kept = any_login._sessions
    idle, used, closed = [
        await log_in(bureau, any_login, who.statement(await challenge(any_login, who)))
        for _ in range(3)
    ]
    await kept.close(closed)
    await kept.close(closed)
    assert await kept.find(closed, Kind.COOKIE) is None
    assert await kept.find(used, Kind.BEARER) is None, "a cookie is no bearer token"
    for _ in range(SESSION_MS // IDLE_MS + 1):
        bureau.later(IDLE_MS - 1)
        await kept.find(used, Kind.COOKIE)
    assert await kept.find(idle, Kind.COOKIE) is None
    assert await kept.find(used, Kind.COOKIE) is None


async def test_tokens_are_not_kept(bureau: Bureau, who: Applicant, tmp_path: Path) -> None:
    path = tmp_path / "doors"
    async with login_at(bureau, str(path)) as login:
        token = await log_in(bureau, login, who.statement(await challenge(login, who)))
    assert token.encode() not in Path(f"{path}.sessions").read_bytes()


# --- Over HTTP ---


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
