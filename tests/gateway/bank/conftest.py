"""A link to the bank over each transport, with the real sandbox at its other end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.bank.adapter import BankAdapter
from gateway.bank.folder import FolderTransport
from gateway.bank.http import HttpEndpoint, HttpTransport
from gateway.bank.journal import Journal
from gateway.bank.transport import BankTransport
from gateway.bank.types import BankEvent, OwnAccount
from tests.support.bank import OPENING_FEN, OWN, Sandbox, running_sandbox


@dataclass
class Link:
    """An adapter and the bank that it talks to."""

    adapter: BankAdapter
    sandbox: Sandbox
    journal: Journal
    transport: BankTransport

    async def take(self, steps: int = 1) -> list[BankEvent]:
        """Lets time pass, then takes and acknowledges what came."""
        self.sandbox.step(steps)
        events = await self.adapter.poll()
        for event in events:
            await self.adapter.ack(event)
        return events


def adapter_on(journal: Journal, transport: BankTransport) -> BankAdapter:
    """The owners' assembly's adapter, for the account that the sandbox opened."""
    account = OwnAccount(number=OWN, opening_fen=OPENING_FEN)
    return BankAdapter(journal, transport, [account], initiator="幸福里小区业主大会")


@pytest.fixture(params=["folder", "http"])
def transport_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(transport_name: str, tmp_path: Path) -> Iterator[Sandbox]:
    folder = tmp_path / "shared" if transport_name == "folder" else None
    with running_sandbox(tmp_path / "bank", folder=folder) as started:
        yield started


@pytest.fixture
async def link(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Link]:
    journal = Journal(tmp_path / "journal.db")
    if sandbox.folder:
        folder = FolderTransport(sandbox.folder)
        yield Link(adapter_on(journal, folder), sandbox, journal, folder)
        folder.close()
    else:
        http = HttpTransport(endpoint(sandbox))
        yield Link(adapter_on(journal, http), sandbox, journal, http)
        await http.close()
    journal.close()


def endpoint(sandbox: Sandbox) -> HttpEndpoint:
    """The sandbox's HTTP interface, with retries fit for tests."""
    return HttpEndpoint(
        base_url=sandbox.url, token=sandbox.customer_token, plain_http=True, retry_wait_s=0.01
    )
