"""Each kind of motion from its draft to its certificate, as the organisations would do it."""

import hashlib
import json

from chaincode.model.base import Org
from tests.support.community import (
    OBJECTION_MS,
    UNITS,
    Commons,
    Trustee,
    seal,
    template,
    without_reviews,
)
from tests.support.determinism import assert_deterministic
from tests.support.town import HASH, unit_row


async def drafted_and_reviewed(town: Commons) -> None:
    """The committee drafts a motion and agrees to it; the residents' committee is asked."""
    await town.agreed(
        town.act(
            town.people["o1"],
            "draft_motion",
            motion_id="gate",
            initiator="committee",
            content=town.content(),
        )
    )
    view = await town.ask("motion", motion_id="gate")
    assert view["phase"] == "draft"
    await town.agreed(
        town.act(
            town.people["o1"],
            "open_committee_decision",
            decision_id="d1",
            subject="motion",
            subject_id="gate",
            content_sha256=view["content_sha256"],
            until_at=town.ledger.now_ms + 1_000_000,
        )
    )
    for member in ("o1", "o2", "o3"):
        await town.agreed(
            town.act(
                town.people[member],
                "answer_committee_decision",
                decision_id="d1",
                verdict="approve",
                content_sha256=view["content_sha256"],
            )
        )
    step = {"motion_id": "gate", "opinion": "passed", "evidence_sha256": HASH}
    await town.done(Org.COMMITTEE, "review_motion", step="committee", decision_id="d1", **step)
    await town.done(Org.REGULATOR, "review_motion", step="residents-committee", **step)


async def test_a_decision_of_the_committee_with_reviews_and_paper() -> None:
    town = await (await Commons().settle(rules=[template("cn-278-ordinary")])).seated()
    await drafted_and_reviewed(town)
    motion = await town.published("gate")
    assert motion["publication"]["rule"]["id"] == "cn-278-ordinary"
    assert motion["roll"]["totals"] == {
        "area_dm2": 60_000,
        "heads": 6,
        "lots": 6,
        "entitlement": 0,
        "share_value": 0,
    }
    town.ledger.now_ms = motion["publication"]["opens_at"]
    assert await town.phase("gate") == "open"
    await town.agreed(
        town.ballot("o1", UNITS[0], motion_id="gate"),
        town.ballot("o2", UNITS[1], motion_id="gate"),
        town.ballot("o3", UNITS[2], motion_id="gate", choices=["against"]),
    )
    await town.agreed(town.paper(UNITS[3], "o4", motion_id="gate"))
    await town.agreed(town.paper(UNITS[3], "o4", clerk="clerk-b", motion_id="gate"))
    await town.closed("gate")
    await town.agreed(*town.hand_counts("gate", **{"for": 1}))
    result = await town.done(Org.BANK, "count_motion", motion_id="gate")
    assert result["decision"]["outcome"] == "carried"
    assert result["tally"]["participating"]["area_dm2"] == 40_000
    assert result["tally"]["paper_count"] == 1
    assert await town.phase("gate") == "preliminary"
    town.ledger.now_ms += OBJECTION_MS
    certificate = await town.done(Org.BANK, "finalise_motion", motion_id="gate")
    assert await town.phase("gate") == "final"
    assert certificate["ballots_sha256"] == result["ballots_sha256"]
    assert await town.ask("certificate", motion_id="gate") == certificate
    assert await town.ask("result", motion_id="gate") == result


async def test_the_ballots_hash_is_recomputed_from_the_list_alone() -> None:
    town = await Commons().settle()
    await town.carried()
    page = await town.ask("counted_ballots", motion_id="m1", limit=4)
    rest = await town.ask("counted_ballots", motion_id="m1", after=page["next_after"])
    assert rest["next_after"] is None
    ballots = page["ballots"] + rest["ballots"]
    assert [one["unit_id"] for one in ballots] == sorted(UNITS)
    lines = "".join(
        f"{one['unit_id']}\t{one['act_sha256']}\t{one['channel']}\t{','.join(one['choices'])}\t-\n"
        for one in ballots
    )
    assert hashlib.sha256(lines.encode()).hexdigest() == page["ballots_sha256"]


async def test_a_petition_is_put_once_enough_owners_signed() -> None:
    town = await Commons().settle()
    await town.agreed(
        town.act(
            town.people["o1"],
            "draft_motion",
            motion_id="m1",
            initiator="petition",
            content=town.content(),
        )
    )
    refused = await town.call(Org.REGULATOR, "publish_motion", **town.notice())
    assert refused.message == 'petition/too-few {"heads": 1, "of_heads": 6}'
    before = await town.ask("petition", motion_id="m1")
    assert (before["signatures_count"], before["is_supported"]) == (1, False)
    await town.agreed(town.act(town.people["o2"], "sign_petition", motion_id="m1"))
    after = await town.ask("petition", motion_id="m1")
    assert (after["supporting"]["heads"], after["is_supported"]) == (2, True)
    assert (await town.published())["publication"] is not None


async def test_an_election_seats_the_committee_and_its_alternates() -> None:
    rule = without_reviews("cn-278-committee-seat")
    rule["ballot"]["multi_seat"] |= {"seats": 5, "seats_min": 5, "max_choices": 6}
    rows = [unit_row(f"1-1-{number}", f"o{number}") for number in range(1, 10)]
    town = await Commons().settle(rows, rules=[rule])
    candidates = [{"option": f"o{number}"} for number in range(1, 8)]
    now_ms = town.ledger.now_ms
    effect = {
        "kind": "seat_committee",
        "term_from_at": now_ms,
        "term_until_at": now_ms + 4 * 365 * 86_400_000,
    }
    motion = await town.drafted(
        matter_class="committee-election", options=candidates, effect=effect
    )
    assert motion["content"]["effect"] == effect
    await town.published(closes_at=now_ms + 40 * 86_400_000, opens_at=now_ms + 30 * 86_400_000)
    town.ledger.now_ms = now_ms + 30 * 86_400_000
    for number in range(1, 10):
        chosen = ["o1", "o2", "o3", "o4", "o5", "o6"] if number < 8 else ["o6", "o2", "o1"]
        await town.agreed(town.ballot(f"o{number}", f"1-1-{number}", choices=chosen))
    certificate = await town.final()
    placed = {s["candidate"]: s["status"] for s in certificate["decision"]["seats"]}
    assert [name for name, status in placed.items() if status == "elected"][:3] == [
        name for name in placed if name in ("o1", "o2", "o6")
    ]
    assert placed["o7"] == "below-threshold"
    await town.done(Org.COMMITTEE, "apply_effect", motion_id="m1")
    seated = await town.ask("committee")
    assert len(seated["seated"]) == 5
    assert {"o1", "o2", "o6"} <= set(seated["seated"])
    again = await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert again["applied"]["at"] == town.ledger.now_ms


async def test_a_choice_among_several_and_a_rating() -> None:
    choice, rating = without_reviews("cn-278-choice"), without_reviews("cn-278-rating")
    town = await Commons().settle(rules=[choice, rating])
    firms = [{"option": "firm-a", "label": "甲公司"}, {"option": "firm-b", "label": "乙公司"}]
    await town.drafted("m1", matter_class="choice", options=firms)
    await town.drafted("m2", matter_class="rating")
    await town.published("m1")
    town.ledger.now_ms = (await town.published("m2"))["publication"]["opens_at"]
    best = rating["ballot"]["grades"][0]["option"]
    for number, unit in enumerate(UNITS, start=1):
        firm = "firm-b" if number < 5 else "none-of-these"
        await town.agreed(town.ballot(f"o{number}", unit, choices=[firm]))
        await town.agreed(town.ballot(f"o{number}", unit, motion_id="m2", choices=[best]))
    assert (await town.counted("m1"))["decision"]["chosen"] == "firm-b"
    means = (await town.counted("m2"))["decision"]["means"]
    assert means[0]["num"] == rating["ballot"]["grades"][0]["score"] * means[0]["den"] > 0


async def sealed_town(trustees: dict[Org, Trustee]) -> Commons:
    town = await Commons().settle(rules=[without_reviews(secrecy="sealed-then-named")])
    await town.drafted()
    for org, trustee in trustees.items():
        await town.done(org, "register_trustee_key", motion_id="m1", public_key=trustee.public_key)
    motion = await town.published()
    keys = [(key["org"], key["public_key"]) for key in motion["publication"]["trustees"]]
    assert keys == [(org.value, trustees[org].public_key) for org in (Org.COMMITTEE, Org.REGULATOR)]
    town.ledger.now_ms = motion["publication"]["opens_at"]
    return town


async def test_sealed_ballots_show_only_commitments_until_the_trustees_give_their_keys() -> None:
    trustees = {Org.REGULATOR: Trustee(), Org.COMMITTEE: Trustee()}
    town = await sealed_town(trustees)
    order = [trustees[Org.COMMITTEE], trustees[Org.REGULATOR]]
    options = ("for", "against", "abstain")
    seals = {}
    for number, unit in enumerate(UNITS[:5], start=1):
        choice = "for" if number < 4 else "against"
        seals[unit] = seal("m1", unit, options, [choice], order)
        await town.agreed(town.ballot(f"o{number}", unit, sealed=[seals[unit]]))
    stored = b"".join(town.ledger.state().values())
    assert b'"choices":["for"]' not in stored
    rows = (await town.ask("board", motion_id="m1"))["rows"]
    assert [row["state"] for row in rows] == ["committed"] * 5 + ["not-returned"]
    assert rows[0]["commitment"] == seals[UNITS[0]]["commitment"]
    await town.closed()
    waits = await town.call(Org.BANK, "count_motion", motion_id="m1")
    assert waits.message.startswith("motion/not-opened-yet")
    for org, trustee in trustees.items():
        await town.done(org, "release_trustee_key", motion_id="m1", private_key=trustee.private_key)
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    weights = {one["option"]: one["cast"]["heads"] for one in result["tally"]["options"]}
    assert weights == {"for": 3, "against": 2, "abstain": 0}
    assert result["unopened"] == []
    rows = (await town.ask("board", motion_id="m1"))["rows"]
    assert [row["choices"] for row in rows[:4]] == [["for"], ["for"], ["for"], ["against"]]


async def test_the_second_call_of_an_inquorate_motion_has_its_own_terms() -> None:
    rule = without_reviews("tw-ordinary", authority={"initiators": ["regulator"]})
    town = await Commons().settle(rules=[rule])
    await town.open_motion()
    await town.agreed(town.ballot("o1", UNITS[0]), town.ballot("o2", UNITS[1]))
    certificate = await town.final()
    assert certificate["decision"]["outcome"] == "inquorate"
    repeat = await town.done(Org.COMMITTEE, "call_again", motion_id="m2", repeats="m1")
    assert (repeat["call"], repeat["repeats"]) == (2, "m1")
    assert repeat["content"] == certificate["motion"]["content"]
    town.ledger.now_ms = (await town.published("m2"))["publication"]["opens_at"]
    for owner, unit in (("o1", UNITS[0]), ("o2", UNITS[1])):
        await town.agreed(town.ballot(owner, unit, motion_id="m2"))
    assert (await town.final("m2"))["decision"]["outcome"] == "carried"


async def test_owners_adopt_their_own_rule_and_the_regulator_no_longer_replaces_it() -> None:
    town = await Commons().settle()
    own = without_reviews(id="our-rule", title="Our rule", revote="irrevocable")
    await town.carried(effect={"kind": "adopt_rule", "rule": own})
    before = await town.ask("matter_rule", matter_class="ordinary")
    assert (before["rule"]["id"], before["motion_id"]) == ("cn-278-ordinary", None)
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")
    after = await town.ask("matter_rule", matter_class="ordinary")
    assert (after["rule"]["id"], after["motion_id"]) == ("our-rule", "m1")
    refused = await town.call(Org.REGULATOR, "set_matter_rule", template_id="cn-278-ordinary")
    assert refused.message == 'rule/adopted-by-owners {"motion": "m1"}'
    motion = await town.open_motion("m2")
    assert motion["publication"]["rule"]["id"] == "our-rule"


async def test_events_say_what_happened() -> None:
    town = await Commons().settle()
    town.ledger.events.clear()
    await town.carried()
    told = [one["event"] for _, _, data in town.ledger.events for one in json.loads(data)]
    assert told[:4] == ["MotionDrafted", "RollFrozen", "RollPinned", "MotionPublished"]
    assert told[4:] == [
        *["BallotsCast"] * 6,
        "MotionClosed",
        "ResultPreliminary",
        "ResultFinal",
    ]


async def test_endorsers_agree_on_a_whole_vote() -> None:
    trustees = {Org.REGULATOR: Trustee(), Org.COMMITTEE: Trustee()}
    town = await sealed_town(trustees)
    order = [trustees[Org.COMMITTEE], trustees[Org.REGULATOR]]
    for number, unit in enumerate(UNITS, start=1):
        sealed = seal("m1", unit, ("for", "against", "abstain"), ["for"], order)
        await town.agreed(town.ballot(f"o{number}", unit, sealed=[sealed]))
    await town.closed()
    for org, trustee in trustees.items():
        key = {"motion_id": "m1", "private_key": trustee.private_key}
        await town.done(org, "release_trustee_key", **key)
    await town.done(Org.BANK, "count_motion", motion_id="m1")
    election = without_reviews("cn-278-committee-seat", channels={"paper": True})
    await town.done(Org.REGULATOR, "set_matter_rule", rule=election)
    await town.done(Org.REGULATOR, "set_words", words=["slots", "casino"])
    options = [{"option": f"o{number}"} for number in range(1, 7)]
    await town.drafted("m2", matter_class=election["matter_class"], options=options)
    opens_at = town.ledger.now_ms + 40 * 86_400_000
    await town.published("m2", opens_at=opens_at, closes_at=opens_at + 86_400_000)
    town.ledger.now_ms = opens_at
    for number, unit in enumerate(UNITS[:5], start=1):
        chosen = [f"o{number}", f"o{number + 1}"]
        await town.agreed(town.ballot(f"o{number}", unit, motion_id="m2", choices=chosen))
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(
            town.paper(UNITS[5], "o6", clerk=clerk, motion_id="m2", choices=["abstain"])
        )
    await town.closed("m2")
    await town.agreed(*town.hand_counts("m2", abstain=1))
    await town.done(Org.BANK, "count_motion", motion_id="m2")
    assert_deterministic(town.ledger)
