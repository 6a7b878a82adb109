"""Motions of every kind, from the draft to the certificate, as the organisations take them."""

import hashlib
from typing import Any

from chaincode.model.base import Org
from tests.scenarios.steps import scenario
from tests.support.community import UNITS, Commons, Trustee, seal, template, without_reviews
from tests.support.people import b64
from tests.support.town import HASH, refusal, sha, unit_row

SALT = bytes(range(32))


def ballots_sha256(ballots: list[dict[str, Any]]) -> str:
    """The hash over all ballots, from the list alone, as the specification defines it."""
    lines = (
        "\t".join(
            (
                one["unit_id"],
                one["act_sha256"],
                one["channel"],
                "spoiled" if one["spoiled"] else ",".join(one["choices"]),
                one["commitment"] or "-",
            )
        )
        for one in sorted(ballots, key=lambda one: one["unit_id"])
    )
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


async def counted_ballots(town: Commons, motion_id: str, limit: int = 1_000) -> list[Any]:
    """All counted ballots, page by page; their hash must be the one on record."""
    page = await town.ask("counted_ballots", motion_id=motion_id, limit=limit)
    ballots: list[Any] = page["ballots"]
    while (after := page["next_after"]) is not None:
        page = await town.ask("counted_ballots", motion_id=motion_id, after=after, limit=limit)
        ballots += page["ballots"]
    assert ballots_sha256(ballots) == page["ballots_sha256"]
    return ballots


async def reviewed(town: Commons, motion_id: str) -> None:
    """The reviews that the template asks for: the committee's own decision, then the street's."""
    content_sha256 = (await town.ask("motion", motion_id=motion_id))["content_sha256"]
    question = {"decision_id": f"d-{motion_id}", "content_sha256": content_sha256}
    until_at = town.ledger.now_ms + 86_400_000
    asked = {"subject": "motion", "subject_id": motion_id, "until_at": until_at}
    await town.agreed(town.act(town.people["o1"], "open_committee_decision", **question, **asked))
    for holder in ("o1", "o2", "o3"):
        answer = {**question, "verdict": "approve"}
        await town.agreed(town.act(town.people[holder], "answer_committee_decision", **answer))
    step = {"motion_id": motion_id, "opinion": "passed", "evidence_sha256": HASH}
    decided = {"step": "committee", "decision_id": question["decision_id"]}
    await town.done(Org.COMMITTEE, "review_motion", **step, **decided)
    await town.done(Org.REGULATOR, "review_motion", **step, step="residents-committee")


async def decision(town: Commons) -> None:
    """Of the committee: reviewed, served, voted online, by proxy and on paper, objected to."""
    await (await town.settle(rules=())).seated()
    rule = town.timed(template("cn-278-ordinary"))
    rule["times"]["objection_ms"] = town.ledger.period_ms
    await town.done(Org.REGULATOR, "set_matter_rule", rule=rule)
    draft = {"motion_id": "gate", "initiator": "committee", "content": town.content()}
    await town.agreed(town.act(town.people["o1"], "draft_motion", **draft))
    await reviewed(town, "gate")
    motion = await town.published("gate")
    served = {"motion_id": "gate", "evidence_sha256": HASH}
    await town.agreed(
        town.act(
            town.clerks["clerk-a"], "record_service", kind="post", unit_ids=[UNITS[4]], **served
        ),
        town.act(town.people["o1"], "acknowledge_notice", unit_ids=[UNITS[0]], **served),
    )
    await town.ledger.reach(motion["publication"]["opens_at"])
    await voted(town)
    turnout = await town.ask("turnout", motion_id="gate")
    assert (turnout["returned"]["heads"], turnout["totals"]["heads"]) == (4, 6)
    await town.closed("gate")
    await town.agreed(*town.hand_counts("gate", **{"for": 1}))
    result = await town.done(Org.BANK, "count_motion", motion_id="gate")
    cast = {one["option"]: one["cast"]["lots"] for one in result["tally"]["options"]}
    assert cast == {"for": 3, "against": 1, "abstain": 0}
    assert result["decision"]["outcome"] == "carried"
    await objected(town)
    certificate = await town.done(Org.BANK, "finalise_motion", motion_id="gate")
    assert await town.ask("certificate", motion_id="gate") == certificate
    assert await town.ask("result", motion_id="gate") == result
    assert len(await counted_ballots(town, "gate", limit=3)) == 4
    rows = (await town.ask("board", motion_id="gate"))["rows"]
    assert [row["choices"] for row in rows[:4]] == [["for"], ["against"], ["for"], ["for"]]
    assert (await town.ask("motions"))["motions"][0]["phase"] == "final"


async def voted(town: Commons) -> None:
    """o1 by a proxy whom she trusts, o2 twice, o3 after taking a grant back, o4 on paper."""
    now_ms = town.ledger.now_ms
    grant = {"proxy_id": "o6", "evidence_sha256": HASH, "from_at": now_ms}
    grant["until_at"] = now_ms + 86_400_000
    for number in (1, 3):
        terms = {**grant, "grant_id": f"g{number}", "unit_ids": [UNITS[number - 1]]}
        await town.agreed(town.act(town.people[f"o{number}"], "grant_proxy", **terms))
    await town.agreed(
        town.ballot("o6", UNITS[0], motion_id="gate", grant_id="g1"),
        town.ballot("o2", UNITS[1], motion_id="gate"),
        town.act(town.people["o3"], "revoke_proxy", grant_id="g3"),
    )
    late = await town.cast("o6", UNITS[2], motion_id="gate", grant_id="g3")
    assert refusal(late) == (409, "proxy/revoked")
    assert (await town.ask("proxy_grant", grant_id="g3"))["revoked_at"] is not None
    await town.ledger.reach(town.ledger.now_ms + 2)
    await town.agreed(
        town.ballot("o2", UNITS[1], motion_id="gate", choices=["against"]),
        town.ballot("o3", UNITS[2], motion_id="gate"),
    )
    received_at = town.ledger.now_ms
    for clerk in ("clerk-a", "clerk-b"):
        said: dict[str, Any] = {"motion_id": "gate", "received_at": received_at}
        await town.agreed(town.paper(UNITS[3], "o4", clerk=clerk, **said))
    sheet = await town.ask("paper_sheet", motion_id="gate", unit_id=UNITS[3])
    assert len(sheet["entries"]) == 2
    receipt = await town.ask("ballot_receipt", motion_id="gate", unit_id=UNITS[1])
    assert (receipt["choices"], receipt["earlier_count"]) == (["against"], 1)
    weight = await town.ask("vote_weight", motion_id="gate", unit_id=UNITS[0])
    assert (weight["area_dm2"], weight["may_vote"]) == (10_000, True)


async def objected(town: Commons) -> None:
    """An owner objects, the regulator answers, the window passes."""
    objection = {"motion_id": "gate", "unit_id": UNITS[4], "evidence_sha256": sha(3)}
    await town.agreed(town.act(town.people["o5"], "object_to_result", **objection))
    early = await town.call(Org.BANK, "finalise_motion", motion_id="gate")
    assert refusal(early) == (409, "motion/objections-open")
    answer = {"motion_id": "gate", "holder_id": "o5", "answer": "dismissed"}
    await town.done(Org.REGULATOR, "answer_objection", **answer, evidence_sha256=sha(4))
    found = (await town.ask("objections", motion_id="gate"))["objections"]
    assert [one["answer"] for one in found] == ["dismissed"]
    view = await town.ask("motion", motion_id="gate")
    await town.ledger.reach(view["motion"]["counted"]["objections_until_at"])


async def petition(town: Commons) -> None:
    """Two of six owners ask; the roll is taken at the opening; the window is extended."""
    rule = without_reviews(electorate={"roll_as_of": "open"})
    rule["times"] |= {"extension_ms": 1_000, "extensions_max": 1}
    await town.settle(rules=[rule])
    draft = {"motion_id": "m1", "initiator": "petition", "content": town.content()}
    await town.agreed(town.act(town.people["o1"], "draft_motion", **draft))
    refused = await town.call(Org.REGULATOR, "publish_motion", **town.notice())
    assert refusal(refused) == (422, "petition/too-few")
    await town.agreed(town.act(town.people["o2"], "sign_petition", motion_id="m1"))
    assert (await town.ask("petition", motion_id="m1"))["is_supported"]
    motion = await town.published()
    await town.ledger.reach(motion["publication"]["opens_at"])
    pinned = await town.done(Org.BANK, "pin_roll", motion_id="m1")
    assert pinned["roll"]["units_count"] == 6
    extended = await town.done(Org.COMMITTEE, "extend_motion", motion_id="m1")
    assert [one["reason"] for one in extended["extensions"]] == ["decided"]
    await town.agreed(town.ballot("o1", UNITS[0]))
    assert (await town.counted())["decision"]["outcome"] == "inquorate"


async def second_call(town: Commons) -> None:
    """Too few come; on the second call's terms those who come decide. Another is void."""
    rule = without_reviews("tw-ordinary", authority={"initiators": ["regulator"]})
    rule["second_call"]["after_ms"] = 1
    await town.settle(rules=[rule])
    await town.open_motion()
    await town.agreed(town.ballot("o1", UNITS[0]), town.ballot("o2", UNITS[1]))
    assert (await town.final())["decision"]["outcome"] == "inquorate"
    repeat = await town.done(Org.COMMITTEE, "call_again", motion_id="m2", repeats="m1")
    assert (repeat["call"], repeat["repeats"]) == (2, "m1")
    motion = await town.published("m2")
    await town.ledger.reach(motion["publication"]["opens_at"])
    for owner, unit in (("o1", UNITS[0]), ("o2", UNITS[1])):
        await town.agreed(town.ballot(owner, unit, motion_id="m2"))
    assert (await town.final("m2"))["decision"]["outcome"] == "carried"
    await town.drafted("m3")
    order = {"motion_id": "m3", "reason": "wrong roll", "evidence_sha256": HASH}
    await town.done(Org.REGULATOR, "void_motion", **order)
    assert await town.phase("m3") == "void"


async def sealed(town: Commons) -> None:
    """Only commitments until the close; one ballot opened by its owner, the rest by keys."""
    await town.settle(rules=[without_reviews(secrecy="sealed-then-named")])
    await town.drafted()
    trustees = {Org.COMMITTEE: Trustee(), Org.REGULATOR: Trustee()}
    for org, trustee in trustees.items():
        key = {"motion_id": "m1", "public_key": trustee.public_key}
        await town.done(org, "register_trustee_key", **key)
    motion = await town.published()
    await town.ledger.reach(motion["publication"]["opens_at"])
    options = ("for", "against", "abstain")
    for number, unit in enumerate(UNITS[:5], start=1):
        choice = "for" if number < 4 else "against"
        seals = [seal("m1", unit, options, [choice], list(trustees.values()), SALT)]
        await town.agreed(town.ballot(f"o{number}", unit, sealed=seals))
    assert b'"choices":["for"]' not in b"".join(town.ledger.state().values())
    rows = (await town.ask("board", motion_id="m1"))["rows"]
    assert [row["state"] for row in rows] == ["committed"] * 5 + ["not-returned"]
    await town.closed()
    opening = {"unit_id": UNITS[0], "salt": b64(SALT), "choices": ["for"]}
    await town.agreed(town.act(town.people["o1"], "open_ballot", motion_id="m1", **opening))
    for org, trustee in trustees.items():
        key = {"motion_id": "m1", "private_key": trustee.private_key}
        await town.done(org, "release_trustee_key", **key)
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    weights = {one["option"]: one["cast"]["heads"] for one in result["tally"]["options"]}
    assert weights == {"for": 3, "against": 2, "abstain": 0}
    assert result["unopened"] == []
    assert len(await counted_ballots(town, "m1")) == 5


async def election(town: Commons) -> None:
    """Owners elect a committee in place of the founding one, whose term stays on record."""
    rule = without_reviews("cn-278-committee-seat")
    rule["ballot"]["multi_seat"] |= {"seats": 5, "seats_min": 5, "max_choices": 6}
    rows = [unit_row(f"1-1-{number}", f"o{number}") for number in range(1, 8)]
    await (await town.settle(rows, rules=[rule])).seated()
    now_ms = town.ledger.now_ms
    term = {"term_from_at": now_ms, "term_until_at": now_ms + 4 * 365 * 86_400_000}
    await town.drafted(
        matter_class=rule["matter_class"],
        options=[{"option": f"o{number}"} for number in range(1, 8)],
        effect={"kind": "seat_committee", **term},
    )
    motion = await town.published()
    await town.ledger.reach(motion["publication"]["opens_at"])
    chosen = [f"o{number}" for number in range(2, 7)]
    await town.agreed(
        *(town.ballot(f"o{number}", f"1-1-{number}", choices=chosen) for number in range(1, 8))
    )
    certificate = await town.final()
    placed = {seat["candidate"]: seat["status"] for seat in certificate["decision"]["seats"]}
    assert [name for name in sorted(placed) if placed[name] == "elected"] == chosen
    await town.done(Org.COMMITTEE, "apply_effect", motion_id="m1")
    assert (await town.ask("committee"))["seated"] == chosen
    founding = await town.ask("past_committee", term=1)
    assert [seat["holder_id"] for seat in founding["seats"]] == [f"o{n}" for n in range(1, 6)]


async def own_rules(town: Commons) -> None:
    """Owners adopt their own rule; words that texts may not hold are refused."""
    await town.settle()
    own = town.timed(without_reviews(id="our-rule", title="Our rule", revote="irrevocable"))
    await town.carried(effect={"kind": "adopt_rule", "rule": own})
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")
    adopted = await town.ask("matter_rule", matter_class="ordinary")
    assert (adopted["rule"]["id"], adopted["motion_id"]) == ("our-rule", "m1")
    refused = await town.call(Org.REGULATOR, "set_matter_rule", template_id="cn-278-ordinary")
    assert refusal(refused) == (409, "rule/adopted-by-owners")
    rules = (await town.ask("matter_rules"))["rules"]
    assert [rule["id"] for rule in rules] == ["our-rule"]
    shipped = (await town.ask("rule_templates"))["rules"]
    assert {"cn-278-ordinary", "tw-ordinary", "uk-rtm"} <= {rule["id"] for rule in shipped}
    await town.done(Org.REGULATOR, "set_words", words=["casino"])
    assert (await town.ask("words"))["words"] == ["casino"]
    content = {"content": town.content(title="A ＣＡＳＩＮＯ at the gate"), "motion_id": "m2"}
    outcome = await town.call(Org.REGULATOR, "draft_official_motion", **content)
    assert refusal(outcome) == (422, "motion/forbidden-word")


MOTIONS = (
    scenario(
        decision,
        "set_matter_rule draft_motion review_motion publish_motion record_service "
        "acknowledge_notice grant_proxy revoke_proxy cast_ballot enter_paper record_hand_count "
        "close_motion count_motion object_to_result answer_objection finalise_motion motion "
        "motions vote_weight proxy_grant paper_sheet turnout board ballot_receipt "
        "counted_ballots result objections certificate",
    ),
    scenario(petition, "sign_petition petition pin_roll extend_motion"),
    scenario(second_call, "draft_official_motion call_again void_motion"),
    scenario(sealed, "register_trustee_key release_trustee_key open_ballot"),
    scenario(election, "apply_effect past_committee"),
    scenario(own_rules, "matter_rule matter_rules rule_templates set_words words"),
)
