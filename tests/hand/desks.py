"""Gateways that the hand talks to over HTTP: the contract in memory, an office that certifies,
doors that open, and a sandbox authority."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from chaincode.model.base import Org, Role
from gateway.app import make_app
from gateway.assembly import PARTS
from gateway.clock import ClockSection
from gateway.identity import certifyroutes, loginroutes
from gateway.identity.certifyroutes import OFFICE, Office
from gateway.identity.flows import STAFF_ROLE, Flow
from gateway.identity.settings import LoginSection
from gateway.identity.staff import Staff, StaffRequest
from gateway.parts import Part
from gateway.settings import GatewaySection, HttpSection, Settings
from scripts.hand.certifying import Applicant
from scripts.hand.gateways import Gateways
from scripts.hand.guides import SandboxGuide
from scripts.hand.person import Person
from tests.support.api import PLENTY, QUICK, core_parts
from tests.support.applicant import ID_NO, NAME, UNIT
from tests.support.community import Commons, without_reviews
from tests.support.contract_ledger import ContractLedger
from tests.support.identity import ADMIN_TOKEN, OTHER, PHONE, Bureau, bureau_at
from tests.support.ports import free_port

OWNER = Applicant(name=NAME, id_no=ID_NO, phone=PHONE, unit_id=UNIT)
NEIGHBOUR = Applicant(
    name=OTHER["owner_name"], id_no=OTHER["owner_id_no"], phone="13800005678", unit_id=OTHER["unit"]
)
FACE = replace(OWNER, flow=Flow.FACE)
CLERK = Applicant(name="赵某", id_no="410102198001014205", phone="13700001111")
COMPANY = "acme-wuye"
CLERKS = "role,company_id,name,id_no,phone\n" + "".join(
    f"{role},{COMPANY if role is Role.COMPANY_CLERK else ''},{CLERK.name},{CLERK.id_no},\n"
    for role in STAFF_ROLE.values()
)


@dataclass
class Gateway:
    """One organisation's gateway."""

    server: TestServer
    ledger: ContractLedger

    @property
    def address(self) -> str:
        return str(self.server.make_url("")).rstrip("/")


@dataclass
class Desks:
    """The regulator's gateway, which certifies, and the bank's."""

    bureau: Bureau
    town: Commons
    regulator: Gateway
    bank: Gateway
    sandbox: Path
    guide: SandboxGuide
    folder: Path

    @property
    def both(self) -> tuple[str, str]:
        return (self.regulator.address, self.bank.address)

    def person(self, name: str = "owner") -> Person:
        return Person.create(self.folder / name)

    async def certified(
        self, gateways: Gateways, name: str = "owner", who: Applicant = OWNER
    ) -> Person:
        """A person with a credential."""
        person = self.person(name)
        await person.certify(gateways, "fuzemen", who, self.guide)
        return person

    async def open_motion_now(self) -> None:
        """A motion that is open by this machine's clock, which the command signs by."""
        times = {"notice_ms": 0, "candidate_notice_ms": 0, "window_min_ms": 0}
        rule = without_reviews(times=times)
        await self.town.done(Org.REGULATOR, "set_matter_rule", rule=rule)
        await self.town.drafted()
        opens_at = time.time_ns() // 1_000_000
        self.town.ledger.now_ms = opens_at
        closes_at = opens_at + self.town.ledger.period_ms
        await self.town.published(opens_at=opens_at, closes_at=closes_at)

    async def engaged(self, role: Role) -> Applicant:
        """A clerk on the office's register, as they ask for their credential."""
        company_id = COMPANY if role is Role.COMPANY_CLERK else None
        request = StaffRequest(role=role, name=CLERK.name, id_no=CLERK.id_no, company_id=company_id)
        await Staff(self.bureau.vault).engage("fuzemen", request)
        return replace(CLERK, role=role)


@asynccontextmanager
async def desks_at(folder: Path, office: Org = Org.REGULATOR) -> AsyncIterator[Desks]:
    """Gateways of the organisation that certifies and of another one, over one town, whose clock
    is this machine's at the start."""
    async with AsyncExitStack() as stack:
        bureau = await stack.enter_async_context(
            bureau_at(str(folder / "identity.db"), folder, org=office, clerks=CLERKS.encode())
        )
        bureau.town.ledger.now_ms = time.time_ns() // 1_000_000
        town = Commons(ledger=bureau.town.ledger, community=bureau.town.community)
        await town.done(Org.REGULATOR, "set_matter_rule", rule=without_reviews())
        sandbox = folder / "sandbox"
        sandbox.mkdir()
        (sandbox / "sandbox.json").write_bytes(msgspec.json.encode({"url": bureau.authority.url}))
        (sandbox / "admin.token").write_text(ADMIN_TOKEN)
        other = Org.BANK if office is Org.REGULATOR else Org.COMMITTEE
        regulator, bank = [
            await stack.enter_async_context(_serving(bureau, town, org, folder, office))
            for org in (office, other)
        ]
        guide = await stack.enter_async_context(SandboxGuide(sandbox))
        yield Desks(bureau, town, regulator, bank, sandbox, guide, folder)


@asynccontextmanager
async def _serving(
    bureau: Bureau, town: Commons, org: Org, folder: Path, office: Org
) -> AsyncIterator[Gateway]:
    port, ledger = free_port(), ContractLedger(town, org)
    sections = [
        GatewaySection(org=org),
        HttpSection(stop_s=5),
        PLENTY,
        QUICK,
        ClockSection(enabled=False),
        LoginSection(audience=f"http://127.0.0.1:{port}", database=str(folder / f"{org}.db")),
    ]
    parts = [*core_parts(PARTS), loginroutes.PART, _office(bureau, org is office)]
    app = make_app(Settings(sections), parts, ledger=ledger, clock_ms=lambda: town.ledger.now_ms)
    server = TestServer(app, port=port)
    await server.start_server(access_log=None)
    try:
        yield Gateway(server, ledger)
    finally:
        await server.close()


def _office(bureau: Bureau, certifies: bool) -> Part:
    """The part that certifies; it is idle at other organisations."""

    async def life(app: web.Application) -> AsyncIterator[None]:
        if not certifies:
            yield
            return
        app[OFFICE] = Office(bureau.certifying, bureau.issuing, bureau.vault)
        worker = asyncio.create_task(bureau.issuing.run())
        yield
        worker.cancel()
        await asyncio.wait((worker,))

    return Part(name="identity", routes=certifyroutes.PART.routes, life=life)


def json_of(text: str) -> dict[str, Any]:
    """What the command printed for machines."""
    found = msgspec.json.decode(text)
    assert isinstance(found, dict)
    return found
