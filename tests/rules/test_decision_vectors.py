"""Hand-made vectors: both sides of every threshold of every template that ships."""

from typing import Any

import pytest

from chaincode.model.rule import Option
from chaincode.model.tally import Decision, Stage
from chaincode.rules.decision import decide
from chaincode.rules.weights import add
from tests.support import oracle
from tests.support.vectors import TEMPLATES, rows, tables, tally_of, weights

VECTORS = list(rows("cn", "elsewhere"))
VECTORS_MIN = 300


def judged(rule_id: str, table: dict[str, Any], cells: list[str]) -> tuple[Decision, Any]:
    yes, no, abstain = (weights(table, cell) for cell in cells[1:4])
    follow = None
    if len(cells) > 5:
        _, option, numbers = cells[5].split(maxsplit=2)
        follow = (option, weights(table, numbers))
    tally = tally_of(
        {Option.FOR: yes, Option.AGAINST: no, Option.ABSTAIN: abstain},
        add(add(yes, no), abstain),
        follow=follow,
    )
    totals = weights(table, table["totals"])
    call = table.get("call", 1)
    rule = TEMPLATES[rule_id]
    return decide(rule, tally, totals, call=call), oracle.verdict(rule, tally, totals, call)


@pytest.mark.parametrize(
    ("rule_id", "table", "cells"), [pytest.param(*v, id=f"{v[0]}: {v[2][0]}") for v in VECTORS]
)
def test_outcome_and_each_clause(rule_id: str, table: dict[str, Any], cells: list[str]) -> None:
    decision, oracle_outcome = judged(rule_id, table, cells)
    met = {
        stage: "".join(str(int(c.met)) for c in decision.clauses if c.stage is stage) or "-"
        for stage in Stage
    }
    shown = [decision.outcome.value, met[Stage.TURNOUT], met[Stage.PASSING]]
    expected = cells[4].split()
    assert shown[: len(expected)] == expected
    assert len(expected) == 3 or met[Stage.PASSING] == "-"
    assert oracle_outcome == decision.outcome.value


def test_enough_vectors_and_no_template_without_both_sides() -> None:
    distinct = [
        row
        for name in ("cn", "elsewhere", "seats", "rating", "count")
        for table in tables(name)
        for row in table["rows"]
    ]
    assert len(distinct) >= VECTORS_MIN
    covered: dict[str, set[str]] = {}
    for rule_id, _, cells in VECTORS:
        covered.setdefault(rule_id, set()).add(cells[4].split()[0])
    for rule_id, _, cells in rows("seats", "rating"):
        covered.setdefault(rule_id, set()).add(cells[2])
    assert sorted(covered) == sorted(TEMPLATES)
    for rule_id, outcomes in covered.items():
        quorum = {"inquorate"} if TEMPLATES[rule_id].turnout.clauses else set()
        assert outcomes == {"carried", "lost"} | quorum, rule_id


def test_clauses_show_both_sides_of_the_compared_integers() -> None:
    table = {"measures": ["area", "heads"], "totals": "9972700 948"}
    cells = ["", "3324234 316", "3324233 316", "0 0"]
    decision, _ = judged("cn-278-ordinary", table, cells)
    sides = [(c.left, c.op.value, c.right, c.met) for c in decision.clauses]
    assert sides == [
        (3 * 6648467, ">=", 2 * 9972700, True),
        (3 * 632, ">=", 2 * 948, True),
        (2 * 3324234, ">", 6648467, True),
        (2 * 316, ">", 632, False),
    ]
