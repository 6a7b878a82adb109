"""Counting: hand-made communities and ballots, then the refusals in their order."""

from typing import Any

import pytest

from chaincode.errors import Refusal
from chaincode.model.tally import CastBallot, Tally, UnitWeight, Weights, weight
from chaincode.rules.count import ballot_options, count, require_choices
from chaincode.rules.weights import may_vote, totals
from tests.support.vectors import TEMPLATES, changed, read_ballots, read_units, tables

VECTORS = [
    pytest.param(table, *row[1:], id=f"{table['rule']} {table['change']}: {row[0]}")
    for table in tables("count")
    for row in table["rows"]
]


def shown(tally: Tally, name: str) -> str:
    """What a vector calls `name`, in its words."""
    numbers = {
        "split": tally.split_heads,
        "partial": tally.partial_heads,
        "paper": tally.paper_count,
        "ballots": tally.ballots_count,
        "spoiled_count": tally.spoiled_count,
    }
    if name in numbers:
        return str(numbers[name])
    if name == "follows":
        return " ".join(e.option for e in tally.options if e.followed.lots)
    by_option = {entry.option: entry.cast for entry in tally.options}
    amount: Weights = by_option[name] if name in by_option else getattr(tally, name)
    return f"{amount.area_dm2} {amount.heads} {amount.lots}"


@pytest.mark.parametrize(("table", "units", "ballots", "expected"), VECTORS)
def test_count(table: dict[str, Any], units: str, ballots: str, expected: str) -> None:
    rule = changed(table["rule"], table["change"])
    roll, served = read_units(units)
    tally = count(
        rule,
        roll,
        read_ballots(ballots),
        motion_options=table.get("options", ()),
        served=served,
    )
    for item in expected.split("; "):
        name, numbers = item.split(maxsplit=1)
        assert (name, shown(tally, name)) == (name, numbers)


def test_every_option_is_in_the_tally_in_ballot_order() -> None:
    rule = TEMPLATES["cn-278-committee-seat"]
    tally = count(rule, [], [], motion_options=("zhou", "an"))
    assert [entry.option for entry in tally.options] == ["zhou", "an", "none-of-these", "abstain"]


def test_totals_of_a_scope_are_those_of_its_units() -> None:
    rule = TEMPLATES["shanghai-2020-part"]
    units, _ = read_units("u1 a 100; u2 a 50; u3 b 70; p1 c 12 P; d1 dev 30 D; d2 dev 30 D")
    assert totals(rule, units) == Weights(area_dm2=280, heads=3, lots=5)
    assert totals(rule, units[:2]) == Weights(area_dm2=150, heads=1, lots=2)
    assert totals(rule, []) == Weights()


def test_entitlement_and_share_value_add_up() -> None:
    rule = TEMPLATES["qld-special"]
    unit = UnitWeight(unit_id="u1", head_id="a", area_dm2=0, entitlement=7, share_value=9)
    tally = count(rule, [unit], [CastBallot(unit_id="u1", choices=("for",))])
    assert tally.options[0].cast == Weights(heads=1, lots=1, entitlement=7, share_value=9)
    assert [weight(tally.participating, spec.measure) for spec in rule.measures] == [1, 7]


@pytest.mark.parametrize(
    ("bar", "flag", "allowed"),
    [
        ("none", "in_arrears", True),
        ("no-candidacy", "in_arrears", True),
        ("no-vote", "in_arrears", False),
        ("no-vote-and-out-of-denominator", "in_arrears", False),
        ("none", "conflicted", True),
        ("no-vote", "conflicted", False),
        ("no-vote-and-out-of-denominator", "conflicted", False),
    ],
)
def test_who_may_vote(bar: str, flag: str, allowed: bool) -> None:
    terms = {"arrears" if flag == "in_arrears" else flag: bar}
    rule = changed("cn-278-ordinary", {"electorate": terms})
    unit = UnitWeight(unit_id="u1", head_id="a", area_dm2=1, **{flag: True})
    assert may_vote(rule, unit) is allowed


REFUSALS = [
    ("u9=for", "ballot/unit-not-in-roll", {"unit": "u9"}),
    ("p1=for", "ballot/unit-not-in-roll", {"unit": "p1"}),
    ("u1=for u1=for", "ballot/counted-twice", {"unit": "u1"}),
    ("u1=for u1=against", "ballot/counted-twice", {"unit": "u1"}),
    ("u1! u1=for", "ballot/counted-twice", {"unit": "u1"}),
    ("u2=for", "ballot/unit-barred", {"unit": "u2"}),
    ("u2!", "ballot/unit-barred", {"unit": "u2"}),
    ("u1=", "ballot/choices-none", {}),
    ("u1=yes", "ballot/option-unknown", {}),
    ("u1=none-of-these", "ballot/option-unknown", {}),
    ("u1=for,for", "ballot/option-repeated", {}),
    ("u1=for,against", "ballot/choices-too-many", {"chosen": 2, "allowed": 1}),
    ("u1=for!", "ballot/spoiled-with-choices", {"unit": "u1"}),
    # Two things wrong: what stands first in the order is named.
    ("u9=yes", "ballot/unit-not-in-roll", {"unit": "u9"}),
    ("u2=yes", "ballot/unit-barred", {"unit": "u2"}),
    ("u1=yes,yes", "ballot/option-unknown", {}),
]


@pytest.mark.parametrize(("ballots", "code", "details"), REFUSALS)
def test_ballots_that_cannot_be_counted(ballots: str, code: str, details: dict[str, Any]) -> None:
    rule = changed("cn-278-ordinary", {"electorate": {"arrears": "no-vote"}})
    units, _ = read_units("u1 a 100; u2 b 50 A; p1 a 12 P")
    with pytest.raises(Refusal) as refusal:
        count(rule, units, read_ballots(ballots))
    assert (refusal.value.code, refusal.value.details) == (code, details)


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        ("a,b,c,d,e", None),
        ("a,b,c,d,e,f", "ballot/choices-too-many"),
        ("a,abstain", "ballot/choices-contradict"),
        ("none-of-these,a", "ballot/choices-contradict"),
        ("none-of-these,abstain", "ballot/choices-contradict"),
        ("abstain", None),
        ("none-of-these", None),
        ("for", "ballot/option-unknown"),
        ("a,a", "ballot/option-repeated"),
    ],
)
def test_choices_of_an_election(choices: str, code: str | None) -> None:
    rule = TEMPLATES["cn-278-committee-seat"]
    options = ballot_options(rule, tuple("abcdef"))
    if code is None:
        require_choices(rule, options, choices.split(","))
        return
    with pytest.raises(Refusal) as refusal:
        require_choices(rule, options, choices.split(","))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("rule_id", "own"),
    [
        ("cn-278-committee-seat", ("a", "a")),
        ("cn-278-committee-seat", ("abstain",)),
        ("cn-278-choice", ("none-of-these",)),
        ("cn-278-rating", ("grade-5",)),
        ("cn-278-ordinary", ("for",)),
    ],
)
def test_options_of_a_motion_may_not_repeat(rule_id: str, own: tuple[str, ...]) -> None:
    with pytest.raises(Refusal) as refusal:
        ballot_options(TEMPLATES[rule_id], own)
    assert refusal.value.code == "ballot/option-repeated"
