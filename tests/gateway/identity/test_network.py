"""On a real network: a real CA certifies, real peers record, any organisation logs in."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from chaincode.errors import NotFound
from chaincode.model.base import Org
from chaincode.model.community import Provider as AdmittedProvider
from chaincode.model.credential import Credential
from gateway.app import make_app, utc_ms
from gateway.batcher import BatchSection
from gateway.database import open_tables
from gateway.errors import Problem
from gateway.fabric.client import FabricClient
from gateway.fabric.errors import EndorseError, EvaluateError
from gateway.fabric.identity import load_identity
from gateway.identity import certifyroutes, loginroutes
from gateway.identity.bindings import Bindings
from gateway.identity.certifyroutes import OFFICE, SECRET_HEADER
from gateway.identity.flows import Flow
from gateway.identity.login import ChallengeRequest, Login
from gateway.identity.protocol import Step
from gateway.identity.rollimport import prepare_import
from gateway.identity.sandbox.authority import Authority
from gateway.identity.sandbox.people import read_people
from gateway.identity.sandbox.server import create_app
from gateway.identity.sandbox.store import Store
from gateway.identity.seal import make_key_file
from gateway.identity.sessions import SCHEMA, Kind, Sessions
from gateway.identity.settings import IdentitySection, LoginSection
from gateway.ledger import FabricLedger, ask
from gateway.limits import LimitsSection
from gateway.routes import API
from gateway.settings import FabricSection, GatewaySection, HttpSection, Settings
from network.ca.server import CA_NAME, REGISTRAR, CaServer
from network.places import person_msp
from tests.support.applicant import Applicant
from tests.support.gateways import connection
from tests.support.identity import ADMIN_TOKEN, PHONE, PROVIDER, ROLL, SEED, TOKEN
from tests.support.network import CHANNEL, OrgAccess, RunningNetwork, document, running_network

pytestmark = pytest.mark.fabric
T = TypeVar("T")

AUDIENCE = "https://regulator.example"
DEADLINE_S = 120.0
POLL_S = 0.1


@pytest.fixture(scope="module")
def real_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """The four-org network with the real contract."""
    written = document(("python", "-m", "chaincode"))
    with running_network(tmp_path_factory.mktemp("identity"), written) as network:
        yield network


def section_of(org: OrgAccess, folder: Path) -> FabricSection:
    """The settings of one org's gateway."""
    msp = person_msp(org.org, "gateway")
    roots = folder / f"{org.id}-roots.pem"
    roots.write_bytes(b"".join(peer.tls_root for peer in org.peers))
    return FabricSection(
        msp_id=org.msp_id,
        peers=tuple(peer.address for peer in org.peers),
        tls_roots_file=roots,
        certificate_file=next((msp / "signcerts").iterdir()),
        key_file=next((msp / "keystore").iterdir()),
        channels=(CHANNEL,),
    )


def identity_section(network: RunningNetwork, folder: Path, url: str) -> IdentitySection:
    """The regulator's office: its CA, its own key file, the sandbox authority."""
    node = network.org("regulator").org.ca
    server = CaServer(
        folder=node.folder, org="regulator", host=node.host, port=node.ports["listen"]
    )
    token = folder / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    make_key_file(folder / "identity.key")
    return IdentitySection(
        database=str(folder / "identity.db"),
        key_file=folder / "identity.key",
        provider_url=url,
        provider_token_file=token,
        ca_url=server.url,
        ca_name=CA_NAME,
        ca_tls_root_file=server.tls_root_file,
        ca_registrar=REGISTRAR,
        ca_registrar_secret_file=server.folder / "registrar.secret",
        credential_days=30,
    )


@asynccontextmanager
async def office(
    network: RunningNetwork, folder: Path
) -> AsyncIterator[tuple[TestClient[Any, Any], web.Application, Authority, FabricLedger]]:
    """The regulator's service with a sandbox authority; the bank's ledger beside it."""
    async with AsyncExitStack() as stack:
        authority = Authority(
            Store(":memory:"), read_people(ROLL), provider_id=PROVIDER, seed=SEED, clock_ms=utc_ms
        )
        app = create_app(authority, token=TOKEN, admin_token=ADMIN_TOKEN)
        sandbox = await stack.enter_async_context(TestClient(TestServer(app)))
        authority.url = str(sandbox.make_url("")).rstrip("/")
        regulator, bank = [
            await stack.enter_async_context(FabricLedger(section_of(network.org(org), folder)))
            for org in ("regulator", "bank")
        ]
        sections = [
            GatewaySection(org=Org.REGULATOR),
            HttpSection(stop_s=5),
            LimitsSection(),
            BatchSection(),
            LoginSection(audience=AUDIENCE, database=str(folder / "doors.db")),
            identity_section(network, folder, authority.url),
        ]
        service = make_app(
            Settings(sections), [certifyroutes.PART, loginroutes.PART], ledger=regulator
        )
        client = await stack.enter_async_context(TestClient(TestServer(service)))
        await found(regulator, bank, authority, service)
        yield client, service, authority, bank


async def found(
    regulator: FabricLedger, bank: FabricLedger, authority: Authority, service: web.Application
) -> None:
    """Open the community, admit the authority, put ROLL on the register."""
    modules = {"modules": ["voting", "funds"]}
    await regulator.transact(CHANNEL, "open_community", modules, channel=CHANNEL)
    named = {"provider_id": PROVIDER, "public_key": authority.info().public_key}
    await regulator.transact(
        CHANNEL, "register_provider", {**named, "evidence_sha256": "0" * 64}, channel=CHANNEL
    )
    await eventually(lambda: ask(bank, CHANNEL, "provider", AdmittedProvider, provider_id=PROVIDER))
    await bank.transact(CHANNEL, "confirm_provider", named, channel=CHANNEL)
    request = msgspec.to_builtins(await prepare_import(CHANNEL, ROLL, service[OFFICE].vault))
    del request["community"]
    await regulator.transact(CHANNEL, "import_roll", request, channel=CHANNEL)


async def certified(
    client: TestClient[Any, Any], authority: Authority, who: Applicant, flow: Flow
) -> dict[str, Any]:
    """All steps over HTTP, until the credential is on record."""
    root = f"/v1/communities/{CHANNEL}/certifications/{who.credential_id}"

    async def call(method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {SECRET_HEADER: who.secret}
        async with client.request(method, root + path, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            got: dict[str, Any] = await answer.json()
            return got

    status = await call("PUT", "", msgspec.to_builtins(who.request(flow)))
    while status["next_step"]:
        step = Step(status["next_step"])
        phone = {"phone": PHONE} if step is Step.PHONE else {}
        status = await call("PUT", f"/steps/{step}", {"attempt": 1, **phone})
        if step is Step.COUNTER:
            (url,) = [one["url"] for one in status["steps"] if one["step"] == step]
            authority.attend(url.rsplit("/", 1)[1], who.id_no)
            status = await call("GET", "")
        if step is Step.PHONE:
            code = {"attempt": 1, "code": authority.sent_codes()[-1].code}
            status = await call("POST", f"/steps/{step}/code", code)
    deadline = time.monotonic() + DEADLINE_S
    while status["phase"] == "issuing":
        assert time.monotonic() < deadline, status
        await asyncio.sleep(POLL_S)
        status = await call("GET", "")
    assert status["phase"] == "issued", status
    return status


async def test_an_owner_is_certified_logs_in_and_never_speaks_for_the_regulator(
    real_network: RunningNetwork, tmp_path: Path
) -> None:
    who = Applicant(community=CHANNEL)
    async with office(real_network, tmp_path) as (client, service, authority, bank):
        status = await certified(client, authority, who, Flow.COUNTER)
        certificate = x509.load_pem_x509_certificate(status["certificate_pem"].encode())
        assert certificate.subject.rfc4514_string() == f"CN={who.credential_id},OU=person"
        credential = await eventually(
            lambda: ask(bank, CHANNEL, "credential", Credential, credential_id=who.credential_id)
        )
        assert credential.public_key == who.public_key
        row = await service[OFFICE].issuing._certifications.find(who.credential_id)
        assert row is not None
        assert credential.attestation == row.attestation
        who.bindings = msgspec.convert(status["bindings"], type=Bindings)
        await _logs_in_at_the_bank(bank, who, tmp_path)
        await _logs_in_over_http(client, who)
        pem = status["certificate_pem"]
        await _cannot_speak_for_the_regulator(real_network, who, pem, tmp_path)


async def eventually(asking: Callable[[], Awaitable[T]]) -> T:
    """What one organisation's peer says, once it has the block that another's has already."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            return await asking()
        except NotFound:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_S)


async def _logs_in_at_the_bank(bank: FabricLedger, who: Applicant, folder: Path) -> None:
    database = await open_tables(str(folder / "bank.db"), SCHEMA)
    sessions = Sessions(database, utc_ms, session_ms=60_000, idle_ms=60_000)
    login = Login(sessions, bank, "https://bank.example")
    asked = ChallengeRequest(community=CHANNEL, credential_id=who.credential_id)
    challenge = msgspec.to_builtins(await login.challenge(asked))
    statement = who.statement(challenge).encode()
    token, session = await login.log_in(statement, utc_ms(), Kind.COOKIE)
    assert await sessions.find(token, Kind.COOKIE) == session
    with pytest.raises(Problem):
        await login.log_in(statement, utc_ms(), Kind.COOKIE)
    await database.close()


async def _logs_in_over_http(client: TestClient[Any, Any], who: Applicant) -> None:
    asked = {"community": CHANNEL, "credential_id": who.credential_id}
    async with client.post(f"{API}/login/challenges", json=asked) as answer:
        challenge = await answer.json()
    body = {"statement": who.statement(challenge), "wanted": "bearer"}
    async with client.post(f"{API}/login", json=body) as answer:
        assert answer.status == 200, await answer.text()
        token = (await answer.json())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with client.get(f"{API}/session", headers=headers) as answer:
        assert (await answer.json())["credential_id"] == who.credential_id


async def _cannot_speak_for_the_regulator(
    network: RunningNetwork, who: Applicant, certificate_pem: str, folder: Path
) -> None:
    """The regulator's own CA made the certificate, and its MSP does not take it for its own."""
    (folder / "who.pem").write_text(certificate_pem)
    key = who.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "who.key").write_bytes(key)
    org = network.org("regulator")
    async with connection(org) as over:
        identity, signer = load_identity(org.msp_id, folder / "who.pem", folder / "who.key")
        contract = FabricClient(over, identity, signer).channel(CHANNEL).contract("commonhold")
        request = msgspec.json.encode({"community": CHANNEL})
        with pytest.raises(EvaluateError) as refused:
            await contract.evaluate("community", request)
        assert "access denied" in str(refused.value)
        with pytest.raises(EndorseError):
            await contract.submit("freeze_roll", request)
