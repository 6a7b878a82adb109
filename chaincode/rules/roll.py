"""The roll: which units may come on the register, how they change, and what a frozen roll holds.

Heads follow SPC interpretation of the Civil Code on divided ownership, Art. 9: one unit is one
head, but one buyer of several units is one, and what the developer still holds is one together.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from chaincode.errors import BadInput, Conflict, NotAllowed, RuleForbids
from chaincode.model.base import Id, changed
from chaincode.model.roll import (
    OWNERS_PER_UNIT_MAX,
    SET_PREFIX,
    UNITS_MAX,
    BadRow,
    Change,
    CorrectionReason,
    Naming,
    PartTotals,
    RollEntry,
    RollTotals,
    Sale,
    Share,
    Unit,
    UnitRow,
    Use,
)

ROWS_TOLD_CHARS_MAX = 800
"""A refusal travels in an HTTP/2 header, which clients limit to 8 KiB for all peers' words."""
NAMING_PAUSE_MS = 60 * 60 * 1000
"""Between two words of one co-owner on who votes for a unit."""

# --- Guards ---


def owner_faults(owners: Sequence[Share], representative: str | None) -> tuple[str, ...]:
    """Every code that the owners of one unit deserve."""
    ids = [share.owner_id for share in owners]
    found = {
        "unit/no-owner": not ids,
        "unit/too-many-owners": len(ids) > OWNERS_PER_UNIT_MAX,
        "unit/owner-twice": len(set(ids)) < len(ids),
        "unit/owner-id-reserved": any(owner.startswith(SET_PREFIX) for owner in ids),
        "unit/shares-not-one": bool(ids) and not _make_one(owners),
        "unit/representative-not-owner": representative not in (None, *ids),
    }
    return tuple(code for code, wrong in found.items() if wrong)


def row_faults(row: UnitRow) -> tuple[str, ...]:
    """Every code that one row deserves, whatever else is on the register."""
    faults = owner_faults(row.owners, row.representative)
    if row.area_dm2 == 0 and row.use is Use.DWELLING:
        return (*faults, "unit/zero-area")
    return faults


def bad_rows(rows: Sequence[UnitRow]) -> tuple[BadRow, ...]:
    """All faults that the rows have by themselves, in the order of the rows."""
    listed = Counter(row.unit_id for row in rows)
    homes = _homes(rows)
    found: list[BadRow] = []
    for index, row in enumerate(rows):
        codes = list(row_faults(row))
        if listed[row.unit_id] > 1:
            codes.append("unit/listed-twice")
        if homes[row.entrance] != {row.building}:
            codes.append("unit/entrance-in-two-buildings")
        found += [BadRow(index=index, unit_id=row.unit_id, code=code) for code in codes]
    return tuple(found)


def conflicting_rows(rows: Sequence[UnitRow], register: Mapping[str, Unit]) -> tuple[BadRow, ...]:
    """All rows that say otherwise than the register; that is for a transfer or a correction."""
    homes = _homes([*register.values(), *rows])
    found: list[BadRow] = []
    for index, row in enumerate(rows):
        present = register.get(row.unit_id)
        if present is not None and stated(present) != settled(row):
            code = "unit/exists-with-different-content"
            found.append(BadRow(index=index, unit_id=row.unit_id, code=code))
        elif present is None and homes[row.entrance] != {row.building}:
            code = "unit/entrance-in-two-buildings"
            found.append(BadRow(index=index, unit_id=row.unit_id, code=code))
    return tuple(found)


def require_good_rows(rows: Sequence[UnitRow]) -> None:
    """Refuse (BadInput ``roll/no-rows``, ``roll/bad-rows``) a list that is not wholly right."""
    if not rows:
        raise BadInput("roll/no-rows")
    if len(rows) > UNITS_MAX:
        raise BadInput("roll/too-many-rows", rows_max=UNITS_MAX)
    found = bad_rows(rows)
    if found:
        raise BadInput("roll/bad-rows", count=len(found), rows=_told(found))


def require_faultless(faults: Sequence[str]) -> None:
    """Refuse (BadInput) with the first of the faults, if there is one."""
    for code in faults:
        raise BadInput(code)


def require_one_building(row: UnitRow, register: Mapping[str, Unit]) -> None:
    """Refuse (Conflict) a row whose entrance holds other units of another building."""
    others = (unit for unit in register.values() if unit.unit_id != row.unit_id)
    if any(unit.entrance == row.entrance and unit.building != row.building for unit in others):
        raise Conflict("unit/entrance-in-two-buildings")


# --- Acts ---


def import_units(
    rows: Sequence[UnitRow], register: Mapping[str, Unit], now_ms: int
) -> tuple[Unit, ...]:
    """The units to add: those not on the register yet. An import never changes a unit.

    The import's own record has the evidence, once instead of 20,000 times.
    """
    found = conflicting_rows(rows, register)
    if found:
        raise Conflict("roll/units-differ", count=len(found), rows=_told(found))
    added = [row for row in rows if row.unit_id not in register]
    if len(register) + len(added) > UNITS_MAX:
        raise RuleForbids("roll/too-many-units", units_max=UNITS_MAX)
    return tuple(
        _unit(
            row,
            version=1,
            change=Change.IMPORTED,
            changed_at=now_ms,
            since_at=now_ms,
        )
        for row in added
    )


def transfer(unit: Unit, to: UnitRow, *, at: int, evidence_sha256: str, now_ms: int) -> Unit:
    """The unit in its new owners' hands since ``at``; what co-owners named before is void."""
    if {share.owner_id for share in to.owners} == set(owner_ids(unit)):
        raise RuleForbids("unit/same-owners")
    if at > now_ms:
        raise RuleForbids("unit/transfer-in-the-future", at=at)
    if at < unit.since_at:
        raise RuleForbids("unit/transfer-before-last", since_at=unit.since_at)
    return _unit(
        to,
        version=unit.version + 1,
        change=Change.TRANSFERRED,
        changed_at=now_ms,
        since_at=at,
        evidence_sha256=evidence_sha256,
    )


def correct(
    unit: Unit, to: UnitRow, *, reason: CorrectionReason, evidence_sha256: str, now_ms: int
) -> Unit:
    """The unit as it should have stood; whose it is since when does not change."""
    if stated(unit) == settled(to):
        raise RuleForbids("unit/nothing-to-correct")
    return _unit(
        to,
        version=unit.version + 1,
        change=Change.CORRECTED,
        changed_at=now_ms,
        since_at=unit.since_at,
        evidence_sha256=evidence_sha256,
        reason=reason,
    )


def name_representative(
    unit: Unit | None, owner_id: str, representative: str | None, *, act_sha256: str, now_ms: int
) -> Unit:
    """One co-owner's word on who votes for the unit.

    When all present co-owners name the same one of them, that one is the representative. Until
    then an earlier representative stays; naming nobody withdraws consent at once. One person's
    words are an hour apart: each changes the unit, and nobody shall hinder a notice, which reads
    all units, by changing one without end.
    """
    if unit is None or not is_owner(unit, owner_id):
        raise NotAllowed("caller/not-owner")
    if len(unit.owners) == 1:
        raise RuleForbids("unit/not-co-owned")
    if representative is not None and not is_owner(unit, representative):
        raise RuleForbids("unit/representative-not-owner")
    earlier = [naming for naming in unit.namings if naming.owner_id == owner_id]
    if earlier and now_ms < earlier[0].at + NAMING_PAUSE_MS:
        raise Conflict("unit/named-lately", again_at=earlier[0].at + NAMING_PAUSE_MS)
    namings = [naming for naming in unit.namings if naming.owner_id != owner_id]
    namings.append(
        Naming(owner_id=owner_id, representative=representative, act_sha256=act_sha256, at=now_ms)
    )
    return changed(
        unit,
        version=unit.version + 1,
        change=Change.REPRESENTED,
        changed_at=now_ms,
        namings=tuple(sorted(namings, key=lambda naming: naming.owner_id)),
        representative=_agreed(unit, namings, representative),
        evidence_sha256=None,
        reason=None,
    )


def require_version(unit: Unit, version: int) -> None:
    """Refuse (Conflict) a change made by somebody who saw an older version of the unit."""
    if unit.version != version:
        raise Conflict("unit/changed-meanwhile", version=unit.version)


def repeats(unit: Unit, version: int, change: Change, to: UnitRow, evidence_sha256: str) -> bool:
    """Whether this very change of that version has been made already: the same call again."""
    made = (unit.version, unit.change, unit.evidence_sha256)
    return made == (version + 1, change, evidence_sha256) and stated(unit) == settled(to)


# --- Derivations ---


def owner_ids(unit: UnitRow) -> tuple[Id, ...]:
    """The owners of a unit, sorted."""
    return tuple(sorted(share.owner_id for share in unit.owners))


def is_owner(unit: UnitRow, holder_id: str) -> bool:
    """Whether the person owns the unit or a share of it now."""
    return any(share.owner_id == holder_id for share in unit.owners)


def settled(row: UnitRow) -> UnitRow:
    """The row in its one spelling: owners sorted, shares in lowest terms."""
    shares = ((share.owner_id, Fraction(share.num, share.den)) for share in row.owners)
    owners = tuple(
        Share(owner_id=owner, num=part.numerator, den=part.denominator)
        for owner, part in sorted(shares)
    )
    return changed(row, owners=owners)


def stated(unit: Unit) -> UnitRow:
    """What a unit says without how it came to say so."""
    return UnitRow(**{name: getattr(unit, name) for name in UnitRow.__struct_fields__})


def freeze(units: Iterable[Unit]) -> tuple[RollTotals, tuple[RollEntry, ...]]:
    """The frozen form of a register: its totals and its entries sorted by unit."""
    ordered = sorted(units, key=lambda unit: unit.unit_id)
    developer = _developer_head(ordered)
    entries = tuple(_entry(unit, developer) for unit in ordered)
    return totals(entries), entries


def totals(entries: Sequence[RollEntry]) -> RollTotals:
    """What the entries add up to; each head counts once."""
    unsold = [entry for entry in entries if entry.sale is not Sale.SOLD]
    parking = [entry for entry in entries if entry.use is Use.PARKING]
    return RollTotals(
        unit_count=len(entries),
        area_dm2=_area(entries),
        head_count=_heads(entries),
        owner_count=len({owner for entry in entries for owner in entry.owner_ids}),
        unsold_unit_count=len(unsold),
        unsold_area_dm2=_area(unsold),
        parking_unit_count=len(parking),
        parking_area_dm2=_area(parking),
        co_owned_unit_count=sum(len(entry.owner_ids) > 1 for entry in entries),
        buildings=_parts([(entry.building, entry) for entry in entries]),
        sources=_parts([(entry.area_source.value, entry) for entry in entries]),
    )


def head_id(owners: Sequence[str]) -> str:
    """One head for an equal owner set: the only owner's id, or one made from all their ids."""
    if len(owners) == 1:
        return owners[0]
    joined = "\n".join(sorted(owners)).encode()
    return SET_PREFIX + hashlib.sha256(joined).hexdigest()[:40]


# --- Helpers ---


def _make_one(owners: Sequence[Share]) -> bool:
    return sum(Fraction(share.num, share.den) for share in owners) == 1


def _homes(rows: Iterable[UnitRow]) -> dict[str, set[str]]:
    homes: dict[str, set[str]] = {}
    for row in rows:
        homes.setdefault(row.entrance, set()).add(row.building)
    return homes


def _told(found: Sequence[BadRow]) -> str:
    """As many bad rows as fit into a message; a preview tells them all."""
    told = ""
    for row in found:
        more = f"{told} {row.index}:{row.code}".lstrip()
        if len(more) > ROWS_TOLD_CHARS_MAX:
            return f"{told} ..."
        told = more
    return told


def _unit(
    row: UnitRow,
    *,
    version: int,
    change: Change,
    changed_at: int,
    since_at: int,
    evidence_sha256: str | None = None,
    reason: CorrectionReason | None = None,
) -> Unit:
    row = settled(row)
    return Unit(
        **{name: getattr(row, name) for name in UnitRow.__struct_fields__},
        version=version,
        change=change,
        changed_at=changed_at,
        since_at=since_at,
        evidence_sha256=evidence_sha256,
        reason=reason,
    )


def _agreed(unit: Unit, namings: Sequence[Naming], named: str | None) -> str | None:
    if named is None:
        return None
    agreeing = [naming for naming in namings if naming.representative == named]
    return named if len(agreeing) == len(unit.owners) else unit.representative


def _developer_head(units: Iterable[Unit]) -> str:
    """The head of all units that the developer holds, the same as of units it keeps for itself."""
    holders = {
        share.owner_id for unit in units if unit.sale is not Sale.SOLD for share in unit.owners
    }
    return head_id(sorted(holders)) if holders else ""


def _entry(unit: Unit, developer: str) -> RollEntry:
    owners = owner_ids(unit)
    return RollEntry(
        unit_id=unit.unit_id,
        building=unit.building,
        entrance=unit.entrance,
        area_dm2=unit.area_dm2,
        area_source=unit.area_source,
        head_id=head_id(owners) if unit.sale is Sale.SOLD else developer,
        owner_ids=owners,
        use=unit.use,
        sale=unit.sale,
        in_arrears=unit.in_arrears,
        entitlement=unit.entitlement,
        share_value=unit.share_value,
    )


def _parts(entries: Sequence[tuple[str, RollEntry]]) -> tuple[PartTotals, ...]:
    parts: dict[str, list[RollEntry]] = {}
    for part, entry in entries:
        parts.setdefault(part, []).append(entry)
    return tuple(
        PartTotals(
            part=part, unit_count=len(inside), area_dm2=_area(inside), head_count=_heads(inside)
        )
        for part, inside in sorted(parts.items())
    )


def _area(entries: Iterable[RollEntry]) -> int:
    return sum(entry.area_dm2 for entry in entries)


def _heads(entries: Iterable[RollEntry]) -> int:
    return len({entry.head_id for entry in entries})
