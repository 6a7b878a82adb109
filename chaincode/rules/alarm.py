"""The refill alarm: a maintenance fund, or a unit's part of one, below 30 % of the first deposit.

Owners refill it then (Order 165 and local rules). Nothing is stored:
the alarm sounds when a posting takes the balance across the line, and the list is made anew.
"""

from collections.abc import Iterable

from chaincode.model.effect import BASIS_POINTS_MAX
from chaincode.model.fund import REFILL_BP
from chaincode.model.unitaccount import UnitAccount


def is_low(balance_fen: int, first_deposit_fen: int) -> bool:
    """Whether the balance is below 30 % of the first deposit."""
    return balance_fen * BASIS_POINTS_MAX < first_deposit_fen * REFILL_BP


def has_fallen_low(before_fen: int, after_fen: int, first_deposit_fen: int) -> bool:
    """Whether the balance has just crossed the line downwards."""
    return is_low(after_fen, first_deposit_fen) and not is_low(before_fen, first_deposit_fen)


def low_units(accounts: Iterable[UnitAccount]) -> tuple[UnitAccount, ...]:
    """The units' parts that are to be refilled."""
    return tuple(one for one in accounts if is_low(one.balance_fen, one.first_deposit_fen))
