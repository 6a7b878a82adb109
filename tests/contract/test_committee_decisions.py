"""What the committee decides k of n, by signed acts."""

import json

import pytest

from chaincode.contract.committees import require_committee_decision
from chaincode.errors import Refusal
from chaincode.model.committee import DECISION_MS_MAX
from chaincode.world import World
from tests.support.committee import (
    FIVE,
    NOW,
    answer,
    elect,
    end,
    open_,
    phase,
    town_with_committee,
)
from tests.support.determinism import assert_deterministic
from tests.support.town import DAY_MS, Town, refusal, sha


@pytest.fixture
async def seated() -> Town:
    return await town_with_committee()


async def test_more_than_half_of_all_members_carry(seated: Town) -> None:
    await open_(seated, "m0")
    for holder in ("m0", "m1"):
        await answer(seated, holder)
        assert await phase(seated) == "open"
    await answer(seated, "m2")
    assert await phase(seated) == "carried"
    assert json.loads(seated.ledger.events[-1][2])[0]["event"] == "CommitteeDecisionCarried"
    assert await answer(seated, "m3") == (409, "committee-decision/not-open")


async def test_k_may_ask_for_more(seated: Town) -> None:
    await open_(seated, "m0", required=5)
    for holder in FIVE[:4]:
        await answer(seated, holder)
    assert await phase(seated) == "open"
    await answer(seated, "m4")
    assert await phase(seated) == "carried"


async def test_one_member_counts_once_by_the_last_word(seated: Town) -> None:
    await open_(seated, "m0")
    for holder, verdict in [("m0", "approve"), ("m0", "approve"), ("m1", "approve")]:
        await answer(seated, holder, verdict=verdict)
    await answer(seated, "m1", verdict="reject")
    await answer(seated, "m2")
    assert await phase(seated) == "open"
    await answer(seated, "m1")
    assert await phase(seated) == "carried"


async def test_a_member_who_left_counts_no_more(seated: Town) -> None:
    await open_(seated, "m0")
    await answer(seated, "m0")
    await answer(seated, "m1")
    await end(seated, "m0")
    await answer(seated, "m2")
    assert await phase(seated) == "open"
    await answer(seated, "m5")
    assert await phase(seated) == "carried"


async def test_what_was_carried_stays_carried(seated: Town) -> None:
    await open_(seated, "m0")
    for holder in ("m0", "m1", "m2"):
        await answer(seated, holder)
    await elect(seated, ["m4", "m5", "m6", "m7", "m8"])
    assert await phase(seated) == "carried"


async def test_a_decision_lapses(seated: Town) -> None:
    await open_(seated, "m0")
    seated.ledger.now_ms = NOW + 30 * DAY_MS - 1
    assert await phase(seated) == "open"
    assert await answer(seated, "m0") == (200, "accepted")
    seated.ledger.now_ms += 1
    assert await phase(seated) == "lapsed"
    assert await answer(seated, "m1") == (409, "committee-decision/not-open")


async def test_opening_is_refused_in_order(seated: Town) -> None:
    over = {"until_at": NOW}
    assert await open_(seated, "m0", "d1", required=6, **over) == (
        422,
        "committee-decision/out-of-reach",
    )
    assert await open_(seated, "m0", "d1", **over) == (422, "committee-decision/over")
    assert await open_(seated, "m0", "d1", until_at=NOW + DECISION_MS_MAX + 1) == (
        422,
        "committee-decision/too-long",
    )
    assert await open_(seated, "m0", "d1", until_at=NOW + DECISION_MS_MAX) == (200, "accepted")
    assert await open_(seated, "m1", "d1", required=6) == (409, "committee-decision/exists")
    assert await open_(seated, "m7", "d1") == (403, "caller/not-seated")
    assert await open_(seated, "m7", "d1", subject="!") == (400, "input/malformed")


async def test_answering_is_refused_in_order(seated: Town) -> None:
    await open_(seated, "m0")
    assert await answer(seated, "m7", "d9", "maybe") == (400, "input/malformed")
    assert await answer(seated, "m7", "d9") == (403, "caller/not-seated")
    assert await answer(seated, "m0", "d9") == (404, "committee-decision/unknown")
    assert await answer(seated, "m0", content=7) == (409, "committee-decision/other-content")
    seated.ledger.now_ms = NOW + 30 * DAY_MS
    assert await answer(seated, "m0", content=7) == (409, "committee-decision/not-open")
    outcome = await seated.query("committee_decision", decision_id="d9")
    assert refusal(outcome) == (404, "committee-decision/unknown")


async def test_other_modules_ask_for_a_carried_decision(seated: Town) -> None:
    await open_(seated, "m0")

    async def asked(decision: str = "d1", subject: str = "motion", content: int = 6) -> str:
        world = World(seated.ledger.transaction("BankMSP", "committee"), "fuzemen")
        about = {"subject": subject, "subject_id": "motion-7", "content_sha256": sha(content)}
        try:
            found = await require_committee_decision(world, decision, **about)
        except Refusal as refused:
            return refused.code
        return found.decision_id

    assert await asked("d9") == "committee-decision/unknown"
    assert await asked(subject="payment") == "committee-decision/other-content"
    assert await asked(content=5) == "committee-decision/other-content"
    assert await asked() == "committee-decision/not-carried"
    for holder in ("m0", "m1", "m2"):
        await answer(seated, holder)
    assert await asked() == "d1"


async def test_endorsers_agree_on_the_committee(seated: Town) -> None:
    await open_(seated, "m0")
    for holder in ("m2", "m1", "m0"):
        await answer(seated, holder)
    await end(seated, "m0")
    assert_deterministic(seated.ledger)
