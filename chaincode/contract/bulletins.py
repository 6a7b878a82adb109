"""The regulator's bulletins: policies and regulations reach owners through the same place."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.rulebook import word_list
from chaincode.errors import Conflict
from chaincode.model.base import Count, Id, Record
from chaincode.model.bulletin import (
    Audience,
    Bulletin,
    BulletinContent,
    BulletinKind,
    BulletinPhase,
    WithdrawalReason,
)
from chaincode.rules import bulletin as rule
from chaincode.world import World

# --- Requests, answers, events ---


class PublishBulletin(Request):
    """Publish a bulletin."""

    bulletin_id: Id
    content: BulletinContent


class WithdrawBulletin(Request):
    """Withdraw a bulletin for a reason."""

    bulletin_id: Id
    reason: WithdrawalReason


class BulletinRequest(Request):
    """Name one bulletin."""

    bulletin_id: Id


class ListBulletins(Request):
    """Ask for bulletins after an id, at most `limit`; those in force only, or all."""

    in_force: bool = True
    audience: Audience | None = None
    after: str = ""
    limit: Count = 100


class BulletinView(Record):
    """A bulletin and where it stands now."""

    bulletin: Bulletin
    phase: BulletinPhase


class BulletinList(Record):
    """Bulletins by id."""

    bulletins: tuple[BulletinView, ...]


class BulletinPublished(Record):
    """Event: the regulator published a bulletin."""

    community: str
    bulletin_id: str
    kind: BulletinKind
    audience: Audience
    supersedes: str | None
    event: str = "BulletinPublished"


class BulletinWithdrawn(Record):
    """Event: the regulator withdrew a bulletin."""

    community: str
    bulletin_id: str
    reason: WithdrawalReason
    event: str = "BulletinWithdrawn"


# --- Transactions ---


async def publish_bulletin(world: World, call: Call, request: PublishBulletin) -> Bulletin:
    """Publish a bulletin; the one that it supersedes is out of force at once.

    The same request again gets the same record. Refused if it supersedes what is not there (404
    ``bulletin/unknown``); the id is taken (409 ``bulletin/exists-with-different-content``); what
    it supersedes is out of force (409 ``bulletin/not-in-force``); its validity is over (422
    ``bulletin/over``); or its title holds a listed word (422 ``bulletin/forbidden-word``).
    """
    existing = await world.find(keys.bulletin(world.community, request.bulletin_id), Bulletin)
    if existing is not None and existing.content == request.content:
        return existing
    supersedes = request.content.supersedes
    earlier = await _load(world, supersedes) if supersedes is not None else None
    if existing is not None:
        raise Conflict("bulletin/exists-with-different-content")
    if earlier is not None:
        _save(world, rule.supersede(earlier, request.bulletin_id, call.now_ms))
    bulletin = rule.publish(
        request.bulletin_id,
        request.content,
        await word_list(world),
        now_ms=call.now_ms,
        tx_id=call.tx_id,
    )
    _save(world, bulletin)
    world.emit(
        BulletinPublished(
            community=world.community,
            bulletin_id=bulletin.bulletin_id,
            kind=bulletin.content.kind,
            audience=bulletin.content.audience,
            supersedes=supersedes,
        )
    )
    return bulletin


async def withdraw_bulletin(world: World, call: Call, request: WithdrawBulletin) -> Bulletin:
    """Withdraw a bulletin; the same request again gets the same record.

    Refused if there is no such bulletin (404 ``bulletin/unknown``) or it is out of force (409
    ``bulletin/not-in-force``).
    """
    bulletin = await _load(world, request.bulletin_id)
    if bulletin.withdrawn_reason is request.reason:
        return bulletin
    withdrawn = rule.withdraw(bulletin, request.reason, now_ms=call.now_ms, tx_id=call.tx_id)
    _save(world, withdrawn)
    world.emit(
        BulletinWithdrawn(
            community=world.community, bulletin_id=bulletin.bulletin_id, reason=request.reason
        )
    )
    return withdrawn


# --- Queries ---


async def bulletin(world: World, call: Call, request: BulletinRequest) -> BulletinView:
    """One bulletin and where it stands; 404 ``bulletin/unknown``."""
    return _view(await _load(world, request.bulletin_id), call.now_ms)


async def bulletins(world: World, call: Call, request: ListBulletins) -> BulletinList:
    """The community's bulletins, for one audience or all; those in force unless asked otherwise."""
    found = await world.scan(keys.bulletins(world.community), Bulletin)
    views = [_view(one, call.now_ms) for _, one in found if one.bulletin_id > request.after]
    wanted = [one for one in views if _is_wanted(one, request)]
    return BulletinList(bulletins=tuple(wanted[: request.limit]))


def _is_wanted(view: BulletinView, request: ListBulletins) -> bool:
    audience = view.bulletin.content.audience
    meant = request.audience is None or audience in (request.audience, Audience.EVERYBODY)
    return meant and (view.phase is BulletinPhase.IN_FORCE or not request.in_force)


# --- Helpers ---


async def _load(world: World, bulletin_id: str) -> Bulletin:
    key = keys.bulletin(world.community, bulletin_id)
    return await world.load(key, Bulletin, "bulletin/unknown")


def _save(world: World, bulletin: Bulletin) -> None:
    world.save(keys.bulletin(world.community, bulletin.bulletin_id), bulletin)


def _view(bulletin: Bulletin, now_ms: int) -> BulletinView:
    return BulletinView(bulletin=bulletin, phase=rule.phase(bulletin, now_ms))


HANDLERS: Final[Mapping[str, Handler]] = {
    "publish_bulletin": Handler(request=PublishBulletin, run=publish_bulletin),
    "withdraw_bulletin": Handler(request=WithdrawBulletin, run=withdraw_bulletin),
    "bulletin": Handler(request=BulletinRequest, run=bulletin),
    "bulletins": Handler(request=ListBulletins, run=bulletins),
}
