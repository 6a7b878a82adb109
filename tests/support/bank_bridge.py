"""A bridge between a community and the real sandbox bank, for memory and for a real network."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.bank.adapter import BankAdapter
from gateway.bank.bridge import Bridge, Round
from gateway.bank.folder import FolderTransport
from gateway.bank.journal import Journal
from gateway.bank.types import OwnAccount
from gateway.ledger import Ledger
from tests.scenarios.money import HASHER, Desk
from tests.support.bank import OPENING_FEN, OWN, Sandbox, running_sandbox

POLL_S = 0.2


@dataclass
class Counter:
    """The bank, and the bridge to it."""

    bridge: Bridge
    sandbox: Sandbox
    adapter: BankAdapter
    patience_s: float

    async def day(self, steps: int = 3) -> list[Round]:
        """Orders go out, the bank works step by step, and its news are recorded; a statement."""
        rounds = [await self.run()]
        for _ in range(steps):
            self.sandbox.step()
            rounds.append(await self.run())
        self.sandbox.admin("end-of-day", {})
        rounds.append(await self.run())
        return rounds

    async def run(self) -> Round:
        """What is due, again for a while when something is left."""
        deadline = time.monotonic() + self.patience_s
        sent: tuple[str, ...] = ()
        recorded = 0
        while True:
            found = await self.bridge.run_once()
            sent, recorded = sent + found.sent, recorded + found.recorded
            if not found.left or time.monotonic() >= deadline:
                return Round(sent=sent, recorded=recorded, left=found.left)
            await asyncio.sleep(POLL_S)

    @property
    def balance_fen(self) -> int:
        """What the bank says is on the account."""
        return int(self.sandbox.admin("state")["balances_fen"][OWN])


@asynccontextmanager
async def bank_counter(
    ledger: Ledger, community: str, folder: Path, *, patience_s: float = 0.0
) -> AsyncIterator[Counter]:
    """A sandbox process of its own, a real adapter, a bridge on this ledger.

    `patience_s` for a network under load, where gossip takes a busy peer for a dead one at times.
    """
    shared = folder / "shared"
    with running_sandbox(folder / "bank", folder=shared) as sandbox:
        journal, transport = Journal(folder / "journal.db"), FolderTransport(shared)
        account = OwnAccount(number=OWN, opening_fen=OPENING_FEN)
        adapter = BankAdapter(journal, transport, [account], initiator="幸福里小区业主大会")
        bridge = Bridge(
            ledger=ledger, community=community, adapter=adapter, directory=Desk(), hasher=HASHER
        )
        try:
            yield Counter(bridge, sandbox, adapter, patience_s)
        finally:
            transport.close()
            journal.close()
