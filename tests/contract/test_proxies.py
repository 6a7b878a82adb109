"""Written grants: whom they bind, what they cover, and whose ballot wins."""

from typing import Any

import pytest

from tests.support.community import Commons, without_reviews
from tests.support.town import DAY_MS, HASH, refusal, unit_row


async def town_with(**proxy: Any) -> Commons:
    rows = [unit_row(f"1-1-{n}", "many" if n < 4 else f"o{n}") for n in range(1, 11)]
    rule = without_reviews(proxy={"allowed": True, **proxy})
    town = await Commons().settle(rows, rules=[rule])
    await town.open_motion()
    return town


def grant(town: Commons, owner: str = "many", **fields: Any) -> bytes:
    terms = {
        "grant_id": "g1",
        "proxy_id": "o9",
        "unit_ids": ["1-1-1", "1-1-2", "1-1-3"] if owner == "many" else [],
        "evidence_sha256": HASH,
        "from_at": town.ledger.now_ms,
        "until_at": town.ledger.now_ms + 30 * DAY_MS,
        **fields,
    }
    return town.act(town.people[owner], "grant_proxy", **terms)


GRANT_FLAWS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"unit_ids": ["1-1-1", "1-1-1"]}, (400, "proxy/unit-repeated")),
    ({"until_at": 0}, (400, "proxy/period-contradicts")),
    ({"proxy_id": "many"}, (400, "proxy/to-self")),
    ({"unit_ids": ["9-9-9"]}, (404, "unit/unknown")),
    ({"unit_ids": ["1-1-4"]}, (403, "proxy/not-your-unit")),
    ({"from_at": 1, "until_at": 2}, (409, "proxy/over")),
]


@pytest.mark.parametrize("place", range(len(GRANT_FLAWS)))
async def test_a_bad_grant_is_refused_by_its_first_flaw(place: int) -> None:
    town = await town_with()
    flaw, expected = GRANT_FLAWS[place]
    assert refusal(await town.carry(grant(town, **flaw))) == expected
    if place + 1 < len(GRANT_FLAWS):
        both = {**GRANT_FLAWS[place + 1][0], **flaw}
        assert refusal(await town.carry(grant(town, **both))) == expected


async def test_a_grant_is_given_once_and_taken_back_by_its_giver() -> None:
    town = await town_with()
    await town.agreed(grant(town))
    assert refusal(await town.carry(grant(town))) == (409, "proxy/exists")
    other = await town.acted("o9", "revoke_proxy", grant_id="g1")
    assert refusal(other) == (403, "proxy/not-yours")
    unknown = await town.acted("o9", "revoke_proxy", grant_id="g9")
    assert refusal(unknown) == (404, "proxy/unknown")
    await town.agreed(town.act(town.people["many"], "revoke_proxy", grant_id="g1"))
    held = await town.ask("proxy_grant", grant_id="g1")
    assert held["revoked_at"] == town.ledger.now_ms
    twice = await town.acted("many", "revoke_proxy", grant_id="g1")
    assert refusal(twice) == (409, "proxy/revoked")
    cast = await town.cast("o9", "1-1-1", "1-1-2", "1-1-3", grant_id="g1")
    assert refusal(cast) == (409, "proxy/revoked")


async def test_only_the_proxy_casts_under_a_grant() -> None:
    town = await town_with()
    await town.agreed(grant(town))
    other = await town.cast("o8", "1-1-1", "1-1-2", "1-1-3", grant_id="g1")
    assert refusal(other) == (403, "proxy/not-yours")
    await town.agreed(town.ballot("o9", "1-1-1", "1-1-2", "1-1-3", grant_id="g1"))
    result = await town.counted()
    assert result["tally"]["returned"] == {
        "area_dm2": 30_000,
        "heads": 1,
        "lots": 3,
        "entitlement": 0,
        "share_value": 0,
    }
    ballots = (await town.ask("counted_ballots", motion_id="m1"))["ballots"]
    assert {one["channel"] for one in ballots} == {"proxy"}


@pytest.mark.parametrize(
    ("terms", "given", "units", "expected"),
    [
        ({"allowed": False}, {}, 3, (422, "proxy/not-allowed")),
        ({}, {"motion_id": "m9"}, 3, (422, "proxy/other-motion")),
        ({}, {"unit_ids": ["1-1-1"]}, 3, (422, "proxy/unit-not-granted")),
        ({"expiry_ms_max": DAY_MS}, {}, 3, (422, "proxy/expiry-too-long")),
        ({}, {}, 2, (422, "proxy/mandate-split")),
        ({"cap_count": 2}, {}, 3, (422, "proxy/cap-exceeded")),
        (
            {"cap_count": 5, "cap_count_lots_max": 9, "cap_percent": 20},
            {},
            3,
            (422, "proxy/cap-exceeded"),
        ),
    ],
)
async def test_a_proxy_holds_only_what_grant_and_rule_cover(
    terms: dict[str, Any], given: dict[str, Any], units: int, expected: tuple[int, str]
) -> None:
    town = await town_with(**terms)
    await town.agreed(grant(town, **given))
    names = ["1-1-1", "1-1-2", "1-1-3"][:units]
    assert refusal(await town.cast("o9", *names, grant_id="g1")) == expected


async def test_a_grant_binds_only_the_units_it_can_still_vote_for() -> None:
    """What was sold, voted for by its owner or lies outside the motion splits no mandate."""
    town = await town_with()
    await town.agreed(grant(town))
    assert refusal(await town.cast("o9", "1-1-1", grant_id="g1")) == (422, "proxy/mandate-split")
    await town.sell("1-1-2", "buyer")
    await town.agreed(town.ballot("many", "1-1-3"))
    await town.agreed(town.ballot("o9", "1-1-1", grant_id="g1", choices=["against"]))
    assert (await town.ask("turnout", motion_id="m1"))["returned"]["lots"] == 2


async def test_a_general_grant_serves_a_motion_of_one_building() -> None:
    rows = [unit_row("1-1-1", "many"), unit_row("2-1-1", "many"), unit_row("1-1-2", "o9")]
    rule = without_reviews("cn-278-fund-use-part", authority={"initiators": ["regulator"]})
    town = await Commons().settle(rows, rules=[rule])
    scope = {"kind": rule["electorate"]["scope"], "ids": ["1"]}
    await town.open_motion(matter_class=rule["matter_class"], scope=scope)
    await town.agreed(grant(town, unit_ids=["1-1-1", "2-1-1"]))
    both = await town.cast("o9", "1-1-1", "2-1-1", grant_id="g1")
    assert refusal(both) == (404, "ballot/unit-not-in-roll")
    await town.agreed(town.ballot("o9", "1-1-1", grant_id="g1"))


async def test_a_cap_counts_all_grants_of_one_proxy() -> None:
    """New South Wales: at most one in ten lots here; the second owner's grant is too much."""
    town = await town_with(cap_count=3, split_mandate=True)
    await town.agreed(grant(town), grant(town, "o4", grant_id="g2", unit_ids=["1-1-4"]))
    await town.agreed(town.ballot("o9", "1-1-1", "1-1-2", grant_id="g1"))
    await town.agreed(town.ballot("o9", "1-1-3", grant_id="g1", choices=["against"]))
    more = await town.cast("o9", "1-1-4", grant_id="g2")
    assert more.message == 'proxy/cap-exceeded {"held": 4, "most": 3}'
    town.ledger.now_ms += 1
    await town.agreed(town.ballot("o9", "1-1-3", grant_id="g1"))


async def test_a_grant_holds_in_its_time() -> None:
    town = await town_with()
    now_ms = town.ledger.now_ms
    await town.agreed(grant(town, from_at=now_ms + 10, until_at=now_ms + 20))
    for at_ms, status in ((9, 409), (10, 200), (19, 200), (20, 409)):
        town.ledger.now_ms = now_ms + at_ms
        outcome = await town.cast("o9", "1-1-1", "1-1-2", "1-1-3", grant_id="g1")
        assert outcome.status == status, at_ms
        assert status == 200 or refusal(outcome) == (409, "proxy/not-in-force")


async def test_a_grant_taken_back_is_a_conflict_before_any_rule() -> None:
    rows = [unit_row("1-1-1", "ann", in_arrears=True), unit_row("1-1-2", "ben")]
    rule = without_reviews(electorate={"arrears": "no-vote"}, proxy={"allowed": True})
    town = await Commons().settle(rows, rules=[rule])
    await town.open_motion()
    await town.agreed(grant(town, "ann", unit_ids=["1-1-1"], proxy_id="ben"))
    barred = await town.cast("ben", "1-1-1", grant_id="g1")
    assert refusal(barred) == (422, "ballot/unit-barred")
    await town.agreed(town.act(town.people["ann"], "revoke_proxy", grant_id="g1"))
    revoked = await town.cast("ben", "1-1-1", grant_id="g1")
    assert refusal(revoked) == (409, "proxy/revoked")


async def test_the_owners_own_ballot_wins_before_and_after() -> None:
    town = await town_with(split_mandate=True)
    await town.agreed(grant(town))
    town.ledger.now_ms += 10
    await town.agreed(town.ballot("o9", "1-1-1", grant_id="g1"))
    town.ledger.now_ms -= 5
    await town.agreed(town.ballot("many", "1-1-1", choices=["against"]))
    town.ledger.now_ms += 50
    refused = await town.cast("o9", "1-1-1", grant_id="g1")
    assert refusal(refused) == (409, "ballot/owner-voted")
    await town.agreed(town.ballot("many", "1-1-2", choices=["against"]))
    refused = await town.cast("o9", "1-1-2", grant_id="g1")
    assert refusal(refused) == (409, "ballot/owner-voted")
    tally = (await town.counted())["tally"]["options"]
    assert [one["cast"]["lots"] for one in tally] == [0, 2, 0]


async def test_a_rule_may_put_proxy_and_owner_on_one_level() -> None:
    town = await town_with(owner_overrides=False, split_mandate=True)
    await town.agreed(grant(town))
    await town.agreed(town.ballot("many", "1-1-1"))
    town.ledger.now_ms += 1
    await town.agreed(town.ballot("o9", "1-1-1", grant_id="g1", choices=["against"]))
    older = town.ballot("many", "1-1-1")
    assert refusal(await town.carry(older)) == (409, "ballot/superseded")


async def test_a_grant_ends_with_the_sale() -> None:
    town = await town_with()
    await town.agreed(grant(town, unit_ids=["1-1-1"]))
    await town.sell("1-1-1", "buyer")
    refused = await town.cast("o9", "1-1-1", grant_id="g1")
    assert refusal(refused) == (403, "ballot/not-your-unit")


async def test_one_of_several_co_owners_sends_no_proxy_where_all_must_sign() -> None:
    rows = [unit_row("1-1-1", "ann", "ben"), unit_row("1-1-2", "cy")]
    town = await Commons().settle(rows, rules=[without_reviews(co_owner="all-sign")])
    await town.open_motion()
    await town.agreed(grant(town, "ann", unit_ids=["1-1-1"], proxy_id="cy"))
    refused = await town.cast("cy", "1-1-1", grant_id="g1")
    assert refusal(refused) == (422, "proxy/all-owners-must-sign")
