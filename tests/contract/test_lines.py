"""Waiting lines: explained by two persons or the committee, and put back when that was wrong."""

from typing import Any

import pytest

from chaincode.errors import BadInput
from chaincode.model.base import changed
from chaincode.model.statement import (
    Assignment,
    BankLine,
    LineDecision,
    LineKind,
    StatementLine,
)
from tests.support.fund_checks import Snapshot, check
from tests.support.fund_lines import asked, decision, found, waiting, word
from tests.support.funds import (
    ACCOUNT,
    DAY_MS,
    FEE,
    FEE_ACCOUNT,
    MAINTENANCE,
    OPENING_FEN,
    Treasury,
    treasury,
)

# --- Two persons ---


def test_a_clerk_and_then_a_member_make_a_line_income() -> None:
    town = treasury()
    line = waiting(town, 101)
    town.run("assign_line", "clerk", **word(line))
    assert found(town, line).fate == "waiting"
    town.run("assign_line", "m1", **word(line))
    assert (found(town, line).fate, found(town, line).income_class) == ("income", "deposit")
    assert (town.book().suspense, town.book().free) == (0, OPENING_FEN + 101)
    assert town.ask("waiting_lines", fund_id=MAINTENANCE).lines == ()
    assert town.refused("assign_line", "m2", **word(line)) == (409, "line/not-waiting")
    check(Snapshot().read(town))


def test_a_deposit_may_be_one_units() -> None:
    town = treasury()
    before = {unit.unit_id: unit.balance_fen for unit in town.units()}
    line = waiting(town, 101)
    assignment = Assignment(income_class="deposit", unit_id="2-1-P1")
    town.run("assign_line", "m1", **word(line, assignment))
    town.run("assign_line", "m2", **word(line, assignment))
    after = {unit.unit_id: unit.balance_fen for unit in town.units()}
    assert after == {**before, "2-1-P1": 101}
    check(Snapshot().read(town))


@pytest.mark.parametrize("people", [("m1", "m1"), ("clerk", "clerk-2"), ("m1", "clerk")])
def test_one_person_or_two_clerks_are_not_enough(people: tuple[str, str]) -> None:
    town = treasury()
    line = waiting(town, 101)
    for person in people:
        town.run("assign_line", person, **word(line))
    assert found(town, line).fate == "waiting"


def test_another_assignment_replaces_the_first_word() -> None:
    town = treasury()
    line = waiting(town, 101)
    town.run("assign_line", "clerk", **word(line))
    town.run("assign_line", "m1", **word(line, Assignment(income_class="rent")))
    town.run("assign_line", "m2", **word(line))
    assert found(town, line).fate == "waiting"
    town.run("assign_line", "m3", **word(line))
    assert found(town, line).fate == "income"


def test_an_assignment_is_refused_in_order() -> None:
    town = treasury()
    line, debit = waiting(town, 101), waiting(town, -5)
    fee = waiting(town, 7, FEE_ACCOUNT)
    unit = Assignment(income_class="x", unit_id="9-9-999")
    stranger = town.refused("assign_line", "m9", **word(line))
    assert stranger == (403, "caller/not-the-company")
    unknown = town.refused("assign_line", "m1", **word(line, line_id="x"))
    assert unknown == (404, "line/unknown")
    no_unit = town.refused("assign_line", "m1", **word(debit, unit))
    assert no_unit == (404, "fund/unit-without-account")
    assert town.refused("assign_line", "m1", **word(debit)) == (409, "line/not-income")
    no_ledger = town.refused("assign_line", "m1", **word(fee, unit, account_sha256=FEE_ACCOUNT))
    assert no_ledger == (422, "fund/no-unit-accounts")


def test_a_fee_is_the_companys_by_the_rate() -> None:
    town = treasury()
    line = waiting(town, 101, FEE_ACCOUNT)
    for person in ("clerk", "m1"):
        town.run("assign_line", person, **word(line, account_sha256=FEE_ACCOUNT))
    assert (town.book(FEE).company, town.book(FEE).suspense) == (101, 0)
    check(Snapshot().read(town))


# --- The committee ---


def resolve(town: Treasury, line: StatementLine, kind: str, **fields: Any) -> BankLine:
    given = asked(town, decision(town, line, kind, **fields))
    answer = town.run("resolve_line", **given)
    assert town.run("resolve_line", **given) == answer
    check(Snapshot().read(town))
    assert isinstance(answer, BankLine)
    return answer


def refuse(town: Treasury, line: StatementLine, kind: str, **fields: Any) -> tuple[int, str]:
    return town.refused("resolve_line", **asked(town, decision(town, line, kind, **fields)))


def late(fen: int = 600) -> tuple[Treasury, str, StatementLine]:
    """A payment that expired and left the account all the same."""
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    town.pass_ms(180 * DAY_MS)
    town.run("expire_payment", payment_id=payment_id)
    line = waiting(town, -fen, payment_id=payment_id)
    return town, payment_id, line


def test_a_payment_that_left_after_its_end_is_taken_from_its_budget() -> None:
    town, payment_id, line = late()
    assert [exception.kind for exception in town.exceptions()] == ["settled-after-end"]
    resolve(town, line, "payment", payment_id=payment_id)
    payment = town.payment(payment_id)
    assert (payment.settled_fen, payment.booked_fen) == (600, 600)
    assert (town.book().suspense, town.book().budgeted) == (0, 400)
    (exception,) = town.exceptions()
    assert exception.resolution == "paid-by-line"
    assert town.ask("payment", payment_id=payment_id).phase == "settled"


def test_beyond_what_the_budget_has_left_it_is_refused_with_the_gap() -> None:
    town, payment_id, line = late(1_001)
    refused = refuse(town, line, "payment", payment_id=payment_id)
    assert refused == (422, "budget/exceeded")


def test_where_the_budget_is_closed_the_fund_pays_or_refuses() -> None:
    town, payment_id, line = late()
    budget_id = str(town.payment(payment_id).content.budget_id)
    town.pass_ms(400 * DAY_MS)
    town.run("close_budget", budget_id=budget_id)
    everything = town.open_budget(OPENING_FEN)
    refused = refuse(town, line, "payment", payment_id=payment_id)
    assert refused == (422, "book/overdrawn")
    town.pass_ms(400 * DAY_MS)
    town.run("close_budget", budget_id=everything)
    resolve(town, line, "payment", payment_id=payment_id)
    assert town.book().free == OPENING_FEN - 600


def test_a_debit_above_the_hold_takes_the_rest_from_the_budget() -> None:
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    line = waiting(town, -700, payment_id=payment_id)
    resolve(town, line, "payment", payment_id=payment_id)
    assert (town.payment(payment_id).settled_fen, town.book().budgeted) == (700, 300)


def test_a_debit_without_its_id_is_still_the_payments() -> None:
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    line = waiting(town, -590)
    resolve(town, line, "payment", payment_id=payment_id)
    assert town.book().budgeted == 410


def test_a_debit_of_what_a_report_settled_counts_once() -> None:
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    town.report(payment_id, "settled", amount_fen=600)
    line, wrong = waiting(town, -600), waiting(town, -599)
    refused = refuse(town, wrong, "payment", payment_id=payment_id)
    assert refused == (409, "line/payment-booked")
    resolve(town, line, "payment", payment_id=payment_id)
    assert (town.book().bank, town.book().suspense) == (OPENING_FEN - 600 - 599, -599)
    again = waiting(town, -600)
    refused = refuse(town, again, "payment", payment_id=payment_id)
    assert refused == (409, "line/payment-booked")


def test_the_banks_charge_is_borne_by_the_fund_and_its_units() -> None:
    town = treasury()
    line = waiting(town, -37)
    assert resolve(town, line, "charge").fate == "charge"
    assert (town.book().free, town.book().suspense) == (OPENING_FEN - 37, 0)


def test_a_charge_that_the_fund_does_not_have_is_refused() -> None:
    town = treasury()
    town.open_budget(OPENING_FEN)
    line = waiting(town, -37)
    assert refuse(town, line, "charge") == (422, "book/overdrawn")


def test_two_lines_that_undo_each_other_are_explained_together() -> None:
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    town.book_lines(town.line(-600, payment_id=payment_id))
    twice = waiting(town, -600, payment_id=payment_id)
    back = waiting(town, 600)
    other = {"other_account_sha256": ACCOUNT, "other_line_id": back.line_id}
    assert resolve(town, twice, "offset", **other).fate == "offset"
    assert found(town, back).offset_by == twice.line_id
    assert town.book().suspense == 0
    (exception,) = town.exceptions()
    assert exception.resolution == "made-good"


def test_lines_that_do_not_undo_each_other_are_refused() -> None:
    town = treasury()
    line, other, fee = waiting(town, -600), waiting(town, 599), waiting(town, 600, FEE_ACCOUNT)
    by = {"other_account_sha256": ACCOUNT, "other_line_id": other.line_id}
    assert refuse(town, line, "offset", **by) == (409, "line/do-not-offset")
    by = {"other_account_sha256": FEE_ACCOUNT, "other_line_id": fee.line_id}
    assert refuse(town, line, "offset", **by) == (409, "line/other-fund")
    itself = {"other_account_sha256": ACCOUNT, "other_line_id": line.line_id}
    assert refuse(town, line, "offset", **itself) == (409, "line/do-not-offset")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("payment", {}),
        ("payment", {"payment_id": "p", "other_line_id": "l"}),
        ("charge", {"payment_id": "p"}),
        ("charge", {"other_account_sha256": ACCOUNT}),
        ("offset", {"other_line_id": "l"}),
        ("offset", {"other_account_sha256": ACCOUNT, "other_line_id": "l", "payment_id": "p"}),
    ],
)
def test_a_decision_without_its_own_fields_is_bad_input(kind: str, fields: dict[str, Any]) -> None:
    town = treasury()
    content = decision(town, waiting(town, -5), kind, **fields)
    with pytest.raises(BadInput, match="line/decision-contradicts"):
        town.run("resolve_line", **asked(town, content))


def test_a_decision_is_refused_in_order() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    payment_id = town.held_payment(budget_id, 600)
    debit, credit = waiting(town, -5), waiting(town, 5)
    unknown = town.refused("resolve_line", **asked(town, _unknown(town, debit)))
    assert unknown == (404, "line/unknown")
    refused = refuse(town, debit, "payment", payment_id="x")
    assert refused == (404, "payment/unknown")
    other = {"other_account_sha256": ACCOUNT, "other_line_id": "x"}
    assert refuse(town, debit, "offset", **other) == (404, "line/unknown")
    content = decision(town, debit, "charge")
    refused = town.refused("resolve_line", decision=content, decision_id="x")
    assert refused == (404, "committee-decision/unknown")
    given = asked(town, content, carried=False)
    swapped = {**given, "decision": decision(town, credit, "charge")}
    refused = town.refused("resolve_line", **swapped)
    assert refused == (409, "committee-decision/other-content")
    refused = town.refused("resolve_line", **given)
    assert refused == (422, "committee-decision/not-carried")
    stale = refuse(town, debit, "charge", entry_id="000000000001")
    assert stale == (409, "line/changed-meanwhile")
    for kind, fields in (("charge", {}), ("payment", {"payment_id": payment_id})):
        assert refuse(town, credit, kind, **fields) == (409, "line/not-a-debit")
    refused = refuse(town, debit, "payment", payment_id=payment_id)
    assert refused == (409, "line/payment-not-ordered")
    resolve(town, debit, "charge")
    assert refuse(town, debit, "charge") == (409, "line/not-waiting")


def _unknown(town: Treasury, line: StatementLine) -> LineDecision:
    return changed(decision(town, line, "charge"), line_id="x")


def test_a_line_of_another_fund_is_not_the_payments() -> None:
    town = treasury()
    payment_id = town.ordered_payment(town.open_budget(1_000), 600)
    line = waiting(town, -600, FEE_ACCOUNT)
    content = LineDecision(
        account_sha256=FEE_ACCOUNT,
        line_id=line.line_id,
        entry_id=str(found(town, line, FEE_ACCOUNT).entry_id),
        kind=LineKind.PAYMENT,
        payment_id=payment_id,
    )
    refused = town.refused("resolve_line", **asked(town, content))
    assert refused == (409, "line/other-fund")
