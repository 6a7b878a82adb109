"""The adapter on a transport that fails: what is one message's trouble stays that message's."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from gateway.bank.errors import TransportError
from gateway.bank.journal import Journal
from gateway.bank.pain001 import message_id
from gateway.bank.transport import Delivery
from tests.gateway.bank.conftest import adapter_on
from tests.support import bank_messages as good
from tests.support.bank import order

FIRST, SECOND = message_id([order(1)]), message_id([order(2)])


class FailingTransport:
    """Keeps what is sent; refuses some ids; may be unable to receive."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.refused: set[str] = set()
        self.waiting: list[Delivery] = []
        self.can_receive = True
        self.asked = 0

    async def send(self, message_id: str, data: bytes) -> None:
        self.sent.append((message_id, data))
        if message_id in self.refused:
            raise TransportError("refused")

    async def receive(self, count_max: int, resting: Container[str] = ()) -> list[Delivery]:
        if not self.can_receive:
            raise TransportError("down")
        self.asked += 1
        return [one for one in self.waiting[:count_max] if one.delivery_id not in resting]

    async def confirm(self, delivery: Delivery) -> None:
        self.waiting.remove(delivery)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


async def test_a_message_that_cannot_be_sent_stops_no_other_and_no_news(journal: Journal) -> None:
    transport = FailingTransport()
    adapter = adapter_on(journal, transport)
    transport.refused.add(FIRST)
    transport.waiting = [Delivery("a", good.notice())]
    with pytest.raises(TransportError):
        await adapter.send([order(1)])
    await adapter.send([order(2)])
    assert len(await adapter.poll()) == 1
    assert await adapter.unsent_messages() == [FIRST]
    with pytest.raises(TransportError):
        await adapter.flush()
    with pytest.raises(TransportError):
        await adapter.ask_again("order-1")
    transport.refused.clear()
    await adapter.flush()
    assert await adapter.unsent_messages() == []
    assert [name for name, _ in transport.sent].count(SECOND) == 1
    assert len({data for name, data in transport.sent if name == FIRST}) == 1


async def test_what_was_taken_in_is_at_hand_while_the_bank_is_down(journal: Journal) -> None:
    transport = FailingTransport()
    adapter = adapter_on(journal, transport)
    transport.waiting = [Delivery("a", good.notice())]
    events = await adapter.poll()
    transport.can_receive = False
    with pytest.raises(TransportError):
        await adapter.poll()
    assert await adapter.pending() == events


async def test_an_order_sent_before_and_still_unsent_is_tried_again(journal: Journal) -> None:
    transport = FailingTransport()
    adapter = adapter_on(journal, transport)
    transport.refused.add(FIRST)
    for _ in range(2):
        with pytest.raises(TransportError):
            await adapter.send([order(1)])
    transport.refused.clear()
    await adapter.send([order(1)])
    await adapter.send([order(1)])
    assert [name for name, _ in transport.sent] == [FIRST] * 3
