"""From the bureau's file to the ledger's `import_roll` request, which names nobody."""

import hashlib
from collections.abc import Mapping, Sequence

from chaincode import codec
from chaincode.model.base import Id, Record, Sha256
from chaincode.model.roll import Share, UnitRow
from gateway.identity.rollfile import Line, read_roll
from gateway.identity.vault import Vault, VaultChanges


class ImportRollRequest(Record):
    """The argument of the transaction `import_roll`."""

    community: Id
    units: tuple[UnitRow, ...]
    evidence_sha256: Sha256


async def prepare_import(community: str, data: bytes, vault: Vault) -> ImportRollRequest:
    """Give every owner an id in the vault and state the units by those ids.

    The same file again gives the same request, and the same person keeps their id. Deed numbers
    and the file itself appear as salted hashes. Raises BadRollFile with every fault; then the
    vault is as it was.
    """
    units = read_roll(data)
    deeds = {_deed(lines) for lines in units if lines[0].deed_no}
    file = ("file", hashlib.sha256(data).hexdigest())

    async def prepare(changes: VaultChanges) -> ImportRollRequest:
        ids = await changes.ids_of(line.owner for lines in units for line in lines)
        hashes = await changes.salted_sha256([*sorted(deeds), file])
        return ImportRollRequest(
            community=community,
            units=tuple(_row(lines, ids, hashes) for lines in units),
            evidence_sha256=hashes[file],
        )

    return await vault.change(prepare)


def request_bytes(request: ImportRollRequest) -> bytes:
    """The request as the transaction takes it."""
    return codec.encode(request)


def _deed(lines: Sequence[Line]) -> tuple[str, str]:
    return f"deed/{lines[0].unit_id}", lines[0].deed_no


def _row(
    lines: Sequence[Line], ids: Mapping[str, str], hashes: Mapping[tuple[str, str], str]
) -> UnitRow:
    first = lines[0]
    shares = [
        Share(
            owner_id=ids[line.owner.id_no],
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
        deed_sha256=hashes.get(_deed(lines)),
    )
