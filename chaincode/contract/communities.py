"""Opening a community on a channel."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.access import Access
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.errors import BadInput, Conflict, NotFound
from chaincode.model.base import Module, Record
from chaincode.model.community import Community
from chaincode.world import World


class OpenCommunity(Request):
    """Open ``community`` with the modules it uses."""

    modules: tuple[Module, ...]

    def __post_init__(self) -> None:
        if not self.modules or len(set(self.modules)) != len(self.modules):
            raise BadInput("community/bad-modules")


class CommunityOpened(Record):
    """Event: a community is open on this channel."""

    community: str
    event: str = "CommunityOpened"


async def open_community(world: World, call: Call, request: OpenCommunity) -> Community:
    """Write the community's record, once.

    The same request again gets the same record. Refused if no module is named or one is named
    twice (400 ``community/bad-modules``), or the community is open with other modules (409
    ``community/exists-with-different-modules``).
    """
    modules = tuple(sorted(request.modules))
    key = keys.community(request.community)
    existing = await world.find(key, Community)
    if existing is not None:
        if existing.modules != modules:
            raise Conflict("community/exists-with-different-modules")
        return existing
    community = Community(
        community=request.community, modules=modules, opened_at=call.now_ms, opened_tx=call.tx_id
    )
    world.save(key, community)
    world.emit(CommunityOpened(community=request.community))
    return community


async def community(world: World, _call: Call, _request: Request) -> Community:
    """The community's record; 404 ``community/unknown``."""
    return await require_community(world)


async def require_community(world: World) -> Community:
    """The community's record; 404 ``community/unknown``."""
    return await world.load(keys.community(world.community), Community, "community/unknown")


def require_module(community: Community, row: Access) -> None:
    """Refuse (404 ``community/module-not-used``) a call of a module the community does not use."""
    if row.module is not None and row.module not in community.modules:
        raise NotFound("community/module-not-used", module=row.module)


HANDLERS: Final[Mapping[str, Handler]] = {
    "open_community": Handler(request=OpenCommunity, run=open_community),
    "community": Handler(request=Request, run=community),
}
