"""Explanations that were wrong are undone by entries of their own; the line waits again."""

from typing import Any

from chaincode.model.base import changed
from chaincode.model.statement import (
    Assignment,
    BankLine,
    IncomeRule,
    LineCorrection,
    StatementLine,
)
from tests.support.fund_checks import Snapshot, check
from tests.support.fund_lines import asked, decision, found, waiting, word
from tests.support.funds import ACCOUNT, MAINTENANCE, OPENING_FEN, Treasury, sha, treasury


def correction(town: Treasury, line: StatementLine, **fields: Any) -> LineCorrection:
    given = {
        "account_sha256": ACCOUNT,
        "line_id": line.line_id,
        "entry_id": found(town, line).entry_id or "none",
        "reason_sha256": sha("wrong class"),
        **fields,
    }
    return LineCorrection(**given)


def correct(town: Treasury, line: StatementLine) -> BankLine:
    content = correction(town, line)
    decision_id = town.decide("line-correction", content.line_id, content)
    answer = town.run("correct_line", correction=content, decision_id=decision_id)
    assert town.run("correct_line", correction=content, decision_id=decision_id) == answer
    check(Snapshot().read(town))
    assert isinstance(answer, BankLine)
    return answer


def test_income_by_a_wrong_rule_waits_again_and_the_units_are_as_before() -> None:
    town = treasury()
    before = {unit.unit_id: unit.balance_fen for unit in town.units()}
    rule = IncomeRule(
        rule_id="r", fund_id=MAINTENANCE, income_class="deposit", payer_sha256=sha("payer")
    )
    town.run("set_income_rule", rule=rule, decision_id=town.decide("income-rule", "r", rule))
    line = waiting(town, 101, counterparty_sha256=sha("payer"))
    wrong = found(town, line).entry_id
    assert correct(town, line).fate == "waiting"
    assert {unit.unit_id: unit.balance_fen for unit in town.units()} == before
    assert (town.book().suspense, town.book().free) == (101, OPENING_FEN)
    corrections = [entry for entry in town.entries() if entry.corrects is not None]
    assert [entry.corrects for entry in corrections] == [wrong]
    unit = Assignment(income_class="deposit", unit_id="1-1-101")
    for person in ("clerk", "m1"):
        town.run("assign_line", person, **word(line, unit))
    assert correct(town, line).suspense_fen == 101
    assert {unit.unit_id: unit.balance_fen for unit in town.units()} == before


def test_a_charge_is_corrected_and_an_old_decision_does_not_serve_again() -> None:
    town = treasury()
    line = waiting(town, -37)
    given = asked(town, decision(town, line, "charge"))
    town.run("resolve_line", **given)
    correct(town, line)
    assert (town.book().suspense, town.book().free) == (-37, OPENING_FEN)
    assert town.refused("resolve_line", **given) == (409, "line/changed-meanwhile")


def test_a_correction_is_refused_in_order() -> None:
    town = treasury()
    line, plain = waiting(town, 101), waiting(town, 5)
    for person in ("clerk", "m1"):
        town.run("assign_line", person, **word(line))
    content = correction(town, line)

    def refused(content: LineCorrection, *, carried: bool = True) -> tuple[int, str]:
        decision_id = town.decide("line-correction", content.line_id, content, carried)
        return town.refused("correct_line", correction=content, decision_id=decision_id)

    assert refused(changed(content, line_id="x")) == (404, "line/unknown")
    assert refused(changed(content, entry_id="x")) == (404, "entry/unknown")
    unknown = town.refused("correct_line", correction=content, decision_id="x")
    assert unknown == (404, "committee-decision/unknown")
    other = town.decide("line-correction", plain.line_id, correction(town, plain))
    wrong = town.refused("correct_line", correction=content, decision_id=other)
    assert wrong == (409, "committee-decision/other-content")
    assert refused(correction(town, plain)) == (409, "line/not-correctable")
    earlier = changed(content, entry_id="000000000001")
    assert refused(earlier) == (409, "line/not-correctable")
    assert refused(content, carried=False) == (422, "committee-decision/not-carried")
    town.open_budget(OPENING_FEN + 101)
    assert refused(content) == (422, "book/overdrawn")
