"""From the bureau's file to the ledger's `import_roll` request, which names nobody."""

import hashlib
from collections.abc import Sequence

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

    async def prepare(changes: VaultChanges) -> ImportRollRequest:
        return ImportRollRequest(
            community=community,
            units=tuple([await _row(lines, changes) for lines in units]),
            evidence_sha256=await changes.salted_sha256("file", hashlib.sha256(data).hexdigest()),
        )

    return await vault.change(prepare)


def request_bytes(request: ImportRollRequest) -> bytes:
    """The request as the transaction takes it."""
    return codec.encode(request)


async def _row(lines: Sequence[Line], changes: VaultChanges) -> UnitRow:
    first = lines[0]
    deed = (
        await changes.salted_sha256(f"deed/{first.unit_id}", first.deed_no)
        if first.deed_no
        else None
    )
    shares = [
        Share(
            owner_id=await changes.id_of(line.owner),
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
