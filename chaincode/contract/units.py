"""Units of the living register: how one changes hands, is corrected, and who votes for it."""

from collections.abc import Iterable, Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.contract.roll_messages import (
    CorrectUnit,
    NameRepresentative,
    OwnedUnits,
    OwnerRequest,
    RemoveUnit,
    RepresentativeNamed,
    TransferUnit,
    UnitCorrected,
    UnitHistory,
    UnitRemoved,
    UnitRequest,
    UnitTransferred,
    UnitVersion,
)
from chaincode.errors import NotFound
from chaincode.model.base import changed
from chaincode.model.roll import Change, OwnerUnit, Sale, Unit
from chaincode.rules import roll as rule
from chaincode.world import World

# --- Transactions ---


async def transfer_unit(world: World, call: Call, request: TransferUnit) -> Unit:
    """Record a sale, an inheritance or a judgment: new owners since a date.

    A frozen roll keeps the old owners and weights; what was named or owed by the old owners is
    void. The same request again gets the same record. Refused if

    * 400: the owners are not right (``unit/no-owner``, ``unit/too-many-owners``,
      ``unit/owner-twice``, ``unit/owner-id-reserved``, ``unit/shares-not-one``,
      ``unit/representative-not-owner``);
    * 404: the unit is not on the register (``unit/unknown``);
    * 409: it has another version by now (``unit/changed-meanwhile``);
    * 422: the owners are the same (``unit/same-owners``), or the date lies ahead
      (``unit/transfer-in-the-future``) or before the last transfer
      (``unit/transfer-before-last``).
    """
    unit = await living_unit(world, request.unit_id)
    to = changed(
        rule.stated(unit),
        owners=request.owners,
        deed_sha256=request.deed_sha256,
        representative=request.representative,
        sale=Sale.SOLD,
        in_arrears=False,
    )
    again = rule.repeats(unit, request.version, Change.TRANSFERRED, to, request.evidence_sha256)
    if again and unit.since_at == request.at:
        return unit
    rule.require_version(unit, request.version)
    moved = rule.transfer(
        unit, to, at=request.at, evidence_sha256=request.evidence_sha256, now_ms=call.now_ms
    )
    save_unit(world, moved, before=rule.owner_ids(unit))
    world.emit(
        UnitTransferred(community=world.community, unit_id=unit.unit_id, version=moved.version)
    )
    return moved


async def correct_unit(world: World, call: Call, request: CorrectUnit) -> Unit:
    """State a unit anew: its area, use, owners or representative were or have become wrong.

    The same request again gets the same record. Refused if

    * 400: the row is bad (``unit/no-owner``, ``unit/too-many-owners``, ``unit/owner-twice``,
      ``unit/owner-id-reserved``, ``unit/shares-not-one``, ``unit/representative-not-owner``,
      ``unit/zero-area``);
    * 404: the unit is not on the register (``unit/unknown``);
    * 409: it has another version by now (``unit/changed-meanwhile``), or its new entrance stands
      in another building (``unit/entrance-in-two-buildings``);
    * 422: nothing would change (``unit/nothing-to-correct``).
    """
    unit = await living_unit(world, request.unit.unit_id)
    again = rule.repeats(
        unit, request.version, Change.CORRECTED, request.unit, request.evidence_sha256
    )
    if again and unit.reason is request.reason:
        return unit
    rule.require_version(unit, request.version)
    if (unit.building, unit.entrance) != (request.unit.building, request.unit.entrance):
        rule.require_one_building(request.unit, await register(world))
    right = rule.correct(
        unit,
        request.unit,
        reason=request.reason,
        evidence_sha256=request.evidence_sha256,
        now_ms=call.now_ms,
    )
    save_unit(world, right, before=rule.owner_ids(unit))
    world.emit(
        UnitCorrected(
            community=world.community,
            unit_id=unit.unit_id,
            version=right.version,
            reason=request.reason,
        )
    )
    return right


async def remove_unit(world: World, _call: Call, request: RemoveUnit) -> Unit:
    """Take a unit off the register; its history and the rolls frozen before keep it.

    Gives the unit as it was. Refused if it is not on the register (404 ``unit/unknown``) or has
    another version by now (409 ``unit/changed-meanwhile``).
    """
    unit = await living_unit(world, request.unit_id)
    rule.require_version(unit, request.version)
    world.delete(keys.unit(world.community, unit.unit_id))
    for owner_id in rule.owner_ids(unit):
        world.delete(keys.owner_unit(world.community, owner_id, unit.unit_id))
    world.emit(
        UnitRemoved(
            community=world.community,
            unit_id=unit.unit_id,
            version=unit.version,
            reason=request.reason,
            evidence_sha256=request.evidence_sha256,
        )
    )
    return unit


async def name_representative(
    world: World, call: Call, actor: Actor, body: NameRepresentative
) -> None:
    """A co-owner names who votes for the unit (指导规则 Art. 25); agreed once all name the same.

    Refused if the person is not an owner of such a unit (403 ``caller/not-owner``), it has a
    single owner (422 ``unit/not-co-owned``), the one named is none of its owners (422
    ``unit/representative-not-owner``), or the person's last word is less than an hour old (409
    ``unit/named-lately``).
    """
    unit = rule.name_representative(
        await world.find(keys.unit(world.community, body.unit_id), Unit),
        actor.credential.holder_id,
        body.representative,
        act_sha256=actor.act_sha256,
        now_ms=call.now_ms,
    )
    world.save(keys.unit(world.community, unit.unit_id), unit)
    world.emit(
        RepresentativeNamed(
            community=world.community,
            unit_id=unit.unit_id,
            version=unit.version,
            representative=unit.representative,
        )
    )


async def representative_reads(world: World, body: NameRepresentative) -> tuple[str, ...]:
    """The keys that ``name_representative`` reads."""
    return (keys.unit(world.community, body.unit_id),)


# --- Queries ---


async def unit(world: World, _call: Call, request: UnitRequest) -> Unit:
    """One unit as it is now; 404 ``unit/unknown``."""
    return await living_unit(world, request.unit_id)


async def unit_history(world: World, _call: Call, request: UnitRequest) -> UnitHistory:
    """Every version of a unit; 404 ``unit/unknown`` if there never was one."""
    return UnitHistory(versions=await unit_versions(world, request.unit_id))


async def owned_units(world: World, _call: Call, request: OwnerRequest) -> OwnedUnits:
    """The units that an owner owns now; none if there is no such owner."""
    unit_ids = await _unit_ids(world, request.owner_id)
    return OwnedUnits(units=tuple([await living_unit(world, unit_id) for unit_id in unit_ids]))


# --- For other modules ---


async def living_unit(world: World, unit_id: str) -> Unit:
    """The unit with its present owners; 404 ``unit/unknown``."""
    return await world.load(keys.unit(world.community, unit_id), Unit, "unit/unknown")


async def is_on_register(world: World, owner_id: str) -> bool:
    """Whether the person owns any unit, or a share of one, now."""
    return bool(await _unit_ids(world, owner_id))


async def unit_versions(world: World, unit_id: str) -> tuple[UnitVersion, ...]:
    """Every committed version of a unit, newest first; 404 ``unit/unknown``."""
    versions = await world.history(keys.unit(world.community, unit_id), Unit)
    if not versions:
        raise NotFound("unit/unknown")
    return tuple(UnitVersion(tx_id=tx_id, at=at, unit=unit) for tx_id, at, unit in versions)


async def register(world: World) -> dict[str, Unit]:
    """All units by id, as they are now."""
    found = await world.scan(keys.units(world.community), Unit)
    return {unit.unit_id: unit for _, unit in found}


def save_unit(world: World, unit: Unit, *, before: Iterable[str]) -> None:
    """Write the unit, and which owners it has now."""
    owners = rule.owner_ids(unit)
    for owner_id in before:
        if owner_id not in owners:
            world.delete(keys.owner_unit(world.community, owner_id, unit.unit_id))
    for owner_id in owners:
        key = keys.owner_unit(world.community, owner_id, unit.unit_id)
        world.save(key, OwnerUnit(unit_id=unit.unit_id))
    world.save(keys.unit(world.community, unit.unit_id), unit)


# --- Helpers ---


async def _unit_ids(world: World, owner_id: str) -> list[str]:
    found = await world.scan(keys.owner_units(world.community, owner_id), OwnerUnit)
    return [record.unit_id for _, record in found]


HANDLERS: Final[Mapping[str, Handler]] = {
    "transfer_unit": Handler(request=TransferUnit, run=transfer_unit),
    "correct_unit": Handler(request=CorrectUnit, run=correct_unit),
    "remove_unit": Handler(request=RemoveUnit, run=remove_unit),
    "name_representative": Handler(
        request=NameRepresentative, run=name_representative, reads=representative_reads
    ),
    "unit": Handler(request=UnitRequest, run=unit),
    "unit_history": Handler(request=UnitRequest, run=unit_history),
    "owned_units": Handler(request=OwnerRequest, run=owned_units),
}
