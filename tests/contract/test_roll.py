"""Import, preview and freezing of the roll, through the real contract."""

import hashlib
import json
from typing import Any

import pytest

from chaincode.model.base import Org
from chaincode.model.roll import OWNERS_PER_UNIT_MAX, UNIT_AMOUNT_MAX, UNITS_MAX
from chaincode.rules.roll import ROWS_TOLD_CHARS_MAX
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
from tests.support.memory_ledger import ReadConflict
from tests.support.town import HASH, Town, refusal, sha, unit_row

TWO = [unit_row("1-1-101", "ann"), unit_row("1-1-102", "ann", "ben", area_dm2=9_740)]


@pytest.fixture
async def town() -> Town:
    return await Town().open()


def shares(*parts: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"owner_id": owner, "num": num, "den": den} for owner, num, den in parts]


async def import_(town: Town, rows: list[dict[str, Any]], **fields: Any) -> Any:
    request = {"units": rows, "evidence_sha256": HASH, **fields}
    return await town.call(Org.REGULATOR, "import_roll", **request)


# --- Import ---


async def test_units_come_on_the_register(town: Town) -> None:
    answer = await town.add_units(TWO)
    assert (answer["unit_count"], answer["area_dm2"]) == (2, 19_740)
    assert await town.ask("unit", unit_id="1-1-102") == {
        "unit_id": "1-1-102",
        "building": "1",
        "entrance": "1-1",
        "area_dm2": 9_740,
        "area_source": "registered",
        "owners": shares(("ann", 1, 2), ("ben", 1, 2)),
        "version": 1,
        "change": "imported",
        "changed_at": town.ledger.now_ms,
        "since_at": town.ledger.now_ms,
    }
    owned = await town.ask("owned_units", owner_id="ann")
    assert [unit["unit_id"] for unit in owned["units"]] == ["1-1-101", "1-1-102"]
    name, payload = town.ledger.events[-1][1:]
    assert (name, json.loads(payload)[0]["event"]) == ("commonhold", "RollImported")


async def test_the_same_import_again_changes_nothing(town: Town) -> None:
    first = await town.add_units(TWO)
    state = town.ledger.state()
    town.ledger.now_ms += 1000
    assert await town.add_units(TWO) == first
    assert town.ledger.state() == state


async def test_an_import_adds_to_what_is_there(town: Town) -> None:
    await town.add_units(TWO)
    answer = await town.add_units([*TWO, unit_row("2-1-101", "cleo")])
    assert answer["unit_count"] == 1
    assert (await town.ask("preview_roll"))["unit_count"] == 3


async def test_shares_and_owners_have_one_spelling(town: Town) -> None:
    owners = shares(("ben", 2, 6), ("ann", 50, 75))
    await town.add_units([{**TWO[0], "owners": owners}])
    unit = await town.ask("unit", unit_id="1-1-101")
    assert unit["owners"] == shares(("ann", 2, 3), ("ben", 1, 3))
    other = [{**TWO[0], "owners": shares(("ann", 4, 6), ("ben", 1, 3))}]
    assert (await town.add_units(other))["unit_count"] == 0


BAD_ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "no owner": ({"owners": []}, "unit/no-owner"),
    "too many owners": (
        {"owners": shares(*[(f"o{i}", 1, 65) for i in range(OWNERS_PER_UNIT_MAX + 1)])},
        "unit/too-many-owners",
    ),
    "an owner twice": ({"owners": shares(("ann", 1, 2), ("ann", 1, 2))}, "unit/owner-twice"),
    "an id for owner sets": ({"owners": shares(("set-1", 1, 1))}, "unit/owner-id-reserved"),
    "shares below one": ({"owners": shares(("ann", 999_999, 1_000_000))}, "unit/shares-not-one"),
    "shares above one": (
        {"owners": shares(("ann", 1, 2), ("ben", 500_001, 1_000_000))},
        "unit/shares-not-one",
    ),
    "thirds in decimals": (
        {"owners": shares(*[(name, 333, 1000) for name in ("ann", "ben", "cleo")])},
        "unit/shares-not-one",
    ),
    "a stranger votes": ({"representative": "zed"}, "unit/representative-not-owner"),
    "a dwelling of no area": ({"area_dm2": 0}, "unit/zero-area"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
async def test_a_bad_row_refuses_the_whole(town: Town, name: str) -> None:
    fields, code = BAD_ROWS[name]
    before = town.ledger.state()
    outcome = await import_(town, [TWO[1], {**TWO[0], **fields}])
    assert refusal(outcome) == (400, "roll/bad-rows")
    assert json.loads(outcome.message.partition(" ")[2]) == {"count": 1, "rows": f"1:{code}"}
    assert town.ledger.state() == before


@pytest.mark.parametrize("name", ["area_dm2", "entitlement", "share_value"])
async def test_totals_stay_exact_integers(town: Town, name: str) -> None:
    """What could add up to more than a reader can hold would stop every later count."""
    most = {"area_dm2": 1, name: UNIT_AMOUNT_MAX}
    huge = {**TWO[0], **most, name: UNIT_AMOUNT_MAX + 1}
    outcome = await town.call(Org.REGULATOR, "import_roll", units=[huge], evidence_sha256=HASH)
    assert refusal(outcome) == (400, "input/malformed")
    assert (await town.add_units([{**TWO[0], **most}]))["unit_count"] == 1


async def test_as_many_owners_as_allowed(town: Town) -> None:
    owners = shares(*[(f"o{i}", 1, OWNERS_PER_UNIT_MAX) for i in range(OWNERS_PER_UNIT_MAX)])
    await town.add_units([{**TWO[0], "owners": owners}])


async def test_a_parking_place_may_have_no_area(town: Town) -> None:
    await town.add_units([unit_row("P-1-1", "ann", area_dm2=0, use="parking")])
    assert (await town.ask("preview_roll"))["parking_unit_count"] == 1


async def test_every_fault_of_every_row_is_told(town: Town) -> None:
    rows = [
        {**TWO[0], "owners": [], "area_dm2": 0},
        TWO[1],
        {**TWO[1], "building": "9"},
    ]
    outcome = await import_(town, rows)
    told = json.loads(outcome.message.partition(" ")[2])
    assert told["rows"].split() == [
        "0:unit/no-owner",
        "0:unit/zero-area",
        "0:unit/entrance-in-two-buildings",
        "1:unit/listed-twice",
        "1:unit/entrance-in-two-buildings",
        "2:unit/listed-twice",
        "2:unit/entrance-in-two-buildings",
    ]
    assert told["count"] == 7


async def test_a_refusal_stays_short_and_the_preview_tells_all(town: Town) -> None:
    rows = [unit_row(f"1-1-{number}") for number in range(200)]
    outcome = await import_(town, rows)
    told = json.loads(outcome.message.partition(" ")[2])
    assert told["count"] == 200
    assert told["rows"].endswith(" ...")
    assert len(told["rows"]) <= ROWS_TOLD_CHARS_MAX + len(" ...")
    preview = await town.ask("preview_roll", units=rows)
    assert [row["index"] for row in preview["bad_rows"]] == list(range(200))
    assert {row["code"] for row in preview["bad_rows"]} == {"unit/no-owner"}


async def test_rows_that_differ_from_the_register_are_listed(town: Town) -> None:
    await town.add_units(TWO)
    rows = [{**TWO[0], "area_dm2": 1}, TWO[1], unit_row("1-1-103", "cleo", building="2")]
    outcome = await import_(town, rows[:2])
    assert refusal(outcome) == (409, "roll/units-differ")
    assert "0:unit/exists-with-different-content" in outcome.message
    outcome = await import_(town, rows[2:])
    assert refusal(outcome) == (409, "roll/units-differ")
    assert "0:unit/entrance-in-two-buildings" in outcome.message


async def test_a_community_has_at_most_20000_units(town: Town) -> None:
    rows = [unit_row(f"1-1-{number}", "dev") for number in range(UNITS_MAX)]
    assert (await town.add_units(rows))["unit_count"] == UNITS_MAX
    assert (await town.add_units([*rows[1:], rows[0]]))["unit_count"] == 0
    outcome = await import_(town, [unit_row("2-1-1", "dev")])
    assert refusal(outcome) == (422, "roll/too-many-units")
    outcome = await import_(town, [*rows, unit_row("2-1-1", "dev")])
    assert refusal(outcome) == (400, "roll/too-many-rows")


IMPORT_FAULTS = [
    Fault(400, "input/malformed", says(evidence_sha256="short")),
    Fault(400, "roll/no-rows", says(units=[])),
    Fault(403, "caller/org", by(Org.PROPERTY)),
    Fault(404, "community/unknown", elsewhere()),
    Fault(
        409,
        "roll/units-differ",
        after(
            Org.REGULATOR,
            "import_roll",
            units=[unit_row("1-1-101", "zed")],
            evidence_sha256=HASH,
        ),
    ),
]


@pytest.mark.parametrize(("first", "second"), pairs(IMPORT_FAULTS))
async def test_import_refuses_in_order(town: Town, first: Fault, second: Fault | None) -> None:
    request = {"units": TWO, "evidence_sha256": HASH}
    scene = Scene(town, Org.REGULATOR, "import_roll", request)
    await assert_first_answers(scene, first, second)


# --- Preview ---


async def test_a_preview_adds_up_register_and_file(town: Town) -> None:
    await town.add_units(TWO)
    rows = [
        unit_row("2-1-101", "dev", sale="unsold", area_source="contract"),
        unit_row("2-1-102", "dev", sale="sold-undelivered"),
        unit_row("2-1-103", "ann"),
        unit_row("2-1-104", "ben", "ann", area_source="surveyed"),
        unit_row("2-1-105"),
    ]
    state = town.ledger.state()
    preview = await town.ask("preview_roll", units=rows)
    assert town.ledger.state() == state
    assert preview == {
        "unit_count": 6,
        "area_dm2": 59_740,
        "head_count": 3,
        "owner_count": 3,
        "unsold_unit_count": 2,
        "unsold_area_dm2": 20_000,
        "parking_unit_count": 0,
        "parking_area_dm2": 0,
        "co_owned_unit_count": 2,
        "buildings": [
            {"part": "1", "unit_count": 2, "area_dm2": 19_740, "head_count": 2},
            {"part": "2", "unit_count": 4, "area_dm2": 40_000, "head_count": 3},
        ],
        "sources": [
            {"part": "contract", "unit_count": 1, "area_dm2": 10_000, "head_count": 1},
            {"part": "registered", "unit_count": 4, "area_dm2": 39_740, "head_count": 3},
            {"part": "surveyed", "unit_count": 1, "area_dm2": 10_000, "head_count": 1},
        ],
        "bad_rows": [{"index": 4, "unit_id": "2-1-105", "code": "unit/no-owner"}],
    }


# --- Freezing ---


async def frozen(town: Town) -> Any:
    return await town.done(Org.REGULATOR, "freeze_roll")


async def test_a_frozen_roll_has_the_hash_of_its_entries(town: Town) -> None:
    await town.add_units(TWO)
    summary = await frozen(town)
    prefix = f"fuzemen/roll-entry/{summary['roll_id']}/"
    entries = [value for key, value in town.ledger.state().items() if key.startswith(prefix)]
    content = b"".join(entry + b"\n" for entry in entries)
    assert hashlib.sha256(content).hexdigest() == summary["roll_id"]
    assert (summary["unit_count"], summary["area_dm2"], summary["head_count"]) == (2, 19_740, 2)
    assert await town.ask("roll", roll_id=summary["roll_id"]) == summary
    entry = await town.ask("roll_entry", roll_id=summary["roll_id"], unit_id="1-1-101")
    assert entry["head_id"] == "ann"
    assert entry["owner_ids"] == ["ann"]


async def test_freezing_the_same_register_gives_the_same_roll(town: Town) -> None:
    await town.add_units(TWO)
    first = await frozen(town)
    state = town.ledger.state()
    town.ledger.now_ms += 1000
    assert await frozen(town) == first
    assert town.ledger.state() == state


async def test_order_of_import_does_not_matter(town: Town) -> None:
    await town.add_units(TWO)
    other = await Town().open()
    for row in reversed(TWO):
        await other.add_units([row])
    assert (await frozen(other))["roll_id"] == (await frozen(town))["roll_id"]


async def test_a_later_change_does_not_reach_a_frozen_roll(town: Town) -> None:
    await town.add_units(TWO)
    first = await frozen(town)
    sale = {"unit_id": "1-1-101", "version": 1, "owners": shares(("zed", 1, 1))}
    at = {"at": town.ledger.now_ms, "evidence_sha256": HASH}
    await town.done(Org.REGULATOR, "transfer_unit", **sale, **at)
    entry = await town.ask("roll_entry", roll_id=first["roll_id"], unit_id="1-1-101")
    assert entry["owner_ids"] == ["ann"]
    second = await frozen(town)
    assert second["roll_id"] != first["roll_id"]
    assert await town.ask("roll", roll_id=first["roll_id"]) == first


async def test_a_sale_while_freezing_voids_the_freezing(town: Town) -> None:
    await town.add_units(TWO)
    freezing = town.ledger.transaction("RegulatorMSP", "freeze_roll", town.request())
    assert (await town.ledger.contract().answer(freezing)).status == 200
    await town.add_units([unit_row("1-1-103", "zed")])
    with pytest.raises(ReadConflict):
        freezing.commit()


async def test_what_is_not_there_cannot_be_frozen_or_asked(town: Town) -> None:
    outcome = await town.call(Org.REGULATOR, "freeze_roll")
    assert refusal(outcome) == (404, "roll/no-units")
    assert refusal(await town.call(Org.BANK, "freeze_roll")) == (403, "caller/org")
    assert refusal(await town.query("roll", roll_id=sha(1))) == (404, "roll/unknown")
    unknown = {"roll_id": sha(1), "unit_id": "1-1-101"}
    assert refusal(await town.query("roll_entry", **unknown)) == (404, "roll/unknown")
    await town.add_units(TWO)
    unknown = {"roll_id": (await frozen(town))["roll_id"], "unit_id": "9-9-999"}
    assert refusal(await town.query("roll_entry", **unknown)) == (404, "roll/unit-unknown")
    assert refusal(await town.query("unit", unit_id="9-9-999")) == (404, "unit/unknown")
    assert refusal(await town.query("unit_history", unit_id="9-9-999")) == (404, "unit/unknown")
    assert await town.ask("owned_units", owner_id="nobody") == {"units": []}


async def test_endorsers_agree_on_the_roll(town: Town) -> None:
    rows = [unit_row(f"1-1-{i}", f"o{i}", f"o{i + 1}", "dev") for i in range(40)]
    await town.add_units([*rows, unit_row("1-1-99", "dev", sale="unsold")])
    await import_(town, [{**rows[0], "area_dm2": 1}, unit_row("1-1-98")])
    await frozen(town)
    assert_deterministic(town.ledger)
