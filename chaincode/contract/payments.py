"""Payments: asked by the company, approved by the committee, ordered by the bank."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract import books, settlements
from chaincode.contract.budgets import holds_of, load_budget
from chaincode.contract.committees import committee_now
from chaincode.contract.decisions import content_sha256
from chaincode.contract.freezes import require_not_frozen
from chaincode.contract.funds import load_payee
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.contract.payment_messages import (
    AnswerPayment,
    OrderPayment,
    PaymentList,
    PaymentRequest,
    PaymentRow,
    PaymentsRequest,
    PaymentView,
    RequestPayment,
    WithdrawPayment,
)
from chaincode.contract.settlements import load_payment, save_payment
from chaincode.errors import Conflict
from chaincode.model.committee import Approval, Committee, CommitteeDecision
from chaincode.model.payment import Payment, PaymentContent, PaymentPhase, PaymentRef
from chaincode.rules import budget as budget_rule
from chaincode.rules import committee as committee_rule
from chaincode.rules import payment as rule
from chaincode.world import World

# --- Acts ---


async def request_payment(world: World, call: Call, actor: Actor, body: RequestPayment) -> None:
    """Ask for a payment out of a budget, or for the company's own pay.

    The same id with the same content changes nothing. It waits for the committee; the company's
    own pay needs no approval and is held at once. Refused if

    * 403: the person is no clerk of the company (``caller/not-the-company``);
    * 404: there is no such fund, budget or payee (``fund/unknown``, ``budget/unknown``,
      ``payee/unknown``);
    * 409: the id has another content (``payment/exists-with-different-content``), the invoice is
      another payment's (``payment/invoice-used``), no committee is in office
      (``committee/not-in-office``), the budget is another fund's (``budget/other-fund``), the
      money is frozen (``payment/frozen``), the budget is closed (``budget/closed``) or over
      (``budget/expired``);
    * 422: more approvals are asked for than there are seats
      (``committee-decision/out-of-reach``), owners have not ratified the budget in time
      (``budget/not-ratified``), it is for another payee (``budget/other-payee``), the bank has not
      confirmed the payee (``payee/not-confirmed``), or the budget or the company's money does not
      cover it (``budget/exceeded``, ``payment/company-too-small``: with the gap in fen).
    """
    rule.require_company_clerk(actor.credential)
    content = body.payment
    key = keys.payment(world.community, content.payment_id)
    existing = await world.find(key, Payment)
    if existing is not None:
        if existing.content != content:
            raise Conflict("payment/exists-with-different-content")
        return
    await books.load_fund(world, content.fund_id)
    payment = rule.request(
        content, actor.credential.holder_id, now_ms=call.now_ms, tx_id=call.tx_id
    )
    await _use_invoice(world, content)
    if content.budget_id is None:
        await _require_payable(world, call, content)
        await _hold(world, call, payment)
        return
    decision = await _open_approval(world, call, payment)
    await _require_payable(world, call, content)
    world.save(keys.payment_approval(world.community, content.payment_id), decision)
    save_payment(world, payment, content.amount_fen)


async def answer_payment(world: World, call: Call, actor: Actor, body: AnswerPayment) -> None:
    """A member approves or rejects; with the k-th approval the money is held.

    Everything is checked again then, and if the money is no longer there the approval is refused
    and may be given again. When too many reject, the payment is declined. After a succession what
    is open is approved anew; what was held then stays held meanwhile. Refused if

    * 403: the person is not seated (``caller/not-seated``) or asked for it
      (``payment/own-request``);
    * 404: there is no such payment (``payment/unknown``);
    * 409: it does not wait for approvals (``payment/wrong-phase``), its time or the committee's
      term is over (``committee-decision/not-open``), the word is on another content
      (``committee-decision/other-content``);
    * 409 and 422: as for ``request_payment``, when this word completes the approval.
    """
    holder_id = actor.credential.holder_id
    committee = committee_rule.require_seated(await committee_now(world), holder_id, call.now_ms)
    payment = await load_payment(world, body.payment_id)
    rule.require_other_person(payment, holder_id)
    rule.require_answerable(payment)
    approval = Approval(
        holder_id=holder_id, verdict=body.verdict, act_sha256=actor.act_sha256, at=call.now_ms
    )
    decision = committee_rule.answer_decision(
        await _approval_of(world, payment), committee, approval, body.content_sha256
    )
    world.save(keys.payment_approval(world.community, payment.payment_id), decision)
    if decision.carried_at is not None:
        await _approved(world, call, payment)
    elif rule.is_out_of_reach(decision, committee, call.now_ms):
        await settlements.release(world, call, payment)
        save_payment(world, rule.decline(payment, call.now_ms))


async def withdraw_payment(world: World, call: Call, actor: Actor, body: WithdrawPayment) -> None:
    """The company takes a payment back that was not ordered; what is held is released.

    Refused if the person is no clerk of the company (403 ``caller/not-the-company``), there is no
    such payment (404 ``payment/unknown``), or the bank may have been told of it or it has ended
    (409 ``payment/wrong-phase``).
    """
    rule.require_company_clerk(actor.credential)
    payment = await load_payment(world, body.payment_id)
    withdrawn = rule.withdraw(payment, call.now_ms)
    await settlements.release(world, call, payment)
    save_payment(world, withdrawn)


# --- Transactions ---


async def order_payment(world: World, call: Call, request: OrderPayment) -> Payment:
    """Write down the id of an order before the bank is told of it.

    The same request again gets the same record. Refused if there is no such payment (404
    ``payment/unknown``); the order id is another payment's (409 ``payment/order-id-used``), the
    payment has another order (409 ``payment/ordered-otherwise``), the money is frozen (409
    ``payment/frozen``), nothing is held (409 ``payment/wrong-phase``), the committee has not
    approved it anew after a succession (409 ``payment/awaits-handover``) or the hold's time is
    over (409 ``payment/expired``).
    """
    payment = await load_payment(world, request.payment_id)
    key = keys.payment_order(world.community, request.order_id)
    ref = await world.find(key, PaymentRef)
    if ref is not None and ref.payment_id != payment.payment_id:
        raise Conflict("payment/order-id-used")
    if payment.order_id is not None:
        if payment.order_id != request.order_id:
            raise Conflict("payment/ordered-otherwise")
        return payment
    content = payment.content
    await require_not_frozen(
        world,
        call,
        fund_id=content.fund_id,
        budget_id=content.budget_id,
        payment_id=content.payment_id,
    )
    fund = await books.load_fund(world, content.fund_id)
    ordered = rule.order(payment, request.order_id, fund.account_sha256, call.now_ms)
    world.save(key, PaymentRef(payment_id=payment.payment_id))
    save_payment(world, ordered, content.amount_fen)
    return ordered


async def expire_payment(world: World, call: Call, request: PaymentRequest) -> Payment:
    """Release a payment whose time is over; anyone's gateway says so, twice without harm.

    A request waits 30 days for the committee, a hold 30 days for its order, an order 180 days for
    the bank. Refused if there is no such payment (404 ``payment/unknown``), it has ended otherwise
    (409 ``payment/wrong-phase``) or is not due (409 ``payment/not-due``).
    """
    payment = await load_payment(world, request.payment_id)
    if rule.phase(payment) is PaymentPhase.EXPIRED:
        return payment
    expired = rule.expire(payment, call.now_ms)
    await settlements.release(world, call, payment)
    save_payment(world, expired)
    return expired


# --- Queries ---


async def payment(world: World, _call: Call, request: PaymentRequest) -> PaymentView:
    """A payment with its stations; 404 ``payment/unknown``."""
    found = await load_payment(world, request.payment_id)
    approval_key = keys.payment_approval(world.community, found.payment_id)
    return PaymentView(
        payment=found,
        phase=rule.phase(found),
        hold=await settlements.find_hold(world, found),
        approval=await world.find(approval_key, CommitteeDecision),
        content_sha256=content_sha256(found.content),
    )


async def payments(world: World, _call: Call, request: PaymentsRequest) -> PaymentList:
    """The payments of a fund or of one of its budgets; 404 ``fund/unknown``."""
    await books.load_fund(world, request.fund_id)
    found = [one for _, one in await world.scan(keys.payments(world.community), Payment)]
    rows = tuple(
        PaymentRow(payment=one, phase=rule.phase(one))
        for one in found
        if one.content.fund_id == request.fund_id
        and request.budget_id in (None, one.content.budget_id)
    )
    return PaymentList(payments=rows)


# --- For other modules ---


async def direct_payment(world: World, call: Call, content: PaymentContent, by: str) -> None:
    """Hold a payment by the award of the dispute ``by``, without the company and the committee.

    One that was asked for with this content is held as it is. Refused as ``request_payment`` but
    for the person and the approvals; 409 ``payment/wrong-phase`` if it is past its approval.
    """
    key = keys.payment(world.community, content.payment_id)
    payment = await world.find(key, Payment)
    if payment is None:
        await books.load_fund(world, content.fund_id)
        await _use_invoice(world, content)
        payment = rule.request(content, by, now_ms=call.now_ms, tx_id=call.tx_id)
    if payment.content != content:
        raise Conflict("payment/exists-with-different-content")
    rule.require_answerable(payment)
    await _approved(world, call, payment)


# --- Helpers ---


async def _approved(world: World, call: Call, payment: Payment) -> None:
    if payment.held_at is not None:
        save_payment(world, rule.confirm(payment, call.now_ms), payment.content.amount_fen)
        return
    await _require_payable(world, call, payment.content)
    await _hold(world, call, payment)


async def _require_payable(world: World, call: Call, content: PaymentContent) -> None:
    """Refuse what may not be held now: for whatever reason, in the order of the statuses."""
    book = await books.load_book(world, content.fund_id)
    budget = None if content.budget_id is None else await load_budget(world, content.budget_id)
    payee = await load_payee(world, content.payee_id)
    if budget is not None and budget.fund_id != content.fund_id:
        raise Conflict("budget/other-fund")
    await require_not_frozen(
        world,
        call,
        fund_id=content.fund_id,
        budget_id=content.budget_id,
        payment_id=content.payment_id,
    )
    if budget is not None:
        budget_rule.require_spendable(budget, call.now_ms)
        budget_rule.require_payee(budget, payee)
    rule.require_confirmed(payee)
    if budget is None:
        rule.require_company_money(book.company, content.amount_fen)
    else:
        holds = await holds_of(world, budget.budget_id)
        budget_rule.require_within(budget, holds, content.amount_fen)


async def _hold(world: World, call: Call, payment: Payment) -> None:
    held = rule.hold(payment, call.now_ms)
    await settlements.hold_more(world, call, payment, payment.content.amount_fen)
    save_payment(world, held, payment.content.amount_fen)


async def _use_invoice(world: World, content: PaymentContent) -> None:
    """An invoice is paid once: asked for again only after the payment for it has ended unpaid."""
    key = keys.invoice(world.community, content.invoice_sha256)
    ref = await world.find(key, PaymentRef)
    if ref is not None and rule.is_live(await load_payment(world, ref.payment_id)):
        raise Conflict("payment/invoice-used", payment_id=ref.payment_id)
    world.save(key, PaymentRef(payment_id=content.payment_id))


async def _open_approval(world: World, call: Call, payment: Payment) -> CommitteeDecision:
    committee = await _committee_in_office(world, call)
    fund = await books.load_fund(world, payment.content.fund_id)
    return committee_rule.open_decision(
        committee,
        decision_id=payment.payment_id,
        subject=rule.SUBJECT,
        subject_id=payment.payment_id,
        content_sha256=content_sha256(payment.content),
        required=fund.approvals_required,
        opened_by=payment.requested_by,
        until_at=payment.expires_at,
        now_ms=call.now_ms,
    )


async def _committee_in_office(world: World, call: Call) -> Committee:
    committee = await committee_now(world)
    if committee is None or not committee_rule.is_in_office(committee, call.now_ms):
        raise Conflict("committee/not-in-office")
    return committee


async def _approval_of(world: World, payment: Payment) -> CommitteeDecision:
    key = keys.payment_approval(world.community, payment.payment_id)
    return await world.load(key, CommitteeDecision, "payment/unknown")


HANDLERS: Final[Mapping[str, Handler]] = {
    "request_payment": Handler(request=RequestPayment, run=request_payment),
    "answer_payment": Handler(request=AnswerPayment, run=answer_payment),
    "withdraw_payment": Handler(request=WithdrawPayment, run=withdraw_payment),
    "order_payment": Handler(request=OrderPayment, run=order_payment),
    "expire_payment": Handler(request=PaymentRequest, run=expire_payment),
    "payment": Handler(request=PaymentRequest, run=payment),
    "payments": Handler(request=PaymentsRequest, run=payments),
}
