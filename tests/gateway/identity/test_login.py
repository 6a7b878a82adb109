"""Logging in by signature, and being known again: challenges, cookies, tokens, and their ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chaincode.errors import Refusal
from chaincode.model.base import Org
from gateway.database import open_tables
from gateway.errors import Problem
from gateway.identity import sessions
from gateway.identity.login import (
    LOGIN_BYTES_MAX,
    ChallengeRequest,
    Login,
)
from gateway.identity.sessions import CHALLENGE_MS, Kind, Sessions
from tests.support.applicant import Applicant
from tests.support.contract_ledger import ContractLedger
from tests.support.identity import Bureau

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


async def test_many_log_in_at_once(bureau: Bureau, any_login: Login, who: Applicant) -> None:
    made = await asyncio.gather(*(challenge(any_login, who) for _ in range(100)))
    statements = [who.statement(one) for one in made]
    tokens = await asyncio.gather(*(log_in(bureau, any_login, one) for one in statements))
    assert len(set(tokens)) == 100


async def test_a_challenge_is_soon_over(bureau: Bureau, any_login: Login, who: Applicant) -> None:
    statement = who.statement(await challenge(any_login, who))
    bureau.later(CHALLENGE_MS)
    assert await refused(log_in(bureau, any_login, statement)) == (403, "login/challenge-over")
    bureau.later(CHALLENGE_MS + 1)
    await any_login._sessions.prune()
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
