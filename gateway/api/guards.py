"""Closer looks at who asks, where a row of the access table is not enough."""

from aiohttp import web

from chaincode.model.roll import Unit
from gateway.access import OWNERS, Reader
from gateway.api.rows import view
from gateway.appkeys import LEDGER, READER
from gateway.errors import Problem
from gateway.ledger import ask

OwnedUnits = view("OwnedUnits", units=tuple[Unit, ...])


async def own_holder(request: web.Request) -> None:
    """Owners ask about themselves alone; offices about anyone."""
    reader = request[READER]
    asked = request.match_info.get("holder_id") or request.match_info["owner_id"]
    if reader.who in OWNERS and reader.holder_id != asked:
        raise Problem(403, "gateway/not-for-you")


async def own_unit(request: web.Request) -> None:
    """Only an owner of the unit: before the count its ballot is nobody else's business."""
    reader = request[READER]
    if request.match_info["unit_id"] not in await units_of(request, reader):
        raise Problem(403, "gateway/not-for-you")


async def own_unit_or_office(request: web.Request) -> None:
    """Owners ask about their own units alone; offices about any."""
    if request[READER].who in OWNERS:
        await own_unit(request)


async def units_of(request: web.Request, reader: Reader) -> set[str]:
    """The ids of the units that the reader owns now."""
    owned = await ask(
        request.app[LEDGER],
        reader.community,
        "owned_units",
        OwnedUnits,
        owner_id=reader.holder_id,
    )
    return {unit.unit_id for unit in owned.units}
