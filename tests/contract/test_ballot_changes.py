"""What changes while owners vote: keys, owners, representatives, acts that meet in a batch."""

import json
from typing import Any

import pytest

from chaincode.model.base import Org
from tests.support.community import UNITS, Commons, Trustee, seal, without_reviews
from tests.support.memory_ledger import ReadConflict
from tests.support.people import Person
from tests.support.town import HASH, refusal, unit_row

DECISION = ("for", "against", "abstain")


@pytest.fixture
async def town() -> Commons:
    town = await Commons().settle()
    await town.open_motion()
    return town


async def standing(town: Commons, unit: str = UNITS[0]) -> Any:
    """The ballot on record for a unit, or None."""
    outcome = await town.query("ballot_receipt", motion_id="m1", unit_id=unit)
    return json.loads(outcome.payload) if outcome.status == 200 else None


async def change(town: Commons, verb: str, credential_id: str) -> None:
    asked = {"credential_id": credential_id, "reason": "device-lost"}
    await town.done(Org.REGULATOR, f"{verb}_credential", **asked)


# --- Keys ---


async def test_a_ballot_stands_when_its_key_is_revoked_afterwards(town: Commons) -> None:
    """The signature was good when it was given; a holder who was robbed votes anew."""
    act = town.ballot("o1", UNITS[0])
    await town.agreed(act)
    await change(town, "revoke", "cred-o1")
    await town.agreed(act)
    town.ledger.now_ms += 1
    more = await town.cast("o1", UNITS[0], choices=["against"])
    assert refusal(more) == (403, "credential/revoked")
    assert (await town.counted())["tally"]["options"][0]["cast"]["lots"] == 1


async def test_a_new_key_of_the_holder_votes_again_and_the_old_one_no_more(town: Commons) -> None:
    old = town.people["o1"]
    await town.agreed(town.ballot("o1", UNITS[0]))
    town.ledger.now_ms += 1
    held_back = town.ballot("o1", UNITS[0], choices=["abstain"])
    await town.issue(Person("o1", "cred-o1-new"))
    assert refusal(await town.carry(held_back)) == (403, "credential/replaced")
    await town.agreed(town.ballot("o1", UNITS[0], choices=["against"]))
    town.people["o1"] = old
    town.ledger.now_ms += 1
    assert refusal(await town.cast("o1", UNITS[0])) == (403, "credential/replaced")
    assert (await standing(town))["choices"] == ["against"]
    assert (await town.counted())["tally"]["ballots_count"] == 1


async def test_a_ballot_endorsed_before_its_key_is_revoked_dies_after_it(town: Commons) -> None:
    args = (town.community.encode(), town.ballot("o1", UNITS[0]))
    held = await town.ledger.hold_back("PropertyMSP", "submit_acts", *args)
    assert held.outcome.status == 200
    await change(town, "suspend", "cred-o1")
    with pytest.raises(ReadConflict):
        await held.send()


# --- One batch ---


async def test_of_two_ballots_signed_at_one_moment_the_first_of_the_batch_stands(
    town: Commons,
) -> None:
    acts = [town.ballot("o1", UNITS[0], choices=[choice]) for choice in DECISION]
    assert await town.answers(*acts) == [
        (200, "accepted"),
        (409, "ballot/superseded"),
        (409, "ballot/superseded"),
    ]
    assert (await standing(town))["choices"] == ["for"]


async def test_within_a_batch_the_newest_signature_stands_in_any_order(town: Commons) -> None:
    now_ms = town.ledger.now_ms
    first = town.ballot("o1", UNITS[0], choices=["against"], at=now_ms - 2)
    second = town.ballot("o1", UNITS[0], choices=["for"], at=now_ms - 1)
    assert await town.answers(second, first) == [(200, "accepted"), (409, "ballot/superseded")]
    third = town.ballot("o1", UNITS[0], choices=["abstain"])
    assert await town.answers(first, third) == [(409, "ballot/superseded"), (200, "accepted")]
    receipt = await standing(town)
    assert (receipt["choices"], receipt["earlier_count"]) == (["abstain"], 1)


async def test_a_grant_its_use_and_the_owners_ballot_in_one_batch(town: Commons) -> None:
    now_ms = town.ledger.now_ms
    grant = town.act(
        town.people["o1"],
        "grant_proxy",
        grant_id="g1",
        proxy_id="o2",
        unit_ids=[UNITS[0]],
        evidence_sha256=HASH,
        from_at=now_ms,
        until_at=now_ms + 1_000,
    )
    used = town.ballot("o2", UNITS[0], grant_id="g1", choices=["against"])
    own = town.ballot("o1", UNITS[0], choices=["for"])
    again = town.ballot("o2", UNITS[0], grant_id="g1", choices=["abstain"])
    assert await town.answers(used, grant, used, own, again) == [
        (404, "proxy/unknown"),
        (200, "accepted"),
        (200, "accepted"),
        (200, "accepted"),
        (409, "ballot/owner-voted"),
    ]
    assert (await standing(town))["choices"] == ["for"]


async def test_nobody_fills_a_transaction_by_naming_others_units(town: Commons) -> None:
    """Every key read travels with the transaction, and blocks have a limit."""
    others = [f"9-9-{number}" for number in range(499)]
    terms = {"proxy_id": "o2", "evidence_sha256": HASH, "from_at": 0, "until_at": 2**50}
    acts = [town.ballot("o1", UNITS[0], *others), town.ballot("o1", UNITS[1], *others)]
    granted = {**terms, "grant_id": "g1", "unit_ids": [UNITS[0], *others]}
    acts.append(town.act(town.people["o1"], "grant_proxy", **granted))
    args = (town.community.encode(), *acts, town.ballot("o3", UNITS[2]))
    transaction = town.ledger.transaction("PropertyMSP", "submit_acts", *args)
    outcome = await town.ledger.contract().answer(transaction)
    codes = [one["code"] for one in json.loads(outcome.payload)["answers"]]
    assert codes == ["unit/unknown", "ballot/not-your-unit", "unit/unknown", "accepted"]
    assert len(transaction.reads) < 200


# --- Owners and representatives ---


async def test_a_new_representative_votes_over_the_old_one() -> None:
    rows = [unit_row("1-1-1", "ann", "ben", representative="ann"), unit_row("1-1-2", "cy")]
    town = await Commons().settle(rows)
    await town.open_motion()
    await town.agreed(town.ballot("ann", "1-1-1"))
    named = {"unit_id": "1-1-1", "representative": "ben"}
    await town.agreed(
        *(town.act(town.people[n], "name_representative", **named) for n in ("ann", "ben"))
    )
    town.ledger.now_ms += 1
    assert refusal(await town.cast("ann", "1-1-1", choices=["abstain"])) == (
        422,
        "ballot/not-the-representative",
    )
    assert (await standing(town, "1-1-1"))["choices"] == ["for"]
    await town.agreed(town.ballot("ben", "1-1-1", choices=["against"]))
    assert (await standing(town, "1-1-1"))["choices"] == ["against"]
    result = await town.counted()
    assert (result["tally"]["ballots_count"], result["tally"]["returned"]["heads"]) == (1, 1)


async def test_a_co_owner_who_leaves_takes_the_signature_along() -> None:
    rows = [unit_row("1-1-1", "ann", "ben"), unit_row("1-1-2", "cy")]
    town = await Commons().settle(rows, rules=[without_reviews(co_owner="all-sign")])
    await town.open_motion()
    await town.agreed(town.ballot("ann", "1-1-1"))
    await town.sell("1-1-1", "ann", "dan")
    town.ledger.now_ms += 1
    assert refusal(await town.cast("ben", "1-1-1")) == (403, "ballot/not-your-unit")
    assert await standing(town, "1-1-1") is None
    await town.agreed(town.ballot("dan", "1-1-1"))
    assert (await standing(town, "1-1-1"))["choices"] == ["for"]


async def test_a_merged_head_stays_one_when_one_of_its_units_is_sold() -> None:
    """The frozen roll decides what counts: two units, one head, and the two now differ."""
    rows = [unit_row("1-1-1", "ann"), unit_row("1-1-2", "ann"), unit_row("1-1-3", "cy")]
    town = await Commons().settle(rows)
    await town.open_motion()
    await town.sell("1-1-2", "buyer")
    await town.agreed(
        town.ballot("ann", "1-1-1"),
        town.ballot("buyer", "1-1-2", choices=["against"]),
        town.ballot("cy", "1-1-3"),
    )
    tally = (await town.counted())["tally"]
    assert (tally["returned"]["heads"], tally["split_heads"]) == (2, 1)
    weights = {one["option"]: one["cast"] for one in tally["options"]}
    assert (weights["for"]["heads"], weights["for"]["area_dm2"]) == (1, 20_000)
    assert (weights["against"]["heads"], weights["against"]["area_dm2"]) == (0, 10_000)


async def test_a_unit_taken_off_the_register_keeps_its_ballot_and_its_weight(
    town: Commons,
) -> None:
    await town.agreed(town.ballot("o1", UNITS[0]))
    for unit in UNITS[:2]:
        removal = {"unit_id": unit, "version": 1, "reason": "clerical-error"}
        outcome = await town.call(Org.REGULATOR, "remove_unit", **removal, evidence_sha256=HASH)
        assert outcome.status == 200, outcome
    assert refusal(await town.cast("o2", UNITS[1])) == (404, "unit/unknown")
    result = await town.counted()
    assert (result["totals"]["lots"], result["tally"]["ballots_count"]) == (6, 1)


# --- Sealed ---


async def test_the_last_sealed_ballot_is_the_one_that_opens() -> None:
    """And one that a neighbour copied opens to nothing."""
    town = await Commons().settle(rules=[without_reviews(secrecy="sealed-then-named")])
    trustees = {org: Trustee() for org in (Org.COMMITTEE, Org.REGULATOR)}
    await town.drafted()
    for org, trustee in trustees.items():
        given = {"motion_id": "m1", "public_key": trustee.public_key}
        await town.done(org, "register_trustee_key", **given)
    motion = await town.published()
    await town.ledger.reach(motion["publication"]["opens_at"])
    first, last = (
        seal("m1", UNITS[0], DECISION, [choice], list(trustees.values()))
        for choice in ("for", "against")
    )
    await town.agreed(town.ballot("o1", UNITS[0], sealed=[first]))
    town.ledger.now_ms += 1
    await town.agreed(town.ballot("o1", UNITS[0], sealed=[last]))
    await town.agreed(town.ballot("o2", UNITS[1], sealed=[last]))
    await town.closed()
    for org, trustee in trustees.items():
        released = {"motion_id": "m1", "private_key": trustee.private_key}
        await town.done(org, "release_trustee_key", **released)
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    weights = {one["option"]: one["cast"]["lots"] for one in result["tally"]["options"]}
    assert weights == {"for": 0, "against": 1, "abstain": 0}
    assert [one["unit_id"] for one in result["unopened"]] == [UNITS[1]]


async def test_who_owns_many_units_casts_for_all_in_one_act() -> None:
    names = [f"1-1-{number}" for number in range(100, 150)]
    town = await Commons().settle([unit_row(name, "developer") for name in names])
    await town.open_motion()
    await town.agreed(town.ballot("developer", *names))
    assert (await town.counted())["tally"]["returned"]["lots"] == 50
