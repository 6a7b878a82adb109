"""Every way a ballot is refused, and which refusal comes first when two would hold."""

from typing import Any

import pytest

from chaincode.model.base import Org
from tests.support.community import UNITS, Commons, Trustee, seal, without_reviews
from tests.support.memory_ledger import ReadConflict
from tests.support.town import refusal, unit_row

SEALED = seal("m1", UNITS[0], ("for", "against", "abstain"), ["for"], [Trustee()])

# Each flaw of a casting act, in the order in which they are refused. Neighbours are tried together.
FLAWS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"unit_ids": [UNITS[0], UNITS[0]]}, (400, "ballot/unit-repeated")),
    ({"choices": []}, (400, "ballot/choice-or-seal")),
    ({"choices": ["perhaps"]}, (400, "ballot/option-unknown")),
    ({"grant_id": "nobody-gave-it"}, (404, "proxy/unknown")),
    ({"unit_ids": [UNITS[1]]}, (403, "ballot/not-your-unit")),
]


@pytest.fixture
async def town() -> Commons:
    town = await Commons().settle()
    await town.open_motion()
    return town


@pytest.mark.parametrize("place", range(len(FLAWS)))
async def test_the_first_flaw_of_an_act_is_the_one_refused(town: Commons, place: int) -> None:
    flaw, expected = FLAWS[place]
    assert refusal(await town.cast("o1", UNITS[0], **flaw)) == expected
    if place + 1 < len(FLAWS):
        both = {**FLAWS[place + 1][0], **flaw}
        assert refusal(await town.cast("o1", UNITS[0], **both)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"choices": ["for", "for"]}, (400, "ballot/option-repeated")),
        ({"choices": ["for", "against"]}, (400, "ballot/choices-too-many")),
        ({"sealed": [SEALED]}, (400, "ballot/must-not-be-sealed")),
        ({"sealed": [SEALED, SEALED]}, (400, "ballot/sealed-count")),
        ({"sealed": [SEALED], "choices": ["for"]}, (400, "ballot/choice-or-seal")),
        (
            {"sealed": [{**SEALED, "ephemeral_key": "B" + "A" * 86}]},
            (400, "ballot/bad-seal"),
        ),
        ({"unit_ids": []}, (400, "input/malformed")),
        ({"weight": 12}, (400, "input/malformed")),
        ({"unit_ids": ["9-9-9"]}, (404, "unit/unknown")),
        ({"motion_id": "m9"}, (404, "motion/unknown")),
        ({"unit_ids": ["9-9-9"], "motion_id": "m9"}, (404, "unit/unknown")),
        ({"unit_ids": [UNITS[1]], "motion_id": "m9"}, (403, "ballot/not-your-unit")),
    ],
)
async def test_a_bad_act_is_refused(
    town: Commons, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    before = town.ledger.state()
    assert refusal(await town.cast("o1", UNITS[0], **fields)) == expected
    assert town.ledger.state() == before


async def test_a_unit_that_joined_later_or_is_out_of_scope_is_not_on_the_roll(
    town: Commons,
) -> None:
    await town.add_units([unit_row("3-1-1", "o1")])
    late = refusal(await town.cast("o1", "3-1-1"))
    assert late == (404, "ballot/unit-not-in-roll")
    rule = without_reviews("cn-278-fund-use-part", authority={"initiators": ["regulator"]})
    await town.done(Org.REGULATOR, "set_matter_rule", rule=rule)
    scope = {"kind": rule["electorate"]["scope"], "ids": ["2"]}
    await town.open_motion("m2", matter_class=rule["matter_class"], scope=scope)
    out = refusal(await town.cast("o1", UNITS[0], motion_id="m2"))
    assert out == (404, "ballot/unit-not-in-roll")
    assert (await town.cast("o4", UNITS[3], motion_id="m2")).status == 200


async def test_ballots_are_taken_from_the_opening_to_the_end_only() -> None:
    town = await Commons().settle()
    await town.drafted()
    draft = await town.cast("o1", UNITS[0])
    assert draft.message == 'motion/wrong-phase {"needed": "open", "phase": "draft"}'
    motion = (await town.published())["publication"]
    town.ledger.now_ms = motion["opens_at"] - 1
    assert refusal(await town.cast("o1", UNITS[0])) == (409, "motion/wrong-phase")
    town.ledger.now_ms = motion["opens_at"]
    assert (await town.cast("o1", UNITS[0])).status == 200
    town.ledger.now_ms = motion["closes_at"] - 1
    assert (await town.cast("o2", UNITS[1])).status == 200
    town.ledger.now_ms = motion["closes_at"]
    late = await town.cast("o3", UNITS[2])
    assert late.message == 'motion/wrong-phase {"needed": "open", "phase": "ended"}'


async def test_a_ballot_endorsed_before_the_close_dies_after_it(town: Commons) -> None:
    """Casting reads the motion, closing writes it: a held-back ballot cannot commit."""
    await town.agreed(town.ballot("o1", UNITS[0]))
    arguments = (town.community.encode(), town.ballot("o2", UNITS[1]))
    held = town.ledger.transaction("PropertyMSP", "submit_acts", *arguments)
    assert (await town.ledger.contract().answer(held)).status == 200
    await town.closed()
    with pytest.raises(ReadConflict):
        held.commit()
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert result["tally"]["ballots_count"] == 1


async def test_two_closes_at_once_close_once(town: Commons) -> None:
    await town.ended()
    request = town.request(motion_id="m1")
    first = town.ledger.transaction("BankMSP", "close_motion", request)
    second = town.ledger.transaction("PropertyMSP", "close_motion", request)
    for transaction in (first, second):
        assert (await town.ledger.contract().answer(transaction)).status == 200
    first.commit()
    with pytest.raises(ReadConflict):
        second.commit()
    again = await town.done(Org.PROPERTY, "close_motion", motion_id="m1")
    assert again["closed"]["tx_id"] == first.tx_id


async def test_a_ballot_in_the_same_block_as_the_count_is_a_phantom(town: Commons) -> None:
    await town.closed()
    counting = town.ledger.transaction("BankMSP", "count_motion", town.request(motion_id="m1"))
    assert (await town.ledger.contract().answer(counting)).status == 200
    sneaked = town.ledger.transaction("BankMSP", "submit_acts")
    sneaked.put(f"fuzemen/ballot/m1/{UNITS[0]}", b"{}")
    sneaked.commit()
    with pytest.raises(ReadConflict):
        counting.commit()


# --- Casting again ---


async def test_the_last_ballot_counts_and_an_older_act_cannot_replace_it(town: Commons) -> None:
    held_back = town.ballot("o1", UNITS[0], choices=["against"])
    town.ledger.now_ms += 1_000
    same_moment = town.ballot("o1", UNITS[0], choices=["abstain"])
    await town.agreed(town.ballot("o1", UNITS[0], choices=["for"]))
    assert refusal(await town.carry(held_back)) == (409, "ballot/superseded")
    assert refusal(await town.carry(same_moment)) == (409, "ballot/superseded")
    town.ledger.now_ms += 1_000
    await town.agreed(town.ballot("o1", UNITS[0], choices=["abstain"]))
    receipt = await town.ask("ballot_receipt", motion_id="m1", unit_id=UNITS[0])
    assert (receipt["choices"], receipt["earlier_count"]) == (["abstain"], 1)
    assert (receipt["counted"], receipt["place"]) == (None, None)
    result = await town.counted()
    assert result["tally"]["ballots_count"] == 1
    receipt = await town.ask("ballot_receipt", motion_id="m1", unit_id=UNITS[0])
    assert (receipt["counted"], receipt["place"]) == (True, 1)
    assert receipt["ballots_sha256"] == result["ballots_sha256"]


async def test_an_irrevocable_ballot_stays() -> None:
    town = await Commons().settle(rules=[without_reviews(revote="irrevocable")])
    await town.open_motion()
    act = town.ballot("o1", UNITS[0])
    await town.agreed(act)
    await town.agreed(act)
    town.ledger.now_ms += 1
    again = await town.cast("o1", UNITS[0], choices=["against"])
    assert refusal(again) == (409, "ballot/already-cast")


async def test_an_act_for_several_units_counts_for_all_or_none(town: Commons) -> None:
    await town.add_units([unit_row("3-1-1", "o1"), unit_row("3-1-2", "o1")])
    await town.open_motion("m2")
    act = town.ballot("o1", "3-1-1", "3-1-2", UNITS[0], motion_id="m2")
    await town.agreed(act)
    assert (await town.ask("turnout", motion_id="m2"))["returned"]["lots"] == 3
    mixed = town.ballot("o1", "3-1-1", UNITS[1], motion_id="m2", choices=["against"])
    town.ledger.now_ms += 1
    assert refusal(await town.carry(mixed)) == (403, "ballot/not-your-unit")
    receipt = await town.ask("ballot_receipt", motion_id="m2", unit_id="3-1-1")
    assert receipt["choices"] == ["for"]


async def test_one_bad_ballot_of_a_batch_spoils_no_other(town: Commons) -> None:
    acts = (
        town.ballot("o1", UNITS[0]),
        town.ballot("o2", UNITS[0]),
        town.ballot("o3", UNITS[2], choices=["maybe"]),
        town.ballot("o4", UNITS[3], choices=["against"]),
    )
    assert await town.answers(*acts) == [
        (200, "accepted"),
        (403, "ballot/not-your-unit"),
        (400, "ballot/option-unknown"),
        (200, "accepted"),
    ]


# --- Sales ---


async def test_the_sellers_ballot_stands(town: Commons) -> None:
    await town.agreed(town.ballot("o1", UNITS[0]))
    town.ledger.now_ms += 1_000
    await town.sell(UNITS[0], "buyer")
    bought = await town.cast("buyer", UNITS[0], choices=["against"])
    assert refusal(bought) == (409, "ballot/seller-voted")
    sold = await town.cast("o1", UNITS[0], choices=["against"])
    assert refusal(sold) == (403, "ballot/not-your-unit")


async def test_the_buyer_votes_where_the_seller_has_not_with_the_frozen_weight(
    town: Commons,
) -> None:
    await town.sell(UNITS[0], "buyer")
    assert refusal(await town.cast("o1", UNITS[0])) == (403, "ballot/not-your-unit")
    await town.agreed(town.ballot("buyer", UNITS[0]))
    town.ledger.now_ms += 1
    await town.agreed(town.ballot("buyer", UNITS[0], choices=["against"]))
    result = await town.counted()
    assert result["tally"]["options"][1]["cast"]["area_dm2"] == 10_000


# --- Co-owners ---


async def co_owned(**rule: Any) -> Commons:
    rows = [unit_row("1-1-1", "ann", "ben"), unit_row("1-1-2", "cy")]
    town = await Commons().settle(rows, rules=[without_reviews(**rule)])
    await town.open_motion()
    return town


async def test_co_owners_vote_through_their_representative() -> None:
    town = await co_owned()
    nobody = await town.cast("ann", "1-1-1")
    assert refusal(nobody) == (422, "ballot/not-the-representative")
    for owner in ("ann", "ben"):
        await town.agreed(
            town.act(
                town.people[owner], "name_representative", unit_id="1-1-1", representative="ann"
            )
        )
    await town.agreed(town.ballot("ann", "1-1-1"))
    assert refusal(await town.cast("ben", "1-1-1")) == (409, "ballot/superseded")
    town.ledger.now_ms += 1
    assert refusal(await town.cast("ben", "1-1-1")) == (422, "ballot/not-the-representative")


async def test_where_all_co_owners_must_sign_the_ballot_is_cast_when_they_agree() -> None:
    town = await co_owned(co_owner="all-sign")
    await town.agreed(town.ballot("ann", "1-1-1"))
    missing = await town.query("ballot_receipt", motion_id="m1", unit_id="1-1-1")
    assert refusal(missing) == (404, "ballot/unknown")
    assert refusal(await town.cast("ann", "1-1-1")) == (409, "ballot/superseded")
    await town.agreed(town.ballot("ben", "1-1-1", choices=["against"]))
    assert (await town.ask("turnout", motion_id="m1"))["returned"]["lots"] == 0
    town.ledger.now_ms += 1
    await town.agreed(town.ballot("ben", "1-1-1"))
    receipt = await town.ask("ballot_receipt", motion_id="m1", unit_id="1-1-1")
    assert receipt["choices"] == ["for"]
    town.ledger.now_ms += 1
    await town.agreed(town.ballot("ann", "1-1-1", choices=["against"]))
    receipt = await town.ask("ballot_receipt", motion_id="m1", unit_id="1-1-1")
    assert receipt["choices"] == ["for"]


# --- Rule ---


async def test_a_rule_may_take_paper_only() -> None:
    rule = without_reviews(channels={"online": False, "paper": True})
    town = await Commons().settle(rules=[rule])
    await town.open_motion()
    assert refusal(await town.cast("o1", UNITS[0])) == (422, "ballot/online-not-allowed")


async def test_a_unit_whose_vote_is_taken_away_casts_none() -> None:
    rule = without_reviews(electorate={"arrears": "no-vote", "conflicted": "no-vote"})
    rows = [
        unit_row("1-1-1", "ann", in_arrears=True),
        unit_row("1-1-2", "ben"),
        unit_row("1-1-3", "cy"),
    ]
    town = await Commons().settle(rows, rules=[rule])
    await town.open_motion(conflicted_unit_ids=["1-1-2"])
    assert refusal(await town.cast("ann", "1-1-1")) == (422, "ballot/unit-barred")
    assert refusal(await town.cast("ben", "1-1-2")) == (422, "ballot/unit-barred")
    weight = await town.ask("vote_weight", motion_id="m1", unit_id="1-1-1")
    assert (weight["counts"], weight["may_vote"]) == (True, False)
    assert (await town.cast("cy", "1-1-3")).status == 200


async def test_a_person_without_a_vote_is_refused_by_their_role(town: Commons) -> None:
    act = town.act(
        town.clerks["clerk-a"], "cast_ballot", motion_id="m1", unit_ids=[UNITS[0]], choices=["for"]
    )
    assert refusal(await town.carry(act)) == (403, "caller/role")


async def test_the_unit_of_a_query_must_be_on_the_roll(town: Commons) -> None:
    unknown = await town.query("vote_weight", motion_id="m1", unit_id="9-9-9")
    assert refusal(unknown) == (404, "ballot/unit-not-in-roll")
    await town.drafted("m2")
    early = await town.query("vote_weight", motion_id="m2", unit_id=UNITS[0])
    assert refusal(early) == (404, "ballot/unit-not-in-roll")
    for name in ("turnout", "board"):
        assert refusal(await town.query(name, motion_id="m2")) == (409, "motion/roll-not-pinned")
