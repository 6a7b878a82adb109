"""The verifier's own counting and deciding, written apart from the rules, agrees with them."""

import json
import random
from typing import Any

import pytest
from hypothesis import given

from chaincode.codec import encode
from chaincode.model.base import Record
from chaincode.model.tally import Tally, UnitWeight, Weights
from chaincode.rules.count import count
from chaincode.rules.decision import decide
from chaincode.rules.seats import lot_seed
from chaincode.rules.weights import totals
from tests.support.random_votes import random_vote
from tests.support.strategies import Vote, votes
from tests.support.vectors import TEMPLATES, rows, tally_of, weights
from tests.verify.verifier import verifier

RANDOM_VOTES = 2_000
SEED = lot_seed("motion-1", "ab" * 32)
CONTENT = {"scope": {"kind": "community", "ids": []}, "options": []}


def plain(record: Record) -> Any:
    return json.loads(encode(record))


def entry(unit: UnitWeight) -> dict[str, Any]:
    """The unit as a frozen roll has it."""
    weight = {name: getattr(unit, name) for name in ("area_dm2", "entitlement", "share_value")}
    return {
        "unit_id": unit.unit_id,
        "head_id": unit.head_id,
        "sale": "unsold" if unit.developer_unsold else "sold",
        "use": "parking" if unit.parking else "dwelling",
        "in_arrears": unit.in_arrears,
        **weight,
    }


def require_agreement(vote: Vote) -> str:
    """Every figure of both records; gives the outcome."""
    rule = plain(vote.rule)
    conflicted = [unit.unit_id for unit in vote.units if unit.conflicted]
    content = {**CONTENT, "conflicted_unit_ids": conflicted}
    electorate = verifier.Electorate(content, rule, map(entry, vote.units))
    ballots = [
        {
            "unit_id": ballot.unit_id,
            "choices": list(ballot.choices),
            "spoiled": ballot.spoiled,
            "channel": "paper" if ballot.paper else "online",
        }
        for ballot in vote.ballots
    ]
    options = verifier.options_of(content, rule)
    tally = verifier.tally_of(electorate, ballots, options, set(vote.served))
    counted = count(vote.rule, vote.units, vote.ballots, served=vote.served)
    assert tally == plain(counted)
    denominators = totals(vote.rule, vote.units)
    assert electorate.totals == plain(denominators)
    decision = verifier.Decider(rule, tally, electorate.totals, 1, SEED).decide()
    assert decision == plain(decide(vote.rule, counted, denominators))
    return str(decision["outcome"])


@given(votes())
def test_count_and_decision_agree_with_the_rules(vote: Vote) -> None:
    require_agreement(vote)


def test_many_seeded_votes_agree() -> None:
    seen = {require_agreement(random_vote(random.Random(number))) for number in range(RANDOM_VOTES)}
    assert seen == {"carried", "lost", "inquorate"}


def read_tally(table: dict[str, Any], cell: str) -> Tally:
    options = {}
    for part in cell.split(","):
        option, numbers = part.strip().split(maxsplit=1)
        options[option] = weights(table, numbers)
    for option in ("none-of-these", "abstain"):
        options.setdefault(option, Weights())
    return tally_of(options, weights(table, table["participating"]))


@pytest.mark.parametrize(
    ("rule_id", "table", "cells"),
    [pytest.param(*row, id=f"{row[0]}: {row[2][0]}") for row in rows("seats", "rating")],
)
def test_elections_choices_and_ratings_agree(
    rule_id: str, table: dict[str, Any], cells: list[str]
) -> None:
    tally, denominators = read_tally(table, cells[1]), weights(table, table["totals"])
    call = table.get("call", 1)
    found = verifier.Decider(
        plain(TEMPLATES[rule_id]), plain(tally), plain(denominators), call, SEED
    ).decide()
    made = decide(TEMPLATES[rule_id], tally, denominators, call=call, seed=SEED)
    assert found == plain(made)
