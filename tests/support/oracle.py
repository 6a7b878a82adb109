"""The rules again, naive: fractions, dictionaries and loops, to be compared with chaincode/rules.

Shares no code with the rules. Slow on purpose: every head and every share is worked out from
the single ballots each time it is asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from chaincode.model.rule import DecisionRule
from chaincode.model.tally import CastBallot, Tally, UnitWeight, Weights

OPERATORS = {
    ">=": lambda share, limit: share >= limit,
    ">": lambda share, limit: share > limit,
    "<=": lambda share, limit: share <= limit,
    "<": lambda share, limit: share < limit,
}
UNITS: dict[str, Callable[[UnitWeight], int]] = {
    "area": lambda unit: unit.area_dm2,
    "lots": lambda unit: 1,
    "entitlement": lambda unit: unit.entitlement,
    "share_value": lambda unit: unit.share_value,
}
MEASURES = ("area", "heads", "lots", "entitlement", "share_value")


def amounts(weights: Weights) -> dict[str, int]:
    """A weight as a plain dictionary by measure."""
    return {m: getattr(weights, "area_dm2" if m == "area" else m) for m in MEASURES}


# --- count ---


def head_of(rule: DecisionRule, unit: UnitWeight) -> Any:
    """Which head the unit is part of."""
    per_unit = any(s.measure == "heads" and s.merge == "unit" for s in rule.measures)
    return ("u", unit.unit_id) if per_unit and not unit.developer_unsold else ("h", unit.head_id)


def counted_in(rule: DecisionRule, unit: UnitWeight) -> bool:
    """Whether the unit is in the denominators."""
    terms = rule.electorate
    out = "no-vote-and-out-of-denominator"
    return not (
        (unit.developer_unsold and terms.developer_unsold == "excluded")
        or (unit.parking and not terms.parking_counts)
        or (unit.in_arrears and terms.arrears == out)
        or (unit.conflicted and terms.conflicted == out)
    )


def votes_for(rule: DecisionRule, unit: UnitWeight) -> bool:
    """Whether somebody may cast a ballot for the unit."""
    terms = rule.electorate
    barred = (unit.in_arrears and terms.arrears == "no-vote") or (
        unit.conflicted and terms.conflicted == "no-vote"
    )
    return counted_in(rule, unit) and not barred


def weigh(rule: DecisionRule, units: list[UnitWeight]) -> dict[str, int]:
    """What units weigh together."""
    result = {m: sum(weight(u) for u in units) for m, weight in UNITS.items()}
    return result | {"heads": len({head_of(rule, u) for u in units})}


def count(
    rule: DecisionRule,
    all_units: list[UnitWeight],
    ballots: list[CastBallot],
    options: list[str],
    served: set[str],
) -> dict[str, Any]:
    """Everything a tally says, as dictionaries."""
    units = [u for u in all_units if counted_in(rule, u)]
    by_unit = {b.unit_id: b for b in ballots}
    back = [u for u in units if u.unit_id in by_unit]
    spoiled = [u for u in back if by_unit[u.unit_id].spoiled]
    valid = [u for u in back if not by_unit[u.unit_id].spoiled]
    present = [
        u
        for u in back
        if (rule.spoiled_participates if u in spoiled else True)
        and (rule.abstain_participates or "abstain" not in by_unit[u.unit_id].choices)
    ]
    heads = defaultdict(list)
    for unit in valid:
        heads[head_of(rule, unit)].append(unit)
    tally = {o: _option(rule, o, valid, heads, by_unit) for o in options}
    participating = weigh(rule, present)
    away = [u for u in units if u.unit_id not in by_unit]
    follows, followed = _following(rule, tally, participating, back, away, served)
    return {
        "cast": tally,
        "follows": follows,
        "followed": followed,
        "participating": participating,
        "returned": weigh(rule, back),
        "not_returned": _newcomers(rule, away, back),
        "spoiled": _newcomers(rule, spoiled, valid),
        "totals": weigh(rule, units),
    }


def _option(
    rule: DecisionRule, option: str, valid: list[UnitWeight], heads: Any, by_unit: Any
) -> dict[str, int]:
    chose = [u for u in valid if option in by_unit[u.unit_id].choices]
    result = weigh(rule, chose)
    result["heads"] = 0
    for members in heads.values():
        agree = [u for u in members if u in chose]
        area, agreeing = sum(u.area_dm2 for u in members), sum(u.area_dm2 for u in agree)
        larger = rule.head_split == "majority-area" and area and Fraction(agreeing, area) > 0.5
        result["heads"] += 1 if len(agree) == len(members) or larger else 0
    return result


def _newcomers(
    rule: DecisionRule, units: list[UnitWeight], others: list[UnitWeight]
) -> dict[str, int]:
    seen = [head_of(rule, u) for u in others]
    fresh = Counter(head_of(rule, u) for u in units if head_of(rule, u) not in seen)
    return weigh(rule, units) | {"heads": len(fresh)}


def _following(
    rule: DecisionRule, tally: Any, present: Any, back: Any, away: Any, served: set[str]
) -> tuple[str | None, dict[str, int]]:
    terms = rule.follow_majority
    if terms is None:
        return None, weigh(rule, [])
    for option, weights in tally.items():
        shares = [
            Fraction(weights[s.measure], present[s.measure]) if present[s.measure] else 0
            for s in rule.measures
        ]
        if option != "abstain" and min(shares) > Fraction(1, 2):
            silent = [
                u
                for u in away
                if votes_for(rule, u) and (u.unit_id in served or not terms.requires_served)
            ]
            return option, _newcomers(rule, silent, back)
    return None, weigh(rule, [])


# --- decide ---


def verdict(rule: DecisionRule, tally: Tally, totals: Weights, call: int = 1) -> str:
    """The outcome of a yes-or-no motion, from shares as fractions."""
    turnout, passing = rule.turnout, rule.passing
    if call > 1 and rule.second_call:
        turnout = rule.second_call.turnout
        passing = rule.second_call.passing or passing
    present, followed = amounts(tally.participating), amounts(tally.followed)
    everybody = amounts(totals)
    options: dict[str, dict[str, int]] = {}
    for entry in tally.options:
        cast, more = amounts(entry.cast), amounts(entry.followed)
        options[entry.option] = {m: cast[m] + more[m] for m in MEASURES}
    came = dict(present)
    if rule.follow_majority and rule.follow_majority.counts_for_turnout:
        came = {m: present[m] + followed[m] for m in MEASURES}
    quorum = [_holds(c, came[c.measure], everybody[c.measure]) for c in turnout.clauses]
    if not _combined(turnout.combine, quorum):
        return "inquorate"
    met = []
    for clause in passing.clauses:
        m = clause.measure
        yes, no, abstain = (options.get(o, {m: 0})[m] for o in ("for", "against", "abstain"))
        counted = {"yes": yes, "no": no, "yes+abstain": yes + abstain}[clause.count]
        base = {
            "all": everybody[m],
            "participating": present[m] + followed[m],
            "cast-yes+no": yes + no,
        }[clause.basis]
        met.append(_holds(clause, counted, base))
    return "carried" if _combined(passing.combine, met) else "lost"


def _holds(clause: Any, part: int, whole: int) -> bool:
    if whole == 0:
        return False
    return bool(OPERATORS[clause.op](Fraction(part, whole), Fraction(clause.num, clause.den)))


def _combined(combine: str, results: list[bool]) -> bool:
    return any(results) if combine == "any" and results else all(results)
