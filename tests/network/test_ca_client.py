"""The CA client against a server that loses, delays and garbles answers."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from network.ca import http
from network.ca.client import CaClient
from network.ca.errors import (
    AlreadyRegistered,
    CaBadAnswer,
    CaOutcomeUnknown,
    CaRefused,
)
from network.ca.keys import load_key, new_key
from network.ca.model import Credential, Reason, Registration, Role
from network.ca.token import P256_ORDER, auth_token, basic_token
from tests.support.pki import Root

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeCa:
    """Answers each request with the next prepared answer and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        content = await request.read()
        self.bodies.append(json.loads(content) if content else None)
        return await self.answers.pop(0)(request)


@pytest.fixture
async def fake() -> AsyncIterator[FakeCa]:
    made = FakeCa()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def ca(fake: FakeCa, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaClient]:
    monkeypatch.setattr(http, "RETRY_WAIT_S", 0.0)
    async with CaClient(fake.url, "ca", Root().pem, timeout_s=5) as client:
        yield client


@pytest.fixture(scope="module")
def root() -> Root:
    return Root()


@pytest.fixture(scope="module")
def registrar(root: Root) -> Credential:
    cert, key = root.issue("registrar")
    return Credential(cert_pem=cert, key=load_key(key))


def result(value: object) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"success": True, "result": value, "errors": [], "messages": []})

    return answer


def refusal(status: int, code: int) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        errors = [{"code": code, "message": "no"}]
        return web.json_response({"success": False, "errors": errors}, status=status)

    return answer


def raw(content: bytes, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, status=status)

    return answer


async def lost(request: web.Request) -> web.StreamResponse:
    """The request was read; the connection ends without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def cut(request: web.Request) -> web.StreamResponse:
    """The answer stops midway."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"success": true, "resu')
    assert request.transport is not None
    request.transport.close()
    return response


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


KNOWN = {"id": "peer0", "type": "peer", "attrs": [], "max_enrollments": -1}
PEER0 = Registration(enrollment_id="peer0", secret="a secret", role=Role.PEER)
REGISTER = "POST /api/v1/register?ca=ca"
LOOK_UP = "GET /api/v1/identities/peer0?ca=ca"
SET_SECRET = "PUT /api/v1/identities/peer0?ca=ca"


@pytest.mark.parametrize("gone", [lost, cut])
async def test_a_lost_registration_is_never_sent_again_by_itself(
    fake: FakeCa, ca: CaClient, registrar: Credential, gone: Answer
) -> None:
    fake.answers = [gone]
    with pytest.raises(CaOutcomeUnknown):
        await ca.register(registrar, PEER0)
    assert fake.asked == [REGISTER]


async def test_a_lost_enrolment_is_never_sent_again_by_itself(fake: FakeCa, ca: CaClient) -> None:
    fake.answers = [lost]
    with pytest.raises(CaOutcomeUnknown):
        await ca.enroll("peer0", "a secret")
    assert fake.asked == ["POST /api/v1/enroll?ca=ca"]


async def test_a_lost_registration_that_arrived_is_found(
    fake: FakeCa, ca: CaClient, registrar: Credential
) -> None:
    fake.answers = [lost, result(KNOWN), result(KNOWN)]
    await ca.ensure_registered(registrar, PEER0)
    assert fake.asked == [REGISTER, LOOK_UP, SET_SECRET]
    assert fake.bodies[2] == {"secret": "a secret"}


async def test_a_lost_registration_that_never_arrived_is_made(
    fake: FakeCa, ca: CaClient, registrar: Credential
) -> None:
    fake.answers = [lost, refusal(404, 63), result({"secret": "a secret"})]
    await ca.ensure_registered(registrar, PEER0)
    assert fake.asked == [REGISTER, LOOK_UP, REGISTER]


async def test_a_registration_is_made_at_most_twice(
    fake: FakeCa, ca: CaClient, registrar: Credential
) -> None:
    fake.answers = [refusal(409, 74), refusal(404, 63), refusal(409, 74)]
    with pytest.raises(AlreadyRegistered):
        await ca.ensure_registered(registrar, PEER0)
    assert fake.asked == [REGISTER, LOOK_UP, REGISTER]


async def test_a_refused_look_up_is_not_taken_for_absence(
    fake: FakeCa, ca: CaClient, registrar: Credential
) -> None:
    fake.answers = [refusal(409, 74), refusal(403, 71)]
    with pytest.raises(CaRefused) as refused:
        await ca.ensure_registered(registrar, PEER0)
    assert refused.value.code == 71


async def test_what_may_be_repeated_is_repeated_but_not_for_ever(
    fake: FakeCa, ca: CaClient, registrar: Credential
) -> None:
    fake.answers = [lost, cut, result({"RevokedCerts": None, "CRL": ""})]
    assert await ca.revoke_identity(registrar, "peer0", Reason.SUPERSEDED) == ()
    fake.answers = [lost, lost, lost, result({})]
    with pytest.raises(CaOutcomeUnknown):
        await ca.crl(registrar)
    assert len(fake.asked) == 3 + http.ATTEMPTS_MAX
    assert len(fake.answers) == 1


async def test_no_more_than_a_few_requests_are_under_way_at_once(
    fake: FakeCa, ca: CaClient, registrar: Credential
) -> None:
    under_way, most = 0, 0
    full = asyncio.Event()

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == http.REQUESTS_AT_ONCE_MAX:
            full.set()
        await full.wait()
        under_way -= 1
        return await result({"identities": []})(request)

    fake.answers = [counted] * 12
    await asyncio.gather(*(ca.identities(registrar) for _ in range(12)))
    assert most == http.REQUESTS_AT_ONCE_MAX


async def test_a_refusal_is_final(fake: FakeCa, ca: CaClient, registrar: Credential) -> None:
    fake.answers = [refusal(500, 0)]
    with pytest.raises(CaRefused, match="GET /api/v1/identities: the CA answered 500, code 0: no"):
        await ca.identities(registrar)
    assert len(fake.asked) == 1


async def test_a_silent_server_is_left_at_the_timeout(fake: FakeCa) -> None:
    fake.answers = [silent]
    async with CaClient(fake.url, "ca", Root().pem, timeout_s=0.2, attempts_max=1) as ca:
        with pytest.raises(CaOutcomeUnknown):
            await ca.info()


GARBLED = [
    raw(b""),
    raw(b"<html>"),
    raw(b"<html>", 502),
    raw(b"null"),
    raw(b"[]"),
    raw(b"{}"),
    raw(b'{"success": false, "errors": []}', 400),
    raw(b'{"success": false, "errors": [{"code": "x", "message": ""}]}', 400),
    raw(b'{"success": false, "errors": null}', 400),
    raw(b"\xff\xfe"),
    result(None),
    result({}),
    result({"CAName": 1, "Version": "1", "CAChain": ""}),
    result({"CAName": "ca", "Version": "1", "CAChain": "not base64!"}),
]


@pytest.mark.parametrize("garbled", GARBLED)
async def test_a_garbled_answer_is_said_to_be_one(
    fake: FakeCa, ca: CaClient, garbled: Answer
) -> None:
    fake.answers = [garbled]
    with pytest.raises(CaBadAnswer):
        await ca.info()
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    "entries",
    [[1], "text", [{"id": "x"}], [{"id": "x", "type": "peer", "attrs": [2], "max_enrollments": 1}]],
)
async def test_garbled_identities_are_said_to_be_such(
    fake: FakeCa, ca: CaClient, registrar: Credential, entries: object
) -> None:
    fake.answers = [result({"identities": entries})]
    with pytest.raises(CaBadAnswer):
        await ca.identities(registrar)


async def test_an_answer_without_end_is_left(
    fake: FakeCa, ca: CaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_BYTES_MAX", 1000)
    fake.answers = [raw(b" " * 1001)]
    with pytest.raises(CaBadAnswer, match="longer than 1000 bytes"):
        await ca.info()


async def test_a_redirect_is_not_followed(fake: FakeCa, ca: CaClient) -> None:
    async def redirect(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(f"{fake.url}/elsewhere")

    fake.answers = [redirect, result({})]
    with pytest.raises(CaBadAnswer, match="HTTP 307"):
        await ca.enroll("peer0", "a secret")
    assert len(fake.asked) == 1


async def test_a_certificate_for_another_key_is_refused(
    fake: FakeCa, ca: CaClient, root: Root
) -> None:
    def encoded(pem: bytes) -> str:
        return base64.b64encode(pem).decode()

    chain = {"CAChain": encoded(root.pem)}
    fake.answers = [
        result({"Cert": encoded(root.issue("peer0")[0]), "ServerInfo": chain}),
        result({"Cert": encoded(b"garbage"), "ServerInfo": chain}),
    ]
    with pytest.raises(CaBadAnswer, match="for another key"):
        await ca.enroll("peer0", "a secret")
    with pytest.raises(CaBadAnswer, match="not readable"):
        await ca.enroll("peer0", "a secret")
    key = new_key()
    fake.answers = [result({"Cert": encoded(root.issue("peer0", key=key)[0])})]
    with pytest.raises(CaBadAnswer, match="ServerInfo"):
        await ca.enroll("peer0", "a secret", key=key)


async def test_the_private_key_and_secret_stay_out_of_bodies_and_words(
    fake: FakeCa, ca: CaClient
) -> None:
    key = new_key()
    fake.answers = [refusal(401, 20)]
    with pytest.raises(CaRefused) as refused:
        await ca.enroll("peer0", "a secret", key=key)
    assert set(fake.bodies[0]) == {"certificate_request", "profile"}
    assert "PRIVATE" not in json.dumps(fake.bodies[0])
    assert "a secret" not in f"{refused.value}{PEER0!r}"


async def test_a_client_is_used_in_its_context(registrar: Credential) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await CaClient("https://127.0.0.1:1", "ca", Root().pem).crl(registrar)


def test_a_token_signs_method_path_body_and_certificate_with_low_s(registrar: Credential) -> None:
    for number in range(64):
        body = str(number).encode()
        cert, signature = auth_token(registrar, "POST", "/api/v1/x?ca=ca", body).split(".")
        assert base64.b64decode(cert) == registrar.cert_pem
        path = base64.b64encode(b"/api/v1/x?ca=ca").decode()
        signed = f"POST.{path}.{base64.b64encode(body).decode()}.{cert}".encode()
        der = base64.b64decode(signature)
        registrar.key.public_key().verify(der, signed, ec.ECDSA(hashes.SHA256()))
        assert decode_dss_signature(der)[1] <= P256_ORDER // 2


def test_the_group_order_is_that_of_p256() -> None:
    largest = ec.derive_private_key(P256_ORDER - 1, ec.SECP256R1())
    one = ec.derive_private_key(1, ec.SECP256R1())
    assert largest.public_key().public_numbers().x == one.public_key().public_numbers().x


def test_basic_authentication_is_utf8() -> None:
    assert basic_token("owner", "密码") == "Basic b3duZXI65a+G56CB"
