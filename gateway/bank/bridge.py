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
from typing import Any, Final, NamedTuple, Protocol

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
FAILED_IN_A_ROW_MAX: Final = 2
"""So many events that the ledger gave no answer to, one after the other, end a run."""
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

    `is_passing` when the ledger or the bank deals with nothing, so that all has to wait; else the
    trouble is its own, and holds up nothing else.
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
    _is_stated: bool = False
    """Whether the ledger took anything in this run."""

    async def run_once(self) -> Round:
        """Order what is held, then record what the bank said. Never raises for a single payment
        or event: it is named in `Round.left` and tried again next time. Raises LedgerError when
        the funds cannot be read."""
        async with self._turn:
            self._is_stated = False
            failed: list[_Failed] = []
            sent = await self._order(failed)
            recorded = await self._record(failed)
            left = tuple(self._judged(one) for one in failed)
        return Round(sent=tuple(sent), recorded=recorded, left=left)

    def _judged(self, failed: _Failed) -> Held:
        """What could not be done, and whether it is its own trouble; then it rests."""
        subject, error = failed.subject, failed.error
        code = _code(error)
        if isinstance(error, TransportError):
            is_passing = subject == _BANK or not self.adapter.is_heard
            return Held(subject.removeprefix(_PAYMENT), code, is_passing)
        is_own = not isinstance(error, LedgerError) or self._is_stated or _is_defect(error)
        if is_own and failed.may_rest:
            self.adapter.patience.failed(subject, code, holds_back=isinstance(error, LedgerError))
        return Held(subject.removeprefix(_PAYMENT), code, not is_own)

    # --- To the bank ---

    async def _order(self, failed: list[_Failed]) -> list[str]:
        """What the directory or the rules refuse is asked again each time, for it costs little; a
        payment that the ledger alone fails on rests."""
        sent = []
        payments = await self._payments_to_send()
        self.adapter.patience.keep(_PAYMENT, {payment.payment_id for payment in payments})
        for payment in payments:
            subject = _PAYMENT + payment.payment_id
            if self._rests(subject, failed):
                continue
            try:
                await self._pay(payment)
            except _HELD_UP as error:
                may_rest = isinstance(error, LedgerError)
                failed.append(_Failed(subject, error, may_rest))
            else:
                self.adapter.patience.worked(subject)
                sent.append(payment.payment_id)
        return sent

    def _rests(self, subject: str, failed: list[_Failed]) -> bool:
        """Whether it waits for its time; it is left then, for the reason it had."""
        trouble = self.adapter.patience.trouble(subject)
        if trouble is None or not self.adapter.patience.rests(subject):
            return False
        failed.append(_Failed(subject, _Resting(trouble.code), may_rest=False))
        return True

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

    async def _record(self, failed: list[_Failed]) -> int:
        """An event that the ledger refuses holds up none; one that it gives no answer to holds up
        what comes after it about the same payment or account."""
        recorded = in_a_row = 0
        behind: set[str] = set()
        for event in await self._events(failed):
            subject, about = f"event-{event.event_id}", _about(event)
            if about & behind:
                continue
            if self._rests(subject, failed):
                behind |= about if self._holds_back(subject) else set()
                continue
            error = await self._told(event)
            if error is None:
                self.adapter.patience.worked(subject)
                recorded, in_a_row = recorded + 1, 0
                continue
            failed.append(_Failed(subject, error))
            if isinstance(error, LedgerError):
                behind |= about
                in_a_row += 1
            if in_a_row == FAILED_IN_A_ROW_MAX:
                break
        return recorded

    def _holds_back(self, subject: str) -> bool:
        trouble = self.adapter.patience.trouble(subject)
        return trouble is not None and trouble.holds_back

    async def _told(self, event: BankEvent) -> Refusal | LedgerError | None:
        """Why the ledger does not have an event; None once it has, and the event is done."""
        try:
            await self._tell(event)
        except (Refusal, LedgerError) as error:
            return error
        await self.adapter.ack(event)
        return None

    async def _events(self, failed: list[_Failed]) -> list[BankEvent]:
        try:
            return await self.adapter.poll()
        except BankError as error:
            failed.append(_Failed(_BANK, error, may_rest=False))
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
                answer = (await self.ledger.transact(self.community, function, fields)).answer
            except OutcomeUnknown as unknown:
                await self._look_up(unknown)
            except (Busy, NotEndorsed, NotApplied) as error:
                if attempt + 1 == TRIES_MAX or not _is_retryable(error):
                    raise
            else:
                self._is_stated = True
                return answer
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
_BANK, _PAYMENT = "bank", "payment-"


def order_id(payment_id: str) -> str:
    """The one order of a payment: 32 characters that follow from its id."""
    return f"o-{hashlib.sha256(payment_id.encode()).hexdigest()[:30]}"


def _is_retryable(error: LedgerError) -> bool:
    return isinstance(error, Busy) or bool(getattr(error, "retryable", False))


class _Resting(Exception):
    """Not tried in this run; the text is the code of the last time."""


class _Failed(NamedTuple):
    """What this run could not do. What `may_rest` rests if the trouble is its own."""

    subject: str
    error: Exception
    may_rest: bool = True


def _is_defect(error: LedgerError) -> bool:
    """The ledger did answer: it will not take this one."""
    return isinstance(error, NotApplied) or bool(getattr(error, "is_defect", False))


def _code(error: Exception) -> str:
    if isinstance(error, Refusal | OrderRefused):
        return error.code
    return str(error) if isinstance(error, UnknownParty | _Resting) else type(error).__name__


def _about(event: BankEvent) -> set[str]:
    """The payments or the account that an event says something of."""
    if isinstance(event.body, Statement):
        return {f"account-{event.body.account}"}
    return {report.payment_id for report in reports_of(event)}


def _refused(message: RefusedMessage) -> tuple[str, str]:
    return message.code, message.sha256
