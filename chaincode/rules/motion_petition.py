"""Owners' petition (联名提议): enough of them ask, and the motion must be put.

20 % of the owners may demand a meeting: 物业管理条例 Art. 13; local rules also take the area.
"""

from collections.abc import Collection, Sequence

from chaincode.errors import RuleForbids
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import UnitWeight, Weights
from chaincode.rules.weights import totals


def support(
    rule: DecisionRule,
    units: Sequence[tuple[UnitWeight, Collection[str]]],
    signers: Collection[str],
) -> Weights:
    """What the units weigh of which an owner signed; `units` come with their owners' ids.

    One co-owner's signature speaks for the unit.
    """
    signed = [unit for unit, owners in units if any(owner in signers for owner in owners)]
    return totals(rule, signed)


def is_supported(rule: DecisionRule, supporting: Weights, whole: Weights) -> bool:
    """Whether the petition's share is reached, in heads or, if the rule takes it, in area."""
    num, den = rule.authority.petition_num, rule.authority.petition_den
    by_heads = supporting.heads * den >= num * whole.heads > 0
    by_area = supporting.area_dm2 * den >= num * whole.area_dm2 > 0
    return by_heads or (rule.authority.petition_by_area and by_area)


def require_supported(rule: DecisionRule, supporting: Weights, whole: Weights) -> None:
    """Refuse (RuleForbids `petition/too-few`, with the heads) a petition below its share."""
    if not is_supported(rule, supporting, whole):
        raise RuleForbids("petition/too-few", heads=supporting.heads, of_heads=whole.heads)
