"""Succession: another company, account or committee, and the hand-over of what was open."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from chaincode import keys
from chaincode.contract import books, companies
from chaincode.contract.committees import committee_now
from chaincode.contract.communities import require_community
from chaincode.contract.decided import Decided
from chaincode.contract.decisions import content_sha256
from chaincode.contract.handlers import Actor, Call, Handler, Request
from chaincode.contract.settlements import record_payment
from chaincode.contract.succession_messages import (
    AccountReplaced,
    HandoverList,
    HandoverRequest,
    HandoverSigned,
    HandoverView,
    OfficeHandedOver,
    SignHandover,
)
from chaincode.errors import Conflict
from chaincode.model.base import Module, changed
from chaincode.model.committee import Committee
from chaincode.model.company import Company
from chaincode.model.effect import Effect, ReplaceAccount, ReplaceCompany
from chaincode.model.fund import BankAccount, Fund
from chaincode.model.payment import Payment
from chaincode.model.succession import (
    AccountBalance,
    Handover,
    HandoverFigures,
    HandoverSignature,
    Office,
)
from chaincode.rules import company as company_rule
from chaincode.rules import succession as rule
from chaincode.world import World

# --- Effects ---


async def replace_company(
    world: World, call: Call, effect: ReplaceCompany, decided: Decided
) -> None:
    """Put the company that owners chose into office; its funds' accounts go with it.

    From this block on the acts of the old company's clerks are refused, but for the signature
    under the hand-over. Refused if there is no such fund (404 ``fund/unknown``); the day has not
    come (409 ``effect/not-due``), the company is in office (409 ``company/in-office``), or an
    account was used before (409 ``account/used``).
    """
    funds = [await books.load_fund(world, one.fund_id) for one in effect.accounts]
    rule.require_due(effect.from_at, call.now_ms)
    old = await companies.company_now(world)
    new = company_rule.replace(
        old,
        effect.company_id,
        effect.contract_sha256,
        decided.decision_id,
        now_ms=call.now_ms,
        tx_id=call.tx_id,
    )
    companies.save_company(world, new, old)
    for fund, account in zip(funds, effect.accounts, strict=True):
        await _rebind(world, call, fund, account.account_sha256, decided.decision_id)
    if not await _uses_funds(world):
        return
    handover = await _begin(
        world,
        call,
        decided.decision_id,
        Office.COMPANY,
        outgoing=None if old is None else old.company_id,
        incoming=new.company_id,
        funds=await _funds(world),
    )
    _save(world, handover if old is None else await _noticed(world, call, handover, old))


async def replace_account(
    world: World, call: Call, effect: ReplaceAccount, decided: Decided
) -> None:
    """Let a fund lie in another account; the old one only receives what comes late.

    Orders sent before settle on the old account, and its statements are taken in as before.
    Refused if there is no such fund (404 ``fund/unknown``); the day has not come (409
    ``effect/not-due``), or the account was used before (409 ``account/used``).
    """
    fund = await books.load_fund(world, effect.fund_id)
    rule.require_due(effect.from_at, call.now_ms)
    rebound = await _rebind(world, call, fund, effect.account_sha256, decided.decision_id)
    handover = await _begin(
        world,
        call,
        decided.decision_id,
        Office.ACCOUNT,
        outgoing=fund.account_sha256,
        incoming=rebound.account_sha256,
        funds=[rebound],
    )
    _save(world, handover)


async def hand_over_committee(world: World, call: Call, decision_id: str) -> None:
    """List what was open when the committee that sits now took its seats; no word of a member
    before that counts any more. Without the funds module nothing can be open."""
    if not await _uses_funds(world):
        return
    committee = await committee_now(world)
    assert committee is not None, decision_id
    handover = await _begin(
        world,
        call,
        decision_id,
        Office.COMMITTEE,
        outgoing=str(committee.term - 1) if committee.term > 1 else None,
        incoming=str(committee.term),
        funds=await _funds(world),
    )
    _save(world, handover)


# --- Acts ---


async def sign_handover(world: World, call: Call, actor: Actor, body: SignHandover) -> None:
    """Sign the hand-over statement for one side (Civil Code Art. 949).

    The one act that a clerk of the company before may still do; the same signature of the same
    person again changes nothing. Refused if the person does not stand for the side (403
    ``handover/not-your-side``, ``caller/other-company``); there is no such hand-over (404
    ``handover/unknown``); the figures are others (409 ``handover/other-figures``); or the side has
    signed (409 ``handover/signed-already``).
    """
    handover = await _load(world, body.handover_id)
    committees = await _committees(world, handover)
    rule.require_side(handover, body.side, actor.credential, committees)
    if handover.figures.office is not Office.COMPANY:
        await companies.require_in_office(world, actor.credential)
    key = keys.handover_signature(world.community, body.handover_id, body.side)
    signature = HandoverSignature(
        handover_id=body.handover_id,
        side=body.side,
        holder_id=actor.credential.holder_id,
        figures_sha256=body.figures_sha256,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
    )
    earlier = await world.find(key, HandoverSignature)
    world.save(key, rule.sign(handover, earlier, signature))
    world.emit(
        HandoverSigned(community=world.community, handover_id=body.handover_id, side=body.side)
    )


# --- Queries ---


async def handover(world: World, _call: Call, request: HandoverRequest) -> HandoverView:
    """A hand-over with its signatures and what still waits; 404 ``handover/unknown``."""
    found = await _load(world, request.handover_id)
    prefix = keys.handover_signatures(world.community, request.handover_id)
    signatures = await world.scan(prefix, HandoverSignature)
    waiting = [
        payment.payment_id
        for payment in await _payments(world)
        if rule.is_awaiting(payment, found.handover_id)
    ]
    return HandoverView(
        handover=found,
        signatures=tuple(signature for _, signature in signatures),
        awaiting_payment_ids=tuple(waiting),
    )


async def handovers(world: World, _call: Call, _request: Request) -> HandoverList:
    """The community's hand-overs."""
    found = await world.scan(keys.handovers(world.community), Handover)
    return HandoverList(handovers=tuple(one for _, one in found))


# --- Helpers ---


async def _begin(
    world: World,
    call: Call,
    handover_id: str,
    office: Office,
    *,
    outgoing: str | None,
    incoming: str,
    funds: Sequence[Fund],
) -> Handover:
    """The hand-over with its figures; what is open waits to be approved anew from here on."""
    by_id = {fund.fund_id: fund for fund in funds}
    payments = [
        payment
        for payment in await _payments(world)
        if payment.content.fund_id in by_id and rule.is_open(payment, call.now_ms)
    ]
    accounts = [
        account
        for _, account in await world.scan(keys.bank_accounts(world.community), BankAccount)
        if account.fund_id in by_id
    ]
    figures = HandoverFigures(
        office=office,
        outgoing=outgoing,
        incoming=incoming,
        books=tuple([await books.load_book(world, fund_id) for fund_id in by_id]),
        accounts=tuple(map(_balance, accounts)),
        payments=rule.listed(payments),
        at=call.now_ms,
    )
    begun = rule.handover(handover_id, figures, content_sha256(figures), call.tx_id)
    for payment in payments:
        await _carry_over(world, call, payment, begun, by_id[payment.content.fund_id])
    return begun


async def _carry_over(
    world: World, call: Call, payment: Payment, begun: Handover, fund: Fund
) -> None:
    carried = rule.carry_over(payment, begun)
    record_payment(world, carried)
    committee = await committee_now(world)
    if committee is not None:
        approval = rule.approval_anew(
            carried,
            committee,
            content_sha256(payment.content),
            fund.approvals_required,
            call.now_ms,
        )
        world.save(keys.payment_approval(world.community, payment.payment_id), approval)


async def _rebind(
    world: World, call: Call, fund: Fund, account_sha256: str, decided_by: str
) -> Fund:
    """The fund in its new account; the old account is closed for orders."""
    key = keys.bank_account(world.community, account_sha256)
    if await world.find(key, BankAccount) is not None:
        raise Conflict("account/used")
    old = await books.load_account(world, fund.account_sha256)
    old_key = keys.bank_account(world.community, old.account_sha256)
    world.save(old_key, changed(old, closed_at=call.now_ms))
    new = BankAccount(
        account_sha256=account_sha256,
        fund_id=fund.fund_id,
        opening_fen=0,
        decided_by=decided_by,
        opened_at=call.now_ms,
        last_closing_fen=0,
    )
    world.save(key, new)
    rebound = changed(fund, account_sha256=account_sha256)
    world.save(keys.fund(world.community, fund.fund_id), rebound)
    world.emit(
        AccountReplaced(
            community=world.community,
            fund_id=fund.fund_id,
            account_sha256=account_sha256,
            replaces=old.account_sha256,
        )
    )
    return rebound


async def _noticed(world: World, call: Call, handover: Handover, old: Company) -> Handover:
    notices = await companies.notices_to(world, old.company_id)
    notice = company_rule.first_notice(old, notices)
    return changed(
        handover,
        notice_served_at=None if notice is None else notice.served_at,
        is_notice_short=company_rule.is_notice_short(notice, call.now_ms),
    )


def _save(world: World, handover: Handover) -> None:
    world.save(keys.handover(world.community, handover.handover_id), handover)
    world.emit(
        OfficeHandedOver(
            community=world.community,
            handover_id=handover.handover_id,
            office=handover.figures.office,
            payments_count=len(handover.figures.payments),
            due_at=handover.due_at,
        )
    )


async def _load(world: World, handover_id: str) -> Handover:
    key = keys.handover(world.community, handover_id)
    return await world.load(key, Handover, "handover/unknown")


async def _uses_funds(world: World) -> bool:
    return Module.FUNDS in (await require_community(world)).modules


async def _funds(world: World) -> list[Fund]:
    return [fund for _, fund in await world.scan(keys.funds(world.community), Fund)]


async def _payments(world: World) -> list[Payment]:
    return [payment for _, payment in await world.scan(keys.payments(world.community), Payment)]


async def _committees(
    world: World, handover: Handover
) -> tuple[Committee | None, Committee | None]:
    """The outgoing and the incoming committee of a committee's hand-over."""
    if handover.figures.office is not Office.COMMITTEE:
        return None, None
    outgoing = handover.figures.outgoing
    return (
        None if outgoing is None else await _committee_of(world, outgoing),
        await _committee_of(world, handover.figures.incoming),
    )


async def _committee_of(world: World, term: str) -> Committee | None:
    now = await committee_now(world)
    if now is not None and str(now.term) == term:
        return now
    return await world.find(keys.past_committee(world.community, int(term)), Committee)


def _balance(account: BankAccount) -> AccountBalance:
    return AccountBalance(
        account_sha256=account.account_sha256,
        fund_id=account.fund_id,
        closing_fen=account.last_closing_fen,
    )


EFFECTS: Final[Mapping[type[Effect], Callable[..., Awaitable[None]]]] = {
    ReplaceCompany: replace_company,
    ReplaceAccount: replace_account,
}

HANDLERS: Final[Mapping[str, Handler]] = {
    "sign_handover": Handler(request=SignHandover, run=sign_handover),
    "handover": Handler(request=HandoverRequest, run=handover),
    "handovers": Handler(request=Request, run=handovers),
}
