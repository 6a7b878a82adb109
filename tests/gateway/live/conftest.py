"""What the tests of live events share: a subscriber that behaves as told."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.live.part import LiveSection
from tests.support.postgres import either_database, postgres_server

__all__ = ["either_database", "postgres_server"]

KEY = "k" * 40


@dataclass
class Subscriber:
    """A system of somebody else's: keeps what it gets, answers with the statuses it was told."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the next requests; 200 afterwards."""
    always: int = 200

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if self.statuses else self.always
        return web.Response(status=status, headers={"Location": self.url})

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@pytest.fixture
async def subscriber() -> AsyncIterator[Subscriber]:
    made = Subscriber()
    app = web.Application()
    app.router.add_post("/hook", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/hook"))
        yield made


@pytest.fixture
def live_section(tmp_path: Path) -> LiveSection:
    """Deliveries may go to this machine, over plain HTTP."""
    key = tmp_path / "webhook.key"
    key.write_text(KEY)
    key.chmod(0o600)
    return LiveSection(
        webhook_key_file=key, webhook_networks=("127.0.0.0/8",), webhook_plain_http=True
    )
