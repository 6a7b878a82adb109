"""Casting ballots, and opening sealed ones; each unit's ballot has a key of its own."""

from collections.abc import Mapping, Sequence
from typing import Final

from chaincode import keys
from chaincode.contract.ballot_messages import (
    BallotOpened,
    BallotsCast,
    CastBallot,
    OpenBallot,
)
from chaincode.contract.drafts import load_motion
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.errors import BadInput, Conflict, NotAllowed, NotFound
from chaincode.model.ballot import (
    Ballot,
    CoSignature,
    OpenedBallot,
    PaperSheet,
    ProxyGrant,
    ProxyUse,
)
from chaincode.model.motion import Motion
from chaincode.model.roll import RollEntry, Unit
from chaincode.rules.ballot import Case, Cast, Order, cast, options_of, speaks
from chaincode.rules.motion import pinned, published
from chaincode.rules.proxy import require_within_cap
from chaincode.rules.sealing import Plain, mask_of, read_base64url, require_opens
from chaincode.world import World

UNITS_PREFETCHED_MAX: Final = 20
"""Of one act: who owns more waits for a few more round trips."""

# --- Casting ---


async def cast_ballot(world: World, call: Call, actor: Actor, body: CastBallot) -> None:
    """Cast for one unit or several; all of the act's ballots count or none does.

    It reads the motion, which closing writes; so no ballot slips in after the close. Where all
    co-owners must sign, each one's act is kept, and the ballot is cast once all agree.
    Refused if a unit is named twice (400 ``ballot/unit-repeated``); not exactly one of choices and
    seals is given (400 ``ballot/choice-or-seal``), not one seal a unit (400
    ``ballot/sealed-count``) or one that cannot open (400 ``ballot/bad-seal``); the motion asks
    otherwise (400 ``ballot/must-be-sealed``, ``ballot/must-not-be-sealed``,
    ``ballot/option-unknown``, ``ballot/option-repeated``, ``ballot/choices-too-many``,
    ``ballot/choices-contradict``); there is no such grant (404 ``proxy/unknown``) or it is
    another's (403 ``proxy/not-yours``); a unit is not on the register (404 ``unit/unknown``) or not
    the person's or grantor's (403 ``ballot/not-your-unit``); there is no such motion (404
    ``motion/unknown``) or it is not put to the unit (404 ``ballot/unit-not-in-roll``); it is not
    open (409 ``motion/wrong-phase``), or has ended and a late turnout may have extended it (409
    ``motion/close-awaited``: come again after the close); the seller has voted (409
    ``ballot/seller-voted``), the owner has against a proxy (409 ``ballot/owner-voted``), the rule
    allows one ballot (409 ``ballot/already-cast``), or a ballot signed later is on record (409
    ``ballot/superseded``); ballots come on paper only (422 ``ballot/online-not-allowed``), the unit
    may not vote (422 ``ballot/unit-barred``), another co-owner votes for it (422
    ``ballot/not-the-representative``); or the grant does not hold (409 ``proxy/revoked``,
    ``proxy/not-in-force``; 422 ``proxy/not-allowed``, ``proxy/other-motion``,
    ``proxy/unit-not-granted``, ``proxy/expiry-too-long``, ``proxy/mandate-split``,
    ``proxy/all-owners-must-sign``, ``proxy/cap-exceeded``).
    """
    motion = await world.find(keys.motion(world.community, body.motion_id), Motion)
    order = _order(call, actor, body)
    grant = await _grant(world, body)
    cases = await _cases(world, motion, body, order, grant)
    recorded = cast(order, motion, cases, grant, await _left_out(world, motion, body, grant))
    assert motion is not None, body.motion_id
    if order.grant_id is not None:
        await _use_proxy(world, motion, order)
    for item in recorded:
        _save(world, body.motion_id, item)
    world.emit(
        BallotsCast(community=world.community, motion_id=body.motion_id, unit_ids=body.unit_ids)
    )


async def cast_reads(world: World, body: CastBallot) -> Sequence[str]:
    """The keys that casting reads, for one round trip a batch."""
    community, motion_id = world.community, body.motion_id
    motion = await world.find(keys.motion(community, motion_id), Motion)
    wanted = [keys.proxy_grant(community, body.grant_id)] if body.grant_id else []
    if motion is not None:
        for unit_id in body.unit_ids[:UNITS_PREFETCHED_MAX]:
            wanted += _unit_reads(world, motion, unit_id)
    return wanted


def _unit_reads(world: World, motion: Motion, unit_id: str) -> list[str]:
    community, motion_id = world.community, motion.motion_id
    wanted = [
        keys.unit(community, unit_id),
        keys.ballot(community, motion_id, unit_id),
        keys.paper_sheet(community, motion_id, unit_id),
    ]
    if motion.roll is not None:
        wanted.append(keys.roll_entry(community, motion.roll.roll_id, unit_id))
    return wanted


def _order(call: Call, actor: Actor, body: CastBallot) -> Order:
    return Order(
        holder_id=actor.credential.holder_id,
        credential_id=actor.credential.credential_id,
        act_sha256=actor.act_sha256,
        signed_at=actor.signed_at,
        unit_ids=body.unit_ids,
        choices=body.choices,
        sealed=body.sealed,
        grant_id=body.grant_id,
        at=call.now_ms,
        tx_id=call.tx_id,
    )


async def _cases(
    world: World, motion: Motion | None, body: CastBallot, order: Order, grant: ProxyGrant | None
) -> list[Case]:
    """The act's units up to the first for which it cannot speak: that one refuses the act.

    What is read travels with the transaction; so nobody fills one by naming others' units.
    """
    cases = []
    for unit_id in body.unit_ids:
        cases.append(await _case(world, motion, body, unit_id))
        if not speaks(order, cases[-1], grant):
            break
    return cases


async def _case(world: World, motion: Motion | None, body: CastBallot, unit_id: str) -> Case:
    community, motion_id = world.community, body.motion_id
    entry = None
    if motion is not None and motion.roll is not None:
        key = keys.roll_entry(community, motion.roll.roll_id, unit_id)
        entry = await world.find(key, RollEntry)
    unit = await world.find(keys.unit(community, unit_id), Unit)
    return Case(
        unit=unit,
        entry=entry,
        ballot=await world.find(keys.ballot(community, motion_id, unit_id), Ballot),
        paper=await world.find(keys.paper_sheet(community, motion_id, unit_id), PaperSheet),
        co_signatures=await _co_signatures(world, motion_id, unit),
    )


async def _co_signatures(
    world: World, motion_id: str, unit: Unit | None
) -> tuple[CoSignature, ...]:
    """What the present co-owners have signed; a unit with one owner needs none."""
    if unit is None or len(unit.owners) == 1:
        return ()
    found = []
    for share in unit.owners:
        key = keys.co_signature(world.community, motion_id, unit.unit_id, share.owner_id)
        signature = await world.find(key, CoSignature)
        if signature is not None:
            found.append(signature)
    return tuple(found)


async def _grant(world: World, body: CastBallot) -> ProxyGrant | None:
    if body.grant_id is None:
        return None
    return await world.find(keys.proxy_grant(world.community, body.grant_id), ProxyGrant)


async def _left_out(
    world: World, motion: Motion | None, body: CastBallot, grant: ProxyGrant | None
) -> list[Case]:
    """The other units of the grant, where the rule wants one answer for all of them."""
    if grant is None or motion is None or motion.publication is None:
        return []
    if motion.publication.rule.proxy.split_mandate:
        return []
    others = [unit_id for unit_id in grant.unit_ids if unit_id not in body.unit_ids]
    await world.prefetch([key for unit in others for key in _unit_reads(world, motion, unit)])
    return [await _case(world, motion, body, unit_id) for unit_id in others]


async def _use_proxy(world: World, motion: Motion, order: Order) -> None:
    """Record for which units the proxy votes, within the rule's cap."""
    prefix = keys.proxy_uses(world.community, motion.motion_id, order.holder_id)
    held = {use.unit_id for _, use in await world.scan(prefix, ProxyUse)}
    lots = pinned(motion).units_count
    require_within_cap(published(motion).rule.proxy, len(held.union(order.unit_ids)), lots)
    for unit_id in order.unit_ids:
        key = keys.proxy_use(world.community, motion.motion_id, order.holder_id, unit_id)
        use = ProxyUse(
            motion_id=motion.motion_id,
            proxy_id=order.holder_id,
            unit_id=unit_id,
            grant_id=order.grant_id or "",
        )
        world.save(key, use)


def _save(world: World, motion_id: str, item: Cast) -> None:
    sign = item.co_signature
    if sign is not None:
        key = keys.co_signature(world.community, motion_id, item.unit_id, sign.holder_id)
        world.save(key, sign)
    if item.ballot is not None:
        world.save(keys.ballot(world.community, motion_id, item.unit_id), item.ballot)


# --- Opening ---


async def open_ballot(world: World, call: Call, actor: Actor, body: OpenBallot) -> None:
    """Open one's own sealed ballot, so that a missing trustee loses no vote.

    Refused if a choice is no option (400 ``ballot/option-unknown``) or named twice (400
    ``ballot/option-repeated``); another cast the ballot (403 ``ballot/not-yours``); there is no
    such motion (404 ``motion/unknown``) or ballot (404 ``ballot/unknown``); it is opened already
    (409 ``ballot/opened-already``) or the motion is not closed, or counted (409
    ``motion/wrong-phase``); the ballot is not sealed (422 ``motion/not-sealed``) or not what was
    committed to (422 ``ballot/commitment-mismatch``).
    """
    motion = await load_motion(world, body.motion_id)
    key = keys.ballot(world.community, body.motion_id, body.unit_id)
    ballot = await world.find(key, Ballot)
    if ballot is None:
        raise NotFound("ballot/unknown")
    plain = _plain(motion, body)
    if ballot.cast_by != actor.credential.holder_id:
        raise NotAllowed("ballot/not-yours")
    opened_key = keys.opened_ballot(world.community, body.motion_id, body.unit_id)
    if await world.find(opened_key, OpenedBallot) is not None:
        raise Conflict("ballot/opened-already")
    require_opens(ballot, plain, motion, call.now_ms)
    opened = OpenedBallot(
        motion_id=body.motion_id,
        unit_id=body.unit_id,
        salt=body.salt,
        choices=body.choices,
        act_sha256=actor.act_sha256,
        at=call.now_ms,
        tx_id=call.tx_id,
    )
    world.save(opened_key, opened)
    world.emit(
        BallotOpened(community=world.community, motion_id=body.motion_id, unit_id=body.unit_id)
    )


def _plain(motion: Motion, body: OpenBallot) -> Plain:
    options = options_of(motion)
    if any(choice not in options for choice in body.choices):
        raise BadInput("ballot/option-unknown")
    if len(set(body.choices)) != len(body.choices):
        raise BadInput("ballot/option-repeated")
    return Plain(salt=read_base64url(body.salt), mask=mask_of(options, body.choices))


HANDLERS: Final[Mapping[str, Handler]] = {
    "cast_ballot": Handler(request=CastBallot, run=cast_ballot, reads=cast_reads),
    "open_ballot": Handler(request=OpenBallot, run=open_ballot),
}
