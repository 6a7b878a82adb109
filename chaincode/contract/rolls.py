"""The roll: units come on the register, and the register is frozen for a vote."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from chaincode import codec, keys
from chaincode.contract import units
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.roll_messages import (
    ImportRoll,
    PreviewRoll,
    RollEntryRequest,
    RollFrozen,
    RollImported,
    RollRequest,
)
from chaincode.errors import NotFound
from chaincode.model.roll import RollEntry, RollImport, RollPreview, RollSummary
from chaincode.rules import roll as rule
from chaincode.world import World

# --- Transactions ---


async def import_roll(world: World, call: Call, request: ImportRoll) -> RollImport:
    """Put units on the register, all or none.

    Units that stand there with the same content stay as they are, and the same request again gets
    the same record. Refused if there is no row (400 ``roll/no-rows``) or more than 20,000 (400
    ``roll/too-many-rows``); a row is bad (400 ``roll/bad-rows``, with index and code of each:
    ``unit/no-owner``, ``unit/too-many-owners``, ``unit/owner-twice``, ``unit/owner-id-reserved``,
    ``unit/shares-not-one``, ``unit/representative-not-owner``, ``unit/zero-area``,
    ``unit/listed-twice``, ``unit/entrance-in-two-buildings``); a row differs from the register
    (409 ``roll/units-differ``, each with ``unit/exists-with-different-content`` or
    ``unit/entrance-in-two-buildings``); or there would be more than 20,000 units (422
    ``roll/too-many-units``).
    """
    import_sha256 = hashlib.sha256(codec.encode(request)).hexdigest()
    key = keys.roll_import(world.community, import_sha256)
    existing = await world.find(key, RollImport)
    if existing is not None:
        return existing
    added = rule.import_units(request.units, await units.register(world), call.now_ms)
    for unit in added:
        units.save_unit(world, unit, before=())
    record = RollImport(
        import_sha256=import_sha256,
        evidence_sha256=request.evidence_sha256,
        unit_count=len(added),
        area_dm2=sum(unit.area_dm2 for unit in added),
        imported_at=call.now_ms,
        imported_tx=call.tx_id,
    )
    world.save(key, record)
    world.emit(
        RollImported(community=world.community, import_sha256=import_sha256, unit_count=len(added))
    )
    return record


async def freeze_roll(world: World, call: Call, _request: Request) -> RollSummary:
    """Freeze the register as it stands; see ``freeze_living_roll``.

    Freezing an unchanged register again gives the same roll. Refused if no unit is on it (404
    ``roll/no-units``).
    """
    return await freeze_living_roll(world, call)


async def freeze_living_roll(world: World, call: Call) -> RollSummary:
    """The frozen roll that equals the register now, written unless it exists.

    Its id is the SHA-256 over its entries as stored, each followed by a line feed, in the order of
    their unit ids. Refused if there is no unit (404 ``roll/no-units``).
    """
    register = await units.register(world)
    if not register:
        raise NotFound("roll/no-units")
    totals, entries = rule.freeze(register.values())
    roll_id = _content_id(entries)
    existing = await world.find(keys.roll(world.community, roll_id), RollSummary)
    if existing is not None:
        return existing
    summary = RollSummary(
        **msgspec.structs.asdict(totals),
        roll_id=roll_id,
        frozen_at=call.now_ms,
        frozen_tx=call.tx_id,
    )
    world.save(keys.roll(world.community, roll_id), summary)
    for entry in entries:
        world.save(keys.roll_entry(world.community, roll_id, entry.unit_id), entry)
    world.emit(
        RollFrozen(community=world.community, roll_id=roll_id, unit_count=summary.unit_count)
    )
    return summary


# --- Queries ---


async def preview_roll(world: World, _call: Call, request: PreviewRoll) -> RollPreview:
    """What the register would add up to, and all bad rows; those are left out of the totals.

    Refused if there would be more than 20,000 units (422 ``roll/too-many-units``).
    """
    register = await units.register(world)
    bad = (*rule.bad_rows(request.units), *rule.conflicting_rows(request.units, register))
    left_out = {row.index for row in bad}
    rows = [row for index, row in enumerate(request.units) if index not in left_out]
    added = rule.import_units(rows, register, now_ms=0)
    totals, _ = rule.freeze([*register.values(), *added])
    return RollPreview(**msgspec.structs.asdict(totals), bad_rows=bad)


async def roll(world: World, _call: Call, request: RollRequest) -> RollSummary:
    """One frozen roll's totals; 404 ``roll/unknown``."""
    return await frozen_roll(world, request.roll_id)


async def roll_entry(world: World, _call: Call, request: RollEntryRequest) -> RollEntry:
    """One unit of a frozen roll; 404 ``roll/unknown`` or ``roll/unit-unknown``."""
    await frozen_roll(world, request.roll_id)
    key = keys.roll_entry(world.community, request.roll_id, request.unit_id)
    return await world.load(key, RollEntry, "roll/unit-unknown")


# --- For other modules ---


async def frozen_roll(world: World, roll_id: str) -> RollSummary:
    """The totals of a frozen roll; 404 ``roll/unknown``."""
    return await world.load(keys.roll(world.community, roll_id), RollSummary, "roll/unknown")


# --- Helpers ---


def _content_id(entries: Sequence[RollEntry]) -> str:
    content = hashlib.sha256()
    for entry in entries:
        content.update(codec.encode(entry) + b"\n")
    return content.hexdigest()


HANDLERS: Final[Mapping[str, Handler]] = {
    "import_roll": Handler(request=ImportRoll, run=import_roll),
    "freeze_roll": Handler(request=Request, run=freeze_roll),
    "preview_roll": Handler(request=PreviewRoll, run=preview_roll),
    "roll": Handler(request=RollRequest, run=roll),
    "roll_entry": Handler(request=RollEntryRequest, run=roll_entry),
}
