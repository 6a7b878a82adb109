"""Issuing many at once: one transaction, and each certification ends by its own answer."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from chaincode.errors import BadInput, NotAllowed, NotFound, Refusal
from chaincode.model.base import Org
from gateway.database import DatabaseUnavailable
from gateway.errors import Busy, LedgerError, NotApplied, NotEndorsed, OutcomeUnknown
from gateway.identity import issuing
from gateway.identity.certifications import CERTIFICATION_MS_MAX, Phase
from gateway.identity.issuing import RETRY_MS, ROUND_S, Issuing
from tests.gateway.identity.test_issuing import issues
from tests.support.applicant import Applicant
from tests.support.identity import OTHER, Bureau, Stumbling
from tests.support.town import HASH


async def applicants(bureau: Bureau, count: int = 3) -> list[Applicant]:
    """So many certifications of which nothing is left but to issue; the last is another owner's."""
    found = [Applicant() for _ in range(count - 1)]
    found.append(
        Applicant(name=OTHER["owner_name"], id_no=OTHER["owner_id_no"], unit_id=OTHER["unit"])
    )
    for who in found:
        await bureau.verify(who)
    return found


async def ends(bureau: Bureau, all_: Sequence[Applicant]) -> list[tuple[Phase, str | None]]:
    rows = [await bureau.rows.find(who.credential_id) for who in all_]
    return [(row.phase, row.code) for row in rows if row is not None]


def recorded(bureau: Bureau) -> list[int]:
    """How many attestations each transaction held."""
    return [
        len(fields["attestations"])
        for name, fields in bureau.ledger.calls
        if name == "issue_credentials"
    ]


ISSUED = (Phase.ISSUED, None)


class Between:
    """The ledger with another `transact`."""

    def __init__(self, ledger: Any, transact: Callable[..., Any]) -> None:
        self._ledger = ledger
        self.transact = transact

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def answering(bureau: Bureau, change: Callable[[list[dict[str, Any]]], object]) -> Between:
    """The ledger, its answers changed on the way."""

    async def transact(*args: Any, **more: Any) -> Any:
        stated = await bureau.ledger.transact(*args, **more)
        told = json.loads(stated.answer)
        change(told["answers"])
        return replace(stated, answer=json.dumps(told).encode())

    return Between(bureau.ledger, transact)


async def test_what_is_due_goes_into_one_transaction(bureau: Bureau) -> None:
    people = await applicants(bureau)
    asked_before = len(bureau.ledger.calls)
    await bureau.issuing.round()
    assert await ends(bureau, people) == [ISSUED] * 3
    assert (recorded(bureau), issues(bureau)) == ([3], 1)
    asked = {name for name, _ in bureau.ledger.calls[asked_before:]}
    assert asked == {"provider", "issue_credentials"}


async def test_each_ends_by_its_own_answer(bureau: Bureau) -> None:
    people = await applicants(bureau)
    await bureau.town.done(
        Org.REGULATOR, "transfer_unit", unit_id=OTHER["unit"], version=1,
        owners=[{"owner_id": "o-new", "num": 1, "den": 1}], evidence_sha256=HASH,
        at=bureau.town.ledger.now_ms,
    )  # fmt: skip
    await bureau.issuing.round()
    left = (Phase.REFUSED, "holder/not-on-register")
    assert await ends(bureau, people) == [ISSUED, ISSUED, left]
    assert recorded(bureau) == [3]


@pytest.mark.parametrize(
    ("code", "phase", "told"),
    [
        ("credential/exists-with-different-content", Phase.REFUSED, "certification/id-taken"),
        ("credential/key-in-use", Phase.REFUSED, "credential/key-in-use"),
        ("attestation/too-old", Phase.REFUSED, "attestation/too-old"),
        ("attestation/from-the-future", Phase.ISSUING, "attestation/from-the-future"),
    ],
)
async def test_a_refused_answer_ends_or_waits(
    bureau: Bureau, code: str, phase: Phase, told: str
) -> None:
    people = await applicants(bureau)
    first = sorted(people, key=lambda who: who.credential_id)[0]
    ledger = answering(bureau, lambda answers: answers[0].update(status=409, code=code, tx_id=""))
    await bureau.worker(ledger=ledger).round()
    expected = [(phase, told) if who is first else ISSUED for who in people]
    assert await ends(bureau, people) == expected


@pytest.mark.parametrize(
    "trouble",
    [
        OutcomeUnknown("tx"),
        Busy("no"),
        NotApplied("tx", "MVCC_READ_CONFLICT", retryable=True),
        NotEndorsed("EndorseError", retryable=True),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
@pytest.mark.parametrize("is_done", [False, True])
async def test_a_transaction_that_failed_loses_nobody(
    bureau: Bureau, trouble: LedgerError, is_done: bool
) -> None:
    people = await applicants(bureau)
    if is_done:
        ledger: Any = Stumbling(bureau.ledger, transact=deque([trouble]))
    else:
        bureau.ledger.commit_trouble.append(trouble)
        ledger = bureau.ledger
    await bureau.worker(ledger=ledger).round()
    assert await ends(bureau, people) == [(Phase.ISSUING, type(trouble).__name__)] * 3
    await bureau.issuing.round()
    assert len(recorded(bureau)) == 1, "not before it is due"
    bureau.later(RETRY_MS)
    await bureau.issuing.round()
    assert await ends(bureau, people) == [ISSUED] * 3
    assert (recorded(bureau), issues(bureau)) == ([3, 3], 1)


@pytest.mark.parametrize(
    ("refusal", "phase"),
    [
        (BadInput("time/skewed"), Phase.ISSUING),
        (NotAllowed("caller/org"), Phase.REFUSED),
        (NotFound("community/unknown"), Phase.ISSUING),
    ],
    ids=lambda one: str(one),
)
async def test_a_refused_transaction_is_each_ones_refusal(
    bureau: Bureau, refusal: Refusal, phase: Phase
) -> None:
    people = await applicants(bureau)
    bureau.ledger.commit_trouble.append(refusal)
    await bureau.issuing.round()
    assert await ends(bureau, people) == [(phase, refusal.code)] * 3


async def test_one_on_which_the_contract_fails_holds_up_no_other(bureau: Bureau) -> None:
    people = await applicants(bureau, 4)
    await bureau.issuing.prepare()
    row = await bureau.rows.find(people[1].credential_id)
    assert row is not None

    async def transact(community: str, function: str, fields: Any) -> Any:
        if row.attestation in fields["attestations"]:
            raise NotEndorsed("EndorseError", is_defect=True)
        return await bureau.ledger.transact(community, function, fields)

    await bureau.worker(ledger=Between(bureau.ledger, transact)).record()
    expected = [ISSUED, (Phase.ISSUING, "NotEndorsed"), ISSUED, ISSUED]
    assert await ends(bureau, people) == expected


async def test_answers_that_are_too_few_end_nothing(bureau: Bureau) -> None:
    people = await applicants(bureau)
    worker = bureau.worker(ledger=answering(bureau, lambda answers: answers.pop()))
    await worker.round()
    assert await ends(bureau, people) == [(Phase.ISSUING, "defect")] * 3


async def test_who_waited_a_day_is_left_out(bureau: Bureau) -> None:
    people = await applicants(bureau)
    await bureau.issuing.prepare()
    bureau.later(CERTIFICATION_MS_MAX)
    await bureau.issuing.record()
    assert await ends(bureau, people) == [(Phase.REFUSED, "certification/expired")] * 3
    assert recorded(bureau) == []


async def test_a_database_that_is_away_loses_nobody(bureau: Bureau) -> None:
    """The credentials are on the ledger, and nobody could be told."""
    people = await applicants(bureau)

    class Gone:
        def __getattr__(self, name: str) -> Any:
            return getattr(bureau.rows, name)

        async def end(self, *_: object) -> None:
            raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        await bureau.worker(rows=Gone()).round()
    assert await ends(bureau, people) == [(Phase.ISSUING, None)] * 3
    await bureau.issuing.round()
    assert await ends(bureau, people) == [ISSUED] * 3
    assert (recorded(bureau), issues(bureau)) == ([3, 3], 1)


# --- How many, and beside what ---


async def test_a_transaction_holds_no_more_than_its_limit(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "RECORDED_MAX", 2)
    people = await applicants(bureau, 5)
    await bureau.issuing.prepare()
    assert [await bureau.issuing.record() for _ in range(4)] == [2, 2, 1, 0]
    assert await ends(bureau, people) == [ISSUED] * 5
    assert recorded(bureau) == [2, 2, 1]


async def test_few_ask_the_ca_at_once(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "AT_ONCE_MAX", 2)
    await applicants(bureau, 5)
    asking: list[int] = []

    class Counted:
        count = 0

        async def certify(self, *asked: str) -> bytes:
            self.count += 1
            asking.append(self.count)
            for _ in range(3):
                await asyncio.sleep(0)
            self.count -= 1
            return await bureau.ca.certify(*asked)

    assert await bureau.worker(ca=Counted()).prepare() == 5
    assert max(asking) == 2


async def test_others_are_attested_while_some_are_recorded(bureau: Bureau) -> None:
    first, second = await applicants(bureau, 2)
    await bureau.rows.postpone(await row_of(bureau, second), bureau.clock_ms() + 1, "later")
    recording, go_on, attested = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def transact(*args: Any, **more: Any) -> Any:
        recording.set()
        await go_on.wait()
        return await bureau.ledger.transact(*args, **more)

    async with (
        asyncio.timeout(ROUND_S),
        working(
            bureau.worker(ledger=Between(bureau.ledger, transact), rows=Told(bureau.rows, attested))
        ) as worker,
    ):
        await recording.wait()
        attested.clear()
        bureau.later(1)
        worker.call()
        await attested.wait()
        assert await ends(bureau, [first]) == [(Phase.ISSUING, None)]
        go_on.set()
        while await ends(bureau, [first, second]) != [ISSUED] * 2:
            await asyncio.sleep(0)
    assert recorded(bureau) == [1, 1]


async def test_a_full_round_is_followed_at_once(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "PREPARED_MAX", 1)
    monkeypatch.setattr(issuing, "RECORDED_MAX", 1)
    people = await applicants(bureau)
    async with asyncio.timeout(ROUND_S), working(bureau.worker()):
        while await ends(bureau, people) != [ISSUED] * 3:
            await asyncio.sleep(0)


async def row_of(bureau: Bureau, who: Applicant) -> Any:
    return await bureau.rows.find(who.credential_id)


@asynccontextmanager
async def working(worker: Issuing) -> AsyncIterator[Issuing]:
    """The worker runs meanwhile."""
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.wait([task])


class Told:
    """Rows that tell of each attestation that is noted."""

    def __init__(self, rows: Any, attested: asyncio.Event) -> None:
        self._rows = rows
        self._attested = attested

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    async def note_attestation(self, *args: Any) -> None:
        await self._rows.note_attestation(*args)
        self._attested.set()
