"""Batches: every act answered once, in order, whatever the ledger does."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from chaincode.errors import Conflict, NotAllowed, NotFound
from gateway.acts import Act, read_act
from gateway.batcher import Batcher, BatchSection, place_of
from gateway.carrier import Accepted
from gateway.errors import (
    Busy,
    NotApplied,
    NotEndorsed,
    OutcomeUnknown,
    Problem,
)
from gateway.metrics import Metrics
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger, Lost

CONFLICT = NotApplied("tx", "MVCC_READ_CONFLICT", retryable=True)
DEFECT = NotEndorsed("EndorseError", is_defect=True)


@pytest.fixture
async def town() -> Commons:
    town = await Commons().settle()
    await town.open_motion()
    return town


@pytest.fixture
def ledger(town: Commons) -> ContractLedger:
    return ContractLedger(town)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.carrier.RETRY_FIRST_S", 0.001)
    monkeypatch.setattr("gateway.carrier.RESOLVE_PAUSE_S", 0.001)


def batcher(ledger: ContractLedger, **settings: float) -> Batcher:
    given = {"window_s": 0.02, **settings}
    return Batcher(ledger, BatchSection(**given), Metrics())  # type: ignore[arg-type]


def ballot(town: Commons, number: int, **fields: Any) -> Act:
    return read_act(town.ballot(f"o{number}", UNITS[number - 1], **fields))


def ballots(town: Commons) -> list[Act]:
    return [ballot(town, number) for number in range(1, 7)]


async def send_all(to: Batcher, acts: list[Act]) -> list[Accepted | BaseException]:
    return await asyncio.gather(*(to.send(act) for act in acts), return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def codes(answers: list[Accepted | BaseException]) -> list[str]:
    return [getattr(answer, "code", type(answer).__name__) for answer in answers]


async def recorded(town: Commons) -> list[str]:
    """The units with a ballot on the ledger."""
    prefix = f"{town.community}/ballot/m1/"
    return sorted(key.removeprefix(prefix) for key in town.ledger.state() if key.startswith(prefix))


async def test_acts_of_one_moment_travel_in_one_transaction(
    town: Commons, ledger: ContractLedger
) -> None:
    answers = await send_all(batcher(ledger), ballots(town))
    assert codes(answers) == ["Accepted"] * 6
    assert [len(batch) for batch in ledger.batches] == [6]
    assert await recorded(town) == sorted(UNITS)


async def test_a_full_batch_does_not_wait(town: Commons, ledger: ContractLedger) -> None:
    to = batcher(ledger, window_s=0.05, acts_max=2)
    await send_all(to, ballots(town))
    assert [len(batch) for batch in ledger.batches] == [2, 2, 2]


async def test_each_act_gets_its_own_answer(town: Commons, ledger: ContractLedger) -> None:
    other = read_act(town.ballot("o1", UNITS[1]))
    answers = await send_all(batcher(ledger), [ballot(town, 3), other, ballot(town, 4)])
    assert codes(answers) == ["Accepted", "ballot/not-your-unit", "Accepted"]
    assert isinstance(answers[1], NotAllowed)
    assert answers[1].details == {"unit": UNITS[1]}


async def test_a_batch_without_an_accepted_act_is_not_ordered(
    town: Commons, ledger: ContractLedger
) -> None:
    acts = [read_act(town.ballot("o1", unit)) for unit in UNITS[1:4]]
    before = dict(town.ledger.histories)
    answers = await send_all(batcher(ledger), acts)
    assert codes(answers) == ["ballot/not-your-unit"] * 3
    assert await ledger.height("fuzemen") == 1
    assert before == town.ledger.histories


async def test_the_refusal_of_a_lone_act_is_its_answer(
    town: Commons, ledger: ContractLedger
) -> None:
    with pytest.raises(NotFound) as refused:
        await batcher(ledger).send(ballot(town, 1, motion_id="other"))
    assert refused.value.code == "motion/unknown"


async def test_one_act_sent_twice_at_once_is_one_act(town: Commons, ledger: ContractLedger) -> None:
    act = ballot(town, 1)
    first, second = await send_all(batcher(ledger), [act, act])
    assert first == second
    assert [len(batch) for batch in ledger.batches] == [1]


async def test_one_act_sent_again_gets_its_first_answer(
    town: Commons, ledger: ContractLedger
) -> None:
    to, act = batcher(ledger), ballot(town, 1)
    first = await to.send(act)
    again = await to.send(act)
    assert (again.tx_id, again.block_number) == (first.tx_id, None)
    assert await ledger.height("fuzemen") == 2


async def test_two_gateways_count_one_act_once(town: Commons, ledger: ContractLedger) -> None:
    act = ballot(town, 1)
    one, other = batcher(ledger), batcher(ledger)
    answers = await asyncio.gather(one.send(act), other.send(act))
    assert len({answer.tx_id for answer in answers}) == 1
    assert len(town.ledger.histories[f"{town.community}/ballot/m1/{UNITS[0]}"]) == 1


async def test_acts_of_one_credential_keep_their_order(
    town: Commons, ledger: ContractLedger
) -> None:
    to = batcher(ledger, acts_max=1, window_s=0)
    choices = ["for", "against", "abstain", "for", "against"]
    acts = []
    for number, choice in enumerate(choices):
        acts.append(ballot(town, 1, choices=[choice], at=town.ledger.now_ms + number))
    answers = await send_all(to, acts)
    assert codes(answers) == ["Accepted"] * 5
    sent = [read_act(batch[0]).nonce for batch in ledger.batches]
    assert sent == [act.nonce for act in acts]
    assert ledger.in_flight_max == 1


async def test_batches_of_different_persons_are_under_way_together(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.gate.clear()
    to = batcher(ledger, acts_max=1, window_s=0, batches_max=3)
    tasks = [asyncio.create_task(to.send(act)) for act in ballots(town)]
    await until(lambda: ledger.in_flight == 3)
    ledger.gate.set()
    await asyncio.gather(*tasks)
    assert ledger.in_flight_max == 3


async def test_a_conflict_is_sent_anew(town: Commons, ledger: ContractLedger) -> None:
    ledger.commit_trouble = deque([CONFLICT])
    answers = await send_all(batcher(ledger), ballots(town))
    assert codes(answers) == ["Accepted"] * 6
    assert [len(batch) for batch in ledger.batches] == [6, 6]


async def test_a_real_conflict_with_another_gateway_hurts_nobody(
    town: Commons, ledger: ContractLedger
) -> None:
    """The other gateway's ballot of the same unit is committed while ours is under way."""
    ledger.gate.clear()
    tasks = [asyncio.create_task(batcher(ledger).send(act)) for act in ballots(town)[:1]]
    await until(lambda: ledger.in_flight == 1)
    earlier = town.ballot("o1", UNITS[0], choices=["against"], at=town.ledger.now_ms - 1)
    await town.agreed(earlier)
    ledger.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert codes(answers) == ["Accepted"]
    assert len(ledger.batches) == 2


async def test_the_act_that_conflicts_again_and_again_is_separated(
    town: Commons, ledger: ContractLedger
) -> None:
    culprit = ballot(town, 4)
    ledger.conflicts_with = culprit.compact
    answers = await send_all(batcher(ledger), [*ballots(town)[:3], culprit, *ballots(town)[4:]])
    assert codes(answers) == [*["Accepted"] * 3, "NotApplied", *["Accepted"] * 2]
    assert await recorded(town) == sorted(set(UNITS) - {UNITS[3]})
    assert len(ledger.batches) < 20


async def test_the_act_on_which_the_contract_fails_is_separated(
    town: Commons, ledger: ContractLedger
) -> None:
    culprit = ballot(town, 2)
    ledger.breaks_on = culprit.compact
    answers = await send_all(batcher(ledger), [ballot(town, 1), culprit, *ballots(town)[2:]])
    assert codes(answers) == ["Accepted", "NotEndorsed", *["Accepted"] * 4]


@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize("unknown_count", [1, 3])
async def test_an_unknown_outcome_is_found_out(
    town: Commons, ledger: ContractLedger, is_applied: bool, unknown_count: int
) -> None:
    ledger.commit_trouble = deque([Lost(is_applied=is_applied, unknown_count=unknown_count)])
    answers = await send_all(batcher(ledger), ballots(town))
    assert codes(answers) == ["Accepted"] * 6
    assert [len(batch) for batch in ledger.batches] == [6]
    assert all(len(town.ledger.histories[f"fuzemen/ballot/m1/{unit}"]) == 1 for unit in UNITS)


async def test_what_stays_unknown_is_answered_as_unknown(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.commit_trouble = deque([Lost(is_applied=True, unknown_count=1_000)])
    to, act = batcher(ledger), ballot(town, 1)
    with pytest.raises(OutcomeUnknown):
        await to.send(act)
    assert isinstance(to.ended(place_of(act)), OutcomeUnknown)
    assert (await to.send(act)).tx_id, "sent again, it gets the answer of the first time"


async def test_a_later_act_does_not_overtake_an_unknown_one(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.commit_trouble = deque([Lost(is_applied=False, unknown_count=3)])
    to = batcher(ledger, acts_max=1, window_s=0)
    first = ballot(town, 1)
    second = ballot(town, 1, choices=["against"], at=town.ledger.now_ms + 1)
    await asyncio.gather(to.send(first), to.send(second))
    history = town.ledger.histories[f"fuzemen/ballot/m1/{UNITS[0]}"]
    assert len(history) == 2
    assert b"against" in (history[-1].value or b"")


@pytest.mark.parametrize("error", [Busy("RESOURCE_EXHAUSTED"), NotEndorsed("E", retryable=True)])
async def test_what_passes_is_waited_for(
    town: Commons, ledger: ContractLedger, error: Busy | NotEndorsed
) -> None:
    ledger.endorse_trouble = deque([error, error])
    answers = await send_all(batcher(ledger), ballots(town)[:1])
    assert codes(answers) == ["Accepted"]


async def test_what_does_not_pass_is_answered(town: Commons, ledger: ContractLedger) -> None:
    ledger.endorse_trouble = deque([NotEndorsed("EndorseError")])
    with pytest.raises(NotEndorsed):
        await batcher(ledger).send(ballot(town, 1))
    assert len(ledger.batches) == 1


async def test_a_busy_network_is_answered_in_the_end(town: Commons, ledger: ContractLedger) -> None:
    ledger.endorse_trouble = deque([Busy("RESOURCE_EXHAUSTED")] * 100)
    with pytest.raises(Busy):
        await batcher(ledger).send(ballot(town, 1))
    assert len(ledger.batches) == 8


async def test_a_whole_batch_refused_is_refused_for_each(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.endorse_trouble = deque([Conflict("community/unknown")])
    answers = await send_all(batcher(ledger), ballots(town))
    assert codes(answers) == ["community/unknown"] * 6


async def test_a_full_lane_turns_away_and_keeps_what_it_has(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.gate.clear()
    to = batcher(ledger, waiting_max=4)
    tasks = [asyncio.create_task(to.send(act)) for act in ballots(town)[:4]]
    await until(lambda: ledger.in_flight == 1)
    with pytest.raises(Problem) as full:
        await to.send(ballot(town, 5))
    assert (full.value.status, full.value.code, full.value.retry_after_s) == (
        503,
        "gateway/full",
        2,
    )
    ledger.gate.set()
    assert codes(list(await asyncio.gather(*tasks))) == ["Accepted"] * 4
    assert (await to.send(ballot(town, 5))).tx_id


async def test_a_caller_that_leaves_does_not_take_its_act_along(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.gate.clear()
    to, act = batcher(ledger), ballot(town, 1)
    task = asyncio.create_task(to.send(act))
    await until(lambda: ledger.in_flight == 1)
    task.cancel()
    await asyncio.wait((task,))
    assert to.is_under_way(place_of(act))
    ledger.gate.set()
    await until(lambda: not to.is_under_way(place_of(act)))
    assert await recorded(town) == [UNITS[0]]


async def test_a_stop_answers_what_was_taken_in(town: Commons, ledger: ContractLedger) -> None:
    ledger.gate.clear()
    to = batcher(ledger, acts_max=2)
    tasks = [asyncio.create_task(to.send(act)) for act in ballots(town)]
    await until(lambda: ledger.in_flight > 0)
    stopping = asyncio.create_task(to.stop())
    await asyncio.sleep(0)
    with pytest.raises(Problem) as turned_away:
        await to.send(ballot(town, 1, choices=["against"]))
    assert turned_away.value.code == "gateway/stopping"
    ledger.gate.set()
    await stopping
    assert codes(list(await asyncio.gather(*tasks))) == ["Accepted"] * 6


async def test_an_abrupt_end_says_what_is_not_known(town: Commons, ledger: ContractLedger) -> None:
    ledger.gate.clear()
    to = batcher(ledger, acts_max=2, batches_max=1)
    tasks = [asyncio.create_task(to.send(act)) for act in ballots(town)]
    await until(lambda: ledger.in_flight == 1)
    await to.abandon()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert codes(answers) == ["OutcomeUnknown"] * 2 + ["gateway/stopping"] * 4
    assert await recorded(town) == []


async def test_communities_do_not_wait_for_each_other(
    town: Commons, ledger: ContractLedger
) -> None:
    """A lane whose batch hangs holds up its own community alone."""
    ledger.gate.clear()
    to = batcher(ledger, batches_max=1)
    stuck = asyncio.create_task(to.send(ballot(town, 1)))
    await until(lambda: ledger.in_flight == 1)
    elsewhere = read_act(town.ballot("o2", UNITS[1], community="elsewhere"))
    with pytest.raises(NotFound):
        await to.send(elsewhere)
    ledger.gate.set()
    await stuck
