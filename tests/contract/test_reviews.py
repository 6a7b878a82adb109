"""Petitions for a motion and its review: who may, in what order, how many."""

from typing import Any

from chaincode.model.base import Org
from tests.support.community import (
    HOUR_MS,
    UNITS,
    Commons,
    without_reviews,
)
from tests.support.town import HASH, refusal, sha, unit_row

# --- Petition ---


async def test_a_petition_is_signed_once_by_each_owner_while_it_is_a_draft() -> None:
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
    await town.drafted("m2")
    again = await town.acted("o1", "sign_petition", motion_id="m1")
    assert refusal(again) == (409, "petition/signed-already")
    none = await town.acted("o2", "sign_petition", motion_id="m9")
    assert refusal(none) == (404, "motion/unknown")
    official = await town.acted("o2", "sign_petition", motion_id="m2")
    assert refusal(official) == (422, "petition/not-a-petition")
    await town.sell(UNITS[2], "buyer")
    sold = await town.acted("o3", "sign_petition", motion_id="m1")
    assert refusal(sold)[0] == 403
    await town.agreed(town.act(town.people["o2"], "sign_petition", motion_id="m1"))
    await town.published()
    late = await town.acted("o4", "sign_petition", motion_id="m1")
    assert refusal(late) == (409, "motion/wrong-phase")


async def test_a_petition_may_be_carried_by_area_where_the_rule_takes_it() -> None:
    rows = [unit_row("1-1-1", "big", area_dm2=90_000)]
    rows += [unit_row(f"1-1-{n}", f"o{n}") for n in range(2, 12)]
    for by_area, supported in ((False, False), (True, True)):
        rule = without_reviews(authority={"petition_by_area": by_area})
        town = await Commons().settle(rows, rules=[rule])
        await town.agreed(
            town.act(
                town.people["big"],
                "draft_motion",
                motion_id="m1",
                initiator="petition",
                content=town.content(),
            )
        )
        view = await town.ask("petition", motion_id="m1")
        assert view["is_supported"] is supported
        outcome = await town.call(Org.REGULATOR, "publish_motion", **town.notice())
        assert (outcome.status == 200) is supported


# --- Review ---


async def reviewed(town: Commons, org: Org, step: str, **fields: Any) -> Any:
    request = {"motion_id": "m1", "step": step, "opinion": "passed", "evidence_sha256": HASH}
    return await town.call(org, "review_motion", **{**request, **fields})


async def test_reviews_are_done_in_order_by_whose_they_are() -> None:
    steps = ["property-scope", "street-office", "regulator-text"]
    rule = without_reviews(authority={"approvals_before_open": steps})
    town = await Commons().settle(rules=[rule])
    await town.drafted()
    wrong = await reviewed(town, Org.BANK, "street-office")
    assert refusal(wrong) == (403, "motion/review-not-yours")
    early = await reviewed(town, Org.REGULATOR, "street-office")
    assert early.message == 'motion/review-out-of-order {"expected": "property-scope"}'
    assert refusal(await reviewed(town, Org.BANK, "x", motion_id="m9")) == (404, "motion/unknown")
    missing = await town.call(Org.REGULATOR, "publish_motion", **town.notice())
    assert missing.message == 'motion/review-incomplete {"step": "property-scope"}'
    done = await reviewed(town, Org.PROPERTY, "property-scope")
    assert done.status == 200
    assert (await reviewed(town, Org.PROPERTY, "property-scope")).payload == done.payload
    for step in steps[1:]:
        assert (await reviewed(town, Org.REGULATOR, step)).status == 200
    more = await reviewed(town, Org.REGULATOR, "another")
    assert more.message == 'motion/review-out-of-order {"expected": "none"}'
    await town.published()
    late = await reviewed(town, Org.REGULATOR, "another")
    assert refusal(late) == (409, "motion/wrong-phase")


async def test_a_rejected_motion_is_not_published() -> None:
    rule = without_reviews(authority={"approvals_before_open": ["street-office"]})
    town = await Commons().settle(rules=[rule])
    await town.drafted()
    await reviewed(town, Org.REGULATOR, "street-office", opinion="rejected")
    refused = await town.call(Org.REGULATOR, "publish_motion", **town.notice())
    assert refusal(refused) == (409, "motion/review-rejected")


async def test_the_committees_step_needs_its_carried_decision_on_this_very_content() -> None:
    rule = without_reviews(authority={"approvals_before_open": ["committee"]})
    town = await (await Commons().settle(rules=[rule])).seated()
    fields = {"motion_id": "m1", "initiator": "committee", "content": town.content()}
    await town.agreed(town.act(town.people["o1"], "draft_motion", **fields))
    content_sha256 = (await town.ask("motion", motion_id="m1"))["content_sha256"]
    for decision_id, sha256 in (("d1", content_sha256), ("d2", sha(5))):
        await town.agreed(
            town.act(
                town.people["o1"],
                "open_committee_decision",
                decision_id=decision_id,
                subject="motion",
                subject_id="m1",
                content_sha256=sha256,
                until_at=town.ledger.now_ms + HOUR_MS,
            )
        )
    alone = await reviewed(town, Org.COMMITTEE, "committee")
    assert refusal(alone) == (403, "motion/review-not-yours")
    spite = await reviewed(town, Org.BANK, "committee", decision_id="d1", opinion="rejected")
    assert refusal(spite) == (403, "motion/review-not-yours")
    unknown = await reviewed(town, Org.COMMITTEE, "committee", decision_id="d9")
    assert refusal(unknown) == (404, "committee-decision/unknown")
    other = await reviewed(town, Org.COMMITTEE, "committee", decision_id="d2")
    assert refusal(other) == (409, "committee-decision/other-content")
    not_yet = await reviewed(town, Org.COMMITTEE, "committee", decision_id="d1")
    assert refusal(not_yet) == (422, "committee-decision/not-carried")


async def test_the_committee_cannot_hold_up_the_regulators_motion() -> None:
    rule = without_reviews(authority={"approvals_before_open": ["committee"]})
    town = await Commons().settle(rules=[rule])
    await town.drafted()
    own = await reviewed(town, Org.COMMITTEE, "committee")
    assert refusal(own) == (403, "motion/review-not-yours")
    assert (await reviewed(town, Org.REGULATOR, "committee")).status == 200
