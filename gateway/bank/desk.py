"""A bank's desk for one community: round after round of the bridge, whatever fails.

Its journal and its exchange with the bank are the community's own, so that nothing that one
community's bank messages do can hold up another's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final

from chaincode.errors import Refusal
from gateway.bank.adapter import BankAdapter
from gateway.bank.bridge import Bridge, Held, Round
from gateway.bank.directory import CustomerDirectory, DirectoryFile
from gateway.bank.errors import BankError
from gateway.bank.facts import Hasher
from gateway.bank.journal import Journal
from gateway.bank.patience import Patience
from gateway.bank.transport import BankTransport
from gateway.errors import LedgerError
from gateway.ledger import Ledger
from gateway.metrics import Metrics

PAUSE_S_MAX: Final = 60.0
"""Between two rounds, however many failed because the bank or the ledger was away."""
UNHEARD_S_MAX: Final = 60.0
"""A desk whose rounds fail for longer than this is not ready."""
JITTER: Final = 0.2

_log = logging.getLogger(__name__)

OpenTransport = Callable[[str, AsyncExitStack], Awaitable[BankTransport]]
"""The exchange of a community with the bank, closed by the stack. Raises BankError, OSError."""


class CommunityLeft(BankError):
    """The directory does not name the community any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all desks of the bank share."""

    ledger: Ledger
    directory: DirectoryFile
    hasher: Hasher
    journals: Path
    open_transport: OpenTransport
    metrics: Metrics
    every_s: float


class Desk:
    """One community. `run` ends after `stop`, or when the directory names it no more."""

    def __init__(self, office: Office, community: str) -> None:
        self._office = office
        self._community = community
        self._stack = AsyncExitStack()
        self._open: tuple[Journal, BankTransport] | None = None
        self._stopping = asyncio.Event()
        self._trouble: tuple[float, str] | None = None
        """Since when (loop time) rounds fail, and why the last one did."""
        self._patience = Patience(office.every_s)
        self._left: frozenset[Held] = frozenset()
        """What the last round could not deal with."""

    async def run(self) -> None:
        """Rounds until told to stop; the pause grows while they fail."""
        pause_s = self._office.every_s
        async with self._stack:
            while not self._stopping.is_set():
                try:
                    failed = await self._round()
                except CommunityLeft:
                    return
                pause_s = min(pause_s * 2, PAUSE_S_MAX) if failed else self._office.every_s
                await self._pause(pause_s)

    def stop(self) -> None:
        """The round under way is the last."""
        self._stopping.set()

    @property
    def fault(self) -> str:
        """Why nothing has worked for a while, or nothing."""
        if self._trouble is None:
            return ""
        since_s, why = self._trouble
        is_long = asyncio.get_running_loop().time() - since_s > UNHEARD_S_MAX
        return f"bank, {self._community}: {why}" if is_long else ""

    @property
    def troubles(self) -> list[str]:
        """What the bank or the ledger does not take while it takes others, and why."""
        return [
            f"bank, {self._community}: {one.subject} failed {one.count} times, {one.code}"
            for one in self._patience.troubles
        ]

    async def _round(self) -> str:
        """One round; why it failed, or nothing."""
        why = ""
        try:
            done = await (await self._bridge()).run_once()
        except CommunityLeft:
            raise
        except (Refusal, LedgerError, BankError, OSError) as error:
            why = error.code if isinstance(error, Refusal) else type(error).__name__
            _log.warning("a round of the bank's desk failed: %s", why)
        except Exception as error:  # the desk outlives a round, whatever ended it
            why = type(error).__name__
            _log.exception("a round of the bank's desk failed")
        else:
            why = self._count(done)
        figures = self._office.metrics.bank
        figures.rounds.labels(self._community, "failed" if why else "done").inc()
        now_s = asyncio.get_running_loop().time()
        self._trouble = (self._trouble[0] if self._trouble else now_s, why) if why else None
        return why

    async def _bridge(self) -> Bridge:
        """The bridge with the directory as it is now."""
        office = self._office
        customers = await asyncio.to_thread(office.directory.customers)
        customer = customers.get(self._community)
        if customer is None:
            raise CommunityLeft(self._community)
        journal, transport = await self._exchange()
        return Bridge(
            ledger=office.ledger,
            community=self._community,
            adapter=BankAdapter(
                journal,
                transport,
                customer.own_accounts,
                initiator=customer.name,
                patience=self._patience,
            ),
            directory=CustomerDirectory(customer, office.hasher),
            hasher=office.hasher,
        )

    async def _exchange(self) -> tuple[Journal, BankTransport]:
        """Journal and transport, opened once. Raises AdapterBusyError while another has them."""
        if self._open is None:
            async with AsyncExitStack() as opening:
                self._office.journals.mkdir(parents=True, exist_ok=True, mode=0o700)
                journal = Journal(self._office.journals / f"{self._community}.sqlite3")
                opening.callback(journal.close)
                transport = await self._office.open_transport(self._community, opening)
                self._open = (journal, transport)
                await self._stack.enter_async_context(opening.pop_all())
        return self._open

    def _count(self, done: Round) -> str:
        """Count what a round did, and tell once what it left; why the bank or the ledger could not
        be reached, if so."""
        figures = self._office.metrics.bank
        figures.events.labels(self._community).inc(done.recorded)
        figures.waiting.labels(self._community).set(len(done.left))
        figures.resting.labels(self._community).set(len(self._patience.troubles))
        for held in set(done.left) - self._left:
            _log.warning("%s waits at the bank's desk: %s", held.subject, held.code)
        self._left = frozenset(done.left)
        return next((held.code for held in done.left if held.is_passing), "")

    async def _pause(self, pause_s: float) -> None:
        """Until the next round, or the stop."""
        spread = SystemRandom().uniform(1 - JITTER, 1 + JITTER)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s * spread):
                await self._stopping.wait()
