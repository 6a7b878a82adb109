"""The living register of units and the rolls frozen from it.

The register changes with sales and corrections; a frozen roll never does, and a motion pins one.
A unit is the smallest thing owned (专有部分); owners stand here as random ids. Imported by the
rules, the contract and the gateway.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chaincode.model.base import AreaDm2, Count, Id, Record, Sha256, TimeMs
from chaincode.model.rule import AreaSource

UNITS_MAX: Final = 20_000
"""Units of one community, and of one import."""
OWNERS_PER_UNIT_MAX: Final = 64
SHARE_MAX: Final = 1_000_000
SET_PREFIX: Final = "set-"
"""Begins the head id of several owners together; an owner's id never does."""

UNIT_AMOUNT_MAX: Final = 1_000_000_000
"""10 km2, or so many parts: totals of 20,000 units stay exact integers for every reader."""

UnitAmount = Annotated[int, msgspec.Meta(ge=0, le=UNIT_AMOUNT_MAX)]
SharePart = Annotated[int, msgspec.Meta(ge=1, le=SHARE_MAX)]


class Use(StrEnum):
    """What a unit is for; whether parking counts is the decision rule's to say."""

    DWELLING = "dwelling"
    COMMERCIAL = "commercial"
    OFFICE = "office"
    PARKING = "parking"
    STORAGE = "storage"
    OTHER = "other"


class Sale(StrEnum):
    """Whether the developer still holds the unit (SPC interpretation Art. 9).

    UNSOLD and UNDELIVERED units have the developer as their owner and are one head together.
    """

    SOLD = "sold"
    UNSOLD = "unsold"
    UNDELIVERED = "sold-undelivered"


class Change(StrEnum):
    """What made this version of a unit."""

    IMPORTED = "imported"
    TRANSFERRED = "transferred"
    CORRECTED = "corrected"
    REPRESENTED = "represented"


class CorrectionReason(StrEnum):
    """Why the regulator corrects a unit; the proof itself is the evidence hash."""

    CLERICAL = "clerical-error"
    SURVEY = "new-survey"
    TITLE = "title-registered"
    JUDGMENT = "court-judgment"
    USE = "change-of-use"
    DELIVERY = "delivered"
    ARREARS = "arrears"
    REPRESENTATIVE = "representative-agreed-in-writing"


class Share(Record):
    """One owner's part of a unit, `num / den`."""

    owner_id: Id
    num: SharePart = 1
    den: SharePart = 1


class UnitRow(Record, kw_only=True, omit_defaults=True):
    """What the regulator states of one unit.

    `entrance` is unique in the community ("3-1" in building "3"). `entitlement` and `share_value`
    serve laws that weigh by them. `representative` is the co-owner who votes for all of them
    (住房和城乡建设部《业主大会和业主委员会指导规则》 Art. 25).
    """

    unit_id: Id
    building: Id
    entrance: Id
    area_dm2: UnitAmount
    area_source: AreaSource
    owners: tuple[Share, ...]
    use: Use = Use.DWELLING
    sale: Sale = Sale.SOLD
    deed_sha256: Sha256 | None = None
    representative: Id | None = None
    in_arrears: bool = False
    entitlement: UnitAmount = 0
    share_value: UnitAmount = 0


class Naming(Record):
    """One co-owner's newest signed word on who votes for the unit; None withdraws consent."""

    owner_id: Id
    representative: Id | None
    act_sha256: Sha256
    at: TimeMs


class Unit(UnitRow, kw_only=True, omit_defaults=True):
    """A unit on the living register; earlier versions stay in its key's history.

    `since_at` is when its owners became so: a transfer's date, or the import's time. `namings`
    are what the co-owners have signed since; when all name one person, that is `representative`.
    """

    version: Count
    change: Change
    changed_at: TimeMs
    since_at: TimeMs
    evidence_sha256: Sha256 | None = None
    reason: CorrectionReason | None = None
    namings: tuple[Naming, ...] = ()


class OwnerUnit(Record):
    """Says that an owner owns a unit now; its key holds both ids."""

    unit_id: Id


class BadRow(Record):
    """What is wrong with one row of an import: its place in the list, from 0, and a code."""

    index: Count
    unit_id: str
    code: str


class PartTotals(Record):
    """Totals of a building, or of the units whose area comes from one source."""

    part: str
    unit_count: Count
    area_dm2: AreaDm2
    head_count: Count


class RollTotals(Record):
    """What a roll adds up to, parking and the developer's units included.

    Which of these count in a vote is its decision rule's to say.
    """

    unit_count: Count
    area_dm2: AreaDm2
    head_count: Count
    owner_count: Count
    unsold_unit_count: Count
    unsold_area_dm2: AreaDm2
    parking_unit_count: Count
    parking_area_dm2: AreaDm2
    co_owned_unit_count: Count
    buildings: tuple[PartTotals, ...]
    sources: tuple[PartTotals, ...]


class RollPreview(RollTotals):
    """What the register would add up to after an import, and every row that forbids it."""

    bad_rows: tuple[BadRow, ...]


class RollImport(Record):
    """An import of units, under the hash of its content: the same again changes nothing."""

    import_sha256: Sha256
    evidence_sha256: Sha256
    unit_count: Count
    area_dm2: AreaDm2
    imported_at: TimeMs
    imported_tx: str


class RollEntry(Record, omit_defaults=True):
    """One unit of a frozen roll; never written again.

    `head_id` is equal for units of an equal owner set, and for all that the developer holds. Who
    may vote for the unit is asked of the living `Unit`: a buyer votes where the seller has not.
    """

    unit_id: Id
    building: Id
    entrance: Id
    area_dm2: AreaDm2
    area_source: AreaSource
    head_id: Id
    owner_ids: tuple[Id, ...]
    use: Use = Use.DWELLING
    sale: Sale = Sale.SOLD
    in_arrears: bool = False
    entitlement: Count = 0
    share_value: Count = 0


class RollSummary(RollTotals):
    """A frozen roll. `roll_id` is the SHA-256 over its entries, so equal rolls are one roll."""

    roll_id: Sha256
    frozen_at: TimeMs
    frozen_tx: str
