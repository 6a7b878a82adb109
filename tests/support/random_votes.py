"""Random votes without hypothesis, for long seeded runs: fast, and repeated by their seed."""

import random

from chaincode.model.rule import DecisionRule
from chaincode.model.tally import UnitWeight
from tests.support import oracle
from tests.support.strategies import ANSWERS, Vote, answer
from tests.support.vectors import TEMPLATES, changed

DECISIONS = [rule for rule in TEMPLATES.values() if rule.ballot.kind == "decision"]
CHANGES: list[dict[str, object]] = [
    {},
    {"head_split": "majority-area"},
    {"abstain_participates": False},
    {"spoiled_participates": False},
    {"electorate": {"developer_unsold": "excluded", "arrears": "no-vote"}},
    {"electorate": {"parking_counts": True, "arrears": "no-vote-and-out-of-denominator"}},
    {"follow_majority": {"clause": "random clause"}},
    {"follow_majority": {"clause": "random clause", "counts_for_turnout": True}},
    {"follow_majority": {"clause": "random clause", "requires_served": False}},
]
RULES: list[DecisionRule] = [changed(rule.id, c) for rule in DECISIONS for c in CHANGES]
UNITS_MAX = 40


def random_vote(rng: random.Random) -> Vote:
    """One of the templates, or a variation, put to a random community near its thresholds."""
    rule = rng.choice(RULES)
    size = rng.randrange(UNITS_MAX)
    owners = max(1, int(size * rng.choice((0.3, 0.7, 1.0))))
    units = tuple(_unit(rng, number, owners) for number in range(size))
    turnout, approval = rng.choice((0.3, 0.7, 0.9, 1.0)), rng.random()
    ballots = []
    for unit in units:
        if rng.random() < turnout and oracle.votes_for(rule, unit):
            chosen: str = ANSWERS[0] if rng.random() < approval else rng.choice(ANSWERS)
            ballots.append(answer(unit, "spoiled" if rng.random() < 0.03 else chosen))
    served = frozenset(unit.unit_id for unit in units if rng.random() < 0.8)
    return Vote(rule=rule, units=units, ballots=tuple(ballots), served=served)


def _unit(rng: random.Random, number: int, owners: int) -> UnitWeight:
    unsold = rng.random() < 0.1
    return UnitWeight(
        unit_id=f"u{number}",
        head_id="developer" if unsold else f"h{rng.randrange(owners)}",
        area_dm2=rng.choice((0, 9000, 9000, rng.randrange(20_000))),
        entitlement=rng.randrange(6),
        share_value=rng.randrange(6),
        developer_unsold=unsold,
        in_arrears=rng.random() < 0.1,
        parking=rng.random() < 0.05,
    )
