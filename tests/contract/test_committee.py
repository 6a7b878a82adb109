"""The committee through the real contract: seating, elections, seats that end."""

import json
from typing import Any

import pytest

from chaincode import codec
from chaincode.errors import Refusal
from chaincode.model.base import Org
from chaincode.model.committee import TERM_MS_MAX, Committee
from tests.support.committee import (
    FIVE,
    NOW,
    answer,
    elect,
    end,
    founding,
    open_,
    sell,
    town_of_nine,
    town_with_committee,
)
from tests.support.faults import (
    Fault,
    Scene,
    after,
    assert_first_answers,
    by,
    elsewhere,
    pairs,
    says,
)
from tests.support.town import DAY_MS, HASH, YEAR_MS, Town, refusal, sha


@pytest.fixture
async def town() -> Town:
    return await town_of_nine()


@pytest.fixture
async def seated() -> Town:
    return await town_with_committee()


# --- Seating ---


async def test_a_founding_committee_shows_its_evidence(town: Town) -> None:
    committee = await town.seat(FIVE, alternates=["m5"])
    assert committee["evidence_sha256"] == HASH
    assert committee["motion_id"] is None
    assert (committee["term"], committee["seat_count"]) == (1, 5)
    now = await town.ask("committee")
    assert now == {"committee": committee, "seated": FIVE, "needs_election": False}
    assert json.loads(town.ledger.events[-1][2])[0]["event"] == "CommitteeSeated"


async def test_the_same_founding_again_changes_nothing(seated: Town) -> None:
    state = seated.ledger.state()
    first = (await seated.ask("committee"))["committee"]
    seated.ledger.now_ms += 2 * YEAR_MS
    request = founding(alternates=["m5", "m6"])
    assert await seated.done(Org.REGULATOR, "seat_founding_committee", **request) == first
    assert seated.ledger.state() == state


@pytest.mark.parametrize(
    "changed",
    [
        {"members": ["m0", "m1", "m2", "m3", "m7"]},
        {"alternates": ["m5"]},
        {"seat_count": 7},
        {"until_at": NOW + YEAR_MS - 1},
        {"evidence_sha256": sha(1)},
    ],
)
async def test_there_is_one_founding_committee(seated: Town, changed: dict[str, Any]) -> None:
    request = founding(**{"alternates": ["m5", "m6"], **changed})
    outcome = await seated.call(Org.REGULATOR, "seat_founding_committee", **request)
    assert refusal(outcome) == (409, "committee/exists")


BAD_TERMS: list[dict[str, Any]] = [
    {"seats_min": 0},
    {"seats_min": 12},
    {"term_ms_max": 0},
    {"quorum_num": 1, "quorum_den": 3},
    {"quorum_num": 1, "quorum_den": 1},
    {"quorum_num": 0, "quorum_den": 0},
    {"approve_num": 49, "approve_den": 100},
    {"approve_num": 2, "approve_den": 2},
]


@pytest.mark.parametrize("terms", BAD_TERMS)
async def test_terms_cannot_undercut_a_majority(town: Town, terms: dict[str, Any]) -> None:
    request = founding(terms=terms)
    outcome = await town.call(Org.REGULATOR, "seat_founding_committee", **request)
    assert refusal(outcome) == (400, "committee/bad-terms")


SEAT_FAULTS = [
    Fault(400, "input/malformed", says(evidence_sha256="x")),
    Fault(400, "committee/bad-terms", says(terms={"seats_min": 0})),
    Fault(400, "committee/member-twice", says(alternates=["m0"])),
    Fault(400, "committee/bad-dates", says(from_at=NOW, until_at=NOW)),
    Fault(403, "caller/org", by(Org.COMMITTEE)),
    Fault(404, "community/unknown", elsewhere()),
    Fault(409, "committee/exists", after(Org.REGULATOR, "seat_founding_committee", **founding())),
    Fault(422, "committee/seat-count", says(seat_count=13)),
    Fault(422, "committee/even-seats", says(seat_count=6)),
    Fault(422, "committee/member-count", says(members=FIVE[:4])),
    Fault(422, "committee/not-yet", says(from_at=NOW + 1)),
    Fault(422, "committee/term-too-long", says(until_at=NOW + TERM_MS_MAX + 1)),
    Fault(422, "committee/not-an-owner", says(alternates=["nobody"])),
]
# Both are said by the same field, or the later one hides the earlier.
APART = {
    ("committee/exists", "committee/seat-count"),
    ("committee/seat-count", "committee/even-seats"),
}


@pytest.mark.parametrize(
    ("first", "second"),
    [(one, two) for one, two in pairs(SEAT_FAULTS) if (one.code, two and two.code) not in APART],
)
async def test_seating_refuses_in_order(town: Town, first: Fault, second: Fault | None) -> None:
    request = founding(alternates=["m5"])
    scene = Scene(town, Org.REGULATOR, "seat_founding_committee", request)
    await assert_first_answers(scene, first, second)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"seat_count": 3, "members": FIVE[:3]}, "committee/seat-count"),
        ({"seat_count": 12}, "committee/seat-count"),
        ({"seat_count": 5, "members": [*FIVE, "m5"]}, "committee/member-count"),
        ({"from_at": NOW - YEAR_MS, "until_at": NOW}, "committee/term-over"),
        ({"from_at": NOW - 1, "until_at": NOW + TERM_MS_MAX}, "committee/term-too-long"),
        ({"members": [*FIVE[:4], "nobody"]}, "committee/not-an-owner"),
    ],
)
async def test_a_committee_outside_its_terms(town: Town, fields: Any, code: str) -> None:
    outcome = await town.call(Org.REGULATOR, "seat_founding_committee", **founding(**fields))
    assert refusal(outcome) == (422, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"seat_count": 3, "members": FIVE[:3], "terms": {"seats_min": 3}},
        {"seat_count": 6, "terms": {"odd": False}},
        {"seat_count": 11},
        {"until_at": NOW + TERM_MS_MAX},
        {"seat_count": 7, "members": [*FIVE, "m7"]},
    ],
)
async def test_a_committee_within_its_terms(town: Town, fields: Any) -> None:
    await town.done(Org.REGULATOR, "seat_founding_committee", **founding(**fields))


async def test_nobody_is_seated_before_the_first_committee(town: Town) -> None:
    assert refusal(await town.query("committee")) == (404, "committee/none")
    outcome = await town.query("past_committee", term=1)
    assert refusal(outcome) == (404, "committee/unknown-term")
    assert await open_(town, "m0") == (403, "caller/not-seated")


async def test_powers_end_with_the_term(seated: Town) -> None:
    seated.ledger.now_ms = NOW + YEAR_MS - 1
    assert (await seated.ask("committee"))["seated"] == FIVE
    seated.ledger.now_ms += 1
    now = await seated.ask("committee")
    assert (now["seated"], now["needs_election"]) == ([], True)


# --- Election ---


async def test_an_election_ends_the_old_powers_at_once_and_keeps_the_record(seated: Town) -> None:
    old = (await seated.ask("committee"))["committee"]
    await open_(seated, "m0", "d1")
    seated.ledger.now_ms += DAY_MS
    new = await elect(seated, ["m4", "m5", "m6", "m7", "m8"], alternates=["m0"])
    assert (new.term, new.motion_id, new.evidence_sha256) == (2, "motion-1", None)
    assert new.terms == codec.decode(json.dumps(old), Committee).terms
    past = await seated.ask("past_committee", term=1)
    assert past == {**old, "ended_at": seated.ledger.now_ms}
    assert (await seated.ask("committee"))["seated"] == ["m4", "m5", "m6", "m7", "m8"]
    assert await open_(seated, "m0", "d2") == (403, "caller/not-seated")
    assert await answer(seated, "m0", "d1") == (403, "caller/not-seated")
    assert await answer(seated, "m4", "d1") == (409, "committee-decision/not-open")
    phase = await seated.ask("committee_decision", decision_id="d1")
    assert phase["phase"] == "lapsed"


async def test_a_term_that_had_run_out_keeps_its_end(seated: Town) -> None:
    seated.ledger.now_ms = NOW + YEAR_MS + DAY_MS
    await elect(seated, FIVE)
    assert (await seated.ask("past_committee", term=1))["ended_at"] == NOW + YEAR_MS


async def test_the_elected_who_sold_are_passed_over(seated: Town) -> None:
    await sell(seated, "m1")
    await sell(seated, "m5")
    new = await elect(seated, FIVE, alternates=["m5", "m6", "m7"])
    assert [seat.holder_id for seat in new.seats] == ["m0", "m2", "m3", "m4", "m6"]
    assert new.alternates == ("m7",)


async def test_the_first_committee_may_be_elected(town: Town) -> None:
    new = await elect(town, FIVE)
    assert (new.term, new.terms.seats_max) == (1, 11)
    outcome = await town.call(Org.REGULATOR, "seat_founding_committee", **founding())
    assert refusal(outcome) == (409, "committee/exists")


@pytest.mark.parametrize(
    ("members", "code"),
    [(["m0"] * 5, "committee/member-twice"), (FIVE[:3], "committee/seat-count")],
)
async def test_a_bad_election_seats_nobody(seated: Town, members: list[str], code: str) -> None:
    before = seated.ledger.state()
    with pytest.raises(Refusal, match=code):
        await elect(seated, members)
    assert seated.ledger.state() == before


# --- Seats that end ---


async def test_the_first_alternate_still_an_owner_moves_up(seated: Town) -> None:
    await sell(seated, "m5")
    seated.ledger.now_ms += 1
    committee = json.loads((await end(seated, "m2")).payload)
    assert (await seated.ask("committee"))["seated"] == ["m0", "m1", "m3", "m4", "m6"]
    assert committee["alternates"] == []
    assert committee["seats"][2] == {
        "holder_id": "m2",
        "since_at": NOW,
        "ended_at": NOW + 1,
        "end": "resigned",
    }
    assert json.loads(seated.ledger.events[-1][2])[0]["successor"] == "m6"
    assert await open_(seated, "m2") == (403, "caller/not-seated")
    assert await open_(seated, "m6") == (200, "accepted")


async def test_half_the_places_vacant_calls_for_an_election(seated: Town) -> None:
    seen = []
    for holder in ("m0", "m1", "m2", "m3", "m4"):
        await end(seated, holder, "died")
        now = await seated.ask("committee")
        seen.append((len(now["seated"]), now["needs_election"]))
    assert seen == [(5, False), (5, False), (4, False), (3, False), (2, True)]


async def test_the_same_end_again_changes_nothing(seated: Town) -> None:
    first = (await end(seated, "m0")).payload
    state = seated.ledger.state()
    seated.ledger.now_ms += 1
    assert (await end(seated, "m0")).payload == first
    assert seated.ledger.state() == state
    assert refusal(await end(seated, "m0", "died")) == (409, "committee/seat-ended")


async def test_ending_a_seat_is_refused_in_order(seated: Town) -> None:
    assert refusal(await end(seated, "m9", "bored", Org.COMMITTEE)) == (400, "input/malformed")
    assert refusal(await end(seated, "m9", org=Org.COMMITTEE)) == (403, "caller/org")
    assert refusal(await end(seated, "m9")) == (404, "committee/no-such-member")
    seated.ledger.now_ms += YEAR_MS
    assert refusal(await end(seated, "m9")) == (404, "committee/no-such-member")
    assert refusal(await end(seated, "m0")) == (409, "committee/seat-ended")
    assert refusal(await end(await Town().open(), "m0")) == (404, "committee/no-such-member")
