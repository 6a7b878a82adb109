"""Elections, choices and ratings: hand-made vectors, ties, and the lot."""

import hashlib
from typing import Any

import pytest

from chaincode.errors import BadInput, RuleForbids
from chaincode.model.rule import Option, RankBy, Ranking, TieBreak
from chaincode.model.tally import Decision, Outcome, SeatStatus, Tally, Weights
from chaincode.rules.decision import decide
from chaincode.rules.seats import in_order, lot, lot_seed, winner
from tests.support.vectors import TEMPLATES, rows, tables, tally_of, weights

SEED = lot_seed("motion-1", "ab" * 32)
SEATS = list(rows("seats"))
RATINGS = list(rows("rating"))


def identified(vectors: list[Any]) -> list[Any]:
    return [pytest.param(*vector, id=f"{vector[0]}: {vector[2][0]}") for vector in vectors]


def read_tally(table: dict[str, Any], cell: str) -> Tally:
    options = {}
    for part in cell.split(","):
        option, numbers = part.strip().split(maxsplit=1)
        options[option] = weights(table, numbers)
    for option in (Option.NONE_OF_THESE, Option.ABSTAIN):
        options.setdefault(option, Weights())
    return tally_of(options, weights(table, table["participating"]))


def decided(rule_id: str, table: dict[str, Any], cells: list[str]) -> Decision:
    totals = weights(table, table["totals"])
    call = table.get("call", 1)
    return decide(TEMPLATES[rule_id], read_tally(table, cells[1]), totals, call=call, seed=SEED)


@pytest.mark.parametrize(("rule_id", "table", "cells"), identified(SEATS))
def test_seats_and_choices(rule_id: str, table: dict[str, Any], cells: list[str]) -> None:
    decision = decided(rule_id, table, cells)
    seats = " ".join(f"{seat.candidate}={seat.status.value}" for seat in decision.seats)
    shown = [decision.outcome.value, seats or decision.chosen, str(decision.seats_unfilled)]
    assert shown == cells[2:]


@pytest.mark.parametrize(("rule_id", "table", "cells"), identified(RATINGS))
def test_ratings(rule_id: str, table: dict[str, Any], cells: list[str]) -> None:
    decision = decided(rule_id, table, cells)
    means = " ".join(f"{mean.num}/{mean.den}" for mean in decision.means)
    assert [decision.outcome.value, means] == cells[2:]


ELECTION = next(table for table in tables("seats") if "cn-278-committee-seat" in table["rules"])
TIED = "a 5000 50, b 4900 49, c 4800 48, d 4700 47, eve 4000 40, fan 4000 40, gu 4000 40"


def seats_of(cell: str, seed: str = SEED) -> dict[str, tuple[SeatStatus, bool]]:
    tally = read_tally(ELECTION, cell)
    totals = weights(ELECTION, ELECTION["totals"])
    decision = decide(TEMPLATES["cn-278-committee-seat"], tally, totals, seed=seed)
    return {seat.candidate: (seat.status, seat.by_lot) for seat in decision.seats}


def test_lot_separates_equal_candidates_and_anyone_can_draw_it_again() -> None:
    drawn = sorted(
        ("eve", "fan", "gu"),
        key=lambda name: hashlib.sha256(f"motion-1|{'ab' * 32}|{name}".encode()).digest(),
    )
    seats = seats_of(TIED)
    places = (SeatStatus.ELECTED, SeatStatus.ALTERNATE, SeatStatus.ALTERNATE)
    assert [seats[name] for name in drawn] == [(place, True) for place in places]
    assert seats["d"] == (SeatStatus.ELECTED, False)


def test_lot_is_no_matter_of_ballot_order() -> None:
    names = TIED.split(", ")
    assert seats_of(", ".join(reversed(names))) == seats_of(TIED)


def test_another_motion_draws_another_lot() -> None:
    winners = {
        name
        for number in range(20)
        for name, (status, by_lot) in seats_of(TIED, lot_seed(f"m{number}", "0" * 64)).items()
        if by_lot and status is SeatStatus.ELECTED
    }
    assert winners == {"eve", "fan", "gu"}


def test_a_tie_without_a_seed_is_refused_and_no_tie_needs_none() -> None:
    with pytest.raises(BadInput) as refusal:
        seats_of(TIED, seed="")
    assert (refusal.value.code, refusal.value.details) == ("motion/lot-seed-missing", {})
    assert len(seats_of("a 5000 50, b 4900 49, c 4800 48", seed="")) == 3


def test_lot_is_the_published_number() -> None:
    # printf 'motion-1|abab...ab|eve' | sha256sum
    expected = hashlib.sha256(b"motion-1|" + b"ab" * 32 + b"|eve").hexdigest()
    assert f"{lot(SEED, 'eve'):064x}" == expected


@pytest.mark.parametrize(
    ("by", "first"),
    [
        (RankBy.AREA, "big"),
        (RankBy.HEADS, "many"),
        (RankBy.LOTS, "lots"),
        (RankBy.ENTITLEMENT, "entitled"),
        (RankBy.SHARE_VALUE, "shares"),
    ],
)
def test_ranking_by_one_measure(by: RankBy, first: str) -> None:
    tally = tally_of(
        {
            "big": Weights(area_dm2=9, heads=1, lots=1, entitlement=1, share_value=1),
            "many": Weights(area_dm2=1, heads=9, lots=1, entitlement=1, share_value=1),
            "lots": Weights(area_dm2=1, heads=1, lots=9, entitlement=1, share_value=1),
            "entitled": Weights(area_dm2=1, heads=1, lots=1, entitlement=9, share_value=1),
            "shares": Weights(area_dm2=1, heads=1, lots=1, entitlement=1, share_value=9),
        },
        Weights(area_dm2=13, heads=13, lots=13, entitlement=13, share_value=13),
    )
    ranking = Ranking(by=by, ties=())
    assert in_order(ranking, tally, "")[0][1] == first
    assert winner(ranking, tally, "") == first


def test_ties_break_in_the_order_of_the_rule() -> None:
    tally = tally_of(
        {
            "wide": Weights(area_dm2=30, heads=2, lots=5),
            "many": Weights(area_dm2=20, heads=3, lots=5),
        },
        Weights(area_dm2=50, heads=5, lots=10),
    )
    by_area = Ranking(by=RankBy.LOTS, ties=(TieBreak.AREA, TieBreak.HEADS))
    by_heads = Ranking(by=RankBy.LOTS, ties=(TieBreak.HEADS, TieBreak.AREA))
    assert winner(by_area, tally, "") == "wide"
    assert winner(by_heads, tally, "") == "many"
    assert winner(Ranking(by=RankBy.LOTS, ties=()), tally, "") is None


def test_a_choice_may_be_decided_by_lot_if_its_rule_says_so() -> None:
    same = Weights(lots=5)
    tally = tally_of({"x": same, "y": same}, Weights(lots=10))
    ranking = Ranking(by=RankBy.LOTS, ties=(TieBreak.LOT,))
    assert winner(ranking, tally, SEED) == min(("x", "y"), key=lambda name: lot(SEED, name))


@pytest.mark.parametrize(
    ("rule_id", "field", "code"),
    [
        ("cn-278-committee-seat", "multi_seat", "rule/seats-missing"),
        ("cn-278-choice", "choice_ranking", "rule/ranking-missing"),
    ],
)
def test_a_rule_that_was_never_validated_is_refused(rule_id: str, field: str, code: str) -> None:
    rule = TEMPLATES[rule_id]
    broken = rule.ballot.__class__(kind=rule.ballot.kind, options=rule.ballot.options)
    assert getattr(broken, field) is None
    table = ELECTION
    tally = read_tally(table, "a 6000 60")
    fields = {name: getattr(rule, name) for name in rule.__struct_fields__} | {"ballot": broken}
    with pytest.raises(RuleForbids) as refusal:
        decide(rule.__class__(**fields), tally, weights(table, table["totals"]), seed=SEED)
    assert (refusal.value.code, refusal.value.details) == (code, {"rule": rule_id})


@pytest.mark.parametrize(
    ("rule_id", "call"),
    [("cn-278-ordinary", 2), ("cn-278-ordinary", 0), ("tw-special", 3), ("tw-special", -1)],
)
def test_a_call_the_rule_does_not_know_is_refused(rule_id: str, call: int) -> None:
    with pytest.raises(RuleForbids) as refusal:
        decide(TEMPLATES[rule_id], tally_of({}, Weights()), Weights(), call=call)
    assert refusal.value.code == "rule/call-not-allowed"
    assert refusal.value.details == {"rule": rule_id, "call": call}


def test_a_call_that_is_not_limited_to_once_may_be_repeated() -> None:
    lots = Weights(lots=10)
    tally = tally_of({"a": Weights(lots=2)}, Weights(lots=2))
    outcomes = [
        decide(TEMPLATES["california-directors"], tally, lots, call=call).outcome
        for call in (1, 2, 9)
    ]
    assert outcomes == [Outcome.INQUORATE, Outcome.CARRIED, Outcome.CARRIED]
