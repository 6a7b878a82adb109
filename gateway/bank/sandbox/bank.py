"""The sandbox bank itself: takes orders, settles them step by step, tells what it did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any

import msgspec

from gateway.bank.errors import BankError, MessageRefused
from gateway.bank.sandbox import messages
from gateway.bank.sandbox.behaviour import Action, Rule, Subject, add_rule, use_rules
from gateway.bank.sandbox.mail import Mail
from gateway.bank.sandbox.messages import Instruction, Stamp, Verdict
from gateway.bank.sandbox.payments import Payment, payments
from gateway.bank.sandbox.store import WORLD, Store
from gateway.bank.types import Direction, Entry, EntryDetail

_CLOSED_ACCOUNT, _NO_FUNDS, _WRONG_ACCOUNT, _DUPLICATE = "AC04", "AM04", "AC01", "DU04"


class CommandError(BankError):
    """A command to the sandbox that makes no sense."""


class Taken(StrEnum):
    """What became of a message of orders."""

    NEW = "new"
    REPEATED = "repeated"  # same id, same bytes: answered again, nothing paid again
    CONFLICT = "conflict"  # same id, other bytes: not taken


class CreditLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment that came in: who paid, how much (fen), what for."""

    amount_fen: int
    payer_name: str
    payer_account: str
    reference: str | None = None
    remittance: str = ""


class Credit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money coming in as one entry; `credit_id` makes repeating the command harmless."""

    credit_id: str
    account: str
    lines: tuple[CreditLine, ...]


_STATUS_CODES = {"accepted": "ACSP", "settled": "ACSC", "returned": "ACSC", "rejected": "RJCT"}


class Bank:
    """All methods are transactions: done whole or not at all."""

    def __init__(self, store: Store, *, first_day: date, seed: int) -> None:
        self.store = store
        self.mail = Mail(store, seed)
        self._first_day = first_day

    # --- customers ---

    def open_account(self, number: str, opening_fen: int) -> None:
        """Opens an account with a first balance. Again with the same number does nothing."""
        if opening_fen < 0 or not number.isalnum() or len(number) > 34 or number == WORLD:
            raise CommandError("an account has letters and digits, and a balance from 0")
        with self.store.transaction():
            if self.store.run("INSERT OR IGNORE INTO account (number) VALUES (?)", number):
                self.store.book(number, WORLD, opening_fen, None)
                self.store.run(
                    "UPDATE account SET day_opening_fen = ? WHERE number = ?", opening_fen, number
                )

    def close_account(self, number: str) -> None:
        """No order from this account is accepted any more."""
        with self.store.transaction():
            self._require_account(number)
            self.store.run("UPDATE account SET is_closed = 1 WHERE number = ?", number)

    def add_rule(self, rule: Rule) -> None:
        """Tells the bank how to treat what comes."""
        with self.store.transaction():
            add_rule(self.store, rule)

    def credit(self, credit: Credit) -> None:
        """Books money that came in and announces it. The same credit again does nothing."""
        content = msgspec.json.encode(credit)
        if not credit.lines or any(line.amount_fen <= 0 for line in credit.lines):
            raise CommandError("a credit has lines, each above zero")
        with self.store.transaction():
            self._require_account(credit.account)
            known = self.store.one(
                "SELECT content FROM credit WHERE credit_id = ?", credit.credit_id
            )
            if known is not None and known[0] != content:
                raise CommandError("this credit_id was used for another credit")
            if known is None:
                self.store.run("INSERT INTO credit VALUES (?, ?)", credit.credit_id, content)
                self._book_credit(credit)

    # --- orders ---

    def take(self, data: bytes, announced_id: str | None = None) -> Taken:
        """Takes a pain.001. Raises MessageRefused, or CommandError where the id is another."""
        message = messages.read_orders(data)
        if announced_id not in (None, message.message_id):
            raise CommandError("the message has another id than its address")
        ids = [item.payment_id for item in message.instructions]
        if len(set(ids)) != len(ids):
            raise MessageRefused("order/duplicate", "EndToEndId", "twice in one message")
        with self.store.transaction():
            known = self.store.one(
                "SELECT data FROM message WHERE message_id = ?", message.message_id
            )
            if known is None:
                self.store.run("INSERT INTO message VALUES (?, ?)", message.message_id, data)
                self._take_new(message.message_id, message.instructions)
                return Taken.NEW
            if known[0] != data:
                return Taken.CONFLICT
            self._report(
                message.message_id, payments(self.store, "message_id = ?", message.message_id)
            )
        return Taken.REPEATED

    def step(self) -> None:
        """Time passes: what is due is settled or returned, what is due for delivery is released."""
        with self.store.transaction():
            now = self.store.count("step")
            due = "state = ? AND due_step <= ? ORDER BY rowid"
            for payment in payments(self.store, due, "settled", now):
                self._return(payment)
            for payment in payments(self.store, due, "accepted", now):
                self._settle(payment, now)
            self.mail.release(now)

    def end_day(self) -> None:
        """Writes every account's statement; then a new day begins."""
        with self.store.transaction():
            rows = self.store.all(
                "SELECT number, day_opening_fen, statement_count, balance_fen FROM account"
                " WHERE number != ? ORDER BY number",
                WORLD,
            )
            for number, opening_fen, count, balance_fen in rows:
                entries = self.store.entries_today(number)
                assert opening_fen + sum(entry.signed_fen for entry in entries) == balance_fen
                stamp = self._stamp()
                data = messages.statement(stamp, number, count + 1, opening_fen, entries)
                applied = use_rules(self.store, Subject.STATEMENT, number, balance_fen)
                self.mail.emit("camt.053", data, *_delivery(applied))
            self.store.run(
                "UPDATE account SET statement_count = statement_count + 1,"
                " day_opening_fen = balance_fen WHERE number != ?",
                WORLD,
            )
            self.store.count("day")

    # --- what it tells ---

    def state(self) -> dict[str, Any]:
        """The books, for tests and people: balances, payments, step and day."""
        accounts = self.store.all("SELECT number, balance_fen FROM account ORDER BY number")
        return {
            "step": self.store.counter("step"),
            "day": self.store.counter("day"),
            "balances_fen": dict(accounts),
            "payments": [
                {
                    "payment_id": payment.instruction.payment_id,
                    "message_id": payment.message_id,
                    "amount_fen": payment.instruction.amount_fen,
                    "state": payment.state,
                    "reason": payment.reason,
                }
                for payment in payments(self.store, "1 = 1 ORDER BY rowid")
            ],
            "waiting_count": self.store.one("SELECT count(*) FROM outgoing WHERE is_delivered = 0")[
                0
            ],
        }

    # --- inside a transaction ---

    def _take_new(self, message_id: str, instructions: Sequence[Instruction]) -> None:
        unlisted = False
        for item in instructions:
            applied = use_rules(self.store, Subject.ORDER, item.payment_id, item.amount_fen)
            told = applied.get(Action.REJECT) or applied.get(Action.PART)
            reason = self._obstacle(item) or (told.reason if told else None)
            unlisted = unlisted or Action.PART in applied
            self._insert(message_id, item, reason, applied)
        taken = payments(self.store, "message_id = ?", message_id)
        rejected = [payment for payment in taken if payment.state == "rejected"]
        partly = 0 < len(rejected) < len(taken)
        self._report(message_id, rejected if unlisted and partly else taken, partly=partly)

    def _obstacle(self, item: Instruction) -> str | None:
        """Why an order cannot be accepted at all."""
        if self.store.one("SELECT 1 FROM payment WHERE payment_id = ?", item.payment_id):
            return _DUPLICATE
        account = self.store.one(
            "SELECT is_closed FROM account WHERE number = ?", item.debtor.account
        )
        if account is None or item.debtor.account == WORLD:
            return _WRONG_ACCOUNT
        return _CLOSED_ACCOUNT if account[0] else None

    def _insert(
        self, message_id: str, item: Instruction, reason: str | None, applied: dict[Action, Rule]
    ) -> None:
        delay = applied.get(Action.DELAY)
        returned = applied.get(Action.RETURN)
        repeat_count, is_reordered = _delivery(applied)
        self.store.run(
            "INSERT INTO payment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            item.payment_id,
            message_id,
            msgspec.json.encode(item),
            "rejected" if reason else "accepted",
            reason,
            self.store.counter("step") + 2 + (delay.steps if delay else 0),
            returned.reason if returned else None,
            returned.steps if returned else None,
            repeat_count,
            is_reordered,
        )

    def _settle(self, payment: Payment, now: int) -> None:
        item = payment.instruction
        (balance_fen,) = self.store.one(
            "SELECT balance_fen FROM account WHERE number = ?", item.debtor.account
        )
        if balance_fen < item.amount_fen:
            self._become(payment, "rejected", reason=_NO_FUNDS)
            return
        self._book_payment(payment, -item.amount_fen, None)
        due_step = None if payment.return_after is None else now + payment.return_after
        self._become(payment, "settled", due_step=due_step)

    def _return(self, payment: Payment) -> None:
        self._book_payment(payment, payment.instruction.amount_fen, payment.return_reason)
        self.store.run(
            "UPDATE payment SET state = 'returned', due_step = NULL WHERE payment_id = ?"
            " AND message_id = ?",
            payment.instruction.payment_id,
            payment.message_id,
        )

    def _become(
        self,
        payment: Payment,
        state: str,
        *,
        reason: str | None = None,
        due_step: int | None = None,
    ) -> None:
        self.store.run(
            "UPDATE payment SET state = ?, reason = ?, due_step = ? WHERE payment_id = ?"
            " AND message_id = ?",
            state,
            reason,
            due_step,
            payment.instruction.payment_id,
            payment.message_id,
        )
        changed = msgspec.structs.replace(payment, state=state, reason=reason)
        self._report(payment.message_id, [changed], whole=False)

    def _book_payment(self, payment: Payment, signed_fen: int, returned: str | None) -> None:
        item = payment.instruction
        reference = self._reference()
        direction = Direction.CREDIT if signed_fen > 0 else Direction.DEBIT
        detail = EntryDetail(
            amount_fen=item.amount_fen,
            direction=direction,
            payment_id=item.payment_id,
            order_id=item.order_id,
            bank_ref=reference,
            counterparty_name=item.creditor.name,
            counterparty_account=item.creditor.account,
            remittance=item.remittance,
            return_reason=returned,
        )
        entry = self._entry(reference, abs(signed_fen), direction, (detail,))
        self.store.book(item.debtor.account, WORLD, signed_fen, entry)
        self._announce(
            item.debtor.account, entry, payment.repeat_count, is_reordered=payment.is_reordered
        )

    def _book_credit(self, credit: Credit) -> None:
        reference = self._reference()
        details = tuple(
            EntryDetail(
                amount_fen=line.amount_fen,
                direction=Direction.CREDIT,
                bank_ref=f"{reference}.{index}",
                counterparty_name=line.payer_name,
                counterparty_account=line.payer_account,
                reference=line.reference,
                remittance=line.remittance,
            )
            for index, line in enumerate(credit.lines)
        )
        total_fen = sum(line.amount_fen for line in credit.lines)
        entry = self._entry(reference, total_fen, Direction.CREDIT, details)
        self.store.book(credit.account, WORLD, total_fen, entry)
        applied = use_rules(self.store, Subject.CREDIT, credit.credit_id, total_fen)
        repeat_count, is_reordered = _delivery(applied)
        self._announce(credit.account, entry, repeat_count, is_reordered=is_reordered)

    def _entry(
        self, ref: str, amount_fen: int, direction: Direction, details: tuple[EntryDetail, ...]
    ) -> Entry:
        today = self.store.today(self._first_day)
        return Entry(
            entry_ref=ref,
            amount_fen=amount_fen,
            direction=direction,
            booked_on=today,
            valued_on=today,
            details=details,
        )

    def _announce(
        self, account: str, entry: Entry, repeat_count: int, *, is_reordered: bool
    ) -> None:
        data = messages.notice(self._stamp(), account, entry)
        self.mail.emit("camt.054", data, repeat_count, is_reordered)

    def _report(
        self,
        message_id: str,
        about: Sequence[Payment],
        *,
        whole: bool = True,
        partly: bool = False,
    ) -> None:
        """Reports on payments of one message; `whole` where it is about all of the message."""
        listed = [
            Verdict(
                payment_id=payment.instruction.payment_id,
                order_id=payment.instruction.order_id,
                group_id=payment.instruction.group_id,
                code=_STATUS_CODES[payment.state],
                reason=payment.reason,
            )
            for payment in about
        ]
        codes = {verdict.code for verdict in listed}
        status = None
        if whole and (partly or len(codes) == 1):
            status = "PART" if partly else codes.pop()
        data = messages.report(self._stamp(), message_id, status, listed)
        repeat_count = max(payment.repeat_count for payment in about)
        is_reordered = any(payment.is_reordered for payment in about)
        self.mail.emit("pain.002", data, repeat_count, is_reordered)

    def _require_account(self, number: str) -> None:
        known = self.store.one("SELECT 1 FROM account WHERE number = ?", number)
        if known is None or number == WORLD:
            raise CommandError("no such account")

    def _reference(self) -> str:
        return f"BK{self.store.count('reference'):010d}"

    def _stamp(self) -> Stamp:
        return Stamp(
            message_id=f"SB{self.store.count('message'):010d}",
            day=self.store.today(self._first_day),
            step=self.store.counter("step"),
        )


def _delivery(applied: dict[Action, Rule]) -> tuple[int, bool]:
    """How messages about a subject travel: further copies, and whether shuffled."""
    repeat = applied.get(Action.REPEAT)
    return (repeat.steps if repeat else 0), Action.REORDER in applied
