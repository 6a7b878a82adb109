"""From the bureau's file to the ledger's `import_roll` request, which names nobody."""

import hashlib
from collections.abc import Sequence

from chaincode import codec
from chaincode.model.base import Id, Record, Sha256
from chaincode.model.roll import Share, UnitRow
from gateway.identity.ownertable import Changes, OwnerTable
from gateway.identity.rollfile import Line, read_roll


class ImportRollRequest(Record):
    """The argument of the transaction `import_roll`."""

    community: Id
    units: tuple[UnitRow, ...]
    evidence_sha256: Sha256


def prepare_import(community: str, data: bytes, table: OwnerTable) -> ImportRollRequest:
    """Give every owner an id in the private table and state the units by those ids.

    The same file again gives the same request, and the same person keeps their id. Deed numbers
    and the file itself appear as salted hashes. Raises BadRollFile with every fault; then the
    table is as it was.
    """
    units = read_roll(data)
    with table.changing() as changes:
        return ImportRollRequest(
            community=community,
            units=tuple(_row(lines, changes) for lines in units),
            evidence_sha256=changes.salted_sha256("file", hashlib.sha256(data).hexdigest()),
        )


def request_bytes(request: ImportRollRequest) -> bytes:
    """The request as the transaction takes it."""
    return codec.encode(request)


def _row(lines: Sequence[Line], changes: Changes) -> UnitRow:
    first = lines[0]
    deed = changes.salted_sha256(f"deed/{first.unit_id}", first.deed_no) if first.deed_no else None
    shares = [
        Share(
            owner_id=changes.id_of(line.owner),
            num=line.share.numerator,
            den=line.share.denominator,
        )
        for line in lines
    ]
    return UnitRow(
        unit_id=first.unit_id,
        building=first.building,
        entrance=first.entrance,
        area_dm2=first.area_dm2,
        area_source=first.area_source,
        owners=tuple(sorted(shares, key=lambda share: share.owner_id)),
        use=first.use,
        sale=first.sale,
        deed_sha256=deed,
    )
