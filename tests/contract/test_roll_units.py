"""Transfers, corrections, removals and representatives of units, through the real contract."""

import json
from typing import Any

import pytest

from chaincode.model.base import Org
from chaincode.rules.roll import NAMING_PAUSE_MS
from tests.support.determinism import assert_deterministic
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
from tests.support.town import DAY_MS, HASH, Town, refusal, sha, unit_row


def shares(*owners: str) -> list[dict[str, Any]]:
    return [{"owner_id": owner, "num": 1, "den": len(owners)} for owner in owners]


@pytest.fixture
async def town() -> Town:
    """Ann owns 1-1-101 with Ben, the developer still has 1-1-102."""
    town = await Town().open()
    await town.add_units(
        [
            unit_row("1-1-101", "ann", "ben", deed_sha256=sha(5)),
            unit_row("1-1-102", "dev", sale="unsold", in_arrears=True),
            unit_row("2-1-101", "cleo"),
        ]
    )
    return town


def sale(town: Town, **fields: Any) -> dict[str, Any]:
    return {
        "unit_id": "1-1-101",
        "version": 1,
        "owners": shares("zed"),
        "at": town.ledger.now_ms,
        "evidence_sha256": sha(7),
        **fields,
    }


def correction(**fields: Any) -> dict[str, Any]:
    row = unit_row("1-1-101", "ann", "ben", deed_sha256=sha(5), area_dm2=9_999)
    base = {"unit": row, "version": 1, "reason": "new-survey", "evidence_sha256": sha(8)}
    return {**base, **fields}


async def unit_ids(town: Town, owner_id: str) -> list[str]:
    return [one["unit_id"] for one in (await town.ask("owned_units", owner_id=owner_id))["units"]]


def last_event(town: Town) -> Any:
    return json.loads(town.ledger.events[-1][2])[-1]


# --- Transfer ---


async def test_a_sale_gives_the_unit_new_owners(town: Town) -> None:
    imported = await town.ask("unit", unit_id="1-1-101")
    town.ledger.now_ms += DAY_MS
    moved = await town.done(Org.REGULATOR, "transfer_unit", **sale(town, at=town.ledger.now_ms - 5))
    assert moved == {
        **{name: imported[name] for name in ("unit_id", "building", "entrance", "area_dm2")},
        "area_source": "registered",
        "owners": shares("zed"),
        "version": 2,
        "change": "transferred",
        "changed_at": town.ledger.now_ms,
        "since_at": town.ledger.now_ms - 5,
        "evidence_sha256": sha(7),
    }
    assert [await unit_ids(town, owner) for owner in ("ann", "ben", "zed")] == [[], [], ["1-1-101"]]
    assert last_event(town) == {
        "community": "fuzemen",
        "unit_id": "1-1-101",
        "version": 2,
        "event": "UnitTransferred",
    }
    history = (await town.ask("unit_history", unit_id="1-1-101"))["versions"]
    assert [one["unit"] for one in history] == [moved, imported]


async def test_a_share_may_change_hands_alone(town: Town) -> None:
    await town.done(Org.REGULATOR, "transfer_unit", **sale(town, owners=shares("ann", "zed")))
    assert [await unit_ids(town, owner) for owner in ("ann", "ben", "zed")] == [
        ["1-1-101"],
        [],
        ["1-1-101"],
    ]


async def test_the_developers_sale_ends_unsold_and_arrears(town: Town) -> None:
    moved = await town.done(Org.REGULATOR, "transfer_unit", **sale(town, unit_id="1-1-102"))
    assert "sale" not in moved
    assert "in_arrears" not in moved


async def test_the_same_transfer_again_changes_nothing(town: Town) -> None:
    request = sale(town)
    first = await town.done(Org.REGULATOR, "transfer_unit", **request)
    state = town.ledger.state()
    town.ledger.now_ms += 1000
    assert await town.done(Org.REGULATOR, "transfer_unit", **request) == first
    assert town.ledger.state() == state
    for changed in ({"at": request["at"] - 1}, {"owners": shares("x")}, {"evidence_sha256": HASH}):
        outcome = await town.call(Org.REGULATOR, "transfer_unit", **{**request, **changed})
        assert refusal(outcome) == (409, "unit/changed-meanwhile")


TRANSFER_FAULTS = [
    Fault(400, "input/malformed", says(version=-1)),
    Fault(400, "unit/no-owner", says(owners=[])),
    Fault(400, "unit/shares-not-one", says(owners=[{"owner_id": "zed", "num": 1, "den": 2}])),
    Fault(400, "unit/representative-not-owner", says(representative="ann")),
    Fault(403, "caller/org", by(Org.PROPERTY)),
    Fault(404, "community/unknown", elsewhere()),
    Fault(404, "unit/unknown", says(unit_id="9-9-999")),
    Fault(
        409,
        "unit/changed-meanwhile",
        after(Org.REGULATOR, "correct_unit", **correction()),
    ),
    Fault(422, "unit/same-owners", says(owners=shares("ben", "ann"))),
    Fault(422, "unit/transfer-in-the-future", says(at=1_790_000_000_001)),
]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pair
        for pair in pairs(TRANSFER_FAULTS)
        if pair[0].code != "unit/no-owner" or pair[1] is None  # owners cannot be bad in two ways
    ],
)
async def test_transfer_refuses_in_order(town: Town, first: Fault, second: Fault | None) -> None:
    scene = Scene(town, Org.REGULATOR, "transfer_unit", sale(town))
    await assert_first_answers(scene, first, second)


async def test_a_transfer_is_not_dated_before_the_last(town: Town) -> None:
    at = town.ledger.now_ms
    outcome = await town.call(Org.REGULATOR, "transfer_unit", **sale(town, at=at - 1))
    assert refusal(outcome) == (422, "unit/transfer-before-last")
    await town.done(Org.REGULATOR, "transfer_unit", **sale(town, at=at))


# --- Correction and removal ---


async def test_a_correction_states_the_unit_anew(town: Town) -> None:
    row = unit_row("1-1-101", "ann", "zed", entrance="1-2", use="office", representative="zed")
    request = correction(unit=row, reason="court-judgment")
    right = await town.done(Org.REGULATOR, "correct_unit", **request)
    assert right == {
        **row,
        "owners": shares("ann", "zed"),
        "version": 2,
        "change": "corrected",
        "changed_at": town.ledger.now_ms,
        "since_at": town.ledger.now_ms,
        "evidence_sha256": sha(8),
        "reason": "court-judgment",
    }
    assert [await unit_ids(town, owner) for owner in ("ben", "zed")] == [[], ["1-1-101"]]
    state = town.ledger.state()
    assert await town.done(Org.REGULATOR, "correct_unit", **request) == right
    assert town.ledger.state() == state
    outcome = await town.call(Org.REGULATOR, "correct_unit", **{**request, "reason": "arrears"})
    assert refusal(outcome) == (409, "unit/changed-meanwhile")


async def test_a_unit_may_move_to_a_new_entrance_of_another_building(town: Town) -> None:
    row = unit_row("1-1-101", "ann", "ben", building="3", entrance="3-1")
    right = await town.done(Org.REGULATOR, "correct_unit", **correction(unit=row))
    assert (right["building"], right["entrance"]) == ("3", "3-1")


SAME = unit_row("1-1-101", "ann", "ben", deed_sha256=sha(5))
CORRECT_FAULTS = [
    Fault(400, "input/malformed", says(reason="because")),
    Fault(400, "unit/zero-area", says(unit={**SAME, "area_dm2": 0})),
    Fault(403, "caller/org", by(Org.COMMITTEE)),
    Fault(404, "community/unknown", elsewhere()),
    Fault(404, "unit/unknown", says(unit={**SAME, "unit_id": "9-9-999"})),
    Fault(409, "unit/changed-meanwhile", says(version=2)),
    Fault(
        409,
        "unit/entrance-in-two-buildings",
        says(unit={**SAME, "building": "9", "entrance": "2-1"}),
    ),
]


@pytest.mark.parametrize(("first", "second"), pairs(CORRECT_FAULTS))
async def test_correct_refuses_in_order(town: Town, first: Fault, second: Fault | None) -> None:
    scene = Scene(town, Org.REGULATOR, "correct_unit", correction())
    await assert_first_answers(scene, first, second)


async def test_there_must_be_something_to_correct(town: Town) -> None:
    outcome = await town.call(Org.REGULATOR, "correct_unit", **correction(unit=SAME))
    assert refusal(outcome) == (422, "unit/nothing-to-correct")


REMOVAL = {"unit_id": "1-1-101", "version": 1, "reason": "clerical-error", "evidence_sha256": HASH}


async def test_a_removed_unit_is_history(town: Town) -> None:
    gone = await town.done(Org.REGULATOR, "remove_unit", **REMOVAL)
    assert gone["version"] == 1
    assert await unit_ids(town, "ann") == []
    assert refusal(await town.query("unit", unit_id="1-1-101")) == (404, "unit/unknown")
    history = (await town.ask("unit_history", unit_id="1-1-101"))["versions"]
    assert [one["unit"] for one in history] == [None, gone]
    assert last_event(town)["event"] == "UnitRemoved"


REMOVE_FAULTS = [
    Fault(400, "input/malformed", says(evidence_sha256="x")),
    Fault(403, "caller/org", by(Org.BANK)),
    Fault(404, "community/unknown", elsewhere()),
    Fault(404, "unit/unknown", says(unit_id="9-9-999")),
    Fault(409, "unit/changed-meanwhile", says(version=3)),
]


@pytest.mark.parametrize(("first", "second"), pairs(REMOVE_FAULTS))
async def test_remove_refuses_in_order(town: Town, first: Fault, second: Fault | None) -> None:
    scene = Scene(town, Org.REGULATOR, "remove_unit", dict(REMOVAL))
    await assert_first_answers(scene, first, second)


# --- Representative ---


@pytest.fixture
async def people(town: Town) -> Town:
    for holder in ("ann", "ben", "cleo"):
        await town.owner(holder)
    return town


async def name(town: Town, holder: str, representative: str | None, unit: str = "1-1-101") -> str:
    fields = {"unit_id": unit, "representative": representative}
    outcome = await town.carry(town.act(town.people[holder], "name_representative", **fields))
    return "accepted" if outcome.status == 200 else refusal(outcome)[1]


async def representative(town: Town) -> str | None:
    return (await town.ask("unit", unit_id="1-1-101")).get("representative")


async def test_all_co_owners_must_name_the_same(people: Town) -> None:
    seen = []
    for holder, named in [
        ("ann", "ann"),  # ben has not said anything
        ("ben", "ben"),  # they differ
        ("ben", "ann"),  # agreed
        ("ann", "ben"),  # ann alone cannot change it
        ("ben", "ben"),  # agreed anew
        ("ann", None),  # ann withdraws
        ("ann", "ben"),
    ]:
        assert await name(people, holder, named) == "accepted"
        people.ledger.now_ms += NAMING_PAUSE_MS
        seen.append(await representative(people))
    assert seen == [None, None, "ann", "ann", "ben", None, "ben"]


async def test_a_persons_words_are_an_hour_apart(people: Town) -> None:
    assert await name(people, "ann", None) == "accepted"
    again_at = people.ledger.now_ms + NAMING_PAUSE_MS
    people.ledger.now_ms = again_at - 1
    fields = {"unit_id": "1-1-101", "representative": "ann"}
    outcome = await people.carry(people.act(people.people["ann"], "name_representative", **fields))
    assert refusal(outcome) == (409, "unit/named-lately")
    assert f'"again_at": {again_at}' in outcome.message
    assert await name(people, "ben", "ann") == "accepted"
    people.ledger.now_ms = again_at
    assert await name(people, "ann", "ann") == "accepted"
    assert await representative(people) == "ann"


async def test_a_transfer_voids_what_was_named(people: Town) -> None:
    await name(people, "ann", "ann")
    await name(people, "ben", "ann")
    request = sale(people, version=3, owners=shares("ann", "zed"))
    moved = await people.done(Org.REGULATOR, "transfer_unit", **request)
    assert "representative" not in moved
    assert "namings" not in moved


async def test_who_may_name_whom(people: Town) -> None:
    assert await name(people, "cleo", "cleo") == "caller/not-owner"
    assert await name(people, "cleo", "cleo", "9-9-999") == "caller/not-owner"
    assert await name(people, "cleo", "zed", "2-1-101") == "unit/not-co-owned"
    assert await name(people, "ann", "cleo") == "unit/representative-not-owner"


async def test_endorsers_agree_on_units(people: Town) -> None:
    await name(people, "ann", "ann")
    await name(people, "ben", "ann")
    await people.done(Org.REGULATOR, "correct_unit", **correction(version=3))
    request = sale(people, version=4, owners=shares("x", "ann", "y"))
    await people.done(Org.REGULATOR, "transfer_unit", **request)
    await people.done(Org.REGULATOR, "remove_unit", **{**REMOVAL, "version": 5})
    assert_deterministic(people.ledger)
