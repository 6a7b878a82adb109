"""The bank's side as the gateway sees it: orders out once, events in until acknowledged."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from gateway.bank import limits
from gateway.bank.errors import OrderRefused, TransportError
from gateway.bank.intake import Intake
from gateway.bank.journal import Journal
from gateway.bank.pain001 import message_id, require_orders, write_orders
from gateway.bank.patience import Patience
from gateway.bank.transport import BankTransport, Delivery
from gateway.bank.types import BankEvent, OwnAccount, PaymentOrder, Statement

RETRIES_MAX: Final = 3
"""Failures after which a poll tries no more of the messages that the bank did not take before."""
_MESSAGE, _DELIVERY = "message-", "delivery-"

_log = logging.getLogger(__name__)


class BankAdapter:
    """Joins a journal and a transport. A crash between any two steps loses and doubles nothing:

    what is to be sent is on disk before it is sent, and sent again with the same id until known to
    have been; what came in is on disk before the transport may forget it.

    A message that the bank does not take, or does not give, while it deals with others is in
    trouble by itself: it rests (`patience`), longer each time, and holds up no other.
    """

    def __init__(
        self,
        journal: Journal,
        transport: BankTransport,
        accounts: Iterable[OwnAccount],
        *,
        initiator: str,
        patience: Patience | None = None,
    ) -> None:
        """`accounts` are the ones we own; `initiator` is named in messages as who sends them;
        `patience` outlives the adapter where the adapter is made anew."""
        self._journal = journal
        self._transport = transport
        self._accounts = {account.number: account for account in accounts}
        self._initiator = initiator
        self._intake = Intake(journal, self._accounts)
        self._turn = asyncio.Lock()
        self._failed: dict[str, TransportError] = {}
        """Messages tried in vain since the last poll."""
        self._hears = False
        self.patience = patience or Patience()
        self.is_heard = False
        """Whether the bank dealt with anything in the last poll or between it and the one before:
        then what failed is not the bank's trouble."""

    async def send(self, orders: Sequence[PaymentOrder]) -> None:
        """Sends orders, those not sent before as one message. Returns when handed over.

        Raises OrderRefused (nothing was sent) or TransportError (outcome unknown: the same bytes
        go out with the next `poll` or `flush`). A message in trouble is left to `poll`.
        """
        async with self._turn:
            own_ids = await asyncio.to_thread(self._record, orders)
            unsent = [name for name in await self.unsent_messages() if name in own_ids]
            for name in unsent:
                trouble = self.patience.trouble(_MESSAGE + name)
                if trouble is not None:
                    raise TransportError(trouble.code)
            _raise_any(await self._hand_over(unsent))

    async def flush(self) -> None:
        """Hands over all that was recorded but not sent, now. Raises TransportError."""
        async with self._turn:
            _raise_any(await self._hand_over(await self.unsent_messages()))

    async def ask_again(self, order_id: str) -> None:
        """Sends the order's message once more, unchanged, so that the bank repeats its answer.

        For an order without news: never send a new one instead. Raises OrderRefused
        `order/unknown`, TransportError.
        """
        async with self._turn:
            own_id = await asyncio.to_thread(self._unmark, order_id)
            _raise_any(await self._hand_over([own_id]))

    async def poll(self) -> list[BankEvent]:
        """Exchanges messages with the bank; returns all events not acknowledged, oldest first.

        The same events come again until acknowledged. Raises TransportError where nothing can be
        received; what was taken in before is then still in `pending`. A message that cannot be
        sent stays in `unsent_messages` and never keeps news from coming in, nor does one that
        cannot be received keep others.
        """
        async with self._turn:
            try:
                await self._hand_over(await self._untried())
                await self._receive()
            finally:
                self._judge()
            await self._try_again()
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

    async def _hand_over(self, names: Collection[str]) -> dict[str, TransportError]:
        """Tries these unsent messages, oldest first; the failures by message id."""
        failed: dict[str, TransportError] = {}
        for outgoing_id, data in await asyncio.to_thread(self._journal.unsent_messages):
            if outgoing_id not in names:
                continue
            try:
                await self._transport.send(outgoing_id, data)
            except TransportError as error:
                failed[outgoing_id] = error
                continue
            self._hears = True
            await asyncio.to_thread(self._mark_sent, outgoing_id)
            self.patience.worked(_MESSAGE + outgoing_id)
            self._failed.pop(outgoing_id, None)
        self._failed |= failed
        return failed

    async def _untried(self) -> list[str]:
        """Unsent messages that are in no trouble and were not tried since the last poll."""
        return [
            name
            for name in await self.unsent_messages()
            if name not in self._failed and self.patience.trouble(_MESSAGE + name) is None
        ]

    async def _receive(self) -> None:
        resting = {
            trouble.subject.removeprefix(_DELIVERY)
            for trouble in self.patience.troubles
            if trouble.subject.startswith(_DELIVERY) and self.patience.rests(trouble.subject)
        }
        found = await self._transport.receive(limits.POLL_MESSAGE_COUNT_MAX, resting)
        self._hears = True
        for delivery in found:
            await self._take_in(delivery)
        self.patience.keep(_DELIVERY, resting | {delivery.delivery_id for delivery in found})

    async def _take_in(self, delivery: Delivery) -> None:
        """Keeps what a message says and confirms it, or lets it rest."""
        subject = _DELIVERY + delivery.delivery_id
        try:
            if delivery.fault is not None:
                raise delivery.fault  # noqa: TRY301 - the transport's, who goes on with the others
            await asyncio.to_thread(self._intake.take, delivery.data)
            await self._transport.confirm(delivery)
        except TransportError as error:
            self.patience.failed(subject, str(error))
        except (OSError, sqlite3.Error):  # the journal or the folder, for all messages alike
            raise
        except Exception as error:  # a defect that this message brings out holds up no other
            _log.exception("a message of the bank cannot be taken in")
            self.patience.failed(subject, type(error).__name__)
        else:
            self.patience.worked(subject)

    def _judge(self) -> None:
        """What failed while the bank dealt with others is that message's own trouble."""
        if self._hears:
            for name, error in self._failed.items():
                self.patience.failed(_MESSAGE + name, str(error))
        self._failed = {}
        self.is_heard, self._hears = self._hears, False

    async def _try_again(self) -> None:
        """Those whose rest is over, until a few have failed: each may take its whole time-out."""
        due = [
            name
            for name in await self.unsent_messages()
            if self.patience.trouble(_MESSAGE + name) and not self.patience.rests(_MESSAGE + name)
        ]
        failures = 0
        for name in due:
            for error in (await self._hand_over([name])).values():
                self.patience.failed(_MESSAGE + name, str(error))
                failures += 1
            if failures == RETRIES_MAX:
                break
        self._failed, self._hears = {}, False

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


def _raise_any(failed: dict[str, TransportError]) -> None:
    for error in failed.values():
        raise error
