"""What is more than one call of the chaincode: opening, listing motions, transactions."""

from typing import Any, Final

import msgspec
from aiohttp import web

from chaincode.model.base import Module, Org
from chaincode.model.community import Community
from chaincode.model.motion import Phase
from chaincode.model.roll import RollPreview, UnitRow
from gateway.api.answers import json_answer
from gateway.api.paging import AFTER, LIMIT, cut, next_page
from gateway.api.people import ROLL_BYTES_MAX
from gateway.api.rows import STATEMENT_S_MAX, body, read_body, read_parameters, stated_response
from gateway.api.voting import MotionList
from gateway.appkeys import LEDGER
from gateway.errors import Problem
from gateway.ledger import TransactionStatus
from gateway.projection.keys import READ_MODEL
from gateway.routes import API, COMMUNITY, Parameter, Route

MOTIONS_PER_PAGE: Final = 50
MOTIONS_PER_PAGE_MAX: Final = 100
PAGES_SCANNED_MAX: Final = 20
"""A filtered page looks at so many motions at most, then says where to go on."""

OpenCommunity = body("OpenCommunity", channel=str, modules=tuple[Module, ...])
PreviewRoll = body("PreviewRoll", units=(tuple[UnitRow, ...], ()))
_COMMUNITY_PARAMETERS = (AFTER, LIMIT)
_MOTION_PARAMETERS = (
    AFTER,
    LIMIT,
    Parameter(name="phase", kind=Phase, says="Only motions in this phase."),
)


async def open_community(request: web.Request) -> web.StreamResponse:
    """Open a community on one of this gateway's channels."""
    given = await read_body(request, OpenCommunity)
    if given["channel"] not in request.app[LEDGER].channels:
        raise Problem(404, "gateway/no-such-resource")
    stated = await request.app[LEDGER].transact(
        request.match_info["community"],
        "open_community",
        {"modules": given["modules"]},
        channel=given["channel"],
    )
    return stated_response(request, stated)


async def preview_roll(request: web.Request) -> web.StreamResponse:
    """Totals of the register with given units, and their faults; writes nothing."""
    fields = await read_body(request, PreviewRoll)
    community = request.match_info["community"]
    return json_answer(request, await request.app[LEDGER].query(community, "preview_roll", fields))


async def list_motions(request: web.Request) -> web.StreamResponse:
    """Motions by id, of one phase if asked; a Link header leads to the next page."""
    given = read_parameters(request, _MOTION_PARAMETERS)
    limit = min(given.get("limit", MOTIONS_PER_PAGE), MOTIONS_PER_PAGE_MAX)
    found: list[Any] = []
    after, is_over = given.get("after", ""), False
    for _ in range(PAGES_SCANNED_MAX):
        page = await _page(request, after)
        for motion in page:
            if len(found) == limit:
                break
            after = motion["motion"]["motion_id"]
            if motion["phase"] == given.get("phase", motion["phase"]):
                found.append(motion)
        is_over = len(page) < MOTIONS_PER_PAGE_MAX and (
            not page or page[-1]["motion"]["motion_id"] == after
        )
        if is_over or len(found) == limit:
            break
    headers = next_page(request, after=None if is_over else after)
    return json_answer(request, msgspec.json.encode({"motions": found}), headers=headers)


async def _page(request: web.Request, after: str) -> list[Any]:
    fields = {"after": after, "limit": MOTIONS_PER_PAGE_MAX}
    answer = await request.app[LEDGER].query(request.match_info["community"], "motions", fields)
    motions = msgspec.json.decode(answer)["motions"]
    assert isinstance(motions, list)
    return motions


class TransactionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction on the ledger; `code` is Fabric's name of what the peers found."""

    tx_id: str
    code: str
    is_applied: bool


async def read_transaction(request: web.Request) -> web.StreamResponse:
    """Where a transaction of the community's channel stands."""
    ledger = request.app[LEDGER]
    channel = await ledger.channel_of(request.match_info["community"])
    found = await ledger.transaction(channel, request.match_info["tx_id"])
    if found is None:
        raise Problem(404, "gateway/no-such-transaction")
    return json_answer(request, msgspec.json.encode(_answer(found)))


def _answer(found: TransactionStatus) -> TransactionAnswer:
    return TransactionAnswer(tx_id=found.tx_id, code=found.code, is_applied=found.is_applied)


class CommunityList(msgspec.Struct, frozen=True, kw_only=True):
    """The communities that this gateway serves."""

    communities: tuple[str, ...]


async def list_communities(request: web.Request) -> web.StreamResponse:
    """The communities that this gateway serves, as the read model has them if there is one."""
    given = read_parameters(request, _COMMUNITY_PARAMETERS)
    read_model = request.app.get(READ_MODEL)
    names = sorted(await (read_model or request.app[LEDGER]).communities())
    page, after = cut(names, str, given)
    found = msgspec.json.encode(CommunityList(communities=tuple(page)))
    return json_answer(request, found, headers=next_page(request, after=after), public=True)


ROUTES: Final = (
    Route(
        name="communities",
        method="GET",
        path=f"{API}/communities",
        says="The communities that this gateway serves.",
        tag="communities",
        handler=list_communities,
        parameters=_COMMUNITY_PARAMETERS,
        is_paged=True,
        answer=CommunityList,
    ),
    Route(
        name="open_community",
        method="PUT",
        path=COMMUNITY,
        says="Opens a community on a channel.",
        tag="communities",
        handler=open_community,
        body=OpenCommunity,
        answer=Community,
        orgs=(Org.REGULATOR,),
        may_be_unknown=True,
        answer_s_max=STATEMENT_S_MAX,
    ),
    Route(
        name="preview_roll",
        method="POST",
        path=f"{COMMUNITY}/roll/preview",
        says="What the register would add up to with these units, and their faults.",
        tag="roll",
        handler=preview_roll,
        body=PreviewRoll,
        body_bytes_max=ROLL_BYTES_MAX,
        answer=RollPreview,
    ),
    Route(
        name="motions",
        method="GET",
        path=f"{COMMUNITY}/motions",
        says="The community's motions.",
        tag="motions",
        handler=list_motions,
        parameters=_MOTION_PARAMETERS,
        is_paged=True,
        answer=MotionList,
    ),
    Route(
        name="transaction",
        method="GET",
        path=f"{COMMUNITY}/transactions/{{tx_id}}",
        says="Where a transaction stands.",
        tag="transactions",
        handler=read_transaction,
        answer=TransactionAnswer,
    ),
)
