"""Moving a payment's money: held, released, paid, returned. Each writes the book's entry, the
budget's hold and the units' parts together."""

import hashlib

from chaincode import keys
from chaincode.contract import books
from chaincode.contract.budgets import load_budget
from chaincode.contract.handlers import Call
from chaincode.contract.payment_messages import BankExceptionRaised, PaymentMoved
from chaincode.model.budget import Budget, Hold
from chaincode.model.fund import BookAccount, Cause, Entry
from chaincode.model.payment import BankException, ExceptionKind, Payment
from chaincode.rules import payment as rule
from chaincode.rules.budget import home
from chaincode.world import World

# --- Reading ---


async def load_payment(world: World, payment_id: str) -> Payment:
    """The payment; 404 ``payment/unknown``."""
    return await world.load(keys.payment(world.community, payment_id), Payment, "payment/unknown")


async def budget_of(world: World, payment: Payment) -> Budget | None:
    """The payment's budget; None for the company's own pay."""
    budget_id = payment.content.budget_id
    return None if budget_id is None else await load_budget(world, budget_id)


async def find_hold(world: World, payment: Payment) -> Hold | None:
    """What the payment holds or used; None before it is approved."""
    return await world.find(_hold_key(world, payment), Hold)


async def held_fen(world: World, payment: Payment) -> int:
    """What is reserved for the payment now."""
    hold = await find_hold(world, payment)
    return 0 if hold is None else hold.held_fen


# --- Moving money ---


async def hold_more(world: World, call: Call, payment: Payment, fen: int) -> None:
    """Reserve ``fen`` for the payment on top of what is held.

    Refused (422 ``book/overdrawn``) if its budget's, the fund's or the company's money, wherever
    it is taken from, is not there.
    """
    held = await held_fen(world, payment)
    source = home(await budget_of(world, payment))
    await _move(world, call, payment, Cause.HOLD, {source: -fen, BookAccount.HELD: fen})
    _save_hold(world, payment, held=held + fen, settled=0)


async def release(world: World, call: Call, payment: Payment) -> None:
    """Give back what is held, if anything is."""
    fen = await held_fen(world, payment)
    if fen:
        target = home(await budget_of(world, payment))
        await _move(world, call, payment, Cause.RELEASE, {BookAccount.HELD: -fen, target: fen})
        _save_hold(world, payment, held=0, settled=0)


async def settle(
    world: World, call: Call, payment: Payment, fen: int, against: BookAccount
) -> Entry:
    """Pay ``fen`` out of what is held and release the rest.

    ``against`` is BANK, or SUSPENSE for a debit that a statement has shown before.
    """
    held = await held_fen(world, payment)
    target = home(await budget_of(world, payment))
    out = -fen if against is BookAccount.BANK else fen
    change = {against: out, BookAccount.HELD: -held, target: held - fen}
    entry = await _move(world, call, payment, Cause.SETTLEMENT, change)
    _save_hold(world, payment, held=0, settled=fen)
    budget = await budget_of(world, payment)
    await books.bear(world, call, entry, () if budget is None else budget.units)
    return entry


async def take_back(world: World, call: Call, payment: Payment, fen: int) -> Entry:
    """Credit ``fen`` that the bank returned to the budget, and to the units that bore it."""
    hold = await find_hold(world, payment)
    assert hold is not None, payment.payment_id
    target = home(await budget_of(world, payment))
    entry = await _move(world, call, payment, Cause.RETURN, {BookAccount.BANK: fen, target: fen})
    _save_hold(world, payment, held=hold.held_fen, settled=hold.settled_fen - fen)
    await books.undo(world, call, entry)
    return entry


# --- Writing ---


def save_payment(world: World, payment: Payment, fen: int = 0) -> None:
    """Write the payment and announce where it stands now."""
    record_payment(world, payment)
    world.emit(
        PaymentMoved(
            community=world.community,
            payment_id=payment.payment_id,
            phase=rule.phase(payment),
            fen=fen,
        )
    )


def record_payment(world: World, payment: Payment) -> None:
    """Write the payment; nothing to announce."""
    world.save(keys.payment(world.community, payment.payment_id), payment)


def raise_exception(
    world: World,
    call: Call,
    payment: Payment,
    kind: ExceptionKind,
    *,
    source: str,
    account_sha256: str | None,
    fen: int,
    message_sha256: str,
) -> None:
    """List a bank's answer that does not fit: the report ``source``, or the line of an account."""
    facts = f"{payment.payment_id}/{kind}/{account_sha256}/{source}"
    exception_id = hashlib.sha256(facts.encode()).hexdigest()
    key = keys.bank_exception(world.community, exception_id)
    exception = BankException(
        exception_id=exception_id,
        payment_id=payment.payment_id,
        kind=kind,
        source=source,
        account_sha256=account_sha256,
        amount_fen=fen,
        message_sha256=message_sha256,
        raised_at=call.now_ms,
        raised_tx=call.tx_id,
    )
    world.save(key, exception)
    world.emit(
        BankExceptionRaised(
            community=world.community,
            exception_id=exception_id,
            payment_id=payment.payment_id,
            kind=kind,
        )
    )


# --- Helpers ---


def _hold_key(world: World, payment: Payment) -> str:
    content = payment.content
    if content.budget_id is None:
        return keys.company_hold(world.community, content.fund_id, content.payment_id)
    return keys.hold(world.community, content.budget_id, content.payment_id)


def _save_hold(world: World, payment: Payment, *, held: int, settled: int) -> None:
    hold = Hold(payment_id=payment.payment_id, held_fen=held, settled_fen=settled)
    world.save(_hold_key(world, payment), hold)


async def _move(
    world: World, call: Call, payment: Payment, cause: Cause, change: dict[BookAccount, int]
) -> Entry:
    content = payment.content
    return await books.move(world, call, content.fund_id, cause, content.payment_id, change)
