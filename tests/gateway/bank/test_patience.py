"""One message's trouble is that message's: it rests, longer each time; the others flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.bank.adapter import RETRIES_MAX, BankAdapter
from gateway.bank.errors import TransportError
from gateway.bank.folder import FolderTransport
from gateway.bank.intake import Intake
from gateway.bank.journal import Journal
from gateway.bank.pain001 import message_id
from gateway.bank.patience import REST_FIRST_S, REST_S_MAX, TROUBLES_MAX, Patience
from gateway.bank.transport import Delivery
from tests.gateway.bank.conftest import adapter_on
from tests.gateway.bank.test_adapter import FailingTransport
from tests.support import bank_messages as good
from tests.support.bank import order

FIRST, SECOND = message_id([order(1)]), message_id([order(2)])


@dataclass
class Clock:
    """Seconds that tests let pass."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


# --- how long something rests ---


def test_it_rests_longer_each_time_and_never_for_ever() -> None:
    clock = Clock()
    patience = Patience(now_s=clock)
    rests = []
    for count in range(1, 12):
        patience.failed("a", f"code {count}")
        (trouble,) = patience.troubles
        assert (trouble.code, trouble.count) == (f"code {count}", count)
        rests.append(trouble.until_s - clock.now_s)
        clock.now_s = trouble.until_s - 0.01
        assert patience.rests("a")
        clock.now_s = trouble.until_s
        assert not patience.rests("a")
    assert rests == [min(REST_FIRST_S * 2**at, REST_S_MAX) for at in range(11)]


def test_what_works_wakes_the_others() -> None:
    patience = Patience(now_s=Clock())
    for name in ("a", "b"):
        patience.failed(name, "code")
    patience.worked("c")
    assert patience.rests("b")
    patience.worked("a")
    assert [one.subject for one in patience.troubles] == ["b"]
    assert not patience.rests("b")


def test_what_is_gone_is_forgotten() -> None:
    patience = Patience(now_s=Clock())
    for name in ("x-1", "x-2", "y-1"):
        patience.failed(name, "code")
    patience.keep("x-", {"2"})
    assert [one.subject for one in patience.troubles] == ["x-2", "y-1"]


def test_so_many_troubles_are_remembered() -> None:
    patience = Patience(now_s=Clock())
    for number in range(TROUBLES_MAX + 1):
        patience.failed(str(number), "code")
    assert len(patience.troubles) == TROUBLES_MAX
    assert patience.trouble("0") is None


# --- messages to and from the bank ---


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


@pytest.fixture
def transport() -> FailingTransport:
    return FailingTransport()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def adapter(journal: Journal, transport: FailingTransport, clock: Clock) -> BankAdapter:
    made = adapter_on(journal, transport)
    made.patience = Patience(now_s=clock)
    return made


def tries(transport: FailingTransport, name: str) -> int:
    return [sent for sent, _ in transport.sent].count(name)


async def refused(adapter: BankAdapter, number: int) -> None:
    with pytest.raises(TransportError):
        await adapter.send([order(number)])


async def test_a_message_that_the_bank_refuses_is_tried_less_and_less_and_sent_once(
    adapter: BankAdapter, transport: FailingTransport, clock: Clock
) -> None:
    transport.refused.add(FIRST)
    await refused(adapter, 1)
    await adapter.poll()
    for _ in range(10):
        await refused(adapter, 1)
        await adapter.poll()
    assert tries(transport, FIRST) == 1, "one that rests costs the bank nothing"
    assert adapter.is_heard
    for count in range(2, 6):
        clock.now_s = adapter.patience.troubles[0].until_s
        await adapter.poll()
        await adapter.poll()
        assert tries(transport, FIRST) == count
    await adapter.send([order(2)])
    transport.refused.clear()
    clock.now_s = adapter.patience.troubles[0].until_s
    await adapter.poll()
    await adapter.send([order(1)])
    assert (await adapter.unsent_messages(), adapter.patience.troubles) == ([], ())
    assert (tries(transport, FIRST), tries(transport, SECOND)) == (6, 1)
    assert len({data for name, data in transport.sent if name == FIRST}) == 1


async def test_a_bank_that_is_away_is_no_message_s_trouble(
    adapter: BankAdapter, transport: FailingTransport
) -> None:
    transport.refused.add(FIRST)
    transport.can_receive = False
    for _ in range(3):
        await refused(adapter, 1)
        with pytest.raises(TransportError):
            await adapter.poll()
    assert (adapter.patience.troubles, adapter.is_heard) == ((), False)
    assert tries(transport, FIRST) == 3
    transport.refused.clear()
    transport.can_receive = True
    await adapter.poll()
    assert await adapter.unsent_messages() == []


async def test_few_failures_end_the_second_tries_of_a_poll(
    adapter: BankAdapter, transport: FailingTransport, clock: Clock
) -> None:
    numbers = range(1, RETRIES_MAX + 3)
    transport.refused = {message_id([order(number)]) for number in numbers}
    for number in numbers:
        await refused(adapter, number)
    await adapter.poll()
    before = len(transport.sent)
    clock.now_s += REST_FIRST_S
    await adapter.poll()
    assert len(transport.sent) == before + RETRIES_MAX
    transport.refused.clear()
    clock.now_s += REST_S_MAX
    await adapter.poll()
    assert await adapter.unsent_messages() == []


async def test_a_message_that_cannot_be_had_keeps_no_other_from_coming(
    adapter: BankAdapter, transport: FailingTransport, clock: Clock
) -> None:
    fault = Delivery("a", b"", TransportError("the bank answered 500"))
    transport.waiting = [fault, Delivery("b", good.notice())]
    assert len(await adapter.poll()) == 1
    assert transport.waiting == [fault]
    (trouble,) = adapter.patience.troubles
    assert (trouble.subject, trouble.code) == ("delivery-a", "the bank answered 500")
    transport.waiting = [Delivery("a", good.statement())]
    await adapter.poll()
    assert transport.waiting, "it rests"
    clock.now_s += REST_FIRST_S
    await adapter.poll()
    assert (transport.waiting, adapter.patience.troubles) == ([], ())
    assert len(await adapter.pending()) == 2


async def test_a_message_that_brings_out_a_defect_keeps_no_other_from_coming(
    adapter: BankAdapter, transport: FailingTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Intake.take

    def broken(self: Intake, data: bytes) -> None:
        if data == b"poison":
            raise ZeroDivisionError
        take(self, data)

    monkeypatch.setattr(Intake, "take", broken)
    transport.waiting = [Delivery("a", b"poison"), Delivery("b", good.notice())]
    assert len(await adapter.poll()) == 1
    assert [one.code for one in adapter.patience.troubles] == ["ZeroDivisionError"]
    transport.waiting.clear()
    adapter.patience.worked("nothing")
    assert len(await adapter.poll()) == 1


async def test_a_file_that_cannot_be_read_keeps_no_other_from_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> bytes:
        if path.name == "a.xml":
            raise PermissionError(path)
        return path.read_bytes()

    monkeypatch.setattr("gateway.bank.folder._read_bounded", unreadable)
    folder = FolderTransport(tmp_path)
    for name in ("a.xml", "b.xml"):
        (tmp_path / "inbox" / name).write_bytes(b"1")
    bad, fine = await folder.receive(10)
    assert (fine, str(bad.fault)) == (Delivery("b.xml", b"1"), "unreadable: PermissionError")
    assert await folder.receive(10, {"a.xml"}) == [fine]
    folder.close()
