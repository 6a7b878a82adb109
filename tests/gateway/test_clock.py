"""The clock: what is due happens, once, whoever is awake."""

import asyncio
import json
from collections import deque

import pytest

from chaincode.errors import Conflict, Refusal
from chaincode.model.base import Org
from gateway.clock import Clock
from gateway.errors import Busy, LedgerError, NotApplied
from gateway.metrics import Metrics
from tests.support.community import UNITS, Commons, without_reviews
from tests.support.contract_ledger import ContractLedger
from tests.support.town import DAY_MS


@pytest.fixture
async def town() -> Commons:
    return await Commons().settle()


@pytest.fixture
def ledger(town: Commons) -> ContractLedger:
    return ContractLedger(town)


def clock(ledger: ContractLedger) -> Clock:
    return Clock(ledger, Metrics(), lambda: ledger.town.ledger.now_ms)


def stated(ledger: ContractLedger) -> list[str]:
    """The transactions that were tried."""
    asked = {"motions", "funds", "payments", "fund_budgets", "due_reports"}
    return [function for function, _ in ledger.calls if function not in asked]


async def test_a_vote_runs_to_its_certificate_by_itself(
    town: Commons, ledger: ContractLedger
) -> None:
    motion = await town.open_motion()
    await town.agreed(*(town.ballot(f"o{n}", unit) for n, unit in enumerate(UNITS, start=1)))
    due = clock(ledger)
    town.ledger.now_ms = motion["publication"]["closes_at"] - 1
    await due.round()
    assert stated(ledger) == []
    town.ledger.now_ms += 1
    for phase in ("closed", "preliminary"):
        await due.round()
        assert await town.phase() == phase
    view = await town.ask("motion", motion_id="m1")
    until_at = view["motion"]["counted"]["objections_until_at"]
    town.ledger.now_ms = until_at - 1
    await due.round()
    assert await town.phase() == "preliminary"
    town.ledger.now_ms = until_at
    await due.round()
    assert await town.phase() == "final"
    assert stated(ledger) == ["close_motion", "count_motion", "finalise_motion"]
    await due.round()
    assert len(stated(ledger)) == 3, "what is done is left alone"


async def test_the_roll_is_pinned_when_the_window_opens(ledger: ContractLedger) -> None:
    town = await Commons().settle(rules=[without_reviews(electorate={"roll_as_of": "open"})])
    ledger.town = town
    await town.drafted()
    motion = await town.published()
    due = clock(ledger)
    await due.round()
    town.ledger.now_ms = motion["publication"]["opens_at"]
    await due.round()
    assert stated(ledger) == ["pin_roll"]
    assert await town.phase() == "open"


async def test_what_was_carried_is_brought_about(town: Commons, ledger: ContractLedger) -> None:
    rule = without_reviews(version=2)
    await town.carried(effect={"kind": "adopt_rule", "rule": rule})
    await clock(ledger).round()
    assert stated(ledger) == ["apply_effect"]
    view = await town.ask("motion", motion_id="m1")
    assert view["motion"]["applied"] is not None


async def test_two_clocks_at_once_do_no_harm(town: Commons, ledger: ContractLedger) -> None:
    await town.open_motion()
    await town.ended()
    other = ContractLedger(town, org=Org.BANK)
    await asyncio.gather(clock(ledger).round(), clock(other).round())
    versions = [json.loads(one.value) for one in town.ledger.histories["fuzemen/motion/m1"]
                if one.value]  # fmt: skip
    just_closed = [one for one in versions if one["closed"] and not one["counted"]]
    assert len(just_closed) == 1
    assert set(stated(ledger) + stated(other)) <= {"close_motion", "count_motion"}


async def test_a_refused_step_rests(town: Commons, ledger: ContractLedger) -> None:
    """A count that waits for paper is not tried in every round."""
    await town.open_motion()
    await town.closed()
    ledger.commit_trouble = deque([_refusal(), None])
    due = clock(ledger)
    for _ in range(5):
        await due.round()
    assert stated(ledger) == ["count_motion"]


async def test_a_resting_step_does_not_hold_up_others(
    town: Commons, ledger: ContractLedger
) -> None:
    await town.open_motion("m1")
    await town.closed("m1")
    await town.drafted("m2")
    ledger.commit_trouble = deque([_refusal()])
    due = clock(ledger)
    await due.round()
    await town.published("m2")
    town.ledger.now_ms += 60 * DAY_MS
    await due.round()
    assert stated(ledger) == ["count_motion", "close_motion"]


@pytest.mark.parametrize(
    "error", [Busy("x"), NotApplied("tx", "MVCC_READ_CONFLICT", retryable=True)], ids=str
)
async def test_a_failed_step_is_tried_in_the_next_round(
    town: Commons, ledger: ContractLedger, error: LedgerError
) -> None:
    await town.open_motion()
    await town.ended()
    ledger.commit_trouble = deque([error])
    due = clock(ledger)
    await due.round()
    await due.round()
    assert stated(ledger) == ["close_motion", "close_motion"]
    assert await town.phase() == "closed"


async def test_the_clock_outlives_a_round(town: Commons, ledger: ContractLedger) -> None:
    metrics, rounds = Metrics(), 0

    async def broken() -> tuple[str, ...]:
        nonlocal rounds
        rounds += 1
        raise RuntimeError("a defect")

    ledger.communities = broken  # type: ignore[method-assign]
    task = asyncio.create_task(Clock(ledger, metrics, lambda: 0).run(0.001))
    async with asyncio.timeout(5):
        while rounds < 3:
            await asyncio.sleep(0.001)
    assert not task.done()
    task.cancel()
    await asyncio.wait((task,))


async def test_a_community_without_voting_has_nothing_due(ledger: ContractLedger) -> None:
    town = Commons()
    await town.open("funds")
    ledger.town = town
    await clock(ledger).round()
    assert stated(ledger) == []


def _refusal() -> Refusal:
    return Conflict("paper/unresolved")
