"""Between the ledger and the bank: what is held is ordered, what the bank says is recorded.

Every step may be repeated: an order's id follows from its payment, a report's id from what the
bank said, and both are on the ledger before they count. So a crash, a lost answer or a second run
orders nothing twice and loses nothing; an event is acknowledged only after the ledger has it.
One bridge serves one community with one journal; it runs at the bank, whose transactions it makes.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from chaincode import codec
from chaincode.errors import Conflict, NotFound, Refusal
from chaincode.model.fund import Fund, Payee
from chaincode.model.payment import Payment, PaymentPhase
from gateway.bank.adapter import BankAdapter
from gateway.bank.errors import BankError, OrderRefused, TransportError, UnknownParty
from gateway.bank.facts import Hasher, day_of, reports_of, statement_of
from gateway.bank.types import BankEvent, Party, PaymentOrder, RefusedMessage, Statement
from gateway.errors import Busy, LedgerError, NotApplied, NotEndorsed, OutcomeUnknown
from gateway.ledger import Ledger, ask

TRIES_MAX: Final = 5
"""How often one call is made in one run, the first time included."""
LOOKUPS_MAX: Final = 5
PAUSE_MS: Final = 200
"""Before the second try or look-up; doubled each time."""
TO_PAY: Final = (PaymentPhase.HELD, PaymentPhase.ORDERED)

_log = logging.getLogger(__name__)


class Directory(Protocol):
    """The bank's own records of who is behind the hashes on the ledger."""

    async def own(self, account_sha256: str) -> Party:
        """Who holds an account of the community. Raises UnknownParty."""
        ...

    async def payee(self, payee_id: str) -> Party:
        """A payee whose account and name were confirmed. Raises UnknownParty."""
        ...


class Held(msgspec.Struct, frozen=True):
    """What could not be done now: a payment or event, and the code that says why.

    `is_passing` when the ledger or the bank could not be reached, so that waiting may help.
    """

    subject: str
    code: str
    is_passing: bool = False


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one run did: payments handed to the bank, events recorded, and what is left."""

    sent: tuple[str, ...]
    recorded: int
    left: tuple[Held, ...]


class _Funds(msgspec.Struct, frozen=True):
    funds: tuple[Fund, ...]


class _Row(msgspec.Struct, frozen=True):
    payment: Payment
    phase: PaymentPhase


class _Rows(msgspec.Struct, frozen=True):
    payments: tuple[_Row, ...]


@dataclass(kw_only=True)
class Bridge:
    """`run_once` as often as wanted; what is left over is done by a later run."""

    ledger: Ledger
    community: str
    adapter: BankAdapter
    directory: Directory
    hasher: Hasher
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run_once(self) -> Round:
        """Order what is held, then record what the bank said. Never raises for a single payment
        or event: it is named in `Round.left` and tried again next time. Raises LedgerError when
        the funds cannot be read."""
        async with self._turn:
            left: list[Held] = []
            sent = await self._order(left)
            recorded = await self._record(left)
        return Round(sent=tuple(sent), recorded=recorded, left=tuple(left))

    # --- To the bank ---

    async def _order(self, left: list[Held]) -> list[str]:
        sent = []
        for payment in await self._payments_to_send():
            try:
                await self._pay(payment)
            except _HELD_UP as error:
                left.append(_held(payment.payment_id, error))
            else:
                sent.append(payment.payment_id)
        return sent

    async def _payments_to_send(self) -> list[Payment]:
        """Held ones, and those ordered of which the bank has said nothing: they may never have
        been sent. The adapter sends an order it has sent already no second time."""
        funds = (await ask(self.ledger, self.community, "funds", _Funds)).funds
        found = []
        for fund in funds:
            rows = await ask(self.ledger, self.community, "payments", _Rows, fund_id=fund.fund_id)
            found += [
                row.payment
                for row in rows.payments
                if row.phase in TO_PAY and row.payment.awaits_handover is None
            ]
        return found

    async def _pay(self, payment: Payment) -> None:
        """The order's id is on the ledger before the bank is told of it."""
        creditor = await self._creditor(payment)
        ordered = await self._ordered(payment)
        assert ordered.order_id is not None, payment.payment_id
        assert ordered.account_sha256 is not None, payment.payment_id
        assert ordered.ordered_at is not None, payment.payment_id
        order = PaymentOrder(
            order_id=ordered.order_id,
            payment_id=payment.payment_id,
            amount_fen=payment.content.amount_fen,
            debtor=await self.directory.own(ordered.account_sha256),
            creditor=creditor,
            remittance=payment.payment_id,
            execution_date=day_of(ordered.ordered_at),
            created_at=ordered.ordered_at,
        )
        await self.adapter.send([order])

    async def _ordered(self, payment: Payment) -> Payment:
        """The payment with our order's id on it. Raises Conflict for another's."""
        own_id = order_id(payment.payment_id)
        if payment.order_id is not None:
            if payment.order_id != own_id:
                raise Conflict("payment/ordered-otherwise")
            return payment
        fields = {"payment_id": payment.payment_id, "order_id": own_id}
        return codec.decode_stored(await self._transact("order_payment", fields), Payment)

    async def _creditor(self, payment: Payment) -> Party:
        """The payee as the bank knows them, if that is who the ledger's hash is of."""
        payee_id = payment.content.payee_id
        payee = await ask(self.ledger, self.community, "payee", Payee, payee_id=payee_id)
        party = await self.directory.payee(payee_id)
        if self.hasher.party(party) != payee.payee_sha256:
            raise UnknownParty("directory/other-payee")
        return party

    # --- From the bank ---

    async def _record(self, left: list[Held]) -> int:
        recorded = 0
        for event in await self._events(left):
            try:
                await self._tell(event)
            except Refusal as refusal:
                left.append(_held(f"event-{event.event_id}", refusal))
                continue
            except LedgerError as error:
                left.append(_held(f"event-{event.event_id}", error))
                break
            await self.adapter.ack(event)
            recorded += 1
        return recorded

    async def _events(self, left: list[Held]) -> list[BankEvent]:
        try:
            return await self.adapter.poll()
        except BankError as error:
            left.append(_held("bank", error))
            return await self.adapter.pending()

    async def _tell(self, event: BankEvent) -> None:
        if isinstance(event.body, Statement):
            content = statement_of(event.body, event.message_sha256, self.hasher)
            await self._transact("record_statement", {"statement": content})
        if isinstance(event.body, RefusedMessage):
            _log.warning("a message of the bank was refused: %s %s", *_refused(event.body))
        for report in reports_of(event):
            try:
                await self._transact("report_payment", {"report": report})
            except NotFound as refusal:
                if refusal.code != "payment/unknown":
                    raise
                # No payment of ours: the statement will list the entry as unexplained.
                _log.warning("bank event %d names no payment of ours", event.event_id)

    # --- The ledger ---

    async def _transact(self, function: str, fields: Mapping[str, Any]) -> bytes:
        """One fact on the ledger; made again where it surely did not happen, or where it did and
        only its answer is missing: the same fact gets the same answer. Raises Refusal,
        LedgerError."""
        for attempt in range(TRIES_MAX):
            try:
                return (await self.ledger.transact(self.community, function, fields)).answer
            except OutcomeUnknown as unknown:
                await self._look_up(unknown)
            except (Busy, NotEndorsed, NotApplied) as error:
                if attempt + 1 == TRIES_MAX or not _is_retryable(error):
                    raise
            await asyncio.sleep(PAUSE_MS * 2**attempt / 1000)
        raise LedgerError("no answer")

    async def _look_up(self, unknown: OutcomeUnknown) -> None:
        """Returns once it is known what became of a transaction; raises the error itself if not."""
        channel = await self.ledger.channel_of(self.community)
        for attempt in range(LOOKUPS_MAX):
            if await self.ledger.transaction(channel, unknown.tx_id) is not None:
                return
            await asyncio.sleep(PAUSE_MS * 2**attempt / 1000)
        raise unknown


_HELD_UP: Final = (Refusal, LedgerError, BankError)


def order_id(payment_id: str) -> str:
    """The one order of a payment: 32 characters that follow from its id."""
    return f"o-{hashlib.sha256(payment_id.encode()).hexdigest()[:30]}"


def _is_retryable(error: LedgerError) -> bool:
    return isinstance(error, Busy) or bool(getattr(error, "retryable", False))


def _held(subject: str, error: Exception) -> Held:
    return Held(subject, _code(error), isinstance(error, LedgerError | TransportError))


def _code(error: Exception) -> str:
    if isinstance(error, Refusal | OrderRefused):
        return error.code
    return str(error) if isinstance(error, UnknownParty) else type(error).__name__


def _refused(message: RefusedMessage) -> tuple[str, str]:
    return message.code, message.sha256
