"""Paper: two clerks, one hand count, and which ballot of a unit stands."""

from typing import Any

import pytest

from chaincode.model.base import Org, Role
from tests.support.community import UNITS, Commons, paper_town, without_reviews
from tests.support.people import Person
from tests.support.town import HASH, refusal, sha, unit_row

PAPER = {"channels": {"paper": True}}


FLAWS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"spoiled": True, "choices": ["for"]}, (400, "paper/spoiled-with-choices")),
    ({"choices": ["maybe"]}, (400, "ballot/option-unknown")),
    ({"unit": UNITS[1]}, (403, "paper/signer-not-owner")),
    ({"received_at": 1}, (422, "paper/not-in-window")),
]


@pytest.mark.parametrize("place", range(len(FLAWS)))
async def test_a_bad_reading_is_refused_by_its_first_flaw(place: int) -> None:
    town = await paper_town()
    flaw, expected = FLAWS[place]
    for more in ({}, FLAWS[place + 1][0] if place + 1 < len(FLAWS) else {}):
        fields = {"unit": UNITS[0], **more, **flaw}
        act = town.paper(fields.pop("unit"), "o1", **fields)
        assert refusal(await town.carry(act)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"choices": []}, (400, "paper/choices-missing")),
        ({"signed_by": ["o2", "o1"]}, (400, "paper/signers-unsorted")),
        ({"signed_by": ["o1", "o1"]}, (400, "paper/signers-unsorted")),
        ({"choices": ["for", "against"]}, (400, "ballot/choices-too-many")),
        ({"motion_id": "m9"}, (404, "motion/unknown")),
        ({"unit": "9-9-9"}, (404, "unit/unknown")),
    ],
)
async def test_a_reading_is_refused(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    town = await paper_town()
    unit = fields.pop("unit", UNITS[0])
    assert refusal(await town.carry(town.paper(unit, "o1", **fields))) == expected


async def test_a_later_unit_is_not_on_the_roll_for_paper_either() -> None:
    town = await paper_town()
    await town.add_units([unit_row("3-1-1", "o1")])
    outcome = await town.carry(town.paper("3-1-1", "o1"))
    assert refusal(outcome) == (404, "ballot/unit-not-in-roll")


async def test_clerks_are_the_regulators_or_seated_members() -> None:
    town = await paper_town()
    town.clerks["o1"] = town.people["o1"]
    refused = await town.carry(town.paper(UNITS[1], "o2", clerk="o1"))
    assert refusal(refused) == (403, "caller/not-seated")
    company = await town.issue(Person("firm", "cred-firm"), Role.COMPANY_CLERK, Org.PROPERTY)
    town.clerks["firm"] = company
    refused = await town.carry(town.paper(UNITS[1], "o2", clerk="firm"))
    assert refusal(refused) == (403, "caller/role")
    await town.seated()
    assert (await town.carry(town.paper(UNITS[1], "o2", clerk="o1"))).status == 200


async def test_two_different_clerks_must_read_the_same() -> None:
    town = await paper_town()
    none = await town.query("paper_sheet", motion_id="m1", unit_id=UNITS[0])
    assert refusal(none) == (404, "paper/unknown")
    await town.agreed(town.paper(UNITS[0], "o1"), town.paper(UNITS[0], "o1"))
    sheet = await town.ask("paper_sheet", motion_id="m1", unit_id=UNITS[0])
    assert len(sheet["entries"]) == 1
    await town.agreed(town.paper(UNITS[0], "o1", clerk="clerk-b", choices=["against"]))
    await town.closed()
    await town.agreed(*town.hand_counts(**{"for": 1}))
    waits = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert refusal(waits) == (409, "paper/unresolved")
    received = town.ledger.now_ms - 1
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk, received_at=received))
    settled = await town.carry(town.paper(UNITS[0], "o1", received_at=received))
    assert refusal(settled) == (409, "paper/agreed-already")
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert result["tally"]["paper_count"] == 1
    late = await town.carry(town.paper(UNITS[1], "o2", received_at=received))
    assert refusal(late) == (409, "motion/wrong-phase")


async def test_too_many_readings_end_it() -> None:
    town = await paper_town()
    for number in range(21):
        name = f"clerk-{number}"
        town.clerks[name] = await town.issue(Person(name, f"cred-{name}"), Role.REGULATOR_CLERK)
        act = town.paper(UNITS[0], "o1", clerk=name, scan_sha256=sha(number))
        outcome = await town.carry(act)
    assert refusal(outcome) == (409, "paper/too-many-readings")


async def test_one_entry_is_enough_where_the_rule_says_so() -> None:
    town = await paper_town(channels={"double_entry": False})
    await town.agreed(town.paper(UNITS[0], "o1"))
    again = await town.carry(town.paper(UNITS[0], "o1", clerk="clerk-b"))
    assert refusal(again) == (409, "paper/agreed-already")
    await town.closed()
    await town.agreed(*town.hand_counts(**{"for": 1}))
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert result["tally"]["paper_count"] == 1


async def test_a_rule_may_take_no_paper() -> None:
    town = await paper_town(channels={"paper": False})
    refused = await town.carry(town.paper(UNITS[0], "o1"))
    assert refusal(refused) == (422, "paper/not-allowed")


# `came`: what came at which minute; an online ballot says against, the sheet for.
STANDING = [
    ("online", (("online", 1), ("paper", 2)), "against"),
    ("online", (("paper", 1), ("online", 2)), "against"),
    ("paper", (("online", 2), ("paper", 1)), "for"),
    ("paper", (("paper", 1), ("online", 2)), "for"),
    ("latest", (("online", 1), ("paper", 2)), "for"),
    ("latest", (("paper", 1), ("online", 2)), "against"),
    ("latest", (("online", 2), ("paper", 2)), "against"),
    ("first", (("online", 1), ("paper", 2)), "against"),
    ("first", (("paper", 1), ("online", 2)), "for"),
    ("first", (("online", 1), ("paper", 2), ("online", 3)), "against"),
    ("latest", (("online", 1), ("paper", 2), ("online", 3)), "against"),
    ("paper", (("online", 1), ("spoiled", 2)), "against"),
    ("latest", (("online", 1), ("spoiled", 2)), "against"),
]


@pytest.mark.parametrize(("precedence", "came", "stands"), STANDING)
async def test_one_ballot_of_a_unit_stands(
    precedence: str, came: tuple[tuple[str, int], ...], stands: str
) -> None:
    town = await paper_town(channels={"precedence": precedence})
    begin = town.ledger.now_ms
    for kind, minute in sorted(came, key=lambda item: item[1]):
        town.ledger.now_ms = begin + minute * 60_000
        if kind == "online":
            await town.agreed(town.ballot("o1", UNITS[0], choices=["against"]))
            continue
        for clerk in ("clerk-a", "clerk-b"):
            spoiled = kind == "spoiled"
            await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk, spoiled=spoiled))
    await town.closed()
    kinds = [kind for kind, _ in came]
    hands = {"spoiled": 1} if "spoiled" in kinds else {"for": 1}
    await town.agreed(*town.hand_counts(**hands))
    tally = (await town.done(Org.BANK, "count_motion", motion_id="m1"))["tally"]
    assert tally["ballots_count"] == 1
    weights = {one["option"]: one["cast"]["lots"] for one in tally["options"]}
    assert weights[stands] == 1


async def test_an_owners_sheet_stands_against_a_proxys_online_ballot() -> None:
    town = await paper_town(channels={"precedence": "online"})
    terms = {
        "grant_id": "g1",
        "proxy_id": "o2",
        "unit_ids": [UNITS[0]],
        "evidence_sha256": HASH,
        "from_at": town.ledger.now_ms,
        "until_at": town.ledger.now_ms + 1_000_000,
    }
    await town.agreed(town.act(town.people["o1"], "grant_proxy", **terms))
    await town.agreed(town.ballot("o2", UNITS[0], grant_id="g1", choices=["against"]))
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk))
    await town.closed()
    await town.agreed(*town.hand_counts(**{"for": 1}))
    tally = (await town.done(Org.BANK, "count_motion", motion_id="m1"))["tally"]
    assert tally["options"][0]["cast"]["lots"] == 1


# --- Sales ---


async def test_a_sellers_earlier_sheet_stands_against_the_buyers_ballot() -> None:
    town = await paper_town(channels={"precedence": "online"})
    handed_in = town.ledger.now_ms
    town.ledger.now_ms += 60_000
    await town.sell(UNITS[0], "buyer")
    await town.agreed(town.ballot("buyer", UNITS[0], choices=["against"]))
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk, received_at=handed_in))
    town.ledger.now_ms += 1
    again = await town.cast("buyer", UNITS[0])
    assert refusal(again) == (409, "ballot/seller-voted")
    await town.closed()
    await town.agreed(*town.hand_counts(**{"for": 1}))
    tally = (await town.done(Org.BANK, "count_motion", motion_id="m1"))["tally"]
    assert tally["options"][0]["cast"]["lots"] == 1


async def test_the_seller_signs_no_sheet_after_the_sale() -> None:
    town = await paper_town()
    await town.sell(UNITS[0], "buyer")
    sold = await town.carry(town.paper(UNITS[0], "o1"))
    assert refusal(sold) == (403, "paper/signer-not-owner")
    assert (await town.carry(town.paper(UNITS[0], "buyer"))).status == 200


async def test_the_buyer_hands_in_no_sheet_where_the_sellers_ballot_stands() -> None:
    town = await paper_town()
    await town.agreed(town.ballot("o1", UNITS[0]))
    town.ledger.now_ms += 60_000
    await town.sell(UNITS[0], "buyer")
    refused = await town.carry(town.paper(UNITS[0], "buyer"))
    assert refusal(refused) == (409, "ballot/seller-voted")


# --- Co-owners and barred units ---


@pytest.mark.parametrize(
    ("co_owner", "named", "signers", "accepted"),
    [
        ("representative", "ann", ["ann"], True),
        ("representative", "ann", ["ben"], False),
        ("representative", None, ["ann"], False),
        ("representative", None, ["ann", "ben"], True),
        ("all-sign", "ann", ["ann"], False),
        ("all-sign", None, ["ann", "ben"], True),
    ],
)
async def test_co_owners_sign_as_the_rule_says(
    co_owner: str, named: str | None, signers: list[str], accepted: bool
) -> None:
    rows = [unit_row("1-1-1", "ann", "ben", representative=named)]
    rule = without_reviews(co_owner=co_owner, **PAPER)
    town = await Commons().settle(rows, rules=[rule])
    await town.open_motion()
    outcome = await town.carry(town.paper("1-1-1", *signers))
    if accepted:
        assert outcome.status == 200
    else:
        assert refusal(outcome) == (422, "paper/signature-missing")


async def test_a_barred_unit_hands_in_no_paper() -> None:
    rows = [unit_row("1-1-1", "ann", in_arrears=True), unit_row("1-1-2", "ben")]
    rule = without_reviews(electorate={"arrears": "no-vote"}, **PAPER)
    town = await Commons().settle(rows, rules=[rule])
    await town.open_motion()
    refused = await town.carry(town.paper("1-1-1", "ann"))
    assert refusal(refused) == (422, "ballot/unit-barred")


# --- Service ---


def served(town: Commons, *units: str, motion_id: str = "m1") -> dict[str, Any]:
    return {
        "motion_id": motion_id,
        "unit_ids": list(units),
        "kind": "visit",
        "evidence_sha256": HASH,
    }


async def test_service_is_recorded_once_with_its_evidence() -> None:
    town = await paper_town()
    clerk = town.clerks["clerk-a"]
    unknown = await town.acted(clerk, "record_service", **served(town, "9-9-9"))
    assert refusal(unknown) == (404, "ballot/unit-not-in-roll")
    nowhere = await town.acted(clerk, "record_service", **served(town, UNITS[0], motion_id="m9"))
    assert refusal(nowhere) == (404, "motion/unknown")
    nobody = await town.acted("o1", "record_service", **served(town, UNITS[0]))
    assert refusal(nobody) == (403, "caller/not-seated")
    own = {"motion_id": "m1", "evidence_sha256": HASH}
    other = await town.acted("o1", "acknowledge_notice", unit_ids=[UNITS[1]], **own)
    assert refusal(other) == (403, "ballot/not-your-unit")
    gone = await town.acted("o1", "acknowledge_notice", unit_ids=["9-9-9"], **own)
    assert refusal(gone) == (404, "unit/unknown")
    company = await town.issue(Person("firm", "cred-firm"), Role.COMPANY_CLERK, Org.PROPERTY)
    acts = (
        town.act(company, "record_service", **served(town, UNITS[0], UNITS[1])),
        town.act(clerk, "record_service", **served(town, UNITS[1], UNITS[2])),
        town.act(town.people["o4"], "acknowledge_notice", unit_ids=[UNITS[3]], **own),
    )
    await town.agreed(*acts)
    await town.closed()
    await town.agreed(*town.hand_counts())
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert result["served_count"] == 4
    late = await town.acted(clerk, "record_service", **served(town, UNITS[4]))
    assert refusal(late) == (409, "motion/wrong-phase")


async def test_the_served_silent_follow_the_majority_apart_from_those_who_voted() -> None:
    follow = {"clause": "议事规则 Art. 12", "requires_served": True, "counts_for_turnout": False}
    town = await Commons().settle(
        rules=[without_reviews(follow_majority=follow, channels={"paper": False})]
    )
    await town.open_motion()
    for number in (1, 2, 3, 4):
        await town.agreed(town.ballot(f"o{number}", UNITS[number - 1]))
    clerk = town.clerks["clerk-a"]
    await town.agreed(town.act(clerk, "record_service", **served(town, UNITS[4])))
    tally = (await town.counted())["tally"]
    assert tally["participating"]["lots"] == 4
    assert (tally["options"][0]["cast"]["lots"], tally["followed"]["lots"]) == (4, 1)
