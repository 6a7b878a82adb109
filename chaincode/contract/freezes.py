"""Freezing and lifting: by owners' signed acts, by the committee k of n, by office, by award."""

from collections.abc import Callable, Mapping
from typing import Final

from chaincode import keys
from chaincode.contract import units
from chaincode.contract.decisions import require_decided
from chaincode.contract.freeze_messages import (
    AskFreeze,
    FreezeAsked,
    FreezeIdRequest,
    FreezeLifted,
    FreezeList,
    FreezeRequestView,
    FreezeSupported,
    FreezeTermsSet,
    FreezeView,
    LiftFreeze,
    ListFreezes,
    MoneyFrozen,
    SetFreeze,
    SetFreezeTerms,
    SupportFreeze,
)
from chaincode.contract.handlers import Actor, Call, Handler, Request
from chaincode.errors import Conflict, NotAllowed, NotFound
from chaincode.model.base import Org, Record
from chaincode.model.budget import Budget
from chaincode.model.freeze import (
    Freeze,
    FreezeOrder,
    Freezer,
    FreezeRequest,
    FreezeSupport,
    FreezeTerms,
    Frozen,
    LiftOrder,
    LiftReason,
    Support,
)
from chaincode.model.fund import Fund
from chaincode.model.payment import Payment
from chaincode.rules import freeze as rule
from chaincode.rules.roll import freeze as frozen_entries
from chaincode.world import World

SET_SUBJECT: Final = "freeze"
LIFT_SUBJECT: Final = "freeze-lift"
"""The subjects of a committee decision that money be frozen, or a freeze lifted."""

_FREEZER: Final = {
    Org.COMMITTEE: Freezer.COMMITTEE,
    Org.REGULATOR: Freezer.REGULATOR,
    Org.ARBITRATION: Freezer.ARBITRATION,
}

_SUBJECTS: Final[Mapping[Frozen, tuple[Callable[[str, str], str], type[Record]]]] = {
    Frozen.FUND: (keys.fund, Fund),
    Frozen.BUDGET: (keys.budget, Budget),
    Frozen.PAYMENT: (keys.payment, Payment),
}

# --- Owners ---


async def ask_freeze(world: World, call: Call, actor: Actor, body: AskFreeze) -> None:
    """An owner calls on the others to freeze a fund, budget or payment, and supports that.

    Refused if the person owns nothing here (403 ``caller/not-owner``); there is no such money
    (404 ``fund/unknown``, ``budget/unknown``, ``payment/unknown``); the id is taken (409
    ``freeze/exists``); or the end has passed (422 ``freeze/over``) or is further off than the
    terms allow (422 ``freeze/too-long``).
    """
    await _require_owner(world, actor)
    await _require_subject(world, body.order)
    await _require_free_id(world, body.freeze_id)
    rule.require_lasts(body.order, await _terms(world), call.now_ms)
    request = FreezeRequest(
        freeze_id=body.freeze_id,
        order=body.order,
        asked_by=actor.credential.holder_id,
        act_sha256=actor.act_sha256,
        asked_at=call.now_ms,
    )
    world.save(keys.freeze_request(world.community, body.freeze_id), request)
    _save_support(world, call, actor, body.freeze_id, supports=True)
    world.emit(
        FreezeAsked(
            community=world.community,
            freeze_id=body.freeze_id,
            frozen=body.order.frozen,
            subject_id=body.order.subject_id,
        )
    )


async def support_freeze(world: World, call: Call, actor: Actor, body: SupportFreeze) -> None:
    """An owner supports a call to freeze, or takes that back; the last word counts.

    Refused if the person owns nothing here (403 ``caller/not-owner``), there is no such call (404
    ``freeze/unknown``), or its end has passed (422 ``freeze/over``).
    """
    await _require_owner(world, actor)
    request = await _request(world, body.freeze_id)
    rule.require_lasts(request.order, await _terms(world), call.now_ms)
    _save_support(world, call, actor, body.freeze_id, supports=body.supports)


async def set_owners_freeze(world: World, call: Call, request: FreezeIdRequest) -> Freeze:
    """Freeze what enough owners called to freeze; anyone's gateway may call it.

    Owners are those of the register as it stands now. The same request again gets the same
    record. Refused if there is no such call (404 ``freeze/unknown``); its end has passed (422
    ``freeze/over``, ``freeze/too-long``); or too few support it (422 ``freeze/too-few``).
    """
    asked = await _request(world, request.freeze_id)
    existing = await world.find(keys.freeze(world.community, request.freeze_id), Freeze)
    if existing is not None:
        return existing
    terms = await _terms(world)
    rule.require_lasts(asked.order, terms, call.now_ms)
    support = await _support(world, request.freeze_id)
    rule.require_supported(support, terms)
    freeze = Freeze(
        freeze_id=request.freeze_id,
        by=Freezer.OWNERS,
        order=asked.order,
        set_at=call.now_ms,
        set_tx=call.tx_id,
        support=support,
    )
    _save_set(world, freeze)
    return freeze


async def lift_owners_freeze(world: World, call: Call, request: FreezeIdRequest) -> Freeze:
    """Lift an owners' freeze that no longer has the share; anyone's gateway may call it.

    The same request again gets the same record. Refused if there is no such freeze (404
    ``freeze/unknown``); others set it (403 ``freeze/not-yours-to-lift``); it is not in force (409
    ``freeze/not-in-force``) or still supported (409 ``freeze/still-supported``).
    """
    freeze = await load_freeze(world, request.freeze_id)
    order = LiftOrder(
        reason=LiftReason.SUPPORT_WITHDRAWN, evidence_sha256=freeze.order.evidence_sha256
    )
    if _is_lifted_so(freeze, Freezer.OWNERS, order):
        return freeze
    lifted = rule.lift(freeze, Freezer.OWNERS, order, now_ms=call.now_ms, tx_id=call.tx_id)
    if rule.is_supported(await _support(world, freeze.freeze_id), await _terms(world)):
        raise Conflict("freeze/still-supported")
    save_lifted(world, lifted)
    return lifted


# --- Organisations ---


async def set_freeze_terms(world: World, _call: Call, request: SetFreezeTerms) -> FreezeTerms:
    """State the share of owners that may freeze and the longest freeze; running ones keep theirs.

    Refused (400 ``freeze/bad-terms``) if the share cannot be met, or the longest freeze is under
    a day or over a year.
    """
    world.save(keys.freeze_terms(world.community), request.terms)
    world.emit(FreezeTermsSet(community=world.community))
    return request.terms


async def set_freeze(world: World, call: Call, request: SetFreeze) -> Freeze:
    """Freeze by the committee's decision, or as regulator or arbitration body.

    A freeze is renewed by setting another on the same money. The same request again gets the same
    record. Refused if there is no such money (404 ``fund/unknown``, ``budget/unknown``,
    ``payment/unknown``); the committee names no decision of its own on exactly this order (404
    ``committee-decision/unknown``, 409 ``committee-decision/other-content``, ``/other-term``, 422
    ``committee-decision/not-carried``); the id is taken (409 ``freeze/exists``); or the end has
    passed (422 ``freeze/over``) or is further off than the terms allow (422 ``freeze/too-long``).
    """
    by = _FREEZER[call.org]
    existing = await world.find(keys.freeze(world.community, request.freeze_id), Freeze)
    if existing is not None and (existing.by, existing.order) == (by, request.order):
        return existing
    await _require_subject(world, request.order)
    await _require_free_id(world, request.freeze_id)
    await _require_decided(world, call, request, SET_SUBJECT, request.order)
    rule.require_lasts(request.order, await _terms(world), call.now_ms)
    freeze = Freeze(
        freeze_id=request.freeze_id,
        by=by,
        order=request.order,
        set_at=call.now_ms,
        set_tx=call.tx_id,
        decision_id=request.decision_id,
    )
    _save_set(world, freeze)
    return freeze


async def lift_freeze(world: World, call: Call, request: LiftFreeze) -> Freeze:
    """Lift a freeze that the caller set, or stands above.

    The same request again gets the same record. Refused if there is no such freeze (404
    ``freeze/unknown``); the caller neither set it nor stands above (403
    ``freeze/not-yours-to-lift``); it is not in force (409 ``freeze/not-in-force``); or the
    committee's decision is missing, as in ``set_freeze``.
    """
    by = _FREEZER[call.org]
    freeze = await load_freeze(world, request.freeze_id)
    if _is_lifted_so(freeze, by, request.lift):
        return freeze
    lifted = rule.lift(freeze, by, request.lift, now_ms=call.now_ms, tx_id=call.tx_id)
    await _require_decided(world, call, request, LIFT_SUBJECT, request.lift)
    save_lifted(world, lifted)
    return lifted


# --- Queries ---


async def freeze_terms(world: World, _call: Call, _request: Request) -> FreezeTerms:
    """Who may freeze with what share of the owners, and for how long."""
    return await _terms(world)


async def freeze(world: World, call: Call, request: FreezeIdRequest) -> FreezeView:
    """One freeze; 404 ``freeze/unknown``."""
    return _view(await load_freeze(world, request.freeze_id), call.now_ms)


async def freezes(world: World, call: Call, request: ListFreezes) -> FreezeList:
    """The community's freezes, those that ran out and were lifted included."""
    found = [_view(one, call.now_ms) for one in await _freezes(world)]
    wanted = [one for one in found if one.is_in_force or not request.in_force]
    after = [one for one in wanted if one.freeze.freeze_id > request.after]
    return FreezeList(freezes=tuple(after[: request.limit]))


async def freeze_request(world: World, _call: Call, request: FreezeIdRequest) -> FreezeRequestView:
    """A call to freeze and how far it is; 404 ``freeze/unknown``."""
    asked = await _request(world, request.freeze_id)
    support, terms = await _support(world, request.freeze_id), await _terms(world)
    return FreezeRequestView(
        request=asked,
        support=support,
        terms=terms,
        is_supported=rule.is_supported(support, terms),
    )


# --- For other modules ---


async def require_not_frozen(
    world: World, call: Call, *, fund_id: str, budget_id: str | None, payment_id: str
) -> None:
    """Refuse (409 ``payment/frozen``) a new hold, or the order of a hold, on frozen money.

    All freezes are read: one set at the same time makes the peers refuse the later of the two.
    """
    subjects = {(Frozen.FUND, fund_id), (Frozen.PAYMENT, payment_id)}
    if budget_id is not None:
        subjects.add((Frozen.BUDGET, budget_id))
    rule.require_not_frozen(await _freezes(world), subjects, call.now_ms)


async def load_freeze(world: World, freeze_id: str) -> Freeze:
    """The freeze; 404 ``freeze/unknown``."""
    return await world.load(keys.freeze(world.community, freeze_id), Freeze, "freeze/unknown")


def save_lifted(world: World, lifted: Freeze) -> None:
    """Write a lifted freeze and announce it."""
    assert lifted.lifted_by is not None, lifted.freeze_id
    world.save(keys.freeze(world.community, lifted.freeze_id), lifted)
    world.emit(
        FreezeLifted(community=world.community, freeze_id=lifted.freeze_id, by=lifted.lifted_by)
    )


# --- Helpers ---


async def _terms(world: World) -> FreezeTerms:
    return await world.find(keys.freeze_terms(world.community), FreezeTerms) or FreezeTerms()


async def _freezes(world: World) -> list[Freeze]:
    return [one for _, one in await world.scan(keys.freezes(world.community), Freeze)]


async def _request(world: World, freeze_id: str) -> FreezeRequest:
    key = keys.freeze_request(world.community, freeze_id)
    return await world.load(key, FreezeRequest, "freeze/unknown")


async def _support(world: World, freeze_id: str) -> Support:
    given = await world.scan(keys.freeze_supports(world.community, freeze_id), FreezeSupport)
    supporters = {one.holder_id for _, one in given if one.supports}
    _, entries = frozen_entries((await units.register(world)).values())
    return rule.support_of(entries, supporters)


async def _require_owner(world: World, actor: Actor) -> None:
    if not await units.is_on_register(world, actor.credential.holder_id):
        raise NotAllowed("caller/not-owner")


async def _require_subject(world: World, order: FreezeOrder) -> None:
    key_of, kind = _SUBJECTS[order.frozen]
    if await world.find(key_of(world.community, order.subject_id), kind) is None:
        raise NotFound(f"{order.frozen}/unknown")


async def _require_free_id(world: World, freeze_id: str) -> None:
    asked = await world.find(keys.freeze_request(world.community, freeze_id), FreezeRequest)
    taken = await world.find(keys.freeze(world.community, freeze_id), Freeze)
    if asked is not None or taken is not None:
        raise Conflict("freeze/exists")


async def _require_decided(
    world: World, call: Call, request: SetFreeze | LiftFreeze, subject: str, order: Record
) -> None:
    """The committee acts by decision of its members alone, whatever its gateway sends."""
    if call.org is not Org.COMMITTEE:
        return
    if request.decision_id is None:
        raise NotFound("committee-decision/unknown")
    await require_decided(
        world, request.decision_id, subject=subject, subject_id=request.freeze_id, content=order
    )


def _save_support(
    world: World, call: Call, actor: Actor, freeze_id: str, *, supports: bool
) -> None:
    support = FreezeSupport(
        freeze_id=freeze_id,
        holder_id=actor.credential.holder_id,
        supports=supports,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
    )
    key = keys.freeze_support(world.community, freeze_id, support.holder_id)
    world.save(key, support)
    world.emit(FreezeSupported(community=world.community, freeze_id=freeze_id, supports=supports))


def _save_set(world: World, freeze: Freeze) -> None:
    world.save(keys.freeze(world.community, freeze.freeze_id), freeze)
    world.emit(
        MoneyFrozen(
            community=world.community,
            freeze_id=freeze.freeze_id,
            by=freeze.by,
            frozen=freeze.order.frozen,
            subject_id=freeze.order.subject_id,
            until_at=freeze.order.until_at,
        )
    )


def _is_lifted_so(freeze: Freeze, by: Freezer, order: LiftOrder) -> bool:
    return (freeze.lifted_by, freeze.lift) == (by, order)


def _view(freeze: Freeze, now_ms: int) -> FreezeView:
    return FreezeView(freeze=freeze, is_in_force=rule.is_in_force(freeze, now_ms))


HANDLERS: Final[Mapping[str, Handler]] = {
    "ask_freeze": Handler(request=AskFreeze, run=ask_freeze),
    "support_freeze": Handler(request=SupportFreeze, run=support_freeze),
    "set_owners_freeze": Handler(request=FreezeIdRequest, run=set_owners_freeze),
    "lift_owners_freeze": Handler(request=FreezeIdRequest, run=lift_owners_freeze),
    "set_freeze_terms": Handler(request=SetFreezeTerms, run=set_freeze_terms),
    "set_freeze": Handler(request=SetFreeze, run=set_freeze),
    "lift_freeze": Handler(request=LiftFreeze, run=lift_freeze),
    "freeze_terms": Handler(request=Request, run=freeze_terms),
    "freeze": Handler(request=FreezeIdRequest, run=freeze),
    "freezes": Handler(request=ListFreezes, run=freezes),
    "freeze_request": Handler(request=FreezeIdRequest, run=freeze_request),
}
