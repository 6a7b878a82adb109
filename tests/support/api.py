"""A gateway service over the real contract in memory, asked by whoever a test says.

Who asks is told by a header, in place of the identity part: `Api.as_` names a role and a holder.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from chaincode.model.base import Org
from gateway.access import Reader, Who
from gateway.app import make_app
from gateway.appkeys import AUTHENTICATORS
from gateway.appkeys import PARTS as APP_PARTS
from gateway.assembly import PARTS
from gateway.batcher import BatchSection
from gateway.clock import ClockSection
from gateway.ledger import Ledger
from gateway.limits import LimitsSection
from gateway.parts import Part
from gateway.routes import by_name
from gateway.settings import GatewaySection, HttpSection, Section, Settings
from tests.support.community import Commons
from tests.support.declared import Declared

WHO_HEADER = "X-Test-Who"
QUICK = BatchSection(window_s=0.005, answer_s=5)
PLENTY = LimitsSection(
    address_per_s=100_000, address_burst=100_000, credential_per_s=100_000, credential_burst=100_000
)


@dataclass
class Api:
    """Requests to one gateway; `root` is the community's place."""

    client: TestClient[web.Request, web.Application]
    app: web.Application
    town: Commons

    @property
    def root(self) -> str:
        return f"/v1/communities/{self.town.community}"

    async def get(self, path: str, who: str = "", **more: Any) -> ClientResponse:
        return await self.request("GET", path, who, **more)

    async def post(self, path: str, who: str = "", **more: Any) -> ClientResponse:
        return await self.request("POST", path, who, **more)

    async def request(self, method: str, path: str, who: str = "", **more: Any) -> ClientResponse:
        headers = {**more.pop("headers", {}), **({WHO_HEADER: who} if who else {})}
        place = path if path.startswith("/v1") else self.root + path
        return await self.client.request(method, place, headers=headers, **more)

    async def act(self, jws: bytes, **more: Any) -> ClientResponse:
        headers = {"Content-Type": "application/jose", **more.pop("headers", {})}
        return await self.request("POST", "/acts", data=jws, headers=headers, **more)


def as_(who: Who, holder_id: str = "", community: str = "fuzemen", credential_id: str = "") -> str:
    """The header's value for a reader."""
    return ",".join((who, community, holder_id, credential_id or f"cred-{holder_id or who}"))


async def read_header(request: web.Request) -> Reader | None:
    text = request.headers.get(WHO_HEADER)
    if text is None:
        return None
    who, community, holder_id, credential_id = text.split(",")
    if who == Who.OPERATOR:
        return Reader(who=Who.OPERATOR)
    return Reader(
        who=Who(who), community=community, holder_id=holder_id, credential_id=credential_id
    )


async def _header_life(app: web.Application) -> AsyncIterator[None]:
    app[AUTHENTICATORS].append(read_header)
    yield


HEADER_PART = Part(name="header", life=_header_life)


def core_parts(parts: Sequence[Part] = PARTS) -> list[Part]:
    """The parts that need nothing but the ledger: those of this package's own resources."""
    own = {"documents", "acts", "forms", "resources", "clock"}
    return [part for part in parts if part.name in own]


@asynccontextmanager
async def serving(
    town: Commons,
    ledger: Ledger,
    *sections: Section,
    org: Org = Org.PROPERTY,
    parts: Sequence[Part] | None = None,
) -> AsyncIterator[Api]:
    """The service with the clock off unless a section says otherwise.

    Whatever it answers must be in its OpenAPI document.
    """
    given = {type(section): section for section in sections}
    usual: list[Section] = [
        GatewaySection(org=org),
        HttpSection(stop_s=5),
        PLENTY,
        QUICK,
        ClockSection(enabled=False),
    ]
    chosen = [given.pop(type(section), section) for section in usual] + list(given.values())
    app = make_app(
        Settings(chosen),
        [HEADER_PART, *(core_parts() if parts is None else parts)],
        ledger=ledger,
        clock_ms=lambda: town.ledger.now_ms,
    )
    declared = Declared(by_name([route for part in app[APP_PARTS] for route in part.routes]))
    app.on_response_prepare.append(declared.look)
    server = TestServer(app)
    await server.start_server(access_log=None)
    async with TestClient(server) as client:
        yield Api(client, app, town)
    assert not declared.undeclared
