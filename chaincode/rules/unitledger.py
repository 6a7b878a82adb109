"""The per-unit ledger (分户账): who bears a payment, who gets an income, to the fen."""

from collections.abc import Mapping, Sequence

from chaincode.model.base import changed
from chaincode.model.unitaccount import UnitAccount, UnitPosting, UnitShare, UnitShares
from chaincode.rules.split import split_by_area


def shares_by_area(fen: int, accounts: Sequence[UnitAccount]) -> dict[str, int]:
    """Each unit's share of ``fen`` by its area (Civil Code Art. 283); the shares sum to it.

    Equal shares if none of the units has an area any more, so that what the bank did can always
    be booked.
    """
    areas = {account.unit_id: account.area_dm2 for account in accounts}
    return split_by_area(fen, areas if any(areas.values()) else dict.fromkeys(areas, 1))


def shares_borne(fen: int, borne: UnitShares) -> dict[str, int]:
    """Each unit's share of what comes back, in proportion to what it bore.

    Never more than it bore, as long as ``fen`` is not more than all bore together; and exactly
    what it bore when all of it comes back.
    """
    return split_by_area(fen, {share.unit_id: share.fen for share in borne.shares})


def lessened(borne: UnitShares, given_back: Mapping[str, int]) -> UnitShares:
    """What the units still bear after ``given_back``."""
    left = tuple(
        UnitShare(unit_id=share.unit_id, fen=share.fen - given_back[share.unit_id])
        for share in borne.shares
    )
    return changed(borne, shares=left)


def added(account: UnitAccount, fen: int, *, entry_id: str, tx_id: str) -> UnitAccount:
    """The unit's account after one posting; it holds the postings of its own transaction only."""
    before = account.postings if account.tx_id == tx_id else ()
    return changed(
        account,
        balance_fen=account.balance_fen + fen,
        tx_id=tx_id,
        postings=(*before, UnitPosting(entry_id=entry_id, fen=fen)),
    )
