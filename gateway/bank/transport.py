"""The port to the bank: how messages travel, whatever they say. Two adapters: folder and http."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, Protocol

from gateway.bank.errors import TransportError


class Delivery(NamedTuple):
    """One message that the bank left for us; `delivery_id` is the transport's own. With a `fault`
    it is there and could not be had."""

    delivery_id: str
    data: bytes
    fault: TransportError | None = None


class BankTransport(Protocol):
    """Every call may be repeated after a crash or a TransportError without harm."""

    async def send(self, message_id: str, data: bytes) -> None:
        """Hands over a message. Sending the same id and bytes again is the same hand-over."""

    async def receive(self, count_max: int, resting: Container[str] = ()) -> list[Delivery]:
        """Messages not confirmed yet, oldest first, but for those that rest; the same ones again
        until confirmed. Raises TransportError when the bank cannot say which there are."""

    async def confirm(self, delivery: Delivery) -> None:
        """Tells the transport that the message is safe with us."""
