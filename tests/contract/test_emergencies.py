"""Emergencies: spent first, ratified in time or stopped, and shown until then."""

from typing import Any

from chaincode.model.effect import RatifyBudget
from tests.support.fund_budgets import asked, emergency_of, resolution
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import DAY_MS, MAINTENANCE, Treasury, fund_terms, sha, treasury


def open_emergency(town: Treasury, fen: int, budget_id: str) -> Any:
    content = emergency_of(town.use(fen), budget_id)
    return town.run("open_emergency_budget", **asked(town, content, "emergency-budget"))


def refuse_emergency(town: Treasury, fen: int, **fields: Any) -> tuple[int, str]:
    content = emergency_of(town.use(fen, **fields), town.next_id("e"))
    return town.refused("open_emergency_budget", **asked(town, content, "emergency-budget"))


def ratify(town: Treasury, budget_id: str) -> None:
    effect = RatifyBudget(budget_id=budget_id)
    town.run("record_resolution", **resolution(effect, town.next_id("ratify")))


def test_an_emergency_is_spendable_at_once_and_listed_until_owners_ratify_it() -> None:
    town = treasury()
    open_emergency(town, 100_000, "e1")
    town.held_payment("e1", 40_000)
    unratified = town.ask("unratified_budgets", fund_id=MAINTENANCE).budgets
    assert [budget.budget_id for budget in unratified] == ["e1"]
    assert unratified[0].ratify_by_at == town.now_ms + 30 * DAY_MS
    assert town.ask("budget", budget_id="e1").is_unratified
    assert town.ask("fund_overview", fund_id=MAINTENANCE).awaiting_ratification_count == 1
    ratify(town, "e1")
    assert town.ask("unratified_budgets", fund_id=MAINTENANCE).budgets == ()
    town.pass_ms(31 * DAY_MS)
    town.held_payment("e1", 40_000)
    check(Snapshot().read(town))


def test_after_the_deadline_there_is_no_new_hold_until_owners_ratify_late() -> None:
    town = treasury()
    open_emergency(town, 100_000, "e1")
    payment_id = town.ask_payment("e1", 100)
    town.pass_ms(30 * DAY_MS - 1)
    ordered = town.held_payment("e1", 200)
    town.pass_ms(1)
    content = town.content("e1", 300)
    refused = town.refused("request_payment", "clerk", payment=content)
    assert refused == (422, "budget/not-ratified")
    assert not town.ask("budget", budget_id="e1").may_hold
    town.order(ordered)
    town.report(ordered, "settled", amount_fen=200)
    assert refuse_emergency(town, 5) == (422, "emergency/earlier-not-ratified")
    ratify(town, "e1")
    town.held_payment("e1", 300)
    assert town.payment(payment_id).held_at is None
    assert town.run("open_fund", **second_fund()).fund_id == "second"


def second_fund() -> dict[str, Any]:
    return fund_terms(fund_id="second", account_sha256=sha("second"))


def test_unratified_emergencies_stay_below_the_cap_together() -> None:
    town = treasury()
    open_emergency(town, 150_000, "e1")
    assert refuse_emergency(town, 50_001) == (422, "emergency/cap")
    open_emergency(town, 50_000, "e2")
    ratify(town, "e1")
    open_emergency(town, 150_000, "e3")
    check(Snapshot().read(town))


def test_an_emergency_is_refused_in_order() -> None:
    town = treasury()
    assert refuse_emergency(town, 5, fund_id="x") == (404, "fund/unknown")
    content = emergency_of(town.use(200_001))
    unknown = town.refused("open_emergency_budget", budget=content, decision_id="x")
    assert unknown == (404, "committee-decision/unknown")
    given = asked(town, content, "emergency-budget", carried=False)
    other = {**given, "budget": emergency_of(town.use(5))}
    refused = town.refused("open_emergency_budget", **other)
    assert refused == (409, "committee-decision/other-content")
    not_carried = town.refused("open_emergency_budget", **given)
    assert not_carried == (422, "committee-decision/not-carried")
    first = open_emergency(town, 5, "e1")
    given = asked(town, emergency_of(town.use(6), "e1"), "emergency-budget")
    assert town.refused("open_emergency_budget", **given) == (409, "budget/exists")
    given = {"budget": emergency_of(town.use(5), "e1"), "decision_id": first.source_id}
    assert town.run("open_emergency_budget", **given) == first


def test_only_an_emergency_is_ratified_and_once() -> None:
    town = treasury()
    budget_id = town.open_budget(5)
    open_emergency(town, 5, "e1")
    ratify(town, "e1")
    for refused, expected in (
        ("x", (404, "budget/unknown")),
        (budget_id, (409, "budget/not-awaiting-ratification")),
        ("e1", (409, "budget/not-awaiting-ratification")),
    ):
        effect = RatifyBudget(budget_id=refused)
        assert town.refused("record_resolution", **resolution(effect, "again")) == expected
