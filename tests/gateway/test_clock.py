"""The clock: what is due happens, once, whoever is awake."""

import asyncio
import json
from collections import deque
from typing import Any

import pytest

from chaincode.errors import Conflict, Refusal
from chaincode.model.base import Org
from gateway.clock import QUIET_MS_MAX, Clock
from gateway.database import DatabaseUnavailable
from gateway.errors import Busy, LedgerError, NotApplied
from gateway.metrics import Metrics
from gateway.projection.answers import AsOf, Records
from gateway.projection.readmodel import ReadModel
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
    asked = {"motions", "funds", "payments", "fund_budgets", "due_reports", "freezes"}
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


class Model(ReadModel):
    """Says which communities there are, and in which block something last happened."""

    def __init__(self, blocks: dict[str, int]) -> None:
        self.blocks = blocks
        self.is_away = False

    async def communities(self) -> dict[str, int]:
        if self.is_away:
            raise DatabaseUnavailable("away")
        return self.blocks

    async def records(self, community: str, kind: str, **_: Any) -> Records:
        if self.is_away:
            raise DatabaseUnavailable("away")
        as_of = AsOf(channel=community, block=0, block_at=0, age_ms=0)
        return Records(as_of=as_of, records=[], next_after=None)


def asked(ledger: ContractLedger) -> int:
    """How often the ledger was asked for motions."""
    return [function for function, _ in ledger.calls].count("motions")


def reading_clock(ledger: ContractLedger, model: Model) -> Clock:
    return Clock(ledger, Metrics(), lambda: ledger.town.ledger.now_ms, read_model=model)


async def test_a_quiet_community_is_asked_once_a_minute(
    town: Commons, ledger: ContractLedger
) -> None:
    due = reading_clock(ledger, Model({town.community: 7}))
    for _ in range(3):
        await due.round()
    assert asked(ledger) == 1
    town.ledger.now_ms += QUIET_MS_MAX - 1
    await due.round()
    assert asked(ledger) == 1
    town.ledger.now_ms += 1
    await due.round()
    assert asked(ledger) == 2


async def test_a_community_in_which_something_happened_is_asked_at_once(
    town: Commons, ledger: ContractLedger
) -> None:
    model = Model({town.community: 7})
    due = reading_clock(ledger, model)
    for block in (7, 8, 9):
        model.blocks[town.community] = block
        await due.round()
    assert asked(ledger) == 3


async def test_a_time_that_a_record_names_is_not_slept_through(
    town: Commons, ledger: ContractLedger
) -> None:
    motion = await town.open_motion()
    due = reading_clock(ledger, Model({town.community: 7}))
    closes_at = motion["publication"]["closes_at"]
    town.ledger.now_ms = closes_at - 3_000
    await due.round()
    town.ledger.now_ms = closes_at - 1
    await due.round()
    assert (asked(ledger), stated(ledger)) == (1, [])
    town.ledger.now_ms = closes_at
    await due.round()
    assert stated(ledger) == ["close_motion"]
    await due.round()
    assert stated(ledger) == ["close_motion", "count_motion"], "asked again after what was done"


async def test_a_community_that_could_not_be_asked_is_asked_again(
    town: Commons, ledger: ContractLedger
) -> None:
    due = reading_clock(ledger, Model({town.community: 7}))
    query, failures = ledger.query, deque([Busy("x")])

    async def failing(*args: Any) -> bytes:
        if failures:
            raise failures.popleft()
        return await query(*args)

    ledger.query = failing  # type: ignore[method-assign, assignment]
    for _ in range(3):
        await due.round()
    assert asked(ledger) == 1, "the first did not reach it, the second did, the third was quiet"


async def test_without_a_database_the_ledger_is_asked(
    town: Commons, ledger: ContractLedger
) -> None:
    model = Model({})
    model.is_away = True
    due = reading_clock(ledger, model)
    for _ in range(2):
        await due.round()
    assert asked(ledger) == 2


def _refusal() -> Refusal:
    return Conflict("paper/unresolved")
