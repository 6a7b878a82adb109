"""The bank's side as the gateway sees it: orders out once, events in until acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from gateway.bank import limits
from gateway.bank.errors import OrderRefused, TransportError
from gateway.bank.intake import Intake
from gateway.bank.journal import Journal
from gateway.bank.pain001 import message_id, require_orders, write_orders
from gateway.bank.transport import BankTransport
from gateway.bank.types import BankEvent, OwnAccount, PaymentOrder, Statement


class BankAdapter:
    """Joins a journal and a transport. A crash between any two steps loses and doubles nothing:

    what is to be sent is on disk before it is sent, and sent again with the same id until known to
    have been; what came in is on disk before the transport may forget it.
    """

    def __init__(
        self,
        journal: Journal,
        transport: BankTransport,
        accounts: Iterable[OwnAccount],
        *,
        initiator: str,
    ) -> None:
        """`accounts` are the ones we own; `initiator` is named in messages as who sends them."""
        self._journal = journal
        self._transport = transport
        self._accounts = {account.number: account for account in accounts}
        self._initiator = initiator
        self._intake = Intake(journal, self._accounts)
        self._turn = asyncio.Lock()

    async def send(self, orders: Sequence[PaymentOrder]) -> None:
        """Sends orders, those not sent before as one message. Returns when handed over.

        Raises OrderRefused (nothing was sent) or TransportError (outcome unknown: the same bytes
        go out with the next `send`, `poll` or `flush`).
        """
        async with self._turn:
            own_ids = await asyncio.to_thread(self._record, orders)
            _raise_first(await self._flush(), own_ids)

    async def flush(self) -> None:
        """Hands over what was recorded but not sent. Raises TransportError."""
        async with self._turn:
            failed = await self._flush()
            _raise_first(failed, failed.keys())

    async def ask_again(self, order_id: str) -> None:
        """Sends the order's message once more, unchanged, so that the bank repeats its answer.

        For an order without news: never send a new one instead. Raises OrderRefused
        `order/unknown`, TransportError.
        """
        async with self._turn:
            own_id = await asyncio.to_thread(self._unmark, order_id)
            _raise_first(await self._flush(), [own_id])

    async def poll(self) -> list[BankEvent]:
        """Exchanges messages with the bank; returns all events not acknowledged, oldest first.

        The same events come again until acknowledged. Raises TransportError where nothing can be
        received; what was taken in before is then still in `pending`. A message that cannot be
        sent stays in `unsent_messages` and never keeps news from coming in.
        """
        async with self._turn:
            await self._flush()
            for delivery in await self._transport.receive(limits.POLL_MESSAGE_COUNT_MAX):
                await asyncio.to_thread(self._intake.take, delivery.data)
                await self._transport.confirm(delivery)
        return await self.pending()

    async def pending(self) -> list[BankEvent]:
        """Events not acknowledged, without asking the bank."""
        return await asyncio.to_thread(self._journal.pending_events, limits.EVENT_COUNT_MAX)

    async def ack(self, event: BankEvent) -> None:
        """To be called after the ledger took the event; again changes nothing."""
        await asyncio.to_thread(self._ack, event.event_id)

    async def waiting_statements(self) -> list[Statement]:
        """Statements that came before their predecessors; for operators."""
        return await asyncio.to_thread(self._journal.waiting_statements)

    async def unsent_messages(self) -> list[str]:
        """Ids of messages whose hand-over is not known to have happened; for operators."""
        return [name for name, _ in await asyncio.to_thread(self._journal.unsent_messages)]

    async def _flush(self) -> dict[str, TransportError]:
        """Tries every unsent message; the failures by message id."""
        failed: dict[str, TransportError] = {}
        for outgoing_id, data in await asyncio.to_thread(self._journal.unsent_messages):
            try:
                await self._transport.send(outgoing_id, data)
            except TransportError as error:
                failed[outgoing_id] = error
            else:
                await asyncio.to_thread(self._mark_sent, outgoing_id)
        return failed

    def _record(self, orders: Sequence[PaymentOrder]) -> set[str | None]:
        """Keeps new orders; the ids of the messages that carry these orders, old and new."""
        require_orders(orders)
        for order in orders:
            if order.debtor.account not in self._accounts:
                raise OrderRefused("order/foreign-account", "debtor.account", "not ours")
        with self._journal.transaction():
            fresh = [order for order in orders if self._is_fresh(order)]
            if fresh:
                data = write_orders(fresh, self._initiator)
                self._journal.record_message(message_id(fresh), data, fresh)
            return {self._journal.message_of(order.order_id) for order in orders}

    def _is_fresh(self, order: PaymentOrder) -> bool:
        """Whether the order is new. Raises OrderRefused where it differs from what is recorded."""
        known = self._journal.order(order.order_id)
        if known is not None and known != order:
            raise OrderRefused("order/changed", "order_id", "sent before with other content")
        if known is None and self._journal.is_payment_ordered(order.payment_id):
            raise OrderRefused("order/payment-ordered", "payment_id", "has another order")
        return known is None

    def _unmark(self, order_id: str) -> str:
        with self._journal.transaction():
            outgoing_id = self._journal.message_of(order_id)
            if outgoing_id is None:
                raise OrderRefused("order/unknown", "order_id", "never sent")
            self._journal.mark_sent(outgoing_id, sent=False)
            return outgoing_id

    def _mark_sent(self, outgoing_id: str) -> None:
        with self._journal.transaction():
            self._journal.mark_sent(outgoing_id, sent=True)

    def _ack(self, event_id: int) -> None:
        with self._journal.transaction():
            self._journal.ack_event(event_id)


def _raise_first(failed: dict[str, TransportError], own_ids: Iterable[str | None]) -> None:
    for own_id in own_ids:
        if own_id in failed:
            raise failed[own_id]
