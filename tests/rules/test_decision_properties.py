"""Properties of count and decide over random communities, and agreement with the naive oracle.

Hypothesis runs a small number of cases by default; COMMONHOLD_RANDOM_VOTES=1000000 makes the
seeded comparison with the oracle long (COMMONHOLD_SEED repeats one).
"""

import itertools
import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode.model.rule import Option
from chaincode.model.tally import CastBallot, Decision, Outcome, Tally, UnitWeight
from chaincode.rules.count import count
from chaincode.rules.decision import decide
from chaincode.rules.templates import validate_rule
from chaincode.rules.weights import totals
from tests.support import oracle
from tests.support.random_votes import random_vote
from tests.support.strategies import ANSWERS, Vote, answer, votes

RANDOM_VOTES = int(os.environ.get("COMMONHOLD_RANDOM_VOTES", "3000"))
SEED = int(os.environ.get("COMMONHOLD_SEED", "20210101"))


def counted(vote: Vote) -> Tally:
    return count(vote.rule, vote.units, vote.ballots, served=vote.served)


def decided(vote: Vote) -> Decision:
    return decide(vote.rule, counted(vote), totals(vote.rule, vote.units))


def require_agreement(vote: Vote) -> None:
    """Every figure of the tally and the outcome are those of the oracle."""
    tally = counted(vote)
    options = [entry.option for entry in tally.options]
    naive = oracle.count(vote.rule, list(vote.units), list(vote.ballots), options, set(vote.served))
    denominators = totals(vote.rule, vote.units)
    assert oracle.amounts(denominators) == naive["totals"]
    assert {e.option: oracle.amounts(e.cast) for e in tally.options} == naive["cast"]
    for name in ("participating", "returned", "not_returned", "spoiled", "followed"):
        assert oracle.amounts(getattr(tally, name)) == naive[name], name
    followers = [e.option for e in tally.options if e.followed.lots]
    assert followers == ([naive["follows"]] if naive["followed"]["lots"] else [])
    outcome = decide(vote.rule, tally, denominators).outcome
    assert outcome.value == oracle.verdict(vote.rule, tally, denominators)


@given(votes())
def test_count_and_decide_agree_with_the_oracle(vote: Vote) -> None:
    validate_rule(vote.rule)
    require_agreement(vote)


@pytest.mark.timeout(60 + RANDOM_VOTES // 100)
def test_many_seeded_votes_agree_with_the_oracle() -> None:
    outcomes = dict.fromkeys(Outcome, 0)
    for number in range(RANDOM_VOTES):
        vote = random_vote(random.Random(f"{SEED}/{number}"))
        try:
            require_agreement(vote)
        except AssertionError:
            pytest.fail(f"vote {number} of seed {SEED} differs: {vote}")
        outcomes[decided(vote).outcome] += 1
    # The comparison means something only if all outcomes occur often.
    assert min(outcomes.values()) > RANDOM_VOTES // 50, outcomes


@given(votes())
def test_weights_add_up(vote: Vote) -> None:
    tally = counted(vote)
    whole = oracle.amounts(totals(vote.rule, vote.units))
    back, away = oracle.amounts(tally.returned), oracle.amounts(tally.not_returned)
    assert {m: back[m] + away[m] for m in whole} == whole
    for measure in ("area", "lots", "entitlement", "share_value"):
        cast = sum(oracle.amounts(entry.cast)[measure] for entry in tally.options)
        assert cast + oracle.amounts(tally.spoiled)[measure] == back[measure]
    heads = sum(entry.cast.heads for entry in tally.options)
    assert heads + tally.spoiled.heads <= tally.returned.heads
    assert heads + tally.spoiled.heads >= tally.returned.heads - tally.split_heads
    assert tally.ballots_count == tally.returned.lots == len(vote.ballots)


@given(votes(), st.randoms(use_true_random=False))
def test_order_of_units_and_ballots_does_not_matter(vote: Vote, shuffler: random.Random) -> None:
    units, ballots = list(vote.units), list(vote.ballots)
    shuffler.shuffle(units)
    shuffler.shuffle(ballots)
    shuffled = Vote(rule=vote.rule, units=tuple(units), ballots=tuple(ballots), served=vote.served)
    assert counted(shuffled) == counted(vote)
    assert decided(shuffled) == decided(vote)


@given(votes(), st.data())
def test_names_of_units_and_heads_do_not_matter(vote: Vote, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(vote.units))))
    names = {unit.unit_id: f"x{number}" for unit, number in zip(vote.units, order, strict=True)}
    renamed = Vote(
        rule=vote.rule,
        units=tuple(
            unit.__class__(
                **{**_fields(unit), "unit_id": names[unit.unit_id], "head_id": f"of-{unit.head_id}"}
            )
            for unit in vote.units
        ),
        ballots=tuple(
            CastBallot(unit_id=names[b.unit_id], choices=b.choices, spoiled=b.spoiled)
            for b in vote.ballots
        ),
        served=frozenset(names[unit_id] for unit_id in vote.served),
    )
    assert counted(renamed) == counted(vote)


def _fields(record: UnitWeight) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


@given(votes(), st.data())
def test_splitting_a_unit_in_two_changes_no_area_and_no_head(
    vote: Vote, data: st.DataObject
) -> None:
    """Two halves with the same ballot weigh as the whole; only lots grow, and heads per unit."""
    if not vote.units:
        return
    unit = data.draw(st.sampled_from(vote.units))
    part = data.draw(st.integers(0, unit.area_dm2))
    halves = [
        unit.__class__(
            **{
                **_fields(unit),
                "unit_id": f"{unit.unit_id}-{n}",
                "area_dm2": area,
                "entitlement": unit.entitlement * n,
                "share_value": unit.share_value * n,
            }
        )
        for n, area in enumerate((part, unit.area_dm2 - part))
    ]
    ballots = []
    for ballot in vote.ballots:
        ids = [h.unit_id for h in halves] if ballot.unit_id == unit.unit_id else [ballot.unit_id]
        ballots += [
            CastBallot(unit_id=i, choices=ballot.choices, spoiled=ballot.spoiled) for i in ids
        ]
    served = vote.served | {h.unit_id for h in halves if unit.unit_id in vote.served}
    units = tuple(u for u in vote.units if u != unit) + tuple(halves)
    split = counted(Vote(rule=vote.rule, units=units, ballots=tuple(ballots), served=served))
    per_unit = any(s.merge == "unit" for s in vote.rule.measures)
    for before, after in zip(counted(vote).options, split.options, strict=True):
        assert after.cast.area_dm2 == before.cast.area_dm2
        assert after.cast.entitlement == before.cast.entitlement
        assert after.cast.share_value == before.cast.share_value
        assert per_unit or after.cast.heads == before.cast.heads


@given(votes(), st.data())
def test_turning_an_against_into_a_for_never_turns_carried_into_lost(
    vote: Vote, data: st.DataObject
) -> None:
    """Holds for every rule, objection votes included: a dissent less can only help there.

    What it does not promise: a silent owner who casts AGAINST may complete the turnout and so
    carry a motion that silence would have left inquorate.
    """
    against = [n for n, b in enumerate(vote.ballots) if Option.AGAINST in b.choices]
    if not against:
        return
    place = data.draw(st.sampled_from(against))
    turned = CastBallot(unit_id=vote.ballots[place].unit_id, choices=(Option.FOR,))
    after = vote.with_ballots((*vote.ballots[:place], turned, *vote.ballots[place + 1 :]))
    if decided(vote).outcome is Outcome.CARRIED:
        assert decided(after).outcome is Outcome.CARRIED


@given(votes(), st.data())
def test_a_final_outcome_is_never_reversed(vote: Vote, data: st.DataObject) -> None:
    if not decided(vote).final:
        return
    silent = open_units(vote)
    choices = (*ANSWERS, "spoiled", "silent")
    later = [(unit, data.draw(st.sampled_from(choices))) for unit in silent]
    require_same_outcome(vote, later)


@settings(max_examples=60)
@given(votes(units_max=7))
def test_a_final_outcome_survives_every_completion(vote: Vote) -> None:
    silent = open_units(vote)
    if not decided(vote).final or len(silent) > 4:
        return
    for chosen in itertools.product((*ANSWERS, "spoiled", "silent"), repeat=len(silent)):
        require_same_outcome(vote, list(zip(silent, chosen, strict=True)))


def open_units(vote: Vote) -> list[UnitWeight]:
    returned = {ballot.unit_id for ballot in vote.ballots}
    return [
        unit
        for unit in vote.units
        if unit.unit_id not in returned and oracle.votes_for(vote.rule, unit)
    ]


def require_same_outcome(vote: Vote, later: list[tuple[UnitWeight, str]]) -> None:
    more = tuple(answer(unit, chosen) for unit, chosen in later if chosen != "silent")
    completed = vote.with_ballots(vote.ballots + more)
    for served in (vote.served, frozenset(), frozenset(u.unit_id for u in vote.units)):
        finished = Vote(rule=vote.rule, units=vote.units, ballots=completed.ballots, served=served)
        assert decided(finished).outcome is decided(vote).outcome


@given(votes())
def test_an_outcome_with_nothing_open_is_final(vote: Vote) -> None:
    if not counted(vote).not_returned.lots:
        assert decided(vote).final
