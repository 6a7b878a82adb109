"""Weights: who belongs to a vote's electorate, and how much units weigh together."""

from collections.abc import Iterable, Sequence

from chaincode.model.procedure import Bar, DeveloperUnsold
from chaincode.model.rule import DecisionRule, Measure, Merge
from chaincode.model.tally import UnitWeight, Weights


def add(one: Weights, other: Weights) -> Weights:
    """Both amounts together; heads are added as they are, so they must not overlap."""
    return Weights(
        area_dm2=one.area_dm2 + other.area_dm2,
        heads=one.heads + other.heads,
        lots=one.lots + other.lots,
        entitlement=one.entitlement + other.entitlement,
        share_value=one.share_value + other.share_value,
    )


def head_key(rule: DecisionRule, unit: UnitWeight) -> str:
    """Which head a unit belongs to.

    One unit is one head and one buyer of several units is one head (SPC interpretation of the
    Civil Code Art. 9): OWNER_SET. Under UNIT every unit is a head of its own, but the developer's
    unsold units stay one head together.
    """
    merges = [spec.merge for spec in rule.measures if spec.measure is Measure.HEADS]
    if Merge.UNIT in merges and not unit.developer_unsold:
        return f"unit/{unit.unit_id}"
    return f"head/{unit.head_id}"


def in_electorate(rule: DecisionRule, unit: UnitWeight) -> bool:
    """Whether the unit counts in the denominators."""
    terms = rule.electorate
    if unit.developer_unsold and terms.developer_unsold is DeveloperUnsold.EXCLUDED:
        return False
    if unit.parking and not terms.parking_counts:
        return False
    return Bar.OUT not in _bars(rule, unit)


def may_vote(rule: DecisionRule, unit: UnitWeight) -> bool:
    """Whether a ballot may be cast for the unit."""
    return in_electorate(rule, unit) and Bar.NO_VOTE not in _bars(rule, unit)


def electorate(rule: DecisionRule, units: Iterable[UnitWeight]) -> tuple[UnitWeight, ...]:
    """The units of the scope that count in the denominators."""
    return tuple(unit for unit in units if in_electorate(rule, unit))


def weigh(rule: DecisionRule, units: Sequence[UnitWeight]) -> Weights:
    """What the units weigh together; each head counts once."""
    return Weights(
        area_dm2=sum(unit.area_dm2 for unit in units),
        heads=len({head_key(rule, unit) for unit in units}),
        lots=len(units),
        entitlement=sum(unit.entitlement for unit in units),
        share_value=sum(unit.share_value for unit in units),
    )


def totals(rule: DecisionRule, units: Iterable[UnitWeight]) -> Weights:
    """The denominators: what the electorate within the scope's units weighs."""
    return weigh(rule, electorate(rule, units))


def _bars(rule: DecisionRule, unit: UnitWeight) -> tuple[Bar, ...]:
    terms = rule.electorate
    arrears = terms.arrears if unit.in_arrears else Bar.NONE
    conflicted = terms.conflicted if unit.conflicted else Bar.NONE
    return arrears, conflicted
