"""The port to the bank: how messages travel, whatever they say. Two adapters: folder and http."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Delivery(NamedTuple):
    """One message that the bank left for us; `delivery_id` is the transport's own."""

    delivery_id: str
    data: bytes


class BankTransport(Protocol):
    """Every call may be repeated after a crash or a TransportError without harm."""

    async def send(self, message_id: str, data: bytes) -> None:
        """Hands over a message. Sending the same id and bytes again is the same hand-over."""

    async def receive(self, count_max: int) -> list[Delivery]:
        """Messages not confirmed yet, oldest first; the same ones again until confirmed."""

    async def confirm(self, delivery: Delivery) -> None:
        """Tells the transport that the message is safe with us."""
