"""Kills the adapter or the sandbox bank at every step of its journal, one step per run.

`python -m tests.support.bank_kill adapter|bank FOLDER STRIDE` plays one short story again: orders,
settlement, income, a statement. In run n the process under test kills itself (SIGKILL) at its n-th
boundary: before or after a commit, before or after a call of the transport. It is then started
again and the story goes on; the next run kills STRIDE boundaries later. At the end everything must
have happened exactly once. Each process is a fork, so that a run takes part of a second. Prints the
number of boundaries.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from gateway.bank.adapter import BankAdapter
from gateway.bank.folder import FolderTransport
from gateway.bank.journal import Journal
from gateway.bank.sandbox.bank import Bank, Credit, CreditLine
from gateway.bank.sandbox.exchange import FolderExchange
from gateway.bank.sandbox.store import Store
from gateway.bank.transport import Delivery
from gateway.bank.types import BankEvent, EntryNotice, OrderStatus, OwnAccount, Statement
from tests.support.bank import OPENING_FEN, OWN, order

ORDERS = [order(1), order(2, 1_00)]
PAID_FEN = 8_500_00 + 1_00
INCOME = Credit(
    credit_id="c1",
    account=OWN,
    lines=(CreditLine(amount_fen=7, payer_name="停车", payer_account="9001"),),
)
EXPECTED = Counter(
    [
        ("pay-1", "accepted"),
        ("pay-1", "settled"),
        ("pay-2", "accepted"),
        ("pay-2", "settled"),
        ("entry", -8_500_00),
        ("entry", -1_00),
        ("entry", 7),
        ("statement", OPENING_FEN - PAID_FEN + 7),
    ]
)


class Fuse:
    """Counts boundaries across processes, and kills the one that reaches the last."""

    def __init__(self, last: int) -> None:
        self._shared = mmap.mmap(-1, 8)
        self._last = last

    @property
    def passed(self) -> int:
        """Boundaries so far."""
        return int.from_bytes(self._shared[:8], "big")

    def boundary(self) -> None:
        """One more; perhaps the end."""
        count = self.passed + 1
        self._shared[:8] = count.to_bytes(8, "big")
        if count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingJournal(Journal):
    """Dies before or after a commit."""

    fuse: Fuse

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self.fuse.boundary()
        self.fuse.boundary()


class DyingStore(Store):
    """Dies before or after a commit."""

    fuse: Fuse

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self.fuse.boundary()
        self.fuse.boundary()


class DyingTransport:
    """Dies before or after a call."""

    def __init__(self, inner: FolderTransport, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    async def send(self, message_id: str, data: bytes) -> None:
        self._fuse.boundary()
        await self._inner.send(message_id, data)
        self._fuse.boundary()

    async def receive(self, count_max: int, resting: Container[str] = ()) -> list[Delivery]:
        found = await self._inner.receive(count_max, resting)
        self._fuse.boundary()
        return found

    async def confirm(self, delivery: Delivery) -> None:
        self._fuse.boundary()
        await self._inner.confirm(delivery)
        self._fuse.boundary()


class Story:
    """One run: its folder, and who may die in it."""

    def __init__(self, folder: Path, who: str, last: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.fuse = Fuse(last)
        self._who = who
        self._safe = Fuse(0)

    def play(self) -> None:
        """The whole story."""
        self._act(self._open)
        for _ in range(4):
            self._act(self._adapter_turn)
            self._act(self._bank_turn)
        self._act(self._day_ends)
        for _ in range(2):
            self._act(self._bank_turn)
            self._act(self._adapter_turn)
        self._act(self._check)

    def _act(self, act: Callable[[], None]) -> None:
        """Runs an act in a process of its own; once more where that was killed."""
        if os.WIFSIGNALED(_forked(act)):
            assert _forked(act) == 0, f"{act.__name__} fails after the kill"

    def _fuse_of(self, who: str) -> Fuse:
        return self.fuse if who == self._who else self._safe

    @contextmanager
    def _bank(self) -> Iterator[Bank]:
        store = DyingStore(self.folder / "bank.db")
        store.fuse = self._fuse_of("bank")
        yield Bank(store, first_day=date(2026, 1, 1), seed=1)
        store.close()

    def _open(self) -> None:
        with self._bank() as bank:
            bank.open_account(OWN, OPENING_FEN)
            bank.credit(INCOME)

    def _bank_turn(self) -> None:
        with self._bank() as bank:
            exchange = FolderExchange(bank, self.folder / "shared")
            exchange.collect()
            bank.step()
            exchange.deliver()

    def _day_ends(self) -> None:
        with self._bank() as bank:
            if bank.store.counter("day") == 0:
                bank.end_day()

    def _adapter_turn(self) -> None:
        asyncio.run(self._exchange())

    async def _exchange(self) -> None:
        fuse = self._fuse_of("adapter")
        journal = DyingJournal(self.folder / "journal.db")
        journal.fuse = fuse
        folder = FolderTransport(self.folder / "shared")
        account = OwnAccount(number=OWN, opening_fen=OPENING_FEN)
        transport = DyingTransport(folder, fuse)
        adapter = BankAdapter(journal, transport, [account], initiator="业主大会")
        await adapter.send(ORDERS)
        for event in await adapter.poll():
            with (self.folder / "ledger").open("ab") as ledger:
                ledger.write(msgspec.json.encode(event) + b"\n")
            fuse.boundary()
            await adapter.ack(event)
        folder.close()
        journal.close()

    def _check(self) -> None:
        """Each thing was told once (by event id), and paid once."""
        lines = (self.folder / "ledger").read_bytes().splitlines()
        events = {event.event_id: event for event in map(_event, lines)}
        assert len(lines) <= len(events) + 1, "only the event at the kill may come twice"
        assert Counter(map(_told, events.values())) == EXPECTED
        with self._bank() as bank:
            assert bank.state()["balances_fen"][OWN] == OPENING_FEN - PAID_FEN + 7
            bank.store.require_balance()


def _event(line: bytes) -> BankEvent:
    return msgspec.json.decode(line, type=BankEvent)


def _told(event: BankEvent) -> tuple[str, str | int]:
    match event.body:
        case OrderStatus() as status:
            return status.payment_id, status.state.value
        case EntryNotice() as notice:
            return "entry", notice.entry.signed_fen
        case Statement() as statement:
            return "statement", statement.closing_fen
        case refused:
            return "refused", refused.code


def _forked(act: Callable[[], None]) -> int:
    """The wait status of a child that runs `act`."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0, f"{act.__name__} failed"
    return status


def main() -> None:
    """Runs until a whole story passes without reaching its last boundary."""
    who, folder, stride = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    last = 1
    while True:
        story = Story(folder / f"run{last}", who, last)
        story.play()
        if story.fuse.passed < last:
            break
        last += stride
    print(story.fuse.passed)


if __name__ == "__main__":
    main()
