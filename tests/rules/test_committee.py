"""Committee majorities over every small committee, against plain counting."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.model.base import changed
from chaincode.model.committee import Approval, Committee, CommitteeTerms, Seat, SeatEnd, Verdict
from chaincode.rules.committee import (
    approved_by,
    decision_phase,
    is_in_office,
    is_seated,
    needed,
    needs_election,
    open_decision,
    seated,
)

NOW = 1_000


def committee(size: int, seat_count: int | None = None, **terms: int) -> Committee:
    return Committee(
        term=1,
        seat_count=seat_count or size,
        seats=tuple(Seat(holder_id=f"m{number}", since_at=0) for number in range(size)),
        alternates=(),
        terms=CommitteeTerms(**terms),
        from_at=0,
        until_at=10_000,
        seated_tx="tx",
        evidence_sha256="0" * 64,
    )


def word(holder: str, verdict: Verdict, at: int = NOW) -> Approval:
    return Approval(holder_id=holder, verdict=verdict, act_sha256="0" * 64, at=at)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("k", range(6))
def test_every_way_to_answer(size: int, k: int) -> None:
    body = committee(size)
    for said in product((None, Verdict.APPROVE, Verdict.REJECT), repeat=size):
        approvals = [word(f"m{i}", one) for i, one in enumerate(said) if one is not None]
        yes = said.count(Verdict.APPROVE)
        expected = 2 * yes > size and yes >= k
        assert approved_by(body, approvals, k, NOW) == expected


@pytest.mark.parametrize(
    ("size", "k", "enough"),
    [(3, 0, 2), (5, 0, 3), (6, 0, 4), (7, 0, 4), (11, 0, 6), (5, 2, 3), (5, 4, 4), (5, 5, 5)],
)
def test_the_least_that_carries(size: int, k: int, enough: int) -> None:
    body = committee(size)
    assert needed(body, k) == enough
    approvals = [word(f"m{number}", Verdict.APPROVE) for number in range(size)]
    assert not approved_by(body, approvals[: enough - 1], k, NOW)
    assert approved_by(body, approvals[:enough], k, NOW)


def test_two_thirds_of_all_where_the_terms_say_so() -> None:
    body = committee(9, approve_num=2, approve_den=3)
    assert needed(body) == 7


def test_a_higher_quorum_is_asked_of_those_who_answer() -> None:
    body = committee(5, quorum_num=4, quorum_den=5)
    yes = [word(f"m{number}", Verdict.APPROVE) for number in range(3)]
    assert not approved_by(body, yes, 0, NOW)
    four = [*yes, word("m3", Verdict.REJECT)]
    assert not approved_by(body, four, 0, NOW), "exactly four fifths is not more"
    assert approved_by(body, [*four, word("m4", Verdict.REJECT)], 0, NOW)


def test_vacant_places_count_in_the_denominator() -> None:
    body = committee(5, seat_count=7)
    yes = [word(f"m{number}", Verdict.APPROVE) for number in range(5)]
    assert not approved_by(body, yes[:3], 0, NOW)
    assert approved_by(body, yes[:4], 0, NOW)


def test_strangers_and_repetition_count_for_nothing() -> None:
    body = committee(5)
    yes = [word("m0", Verdict.APPROVE, at) for at in range(5)]
    strangers = [word(f"x{number}", Verdict.APPROVE) for number in range(5)]
    assert not approved_by(body, [*yes, *strangers], 0, NOW)
    assert not approved_by(None, yes, 0, NOW)


def test_the_last_word_counts_whatever_the_order_of_the_list() -> None:
    body = committee(3)
    said = [
        word("m0", Verdict.APPROVE, 2),
        word("m0", Verdict.REJECT, 1),
        word("m1", Verdict.REJECT, 2),
        word("m1", Verdict.APPROVE, 1),
        word("m2", Verdict.APPROVE, 1),
    ]
    assert approved_by(body, said, 0, NOW)
    assert not approved_by(body, said[2:], 0, NOW)


def test_a_seat_is_held_from_its_beginning_to_its_end() -> None:
    body = committee(3)
    late = changed(body.seats[1], since_at=500)
    left = changed(body.seats[2], ended_at=400, end=SeatEnd.RESIGNED)
    body = changed(body, seats=(body.seats[0], late, left))
    assert seated(body, 499) == ("m0",)
    assert seated(body, 500) == ("m0", "m1")
    assert not is_seated(body, "m2", 399), "an ended seat gives no power, not even backwards"


@pytest.mark.parametrize(
    ("now_ms", "in_office"), [(-1, False), (0, True), (9_999, True), (10_000, False)]
)
def test_a_term_runs_from_its_first_to_before_its_last_instant(
    now_ms: int, in_office: bool
) -> None:
    body = committee(3)
    assert is_in_office(body, now_ms) is in_office
    assert bool(seated(body, now_ms)) is in_office
    assert not is_in_office(changed(body, ended_at=5), now_ms)


def test_none_is_no_committee() -> None:
    assert seated(None, NOW) == ()
    assert needs_election(None, NOW)
    assert not needs_election(committee(3, seat_count=5), NOW)
    assert needs_election(committee(2, seat_count=5), NOW)
    assert needs_election(committee(3, seat_count=6), NOW)


@given(st.integers(0, 5), st.integers(1, 20_000))
def test_a_phase_follows_from_facts_and_time(k: int, now_ms: int) -> None:
    body = committee(5)
    decision = open_decision(
        body,
        decision_id="d",
        subject="motion",
        subject_id="m",
        content_sha256="0" * 64,
        required=k,
        opened_by="m0",
        until_at=12_000,
        now_ms=0,
    )
    assert decision.required == max(3, k)
    open_until = min(12_000, body.until_at)
    assert decision_phase(decision, body, now_ms) == ("open" if now_ms < open_until else "lapsed")
    assert decision_phase(decision, None, now_ms) == "lapsed"
    assert decision_phase(decision, changed(body, term=2), now_ms) == "lapsed"
    assert decision_phase(changed(decision, carried_at=1), None, now_ms) == "carried"
