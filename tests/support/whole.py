"""The whole service of every organisation over one town in memory, in a thread of its own, so that
requests come from outside: all parts, all routes, no network beyond this machine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from unittest.mock import patch

from aiohttp import web

from chaincode.model.base import Org
from gateway.assembly import PARTS
from gateway.attachments.part import AttachmentsSection
from gateway.bank.part import BankSection
from gateway.certificate.part import CertificateSection
from gateway.identity import certifyroutes
from gateway.identity.certifyroutes import OFFICE, Office
from gateway.identity.settings import LoginSection
from gateway.live.dispatcher import Dispatcher
from gateway.live.part import LiveSection
from gateway.parts import Part
from gateway.projection.keys import BLOCK_SOURCE
from gateway.projection.part import ProjectionSection
from gateway.settings import Section
from tests.support.api import HEADER_PART, serving
from tests.support.bank_desk import secret
from tests.support.chain import Chain, ChainSource, recorded_town
from tests.support.contract_ledger import ContractLedger
from tests.support.identity import Bureau, bureau_at

ORGS = (Org.BANK, Org.COMMITTEE, Org.PROPERTY, Org.REGULATOR, Org.ARBITRATION)
STARTED_S_MAX = 120.0


class SilentDispatcher(Dispatcher):
    """Takes subscriptions and delivers nothing."""

    async def run(self) -> None:
        await asyncio.Event().wait()


@contextmanager
def whole_service(folder: Path) -> Iterator[Mapping[Org, str]]:
    """The addresses of the organisations' gateways."""
    started, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    places: dict[Org, str] = {}

    async def serve() -> None:
        async with _gateways(folder) as found:
            places.update(found)
            started.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    with patch("gateway.live.part.Dispatcher", SilentDispatcher):
        thread.start()
        try:
            assert started.wait(STARTED_S_MAX)
            yield places
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(STARTED_S_MAX)
    assert not thread.is_alive()
    loop.close()


@asynccontextmanager
async def _gateways(folder: Path) -> AsyncIterator[Mapping[Org, str]]:
    """A town with an open motion and a committee, read as blocks by every gateway."""
    town = recorded_town()
    await (await town.settle()).seated()
    await town.open_motion()
    source = ChainSource(Chain())
    await source.absorb(town, 3)
    async with AsyncExitStack() as stack:
        bureau = await stack.enter_async_context(bureau_at(str(folder / "bureau.db"), folder))
        places = {}
        for org in ORGS:
            home = folder / org
            home.mkdir()
            parts = [HEADER_PART, _source(source), *(_in_place(part, bureau) for part in PARTS)]
            ledger = ContractLedger(town, org=org)
            service = serving(town, ledger, *_sections(home, org), org=org, parts=parts)
            api = await stack.enter_async_context(service)
            places[org] = str(api.client.make_url("")).rstrip("/")
        yield places


def _sections(home: Path, org: Org) -> Sequence[Section]:
    return (
        ProjectionSection(database=str(home / "readmodel.sqlite3")),
        LiveSection(webhook_key_file=secret(home / "webhook.key", "k" * 40)),
        AttachmentsSection(folder=home / "attachments"),
        CertificateSection(),
        LoginSection(audience=f"https://{org}.example", database=str(home / "doors.db")),
        BankSection(),
    )


def _source(source: ChainSource) -> Part:
    async def life(app: web.Application) -> AsyncIterator[None]:
        app[BLOCK_SOURCE] = source
        yield

    return Part(name="source", life=life)


def _in_place(part: Part, bureau: Bureau) -> Part:
    """The part itself; for certifying an office with a sandbox authority."""
    if part is not certifyroutes.PART:
        return part

    async def life(app: web.Application) -> AsyncIterator[None]:
        app[OFFICE] = Office(bureau.certifying, bureau.issuing, bureau.vault)
        yield

    return Part(name=part.name, routes=part.routes, life=life)
