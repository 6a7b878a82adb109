"""The two parts over HTTP: the whole way in, what the logs say of it, and what README.md lists."""

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, web

from chaincode.model.base import Org
from gateway.access import Who
from gateway.app import CORE_SECTIONS
from gateway.appkeys import READINESS
from gateway.errors import NotReady
from gateway.identity import certifyroutes, loginroutes
from gateway.identity.certifyroutes import OFFICE, SECRET_HEADER, Office
from gateway.identity.codes import CODES
from gateway.identity.door import COOKIE
from gateway.identity.flows import Flow
from gateway.identity.protocol import Step
from gateway.identity.sandbox.server import create_app
from gateway.identity.settings import IdentitySection, LoginSection
from gateway.logs import JsonFormatter
from gateway.parts import Part
from gateway.problems import CODES as ALL_CODES
from gateway.routes import API
from gateway.settings import SettingsError, load_settings
from tests.support.api import Api, as_, serving
from tests.support.applicant import ID_NO, NAME, Applicant
from tests.support.contract_ledger import ContractLedger
from tests.support.identity import PHONE, TOKEN, Bureau

README = (Path(certifyroutes.__file__).parent / "README.md").read_text(encoding="utf-8")
AUDIENCE = "https://vote.example"


@asynccontextmanager
async def service_of(bureau: Bureau, folder: Path) -> AsyncIterator[Api]:
    """The regulator's gateway with the office under test in it."""

    async def life(app: web.Application) -> AsyncIterator[None]:
        app[OFFICE] = Office(bureau.certifying, bureau.issuing, bureau.vault)
        yield

    part = Part(name="office", routes=certifyroutes.PART.routes, life=life)
    section = LoginSection(audience=AUDIENCE, database=str(folder / "doors.db"))
    ledger = ContractLedger(bureau.town, Org.REGULATOR)
    parts = [part, loginroutes.PART]
    async with serving(bureau.town, ledger, section, org=Org.REGULATOR, parts=parts) as api:  # type: ignore[arg-type]
        yield api


@pytest.fixture
async def api(bureau: Bureau, tmp_path: Path) -> AsyncIterator[Api]:
    async with service_of(bureau, tmp_path) as made:
        yield made


class Phone:
    """What the owner's app does, over HTTP alone."""

    def __init__(self, api: Api, bureau: Bureau, who: Applicant) -> None:
        self.api, self.bureau, self.who = api, bureau, who
        self.root = f"/certifications/{who.credential_id}"
        self.headers = {SECRET_HEADER: who.secret}

    async def call(self, method: str, path: str = "", **body: Any) -> dict[str, Any]:
        more = {"json": body} if method != "GET" else {}
        response = await self.api.request(method, self.root + path, headers=self.headers, **more)
        assert response.status == 200, await response.text()
        assert response.headers["Cache-Control"] == "no-store"
        answer: dict[str, Any] = await response.json()
        return answer

    async def open(self, flow: Flow) -> dict[str, Any]:
        return await self.call("PUT", **msgspec.to_builtins(self.who.request(flow)))

    async def step(self, status: dict[str, Any]) -> dict[str, Any]:
        """Do the next step."""
        step = Step(status["next_step"])
        fields: dict[str, Any] = {"attempt": 1}
        if step is Step.PHONE:
            fields["phone"] = PHONE
        if step in (Step.FACE, Step.ACCOUNT):
            fields["redirect_uri"] = f"{AUDIENCE}/back"
        status = await self.call("PUT", f"/steps/{step}", **fields)
        url = next(one["url"] for one in status["steps"] if one["step"] == step)
        if step is Step.PHONE:
            code = self.bureau.authority.sent_codes()[-1].code
            return await self.call("POST", f"/steps/{step}/code", attempt=1, code=code)
        if step is Step.FACE:
            async with self.bureau.sandbox.session.post(url) as page:
                assert page.status == 200
        if step is Step.ACCOUNT:
            async with self.bureau.sandbox.session.get(url, allow_redirects=False) as page:
                code = re.sub(r".*[?&]code=([^&]+).*", r"\1", page.headers["Location"])
            return await self.call("POST", f"/steps/{step}/code", attempt=1, code=code)
        return await self.call("GET")


async def all_the_way(api: Api, bureau: Bureau, who: Applicant) -> ClientResponse:
    """From nothing to a session."""
    phone = Phone(api, bureau, who)
    status = await phone.open(Flow.FACE)
    while status["next_step"]:
        status = await phone.step(status)
    await bureau.issuing.round()
    status = await phone.call("GET")
    assert status["phase"] == "issued"
    asked = {"community": who.community, "credential_id": who.credential_id}
    challenge = await (await api.client.post(f"{API}/login/challenges", json=asked)).json()
    who.bindings = (await bureau.status(who)).bindings
    assert msgspec.to_builtins(who.bindings) == status["bindings"]
    return await api.client.post(f"{API}/login", json={"statement": who.statement(challenge)})


async def test_from_nothing_to_a_session_and_no_word_of_it_in_the_logs(
    bureau: Bureau, api: Api
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        who = Applicant()
        response = await all_the_way(api, bureau, who)
        cookie = response.cookies[COOKIE].value
        headers = {"Cookie": f"{COOKIE}={cookie}"}
        async with api.client.get(f"{API}/session", headers=headers) as known:
            assert (await known.json())["holder_id"] == bureau.holder_id
        wrong = Applicant(name="张三丰")
        phone = Phone(api, bureau, wrong)
        body = msgspec.to_builtins(wrong.request())
        no = await api.request("PUT", phone.root, headers=phone.headers, json=body)
        assert (await no.json())["code"] == "person/not-matched"
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    logged = stream.getvalue()
    assert "credentials issued: 1" in logged
    assert who.bindings is not None
    codes = [sent.code for sent in bureau.authority.sent_codes()]
    secret = [who.secret, wrong.secret, cookie, who.bindings.salt, who.bindings.account, TOKEN]
    for word in (NAME, "张三丰", ID_NO, PHONE, who.device, *secret, *codes):
        assert word not in logged


async def problem_of(response: ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["code"]


async def test_only_who_has_the_secret_goes_on(bureau: Bureau, api: Api) -> None:
    who = Applicant()
    await Phone(api, bureau, who).open(Flow.COUNTER)
    for headers, expected in (
        ({}, (400, "certification/no-secret")),
        ({SECRET_HEADER: "x"}, (400, "certification/no-secret")),
        ({SECRET_HEADER: "0" * 32}, (404, "certification/not-found")),
    ):
        for method, path, body in (
            ("GET", "", None),
            ("PUT", "/steps/roll", {"attempt": 1}),
            ("POST", "/steps/roll/code", {"attempt": 1, "code": "1"}),
        ):
            place = f"/certifications/{who.credential_id}{path}"
            answer = await api.request(method, place, headers=headers, json=body)
            assert await problem_of(answer) == expected
    answer = await api.request("PUT", f"/certifications/{who.credential_id}/steps/dance", json={})
    assert answer.status == 400


@pytest.mark.parametrize(
    "change", [{"id_no": "x y"}, {"name": ""}, {"extra": 1}, {"flow": "dance"}, {"device": ""}]
)
async def test_a_request_is_read_strictly(bureau: Bureau, api: Api, change: dict[str, Any]) -> None:
    phone = Phone(api, bureau, Applicant())
    body = {**msgspec.to_builtins(phone.who.request()), **change}
    answer = await api.request("PUT", phone.root, headers=phone.headers, json=body)
    assert await problem_of(answer) == (400, "input/malformed")
    form = await api.request("PUT", phone.root, headers=phone.headers, data="x")
    assert await problem_of(form) == (415, "gateway/media-type")


async def test_the_ways_on_offer_are_listed(api: Api) -> None:
    answer = await (await api.get("/certification-flows")).json()
    assert [flow["flow"] for flow in answer["flows"]] == ["face", "counter"]


async def test_the_regulators_staff_erases_a_person(bureau: Bureau, api: Api) -> None:
    place = f"/v1/persons/{bureau.holder_id}"
    owner = as_(Who.OWNER, bureau.holder_id)
    assert await problem_of(await api.request("DELETE", place)) == (401, "gateway/no-credential")
    assert await problem_of(await api.request("DELETE", place, owner)) == (
        403,
        "gateway/not-for-you",
    )
    clerk = as_(Who.REGULATOR_CLERK, "clerk")
    assert (await api.request("DELETE", place, clerk)).status == 204
    assert await bureau.vault.holder_of(ID_NO) is None
    nobody = await api.request("DELETE", "/v1/persons/o-nobody", clerk)
    assert await problem_of(nobody) == (404, "person/not-found")


# --- The parts' own lives ---


def identity_section(bureau: Bureau, folder: Path, **changes: Any) -> IdentitySection:
    secret = folder / "secret"
    secret.touch(0o600)
    secret.write_text(TOKEN)
    usual = {
        "database": str(folder / "identity.db"),
        "key_file": bureau.key_file,
        "provider_url": bureau.authority.url,
        "provider_token_file": secret,
        "ca_url": "https://127.0.0.1:1",
        "ca_tls_root_file": folder / "root.pem",
        "ca_registrar_secret_file": secret,
    }
    return IdentitySection(**{**usual, **changes})


async def test_the_office_opens_with_the_service_and_closes_with_it(
    bureau: Bureau, tmp_path: Path
) -> None:
    who = Applicant()
    certificate = (await bureau.certify(who)).certificate_pem
    (tmp_path / "root.pem").write_text(certificate or "")
    section = identity_section(bureau, tmp_path)
    assert section.findings() == []
    ledger = ContractLedger(bureau.town, Org.REGULATOR)
    parts = [certifyroutes.PART]
    async with serving(bureau.town, ledger, section, org=Org.REGULATOR, parts=parts) as api:  # type: ignore[arg-type]
        ready = api.app[READINESS]["identity"]
        await ready()
        other = Applicant()
        assert (await Phone(api, bureau, other).open(Flow.COUNTER))["next_step"] == "roll"
        vault = api.app[OFFICE].vault
    with pytest.raises(NotReady):
        await ready()
    assert vault is not bureau.vault


async def test_other_gateways_certify_nobody(bureau: Bureau) -> None:
    ledger = ContractLedger(bureau.town, Org.BANK)
    parts = [certifyroutes.PART]
    async with serving(bureau.town, ledger, IdentitySection(), org=Org.BANK, parts=parts) as api:  # type: ignore[arg-type]
        assert await problem_of(await api.get("/certification-flows")) == (
            404,
            "certification/not-offered",
        )


async def test_a_defect_in_the_worker_is_seen(bureau: Bureau) -> None:
    task = asyncio.create_task(bureau.issuing.run())
    bureau.issuing.call()
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- Settings ---


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, []),
        ({"audience": AUDIENCE}, ["[login] audience and database belong together"]),
        ({"audience": "http://x.example", "database": "d"}, ["audience is no https origin"]),
        ({"audience": f"{AUDIENCE}/", "database": "d"}, ["audience is no https origin"]),
        ({"audience": "https://u@x.example", "database": "d"}, ["audience is no https origin"]),
        ({"audience": "https://[", "database": "d"}, ["audience is no https origin"]),
        (
            {"audience": "http://localhost:8080", "database": "postgresql://u:p@h/d"},
            ["database names a password"],
        ),
        ({"session_s": 0}, ["session_s"]),
        ({"nonsense": 1}, ["nonsense is no setting"]),
    ],
)
def test_bad_login_settings(tmp_path: Path, table: dict[str, Any], expected: list[str]) -> None:
    findings = _findings(tmp_path, "login", table, LoginSection)
    assert len(findings) == len(expected)
    assert all(want in found for want, found in zip(expected, findings, strict=True))


def test_bad_identity_settings_are_found_all_at_once(tmp_path: Path) -> None:
    open_file = tmp_path / "open"
    open_file.touch(0o644)
    open_file.chmod(0o644)
    table = {
        "database": "postgresql://u:p@h/d",
        "key_file": str(open_file),
        "provider_url": "http://authority.example",
        "provider_key_file": str(tmp_path / "none"),
        "credential_days": 1825,
    }
    findings = " / ".join(_findings(tmp_path, "identity", table, IdentitySection))
    for word in (
        "provider_token_file is missing", "ca_url is missing", "ca_tls_root_file is missing",
        "ca_registrar_secret_file is missing", "key_file", "provider_url is no https origin",
        "provider_certificate_file and provider_key_file belong together",
        "database names a password",
    ):  # fmt: skip
        assert word in findings
    assert _findings(tmp_path, "identity", {"credential_days": 1826}, IdentitySection)
    assert _findings(tmp_path, "identity", {}, IdentitySection) == []


def _findings(folder: Path, name: str, table: dict[str, Any], kind: Any) -> list[str]:
    lines = [f"[{name}]"]
    lines += [f"{key} = {value!r}" for key, value in table.items()]
    file = folder / "gateway.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    try:
        load_settings(file, {}, [kind])
    except SettingsError as error:
        return list(error.findings)
    return []


# --- README.md ---


def test_the_document_lists_every_code_with_its_status() -> None:
    listed = dict(re.findall(r"^\| `([a-z/-]+)` \| ([0-9]{3}) \|$", README, re.M))
    assert listed == {code: str(status) for code, status in CODES.items()}
    assert CODES.items() <= ALL_CODES.items()


def test_every_code_is_raised_somewhere_and_tested() -> None:
    folder = Path(certifyroutes.__file__).parent
    sources = "".join(
        path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.stem != "codes"
    )
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    for code in CODES:
        noun, condition = code.split("/")
        from_jws = noun == "login" and condition in {
            "algorithm", "malformed", "oversize", "type", "forged",
        }  # fmt: skip
        assert from_jws or f'"{code}"' in sources, code
        made_up = "login/{binding}-changed" if condition.endswith("-changed") else code
        assert made_up in tests, code


def test_the_document_lists_every_call_of_the_protocol() -> None:
    app = create_app(None, token="t", admin_token="a")  # type: ignore[arg-type]
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource and route.resource.canonical.startswith("/v1/") and route.method != "HEAD"
    }
    listed = set(re.findall(r"^\| `((?:GET|PUT|POST) /v1/[^`]+)` \|", README, re.M))
    assert listed == routes


@pytest.mark.parametrize("kind", [LoginSection, IdentitySection])
def test_the_document_lists_every_setting(kind: Any) -> None:
    assert kind not in CORE_SECTIONS
    text = README[README.index("## Settings") : README.index("## Provider protocol")]
    for field in msgspec.structs.fields(kind):
        assert f"`{field.name}`" in text or f"`{field.name} " in README, field.name
