"""Finality by hand: when the units still open could change an outcome, and when not."""

from typing import Any

import pytest

from chaincode.model.tally import Outcome
from chaincode.rules.count import count
from chaincode.rules.decision import decide
from chaincode.rules.weights import totals
from tests.support.vectors import changed, read_ballots, read_units

NO_TURNOUT: dict[str, Any] = {"turnout": {"clauses": []}}


def clause(measure: str, count: str, op: str, basis: str) -> dict[str, Any]:
    return {"measure": measure, "count": count, "op": op, "num": 1, "den": 2, "basis": basis}


ZERO_CAST_OR_HALF_OF_LOTS = NO_TURNOUT | {
    "measures": [{"measure": "area"}, {"measure": "lots"}],
    "passing": {
        "combine": "any",
        "clauses": [
            clause("area", "no", "<=", "cast-yes+no"),
            clause("lots", "yes", ">", "all"),
        ],
    },
}
ABSENT_AREA_AND_OPEN_LOTS = ZERO_CAST_OR_HALF_OF_LOTS | {
    "passing": ZERO_CAST_OR_HALF_OF_LOTS["passing"] | {"combine": "all"},
}

CASES = [
    ("nobody voted yet", "cn-278-ordinary", {}, "a1 a 10; b1 b 10", "", "inquorate", False),
    ("turnout may still come", "cn-278-ordinary", {}, "a1 a 10; b1 b 10; c1 c 10", "a1=for",
     "inquorate", False),
    ("an electorate without area never gets a turnout", "cn-278-ordinary", {},
     "a1 a 0; b1 b 0", "a1=for", "inquorate", True),
    ("carried whatever the last one does", "cn-278-ordinary", {},
     "a1 a 10; b1 b 10; c1 c 10; d1 d 10", "a1=for b1=for c1=for", "carried", True),
    ("the last one can still make it a tie", "cn-278-ordinary", {},
     "a1 a 10; b1 b 10; c1 c 10; d1 d 10", "a1=for b1=for c1=against", "carried", False),
    ("lost whatever the last one does", "cn-278-ordinary", {},
     "a1 a 10; b1 b 10; c1 c 10; d1 d 10", "a1=against b1=against c1=for", "lost", True),
    ("the last one can carry a tie", "cn-278-ordinary", {}, "a1 a 10; b1 b 10; c1 c 10",
     "a1=for b1=against", "lost", False),
    ("the area of the last one is too small, its head is not", "cn-278-ordinary", {},
     "a1 a 10; b1 b 5; c1 c 1", "a1=for b1=against", "lost", False),
    ("three quarters can no longer be reached", "cn-278-special", {},
     "a1 a 10; b1 b 10; c1 c 10; d1 d 10", "a1=against b1=against c1=for", "lost", True),
    ("objections passed one third", "henan-2017-objection", {}, "a1 a 10; b1 b 10; c1 c 10",
     "a1=against b1=against", "lost", True),
    ("objections may still come", "henan-2017-objection", {}, "a1 a 10; b1 b 10; c1 c 10",
     "a1=against", "carried", False),
    ("objections can no longer pass one third", "henan-2017-objection", {},
     "a1 a 10; b1 b 10; c1 c 10", "a1=for b1=for", "carried", True),
    ("an owner's other unit can still split the one head", "weg-25-majority", {},
     "a1 a 10; a2 a 10", "a1=for", "carried", False),
    ("an owner's other unit cannot outweigh the others", "weg-25-majority", {},
     "a1 a 10; a2 a 10; b1 b 10; c1 c 10", "a1=for b1=for c1=for", "carried", True),
    ("a barred unit of no area cannot move its owner's head", "cn-278-ordinary",
     {"electorate": {"arrears": "no-vote"}}, "a1 a 10; a2 a 0 A", "a1=for", "carried", True),
    ("a count of nothing is not met, the other clause is open", "cn-278-ordinary",
     ZERO_CAST_OR_HALF_OF_LOTS, "a1 a 0; b1 b 0", "a1=for", "lost", False),
    ("a count of nothing decides where all clauses are needed", "cn-278-ordinary",
     ABSENT_AREA_AND_OPEN_LOTS, "a1 a 0; b1 b 0", "a1=for", "lost", True),
    ("silent ones who would follow are still open", "cn-278-ordinary-follow-majority", {},
     "a1 a 10; b1 b 10; c1 c 10 S", "a1=for b1=for", "carried", True),
    ("followers carry it only as long as they stay silent", "cn-278-ordinary-follow-majority",
     {"turnout": {"clauses": []}}, "a1 a 10; b1 b 10 S", "a1=for", "carried", False),
    ("an election is open until the last ballot", "cn-278-committee-seat", {},
     "a1 a 10; b1 b 10; c1 c 10", "a1=x,y,z b1=x,y,z", "carried", False),
    ("an election with all ballots", "cn-278-committee-seat", {},
     "a1 a 10; b1 b 10; c1 c 10", "a1=x,y,z b1=x,y,z c1=x", "carried", True),
    ("a rating with all ballots", "cn-278-rating", {}, "a1 a 10; b1 b 10",
     "a1=grade-5 b1=grade-1", "carried", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule_id", "change", "units", "ballots", "outcome", "final"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_final(
    rule_id: str, change: dict[str, Any], units: str, ballots: str, outcome: str, final: bool
) -> None:
    rule = changed(rule_id, change)
    roll, served = read_units(units)
    own = ("x", "y", "z") if rule.ballot.kind == "election" else ()
    tally = count(rule, roll, read_ballots(ballots), motion_options=own, served=served)
    decision = decide(rule, tally, totals(rule, roll), seed="motion|roll")
    assert (decision.outcome, decision.final) == (Outcome(outcome), final)
