"""An office that certifies, on the contract in memory and a sandbox authority over real HTTP."""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chaincode.model.base import Org, Role
from gateway.database import Database, open_tables
from gateway.identity import certifications, guessing, staff, vault
from gateway.identity.attesting import Attesting
from gateway.identity.bindings import account_digest
from gateway.identity.certifications import Certifications, Phase
from gateway.identity.certifying import CertificationStatus, Certifying
from gateway.identity.flows import Flow, roles_of
from gateway.identity.guessing import Guesses
from gateway.identity.issuing import Issuing
from gateway.identity.protocol import Beginning, GivenCode, Outcome, Step
from gateway.identity.providerclient import HttpProvider, ProviderEndpoint
from gateway.identity.rollimport import prepare_import, request_bytes
from gateway.identity.sandbox.authority import Authority
from gateway.identity.sandbox.people import read_people, usual_account
from gateway.identity.sandbox.server import create_app
from gateway.identity.sandbox.store import Store
from gateway.identity.seal import make_key_file
from gateway.identity.vault import Vault
from tests.gateway.identity.test_rollfile import table
from tests.support.applicant import ID_NO, Applicant, FakeCa
from tests.support.contract_ledger import ContractLedger
from tests.support.town import HASH, YEAR_MS, Town

SEED = "test"
PROVIDER = "sandbox-authority"
TOKEN = "t" * 40
ADMIN_TOKEN = "a" * 40
PHONE = "13800001234"
OTHER = {
    "unit": "3-1-503",
    "owner_name": "李某某",
    "owner_id_no": "410102199103124206",
    "deed_no": "Z-2",
}
ROLL = table({}, OTHER)
SCHEMA = (*vault.SCHEMA, *guessing.SCHEMA, *certifications.SCHEMA, *staff.SCHEMA)


class Killed(BaseException):
    """The process ends here."""


class Stumbling:
    """A port whose calls do what they do and then end as `troubles` say."""

    def __init__(self, port: Any, **troubles: deque[BaseException]) -> None:
        self._port = port
        self._troubles = troubles

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        troubles = self._troubles.get(name)
        if troubles is None:
            return call

        async def stumble(*args: Any, **more: Any) -> Any:
            answer = await call(*args, **more)
            if troubles:
                raise troubles.popleft()
            return answer

        return stumble


@dataclass
class Bureau:
    """Everything there is; `say` sends a rule to the sandbox authority."""

    town: Town
    ledger: ContractLedger
    database: Database
    vault: Vault
    rows: Certifications
    guesses: Guesses
    authority: Authority
    sandbox: TestClient[Any, Any]
    provider: HttpProvider
    ca: FakeCa
    key_file: Path
    certifying: Certifying
    issuing: Issuing
    holder_id: str

    @property
    def clock_ms(self) -> Callable[[], int]:
        return lambda: self.town.ledger.now_ms

    def later(self, ms: int) -> None:
        self.town.ledger.now_ms += ms

    async def say(self, action: str, **rule: Any) -> None:
        body = {"action": action, **rule}
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with self.sandbox.post("/admin/rules", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    def worker(
        self, *, ledger: Any = None, provider: Any = None, ca: Any = None, rows: Any = None
    ) -> Issuing:
        """Another worker on the same rows, as after a restart."""
        ledger, provider = ledger or self.ledger, provider or self.provider
        attesting = Attesting(provider, ledger)
        chosen = rows or self.rows
        return Issuing(chosen, ca or self.ca, attesting, ledger, self.clock_ms, YEAR_MS)

    # --- What an owner does ---

    async def open(
        self, who: Applicant, flow: Flow = Flow.FACE, **changes: Any
    ) -> CertificationStatus:
        request = who.request(flow, **changes)
        return await self.certifying.open(who.community, who.credential_id, who.secret, request)

    async def begin(
        self, who: Applicant, step: Step, attempt: int = 1, **fields: Any
    ) -> CertificationStatus:
        usual: dict[str, Any] = {}
        if step is Step.PHONE:
            usual["phone"] = PHONE
        if step in (Step.FACE, Step.ACCOUNT):
            usual["redirect_uri"] = "https://gateway.example/back"
        beginning = Beginning(attempt=attempt, **{**usual, **fields})
        return await self.certifying.begin(who.credential_id, who.secret, step, beginning)

    async def give(
        self, who: Applicant, step: Step, code: str, attempt: int = 1
    ) -> CertificationStatus:
        given = GivenCode(attempt=attempt, code=code)
        return await self.certifying.give_code(who.credential_id, who.secret, step, given)

    async def status(self, who: Applicant) -> CertificationStatus:
        return await self.certifying.status(who.credential_id, who.secret)

    def ticket(self, status: CertificationStatus, step: Step) -> str:
        (url,) = [one.url for one in status.steps if one.step is step]
        assert url is not None
        return url.rsplit("/", 1)[1]

    async def pass_step(self, who: Applicant, step: Step, attempt: int = 1) -> CertificationStatus:
        """Do what a step asks for, as its rightful owner."""
        status = await self.begin(who, step, attempt)
        match step:
            case Step.FACE:
                self.authority.show_face(self.ticket(status, step))
                status = await self.status(who)
            case Step.COUNTER:
                self.authority.attend(self.ticket(status, step), who.id_no)
                status = await self.status(who)
            case Step.PHONE:
                status = await self.give(who, step, self.authority.sent_codes()[-1].code, attempt)
            case Step.ACCOUNT:
                _, code = self.authority.sign_in(self.ticket(status, step))
                status = await self.give(who, step, code, attempt)
            case Step.ROLL | Step.EMPLOYMENT | Step.PERSON:
                pass
        assert next(one for one in status.steps if one.step is step).outcome is Outcome.PASSED
        return status

    async def verify(self, who: Applicant, flow: Flow = Flow.FACE) -> CertificationStatus:
        """All steps, until nothing is left but to issue."""
        return await self.verify_as(who, Role.OWNER, flow)

    async def verify_as(
        self, who: Applicant, role: Role, flow: Flow = Flow.FACE
    ) -> CertificationStatus:
        """The same for another role."""
        status = await self.open(who, flow, role=role)
        while status.next_step is not None:
            status = await self.pass_step(who, status.next_step)
        assert status.phase is Phase.ISSUING
        return status

    async def certify(self, who: Applicant, flow: Flow = Flow.FACE) -> CertificationStatus:
        """A credential on the ledger."""
        await self.verify(who, flow)
        await self.issuing.round()
        status = await self.status(who)
        assert status.phase is Phase.ISSUED, status
        who.bindings = status.bindings
        return status


def wechat_digest(id_no: str = ID_NO) -> str:
    return account_digest("wechat", usual_account(SEED, id_no))


def tel_digest(phone: str = PHONE) -> str:
    return account_digest("tel", phone)


@asynccontextmanager
async def bureau_at(
    address: str,
    folder: Path,
    *,
    steps: tuple[Step, ...] = tuple(Step),
    timeout_s: float = 2.0,
    org: Org = Org.REGULATOR,
    clerks: bytes = b"",
) -> AsyncIterator[Bureau]:
    """The office of `org`, with the two owners of ROLL on the ledger's register and in the vault;
    the authority knows `clerks` too."""
    town = Town()
    await town.done(Org.REGULATOR, "open_community", modules=["voting", "funds"])

    def clock_ms() -> int:
        return town.ledger.now_ms

    authority = Authority(
        Store(":memory:"), read_people(ROLL, clerks), provider_id=PROVIDER, seed=SEED,
        clock_ms=clock_ms, steps=steps,
    )  # fmt: skip
    app = create_app(authority, token=TOKEN, admin_token=ADMIN_TOKEN)
    database = await open_tables(address, SCHEMA)
    key_file = folder / "identity.key"
    opened = await Vault.open(database, make_key_file(key_file), clock_ms)
    try:
        async with TestClient(TestServer(app)) as sandbox:
            authority.url = str(sandbox.make_url("")).rstrip("/")
            endpoint = ProviderEndpoint(url=authority.url, token=TOKEN, timeout_s=timeout_s)
            async with HttpProvider(endpoint) as provider:
                await admit(town, authority)
                request = await prepare_import(town.community, ROLL, opened)
                outcome = await town.ledger.submit(
                    "RegulatorMSP", "import_roll", request_bytes(request)
                )
                assert outcome.status == 200, outcome
                yield await _assembled(
                    town, database, opened, authority, sandbox, provider, key_file, org
                )
    finally:
        await database.close()


async def admit(town: Town, authority: Authority) -> None:
    """Put the authority on the ledger: named by the regulator, confirmed by the bank."""
    named = {"provider_id": PROVIDER, "public_key": authority.info().public_key}
    await town.done(Org.REGULATOR, "register_provider", **named, evidence_sha256=HASH)
    await town.done(Org.BANK, "confirm_provider", **named)


async def _assembled(
    town: Town,
    database: Database,
    opened: Vault,
    authority: Authority,
    sandbox: TestClient[Any, Any],
    provider: HttpProvider,
    key_file: Path,
    org: Org,
) -> Bureau:
    def clock_ms() -> int:
        return town.ledger.now_ms

    ledger = ContractLedger(town, org)
    rows, guesses, ca = Certifications(opened), Guesses(opened, clock_ms), FakeCa()
    issuing = Issuing(rows, ca, Attesting(provider, ledger), ledger, clock_ms, YEAR_MS)
    certifying = Certifying(opened, rows, guesses, provider, clock_ms, issuing.call, roles_of(org))
    holder_id = await opened.holder_of(ID_NO)
    assert holder_id is not None
    return Bureau(
        town, ledger, database, opened, rows, guesses, authority, sandbox, provider, ca,
        key_file, certifying, issuing, holder_id,
    )  # fmt: skip


def fingerprint(pem: bytes) -> str:
    certificate = x509.load_pem_x509_certificate(pem)
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
