"""Each unit's part (分户账) of a maintenance fund.

The parts of all units sum to the owners' money in the fund's book: free + budgeted + held. A part
belongs to the unit, so a sale moves it without an entry.
"""

from chaincode.model.base import AreaDm2, Fen, Id, Record
from chaincode.model.fund import SignedFen


class UnitPosting(Record):
    """What one entry of the fund's book changed on one unit's part."""

    entry_id: Id
    fen: SignedFen


class UnitAccount(Record):
    """A unit's part of the fund; below zero it owes a refill.

    `area_dm2` is what it shares costs by; 0 once the unit is off the register. `postings` are
    those of the transaction `tx_id` that wrote this version; earlier ones are in the history.
    """

    fund_id: Id
    unit_id: Id
    area_dm2: AreaDm2
    first_deposit_fen: Fen
    balance_fen: SignedFen
    tx_id: str
    postings: tuple[UnitPosting, ...] = ()


class UnitShare(Record):
    """One unit's share of an amount."""

    unit_id: Id
    fen: Fen


class UnitShares(Record):
    """Who bore a payment or got an income, to the fen; what is given back or taken back lessens
    it, so that nobody gets more than they bore."""

    fund_id: Id
    reference: Id
    shares: tuple[UnitShare, ...]
