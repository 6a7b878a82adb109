"""Notice of a motion: what it needs, what it pins, and every way it is refused."""

from typing import Any

import pytest

from chaincode.model.base import Org
from tests.support.community import (
    HOUR_MS,
    NOTICE_MS,
    UNITS,
    WINDOW_MS,
    Commons,
    Trustee,
    without_reviews,
)
from tests.support.town import DAY_MS, HASH, refusal, unit_row

ELECTION = "cn-278-committee-seat"


def use_fund(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "use_fund",
        "fund_id": "maintenance",
        "amount_fen": 850_000,
        "purpose": "gate",
        "valid_until_at": 2_000_000_000_000,
        "payee_class": "builder",
        **fields,
    }


# --- Publication ---


async def publish(town: Commons, **fields: Any) -> tuple[int, str]:
    return refusal(await town.call(Org.REGULATOR, "publish_motion", **town.notice(**fields)))


async def test_publication_pins_rule_and_roll_and_repeats_its_answer() -> None:
    town = await Commons().settle()
    await town.drafted()
    notice = town.notice()
    first = await town.done(Org.COMMITTEE, "publish_motion", **notice)
    assert await town.done(Org.REGULATOR, "publish_motion", **notice) == first
    changed = {**notice, "closes_at": notice["closes_at"] + 1}
    other = await town.call(Org.REGULATOR, "publish_motion", **changed)
    assert refusal(other) == (409, "motion/wrong-phase")
    own = without_reviews(title="Changed meanwhile", turnout={"clauses": []})
    await town.done(Org.REGULATOR, "set_matter_rule", rule=own)
    await town.add_units([unit_row("9-1-1", "o1")])
    now = (await town.ask("motion", motion_id="m1"))["motion"]
    assert now["publication"]["rule"]["title"] == first["publication"]["rule"]["title"]
    assert now["roll"] == first["roll"]


async def test_notice_and_window_are_as_long_as_the_rule_says() -> None:
    times = {"window_min_ms": 5 * DAY_MS, "window_max_ms": 60 * DAY_MS}
    town = await Commons().settle(rules=[without_reviews(times=times)])
    await town.drafted()
    opens_at = town.ledger.now_ms + NOTICE_MS
    assert await publish(town, opens_at=10, closes_at=10) == (400, "motion/window-contradicts")
    assert await publish(town, opens_at=opens_at - 1) == (422, "motion/notice-too-short")
    short = opens_at + 5 * DAY_MS - 1
    assert await publish(town, closes_at=short) == (422, "motion/window-too-short")
    long = opens_at + 60 * DAY_MS + 1
    assert await publish(town, closes_at=long) == (422, "motion/window-too-long")
    await town.published(closes_at=long - 1)


async def test_candidates_have_their_own_notice_period() -> None:
    rule = without_reviews(ELECTION, times={"candidate_notice_ms": 20 * DAY_MS})
    rows = [unit_row(f"1-1-{n}", f"o{n}") for n in range(1, 8)]
    town = await Commons().settle(rows, rules=[rule])
    options = [{"option": f"o{n}"} for n in range(1, 8)]
    await town.drafted(matter_class=rule["matter_class"], options=options)
    assert await publish(town) == (422, "motion/notice-too-short")


async def test_an_unknown_or_void_motion_is_not_published() -> None:
    town = await Commons().settle()
    assert await publish(town) == (404, "motion/unknown")
    await town.drafted()
    assert await publish(town, roll_id=HASH) == (404, "roll/unknown")
    await town.done(
        Org.REGULATOR, "void_motion", motion_id="m1", reason="asked wrongly", evidence_sha256=HASH
    )
    assert await publish(town) == (409, "motion/wrong-phase")


async def test_a_rule_that_ended_meanwhile_puts_no_motion() -> None:
    town = await Commons().settle(rules=[without_reviews(effective_to="2026-12-31")])
    await town.drafted()
    town.ledger.now_ms = 1_798_761_600_000 - 8 * HOUR_MS - 1
    await town.published()
    town.ledger.now_ms += 1
    await town.drafted("m2")
    assert await publish(town, motion_id="m2") == (422, "rule/not-in-force")


ROLL_FLAWS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"electorate": {"scope": "buildings"}},
        {"scope": {"kind": "buildings", "ids": ["1", "9"]}},
        "motion/scope-not-in-roll",
    ),
    (
        {"electorate": {"scope": "entrances"}},
        {"scope": {"kind": "entrances", "ids": ["1"]}},
        "motion/scope-not-in-roll",
    ),
    (
        {"electorate": {"scope": "units"}},
        {"scope": {"kind": "units", "ids": ["1-1-9"]}},
        "motion/scope-not-in-roll",
    ),
    (
        {"electorate": {"scope": "units"}},
        {"scope": {"kind": "units", "ids": ["1-1-1"]}, "conflicted_unit_ids": ["1-1-2"]},
        "motion/conflicted-not-in-scope",
    ),
    (
        {"electorate": {"scope": "entrances"}},
        {
            "scope": {"kind": "entrances", "ids": ["1-1"]},
            "effect": use_fund(unit_ids=["1-1-1", "2-1-4"]),
        },
        "motion/fund-unit-not-in-scope",
    ),
    (
        {"electorate": {"conflicted": "no-vote-and-out-of-denominator"}},
        {"conflicted_unit_ids": list(UNITS)},
        "motion/nobody-votes",
    ),
]


@pytest.mark.parametrize(("rule", "content", "code"), ROLL_FLAWS)
async def test_a_motion_names_only_what_the_roll_has(
    rule: dict[str, Any], content: dict[str, Any], code: str
) -> None:
    town = await Commons().settle(rules=[without_reviews(**rule)])
    await town.drafted(**content)
    assert await publish(town) == (422, code)


async def test_candidates_are_owners_without_arrears_where_these_bar() -> None:
    rule = without_reviews(ELECTION, electorate={"arrears": "no-candidacy"})
    rows = [unit_row(f"1-1-{n}", f"o{n}", in_arrears=n == 7) for n in range(1, 9)]
    town = await Commons().settle(rows, rules=[rule])
    matter = rule["matter_class"]
    for motion_id, names, code in (
        ("m1", ("o1", "o2", "o3", "o4", "stranger"), "motion/candidate-not-an-owner"),
        ("m2", ("o1", "o2", "o3", "o4", "o7"), "motion/candidate-in-arrears"),
    ):
        options = [{"option": name} for name in names]
        await town.drafted(motion_id, matter_class=matter, options=options)
        opens_at = town.ledger.now_ms + 40 * DAY_MS
        times = {"opens_at": opens_at, "closes_at": opens_at + WINDOW_MS}
        assert await publish(town, motion_id=motion_id, **times) == (422, code)


@pytest.mark.parametrize(
    ("seats", "years"),
    [
        ({"seats": 6, "seats_min": 5}, 4),
        ({"seats": 13, "seats_min": 5}, 4),
        ({"seats": 5, "seats_min": 3}, 4),
        ({"seats": 5, "seats_min": 5}, 6),
        ({"seats": 5, "seats_min": 5}, 0),
    ],
)
async def test_a_committee_that_could_not_be_seated_is_not_elected(
    seats: dict[str, int], years: int
) -> None:
    rule = without_reviews(ELECTION)
    rule["ballot"]["multi_seat"] |= {**seats, "max_choices": 5}
    rows = [unit_row(f"1-1-{n}", f"o{n}") for n in range(1, 9)]
    town = await Commons().settle(rows, rules=[rule])
    now_ms = town.ledger.now_ms
    until_at = now_ms + years * 365 * DAY_MS
    effect = {"kind": "seat_committee", "term_from_at": now_ms - 1, "term_until_at": until_at}
    options = [{"option": f"o{n}"} for n in range(1, 9)]
    await town.drafted(matter_class=rule["matter_class"], options=options, effect=effect)
    opens_at = town.ledger.now_ms + 40 * DAY_MS
    times = {"opens_at": opens_at, "closes_at": opens_at + WINDOW_MS}
    assert await publish(town, **times) == (422, "motion/seats-contradict")


async def test_sealed_ballots_need_the_trustees_keys_first() -> None:
    town = await Commons().settle(rules=[without_reviews(secrecy="sealed-then-named")])
    await town.drafted()
    assert await publish(town) == (409, "motion/trustee-key-missing")
    key = {"motion_id": "m1", "public_key": Trustee().public_key}
    await town.done(Org.REGULATOR, "register_trustee_key", **key)
    assert await publish(town) == (409, "motion/trustee-key-missing")
    await town.done(Org.COMMITTEE, "register_trustee_key", **key)
    await town.published()
    late = await town.call(Org.COMMITTEE, "register_trustee_key", **key)
    assert refusal(late) == (409, "motion/wrong-phase")
    bad = {**key, "public_key": "B" + "A" * 86}
    assert refusal(await town.call(Org.COMMITTEE, "register_trustee_key", **bad)) == (
        400,
        "trustee/bad-key",
    )
    stranger = await town.call(Org.BANK, "register_trustee_key", **key)
    assert refusal(stranger) == (403, "caller/org")
