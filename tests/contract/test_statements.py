"""Statements: whole or not at all; each line matched, income by rule, or listed."""

from typing import Any

import pytest

from chaincode.errors import BadInput
from chaincode.model.base import Org, changed
from chaincode.model.statement import IncomeRule, StatementLine
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import (
    ACCOUNT,
    FEE,
    FEE_ACCOUNT,
    MAINTENANCE,
    OPENING_FEN,
    Treasury,
    sha,
    treasury,
)


def ordered(fen: int = 600) -> tuple[Treasury, str]:
    town = treasury()
    return town, town.ordered_payment(town.open_budget(1_000), fen)


def fate(town: Treasury, line: StatementLine, account: str = ACCOUNT) -> str:
    return str(town.ask("bank_line", account_sha256=account, line_id=line.line_id).fate)


def kinds(town: Treasury) -> list[str]:
    return sorted(str(exception.kind) for exception in town.exceptions())


def refused(town: Treasury, statement: Any) -> tuple[int, str]:
    return town.refused("record_statement", Org.BANK, statement=statement)


def checked(town: Treasury) -> Treasury:
    check(Snapshot().read(town))
    return town


# --- Taken whole or refused whole ---


def test_an_empty_statement_is_taken_and_the_same_again_is_the_same() -> None:
    town = treasury()
    content = town.statement(town.line(5))
    first = town.run("record_statement", Org.BANK, statement=content)
    state = town.ledger.state()
    assert town.run("record_statement", Org.BANK, statement=content) == first
    assert town.ledger.state() == state
    other = changed(content, message_sha256=sha("x"))
    assert refused(town, other) == (409, "statement/exists-with-different-content")
    town.book_lines()
    assert town.account().last_sequence == 2
    found = town.ask("statements", account_sha256=ACCOUNT).statements
    assert [one.sequence for one in found] == [1, 2]
    assert len(town.ask("statements", account_sha256=ACCOUNT, after=1).statements) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"account_sha256": sha("x"), "sequence": 9}, (404, "account/unknown")),
        ({"sequence": 9}, (409, "statement/out-of-sequence")),
        ({"sequence": 1}, (409, "statement/out-of-sequence")),
        (
            {"opening_fen": OPENING_FEN, "closing_fen": OPENING_FEN + 7},
            (409, "statement/opening-differs"),
        ),
    ],
)
def test_a_statement_that_does_not_follow_is_refused_whole(
    fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    town = treasury()
    town.book_lines(town.line(5))
    assert refused(town, changed(town.statement(town.line(7)), **fields)) == expected


def test_a_line_of_an_earlier_statement_is_refused() -> None:
    town = treasury()
    town.book_lines(town.line(5, line_id="l1"))
    again = town.statement(town.line(5, line_id="l1"))
    assert refused(town, again) == (409, "statement/line-recorded")


@pytest.mark.parametrize(
    ("lines", "closing_fen", "code"),
    [
        (((5, {}), (5, {})), 10, "statement/line-repeated"),
        (((0, {}),), 0, "statement/zero-line"),
        (((-5, {"is_return": True}),), -5, "statement/return-is-debit"),
        (((5, {}),), 6, "statement/does-not-add-up"),
    ],
)
def test_a_statement_that_contradicts_itself_is_bad_input(
    lines: tuple[tuple[int, dict[str, Any]], ...], closing_fen: int, code: str
) -> None:
    town = treasury()
    made = [town.line(fen, line_id="l1", **fields) for fen, fields in lines]
    content = changed(town.statement(*made), closing_fen=OPENING_FEN + closing_fen)
    with pytest.raises(BadInput, match=code):
        town.run("record_statement", Org.BANK, statement=content)


# --- Payments on statements ---


@pytest.mark.parametrize("order", ["report-first", "notice-first", "line-first", "line-only"])
def test_a_settlement_counts_once_whoever_tells_it_first(order: str) -> None:
    town, payment_id = ordered()
    line = town.line(-590, payment_id=payment_id)
    if order == "report-first":
        town.report(payment_id, "settled", amount_fen=590)
    if order == "notice-first":
        town.report(payment_id, "settled", amount_fen=590, entry_ref=line.line_id)
    town.book_lines(line)
    if order == "line-first":
        town.report(payment_id, "settled", amount_fen=590)
        town.report(payment_id, "settled", amount_fen=590, entry_ref=line.line_id)
    payment = town.payment(payment_id)
    assert (payment.settled_fen, payment.booked_fen) == (590, 590)
    assert payment.entry_ref == line.line_id
    assert fate(town, line) == "payment"
    assert (town.book().bank, town.book().budgeted) == (OPENING_FEN - 590, 410)
    assert kinds(town) == []
    checked(town)


@pytest.mark.parametrize("report_first", [True, False])
def test_a_return_credits_the_budget_once_whoever_tells_it_first(report_first: bool) -> None:
    town, payment_id = ordered()
    debit = town.line(-600, payment_id=payment_id)
    credit = town.line(200, payment_id=payment_id, is_return=True)
    told = {"amount_fen": 200, "entry_ref": credit.line_id}
    if report_first:
        town.report(payment_id, "settled", amount_fen=600)
        town.report(payment_id, "returned", **told)
    town.book_lines(credit, debit)
    town.report(payment_id, "returned", **told)
    payment = town.payment(payment_id)
    assert (payment.returned_fen, payment.returned_booked_fen) == (200, 200)
    assert (fate(town, debit), fate(town, credit)) == ("payment", "return")
    assert (town.book().budgeted, kinds(town)) == (600, [])
    checked(town)


def test_units_get_back_what_they_bore() -> None:
    town = treasury()
    before = {unit.unit_id: unit.balance_fen for unit in town.units()}
    budget_id = town.open_budget(1_000, unit_ids=("1-1-101", "1-1-102"))
    payment_id = town.ordered_payment(budget_id, 601)
    town.book_lines(town.line(-601, payment_id=payment_id))
    borne = {unit.unit_id: before[unit.unit_id] - unit.balance_fen for unit in town.units()}
    assert borne == {"1-1-101": 316, "1-1-102": 285, "1-2-201": 0, "2-1-101": 0, "2-1-P1": 0}
    town.book_lines(town.line(1, payment_id=payment_id, is_return=True))
    town.book_lines(town.line(600, payment_id=payment_id, is_return=True))
    assert {unit.unit_id: unit.balance_fen for unit in town.units()} == before
    checked(town)


@pytest.mark.parametrize(
    ("fen", "fields", "kind"),
    [
        (-601, {}, "amount-above-hold"),
        (200, {"is_return": True}, "return-without-settlement"),
    ],
)
def test_a_line_that_does_not_fit_its_payment_waits_and_is_an_exception(
    fen: int, fields: dict[str, Any], kind: str
) -> None:
    town, payment_id = ordered()
    line = town.line(fen, payment_id=payment_id, **fields)
    town.book_lines(line)
    assert (fate(town, line), kinds(town)) == ("waiting", [kind])
    assert (town.book().suspense, town.book().held) == (fen, 600)
    checked(town)


def test_a_second_debit_and_a_wrong_amount_wait() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=600)
    wrong = town.line(-599, payment_id=payment_id)
    right = town.line(-600, payment_id=payment_id)
    twice = town.line(-600, payment_id=payment_id)
    town.book_lines(wrong, right, twice)
    assert [fate(town, line) for line in (wrong, right, twice)] == [
        "waiting",
        "payment",
        "waiting",
    ]
    assert kinds(town) == ["settled-otherwise", "settled-otherwise"]
    checked(town)


def test_a_return_told_with_another_amount_waits() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=600)
    town.report(payment_id, "returned", amount_fen=200, entry_ref="r")
    debit = town.line(-600, payment_id=payment_id)
    credit = town.line(300, payment_id=payment_id, is_return=True, line_id="r")
    town.book_lines(debit, credit)
    assert (fate(town, credit), kinds(town)) == ("waiting", ["entry-changed"])
    checked(town)


def test_a_payment_on_another_account_or_never_ordered_waits() -> None:
    town, payment_id = ordered()
    never = town.held_payment("budget-1", 5)
    foreign = town.line(-600, payment_id=payment_id)
    town.book_lines(foreign, account=FEE_ACCOUNT)
    line = town.line(-5, payment_id=never)
    town.book_lines(line)
    assert fate(town, foreign, FEE_ACCOUNT) == fate(town, line) == "waiting"
    assert kinds(town) == ["not-ordered", "other-account"]
    checked(town)


def test_unknown_lines_wait_and_are_listed() -> None:
    town = treasury()
    credit, debit = town.line(300), town.line(-200, payment_id="nobody")
    plain = town.line(7, payment_id="nobody")
    town.book_lines(credit, debit, plain)
    listed = town.ask("waiting_lines", fund_id=MAINTENANCE).lines
    assert {line.line.line_id for line in listed} == {
        credit.line_id,
        debit.line_id,
        plain.line_id,
    }
    assert town.book().suspense == 107
    assert kinds(town) == []
    checked(town)


def test_a_statement_shows_what_became_of_each_line() -> None:
    town, payment_id = ordered()
    statement = town.book_lines(town.line(5), town.line(-600, payment_id=payment_id))
    view = town.ask("statement", account_sha256=ACCOUNT, statement_id=statement.statement_id)
    assert [line.fate for line in view.lines] == ["waiting", "payment"]
    unknown = town.refused("statement", account_sha256=ACCOUNT, statement_id="x")
    assert unknown == (404, "statement/unknown")
    unknown = town.refused("bank_line", account_sha256=ACCOUNT, line_id="x")
    assert unknown == (404, "line/unknown")


# --- Income by rule ---


def put_rule(town: Treasury, **fields: Any) -> IncomeRule:
    given = {"fund_id": MAINTENANCE, "income_class": "deposit", **fields}
    rule = IncomeRule(rule_id=given.pop("rule_id", None) or town.next_id("rule"), **given)
    decision_id = town.decide("income-rule", rule.rule_id, rule)
    town.run("set_income_rule", rule=rule, decision_id=decision_id)
    return rule


def test_income_by_reference_is_the_units() -> None:
    town = treasury()
    before = {unit.unit_id: unit.balance_fen for unit in town.units()}
    put_rule(town, reference_prefix="U-", unit_in_reference=True)
    known = town.line(500, reference="U-1-1-101")
    strange = [town.line(1, reference=text) for text in ("U-9-9-999", "U-", "U-.x", "V-1-1-101")]
    town.book_lines(known, *strange)
    after = {unit.unit_id: unit.balance_fen for unit in town.units()}
    assert after == {**before, "1-1-101": before["1-1-101"] + 500}
    assert [fate(town, line) for line in strange] == ["waiting"] * 4
    assert fate(town, known) == "income"
    checked(town)


def test_other_income_of_the_maintenance_fund_is_shared_by_area() -> None:
    town = treasury()
    rule = put_rule(town, payer_sha256=sha("bank interest"))
    line = town.line(101, counterparty_sha256=sha("bank interest"))
    town.book_lines(line)
    found = town.ask("bank_line", account_sha256=ACCOUNT, line_id=line.line_id)
    assert (found.rule_id, found.income_class) == (rule.rule_id, "deposit")
    assert town.book().free == OPENING_FEN + 101
    checked(town)


def test_the_fee_is_the_companys_by_the_rate_of_the_day_it_was_booked() -> None:
    town = treasury()
    put_rule(town, fund_id=FEE, reference_prefix="FEE-", income_class="property-fee")
    town.book_lines(town.line(1_001, reference="FEE-1"), account=FEE_ACCOUNT)
    assert (town.book(FEE).company, town.book(FEE).free) == (1_001, 0)
    checked(town)


def test_the_longest_prefix_wins_then_the_payer_and_ended_rules_do_not_count() -> None:
    town = treasury()
    put_rule(town, reference_prefix="P", income_class="short")
    long = put_rule(town, reference_prefix="P-1", income_class="long")
    put_rule(town, payer_sha256=sha("payer"), income_class="payer")

    def income_class(reference: str, payer: str) -> str | None:
        line = town.line(5, reference=reference, counterparty_sha256=sha(payer))
        town.book_lines(line)
        found = town.ask("bank_line", account_sha256=ACCOUNT, line_id=line.line_id)
        return found.income_class  # type: ignore[no-any-return]

    assert income_class("P-17", "payer") == "long"
    assert income_class("P-2", "payer") == "short"
    assert income_class("Q", "payer") == "payer"
    assert income_class("Q", "other") is None
    decision_id = town.decide("income-rule-end", long.rule_id, long)
    given = {"fund_id": MAINTENANCE, "rule_id": long.rule_id, "decision_id": decision_id}
    ended = town.run("end_income_rule", **given)
    town.pass_ms(1)
    assert town.run("end_income_rule", **given) == ended
    assert income_class("P-17", "payer") == "short"
    assert len(town.ask("income_rules", fund_id=MAINTENANCE).rules) == 3


def test_a_returned_payment_or_a_debit_is_no_income() -> None:
    town = treasury()
    put_rule(town, reference_prefix="P")
    lines = [town.line(-5, reference="P1"), town.line(5, reference="P1", is_return=True)]
    town.book_lines(*lines)
    assert [fate(town, line) for line in lines] == ["waiting", "waiting"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"reference_prefix": "P", "payer_sha256": sha("x")},
        {"payer_sha256": sha("x"), "unit_in_reference": True},
    ],
)
def test_a_rule_has_exactly_one_criterion(fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="income-rule/contradicts"):
        put_rule(treasury(), **fields)


def test_a_rule_is_refused_in_order() -> None:
    town = treasury()
    rule = IncomeRule(
        rule_id="r", fund_id=FEE, income_class="fee", reference_prefix="F", unit_in_reference=True
    )

    def given(content: IncomeRule, *, carried: bool = True) -> dict[str, Any]:
        decision_id = town.decide("income-rule", content.rule_id, content, carried)
        return {"rule": content, "decision_id": decision_id}

    name = "set_income_rule"
    assert town.refused(name, **given(changed(rule, fund_id="x"))) == (404, "fund/unknown")
    unknown = town.refused(name, rule=rule, decision_id="x")
    assert unknown == (404, "committee-decision/unknown")
    other = {**given(rule), "rule": changed(rule, income_class="x")}
    assert town.refused(name, **other) == (409, "committee-decision/other-content")
    not_carried = town.refused(name, **given(rule, carried=False))
    assert not_carried == (422, "committee-decision/not-carried")
    assert town.refused(name, **given(rule)) == (422, "fund/no-unit-accounts")
    plain = changed(rule, unit_in_reference=False)
    active = town.run(name, **given(plain))
    assert town.run(name, **given(plain)) == active
    assert town.refused(name, **given(rule)) == (409, "income-rule/exists")


def test_ending_a_rule_is_refused_in_order() -> None:
    town = treasury()
    rule = put_rule(town, reference_prefix="P")
    given = {"fund_id": MAINTENANCE, "rule_id": rule.rule_id}
    name = "end_income_rule"
    unknown = town.refused(name, **{**given, "rule_id": "x"}, decision_id="x")
    assert unknown == (404, "income-rule/unknown")
    assert town.refused(name, **given, decision_id="x") == (404, "committee-decision/unknown")
    other = town.decide("income-rule", rule.rule_id, rule)
    refused_ = town.refused(name, **given, decision_id=other)
    assert refused_ == (409, "committee-decision/other-content")
    waiting = town.decide("income-rule-end", rule.rule_id, rule, carried=False)
    not_carried = town.refused(name, **given, decision_id=waiting)
    assert not_carried == (422, "committee-decision/not-carried")
    assert town.refused("income_rules", fund_id="x") == (404, "fund/unknown")
