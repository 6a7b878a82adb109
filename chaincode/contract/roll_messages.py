"""What the register of units is asked and told, what it answers, and the events it announces."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Count, Id, Record, Sha256, TimeMs
from chaincode.model.roll import CorrectionReason, Share, Unit, UnitRow
from chaincode.rules import roll as rule

# --- Requests ---


class ImportRoll(Request):
    """Put units on the register; ``evidence_sha256`` is the hash of the bureau's file."""

    units: tuple[UnitRow, ...]
    evidence_sha256: Sha256

    def __post_init__(self) -> None:
        rule.require_good_rows(self.units)


class PreviewRoll(Request):
    """Ask what the register would add up to with these units; with none, what it does now."""

    units: tuple[UnitRow, ...] = ()


class TransferUnit(Request):
    """Record that a unit has been in other hands since ``at``.

    ``version`` is the version of the unit that the clerk saw.
    """

    unit_id: Id
    version: Count
    owners: tuple[Share, ...]
    at: TimeMs
    evidence_sha256: Sha256
    deed_sha256: Sha256 | None = None
    representative: Id | None = None

    def __post_init__(self) -> None:
        rule.require_faultless(rule.owner_faults(self.owners, self.representative))


class CorrectUnit(Request):
    """State a unit anew, with the reason."""

    unit: UnitRow
    version: Count
    reason: CorrectionReason
    evidence_sha256: Sha256

    def __post_init__(self) -> None:
        rule.require_faultless(rule.row_faults(self.unit))


class RemoveUnit(Request):
    """Take a unit off the register that is none: entered in error, or demolished."""

    unit_id: Id
    version: Count
    reason: CorrectionReason
    evidence_sha256: Sha256


class NameRepresentative(ActBody):
    """A co-owner names who votes for the unit, or, with null, withdraws consent."""

    unit_id: Id
    representative: Id | None


class UnitRequest(Request):
    """Ask about one unit."""

    unit_id: Id


class OwnerRequest(Request):
    """Ask about one owner."""

    owner_id: Id


class RollRequest(Request):
    """Ask about one frozen roll."""

    roll_id: Sha256


class RollEntryRequest(Request):
    """Ask about one unit of a frozen roll."""

    roll_id: Sha256
    unit_id: Id


# --- Answers and events ---


class UnitVersion(Record):
    """One version of a unit; None where it was removed."""

    tx_id: str
    at: TimeMs
    unit: Unit | None


class UnitHistory(Record):
    """All versions of a unit, newest first."""

    versions: tuple[UnitVersion, ...]


class OwnedUnits(Record):
    """The units that an owner owns now, by id."""

    units: tuple[Unit, ...]


class RollImported(Record):
    """Event: units came on the register."""

    community: str
    import_sha256: str
    unit_count: Count
    event: str = "RollImported"


class UnitTransferred(Record):
    """Event: a unit has other owners."""

    community: str
    unit_id: str
    version: Count
    event: str = "UnitTransferred"


class UnitCorrected(Record):
    """Event: a unit was stated anew."""

    community: str
    unit_id: str
    version: Count
    reason: CorrectionReason
    event: str = "UnitCorrected"


class UnitRemoved(Record):
    """Event: a unit was taken off the register."""

    community: str
    unit_id: str
    version: Count
    reason: CorrectionReason
    evidence_sha256: str
    event: str = "UnitRemoved"


class RepresentativeNamed(Record):
    """Event: a co-owner said who votes for the unit; ``representative`` is who does now."""

    community: str
    unit_id: str
    version: Count
    representative: str | None
    event: str = "RepresentativeNamed"


class RollFrozen(Record):
    """Event: the register as it stands is a frozen roll."""

    community: str
    roll_id: str
    unit_count: Count
    event: str = "RollFrozen"
