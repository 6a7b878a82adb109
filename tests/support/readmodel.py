"""A gateway with a read model over a town in memory, whose ledger is read as blocks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.attachments import part as attachments
from gateway.attachments.part import AttachmentsSection
from gateway.certificate import part as certificate
from gateway.certificate.part import CertificateSection
from gateway.live import part as live
from gateway.live.part import LiveSection
from gateway.parts import Part
from gateway.projection import part as projection
from gateway.projection.keys import BLOCK_SOURCE, PROJECTOR, READ_MODEL
from gateway.projection.part import ProjectionSection
from gateway.projection.readmodel import ReadModel
from gateway.settings import Section
from tests.support.api import HEADER_PART, Api, core_parts, serving
from tests.support.chain import Chain, ChainSource, recorded_town
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger

DEADLINE_S = 60.0


@dataclass
class Desk:
    """A service, its town and its blocks."""

    api: Api
    town: Commons
    source: ChainSource

    @property
    def app(self) -> web.Application:
        return self.api.app

    @property
    def model(self) -> ReadModel:
        return self.app[READ_MODEL]

    async def catch_up(self, per_block: int = 3) -> None:
        """What happened in the town is in blocks, and in the read model."""
        await self.source.absorb(self.town, per_block)
        height = len(self.source.chain.blocks)
        async with asyncio.timeout(DEADLINE_S):
            await self.app[PROJECTOR].wait_beyond("fuzemen", height - 1)


@asynccontextmanager
async def desk(
    folder: Path,
    *sections: Section,
    town: Commons | None = None,
    database: str = "",
    ends_after: Sequence[int] = (),
    chain: Chain | None = None,
) -> AsyncIterator[Desk]:
    """The service over a town that is open, with everything it did so far projected."""
    town = town or await recorded_town().settle()
    source = ChainSource(chain or Chain(), ends_after=list(ends_after))

    async def give_source(app: web.Application) -> AsyncIterator[None]:
        app[BLOCK_SOURCE] = source
        yield

    given = {type(section): section for section in sections}
    usual: list[Section] = [
        ProjectionSection(database=database or str(folder / "readmodel.sqlite3")),
        LiveSection(),
        AttachmentsSection(folder=folder / "attachments"),
        CertificateSection(),
    ]
    chosen = [given.pop(type(section), section) for section in usual]
    parts = [
        Part(name="source", life=give_source),
        HEADER_PART,
        *core_parts(),
        projection.PART,
        live.PART,
        attachments.PART,
        certificate.PART,
    ]
    async with serving(town, ContractLedger(town), *chosen, parts=parts) as api:
        made = Desk(api, town, source)
        await made.catch_up()
        yield made


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return once it holds; fail after a while."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < deadline, "the condition never came about"
        await asyncio.sleep(0.01)
