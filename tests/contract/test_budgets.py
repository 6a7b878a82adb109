"""Budgets: from owners' decisions, within a delegation, in an emergency, and back to the fund."""

from typing import Any

import pytest

from chaincode import keys
from chaincode.errors import BadInput, RuleForbids
from chaincode.model.budget import BudgetClosing, DelegatedBudget
from chaincode.model.effect import AdoptRule, DelegateLimit
from chaincode.model.motion import Content, Document, Drafted, Motion
from chaincode.model.procedure import Initiator
from chaincode.templates import load_templates
from tests.support.fund_budgets import asked, emergency_of, resolution
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import (
    COMMUNITY,
    DAY_MS,
    FEE,
    MAINTENANCE,
    OPENING_FEN,
    Treasury,
    sha,
    treasury,
)

TEXT = Document(sha256=sha("text"), bytes_count=4, media_type="text/plain")

# --- Resolutions ---


def test_a_budget_takes_its_money_from_the_funds_free_money() -> None:
    town = treasury()
    budget_id = town.open_budget(400_000)
    view = town.ask("budget", budget_id=budget_id)
    assert (view.remaining_fen, view.held_fen, view.settled_fen) == (400_000, 0, 0)
    assert (view.may_hold, view.is_unratified) == (True, False)
    assert (town.book().free, town.book().budgeted) == (OPENING_FEN - 400_000, 400_000)
    check(Snapshot().read(town))


def test_over_the_funds_free_money_the_gap_is_exact() -> None:
    town = treasury()
    town.open_budget(1_000_000)
    with pytest.raises(RuleForbids) as refused:
        town.open_budget(10)
    assert refused.value.code == "budget/fund-too-small"
    assert refused.value.details == {"gap_fen": 7, "free_fen": 3}
    town.open_budget(3)


def test_the_same_resolution_again_gets_the_same_record() -> None:
    town = treasury()
    given = resolution(town.use(5))
    first = town.run("record_resolution", **given)
    assert town.run("record_resolution", **given) == first
    assert town.book().budgeted == 5
    for other in (resolution(town.use(6)), {**given, "resolution_sha256": sha("x")}):
        assert town.refused("record_resolution", **other) == (409, "resolution/exists")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"fund_id": "x", "valid_until_at": 0}, (404, "fund/unknown")),
        ({"unit_ids": ("9-9",), "valid_until_at": 0}, (404, "fund/unit-without-account")),
        ({"valid_until_at": 0}, (422, "budget/over")),
    ],
)
def test_a_use_is_refused_in_order(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    town = treasury()
    effect = town.use(2 * OPENING_FEN, **fields)
    assert town.refused("record_resolution", **resolution(effect)) == expected


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"payee_id": "locksmith"}, "budget/payee-contradicts"),
        ({"payee_class": None}, "budget/payee-contradicts"),
        ({"unit_ids": ("1-1-101", "1-1-101")}, "budget/unit-twice"),
    ],
)
def test_a_use_that_contradicts_itself_is_bad_input(fields: dict[str, Any], code: str) -> None:
    town = treasury()
    use = town.use(5, **fields)
    delegated = DelegatedBudget(budget_id="b", delegation_id="d", use=use)
    emergency = emergency_of(use)
    for name, given in (
        ("record_resolution", resolution(use)),
        ("open_delegated_budget", {"budget": delegated, "decision_id": "d"}),
        ("open_emergency_budget", {"budget": emergency, "decision_id": "d"}),
    ):
        with pytest.raises(BadInput, match=code):
            town.run(name, **given)


def test_a_budget_id_is_used_once() -> None:
    town = treasury()
    delegate(town)
    open_delegated(town, 5, budget_id="resolution")
    effect = town.use(5)
    assert town.refused("record_resolution", **resolution(effect)) == (409, "budget/exists")


def test_no_committee_takes_the_id_that_a_motions_budget_will_have() -> None:
    town = treasury()
    delegate(town)
    drafted = Drafted(initiator=Initiator.COMMITTEE, at=0, tx_id="tx")
    content = Content(title="Gate", text=TEXT, matter_class="fund-use")
    motion = Motion(motion_id="motion-1", content=content, drafted=drafted)
    town.put(keys.motion(COMMUNITY, "motion-1"), motion)
    assert refuse_delegated(town, 5, budget_id="motion-1") == (409, "budget/exists")


def test_where_owners_vote_on_the_ledger_no_resolution_takes_their_place() -> None:
    town = treasury("funds", "voting")
    given = resolution(town.use(5))
    assert town.refused("record_resolution", **given) == (409, "resolution/votes-here")


def test_a_resolution_brings_about_no_rule_of_voting() -> None:
    effect = AdoptRule(rule=next(iter(load_templates().values())))
    refused = treasury().refused("record_resolution", **resolution(effect))
    assert refused == (422, "effect/module-not-used")


# --- Delegation ---


def limit(town: Treasury, **fields: Any) -> DelegateLimit:
    given = {
        "fund_id": MAINTENANCE,
        "amount_fen_max": 50_000,
        "total_fen_max": 120_000,
        "count_max": 3,
        "from_at": town.now_ms,
        "until_at": town.now_ms + 100 * DAY_MS,
        **fields,
    }
    return DelegateLimit(**given)


def delegate(town: Treasury, delegation_id: str = "limit", **fields: Any) -> None:
    town.run("record_resolution", **resolution(limit(town, **fields), delegation_id))


def delegated(town: Treasury, fen: int, **fields: Any) -> DelegatedBudget:
    budget_id = fields.pop("budget_id", None) or town.next_id("budget")
    delegation_id = fields.pop("delegation_id", "limit")
    return DelegatedBudget(
        budget_id=budget_id, delegation_id=delegation_id, use=town.use(fen, **fields)
    )


def open_delegated(town: Treasury, fen: int, **fields: Any) -> Any:
    given = asked(town, delegated(town, fen, **fields), "delegated-budget")
    return town.run("open_delegated_budget", **given)


def refuse_delegated(town: Treasury, fen: int, **fields: Any) -> tuple[int, str]:
    given = asked(town, delegated(town, fen, **fields), "delegated-budget")
    return town.refused("open_delegated_budget", **given)


def test_the_committee_opens_budgets_within_the_limit_and_not_beyond() -> None:
    town = treasury()
    delegate(town)
    open_delegated(town, 50_000)
    assert refuse_delegated(town, 50_001) == (422, "delegation/amount")
    open_delegated(town, 50_000)
    assert refuse_delegated(town, 20_001) == (422, "delegation/total")
    open_delegated(town, 20_000)
    assert refuse_delegated(town, 1) == (422, "delegation/count")
    view = town.ask("delegation", fund_id=MAINTENANCE, delegation_id="limit")
    assert (view.left_fen, len(view.uses), view.is_running) == (0, 3, True)
    check(Snapshot().read(town))


def test_a_closed_budget_still_counts() -> None:
    town = treasury()
    delegate(town, count_max=1)
    budget = open_delegated(town, 5, valid_until_at=town.now_ms + 1)
    town.pass_ms(1)
    town.run("close_budget", budget_id=budget.budget_id)
    assert refuse_delegated(town, 5) == (422, "delegation/count")


def test_a_later_delegation_ends_the_earlier_on_its_first_day() -> None:
    town = treasury()
    delegate(town)
    delegate(town, "later", from_at=town.now_ms + 10 * DAY_MS)
    open_delegated(town, 5)
    assert refuse_delegated(town, 5, delegation_id="later") == (409, "delegation/not-running")
    town.pass_ms(10 * DAY_MS)
    assert refuse_delegated(town, 5) == (409, "delegation/not-running")
    open_delegated(town, 5, delegation_id="later")
    delegate(town, "latest", until_at=town.now_ms + 1)
    assert refuse_delegated(town, 5, delegation_id="later") == (409, "delegation/not-running")
    town.pass_ms(1)
    assert refuse_delegated(town, 5, delegation_id="latest") == (409, "delegation/not-running")
    ended = town.ask("delegation", fund_id=MAINTENANCE, delegation_id="limit").delegation
    assert ended.ended_at == town.now_ms - 1


def test_the_same_delegated_budget_again_gets_the_same_record() -> None:
    town = treasury()
    delegate(town)
    given = asked(town, delegated(town, 5), "delegated-budget")
    first = town.run("open_delegated_budget", **given)
    town.pass_ms(200 * DAY_MS)
    assert town.run("open_delegated_budget", **given) == first
    assert town.book().budgeted == 5
    other = delegated(town, 6, budget_id=first.budget_id)
    refused = town.refused("open_delegated_budget", **asked(town, other, "delegated-budget"))
    assert refused == (409, "budget/exists")


def test_a_delegated_budget_is_refused_in_order() -> None:
    town = treasury()
    delegate(town)
    assert refuse_delegated(town, 5, fund_id="x") == (404, "fund/unknown")
    assert refuse_delegated(town, 5, delegation_id="x") == (404, "delegation/unknown")
    content = delegated(town, 50_001)
    refused = town.refused("open_delegated_budget", budget=content, decision_id="x")
    assert refused == (404, "committee-decision/unknown")
    given = asked(town, content, "delegated-budget", carried=False)
    smaller = {**given, "budget": delegated(town, 5)}
    other = town.refused("open_delegated_budget", **smaller)
    assert other == (409, "committee-decision/other-content")
    not_carried = town.refused("open_delegated_budget", **given)
    assert not_carried == (422, "committee-decision/not-carried")
    wrong_subject = asked(town, content, "emergency-budget")
    refused = town.refused("open_delegated_budget", **wrong_subject)
    assert refused == (409, "committee-decision/other-content")
    late = refuse_delegated(town, 5, valid_until_at=town.now_ms)
    assert late == (422, "budget/over")


def test_a_delegation_is_for_one_fund() -> None:
    town = treasury()
    delegate(town)
    delegate(town, "fees", fund_id=FEE)
    assert refuse_delegated(town, 5, delegation_id="fees") == (404, "delegation/unknown")
    assert open_delegated(town, 5).fund_id == MAINTENANCE
    wrong = town.refused("record_resolution", **resolution(limit(town, fund_id="x"), "y"))
    assert wrong == (404, "fund/unknown")
    backwards = limit(town, until_at=town.now_ms)
    refused = town.refused("record_resolution", **resolution(backwards, "y"))
    assert refused == (400, "delegation/dates")


# --- Closing ---


def test_what_is_neither_held_nor_settled_goes_back_when_the_day_is_over() -> None:
    town = treasury()
    budget_id = town.open_budget(100_000, valid_until_at=town.now_ms + DAY_MS)
    town.held_payment(budget_id, 30_000)
    assert town.refused("close_budget", budget_id=budget_id) == (409, "budget/not-due")
    town.pass_ms(DAY_MS)
    closed = town.run("close_budget", budget_id=budget_id)
    assert closed.closed_fen == 70_000
    assert town.run("close_budget", budget_id=budget_id) == closed
    assert (town.book().free, town.book().held) == (OPENING_FEN - 30_000, 30_000)
    assert town.ask("budget", budget_id=budget_id).remaining_fen == 0
    check(Snapshot().read(town))


def test_money_that_comes_back_to_a_closed_budget_is_the_funds() -> None:
    town = treasury()
    budget_id = town.open_budget(100_000, valid_until_at=town.now_ms + DAY_MS)
    partly = town.ordered_payment(budget_id, 30_000)
    rejected = town.ordered_payment(budget_id, 20_000)
    town.pass_ms(DAY_MS)
    town.run("close_budget", budget_id=budget_id)
    town.report(partly, "settled", amount_fen=29_000)
    town.report(partly, "returned", amount_fen=500, entry_ref="r")
    town.report(rejected, "rejected", reason="AC04")
    assert town.book().free == OPENING_FEN - 28_500
    assert town.book().budgeted == town.book().held == 0
    check(Snapshot().read(town))


def test_the_committee_closes_a_budget_early() -> None:
    town = treasury()
    budget_id = town.open_budget(100)
    content = BudgetClosing(budget_id=budget_id)
    decision_id = town.decide("budget-closing", budget_id, content, carried=False)
    for given, expected in (
        ({"budget_id": "x"}, (404, "budget/unknown")),
        ({"budget_id": budget_id, "decision_id": "x"}, (404, "committee-decision/unknown")),
        (
            {"budget_id": town.open_budget(5), "decision_id": decision_id},
            (409, "committee-decision/other-content"),
        ),
        (
            {"budget_id": budget_id, "decision_id": decision_id},
            (422, "committee-decision/not-carried"),
        ),
    ):
        assert town.refused("close_budget", **given) == expected
    decision_id = town.decide("budget-closing", budget_id, content)
    closed = town.run("close_budget", budget_id=budget_id, decision_id=decision_id)
    assert closed.closed_fen == 100
    refused = town.refused("request_payment", "clerk", payment=town.content(budget_id, 5))
    assert refused == (409, "budget/closed")


def test_queries_name_what_is_unknown() -> None:
    town = treasury()
    assert town.refused("budget", budget_id="x") == (404, "budget/unknown")
    assert town.refused("unratified_budgets", fund_id="x") == (404, "fund/unknown")
    unknown = town.refused("delegation", fund_id=MAINTENANCE, delegation_id="x")
    assert unknown == (404, "delegation/unknown")
    town.open_budget(5)
    assert len(town.ask("fund_budgets", fund_id=MAINTENANCE).budgets) == 1
    assert town.ask("fund_budgets", fund_id=FEE).budgets == ()
