"""One poisoned message, event or payment among healthy ones, at the bridge and at the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chaincode.errors import Conflict
from chaincode.model.base import Org
from gateway.appkeys import METRICS, READINESS
from gateway.bank.errors import TransportError
from gateway.bank.http import HttpTransport
from gateway.bank.part import BankSection
from gateway.bank.patience import REST_S_MAX, Patience
from gateway.errors import LedgerError, NotEndorsed, PartlyReady
from gateway.ledger import Stated
from tests.gateway.bank.test_patience import Clock
from tests.scenarios.money import budgeted, funded, held, phase
from tests.support.api import Api
from tests.support.bank import running_sandbox
from tests.support.bank_bridge import Counter, bank_counter
from tests.support.bank_desk import bank_gateway, bank_settings
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.readmodel import until

ROUNDS = 20
"""Of a desk, while the poisoned message rests longer and longer."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- what the bank says, at the ledger ---


@dataclass
class Poisoned(ContractLedger):
    """Gives `trouble` for every report about one payment while there is any."""

    payment_id: str = "p1"
    trouble: Exception | None = None
    told: list[str] = field(default_factory=list)

    async def transact(
        self,
        community: str,
        function: str,
        fields: Mapping[str, Any],
        *,
        channel: str | None = None,
    ) -> Stated:
        if function == "report_payment" and fields["report"].payment_id == self.payment_id:
            self.told.append(fields["report"].report_id)
            if self.trouble is not None:
                raise self.trouble
        return await super().transact(community, function, fields, channel=channel)


@pytest.fixture
async def town() -> Commons:
    town = await funded(Commons())
    await budgeted(town)
    return town


@pytest.fixture
async def counter(town: Commons, tmp_path: Path, clock: Clock) -> AsyncIterator[Counter]:
    ledger = Poisoned(town=town, org=Org.BANK)
    async with bank_counter(ledger, town.community, tmp_path) as opened:
        opened.adapter.patience = Patience(now_s=clock)
        yield opened


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (NotEndorsed("EndorseError", is_defect=True), "NotEndorsed"),
        (NotEndorsed("EndorseError"), "NotEndorsed"),
        (Conflict("payment/wrong-phase"), "payment/wrong-phase"),
    ],
)
async def test_an_event_that_the_ledger_does_not_take_holds_up_no_other_payment(
    town: Commons, counter: Counter, clock: Clock, trouble: Exception, code: str
) -> None:
    ledger = counter.bridge.ledger
    assert isinstance(ledger, Poisoned)
    ledger.trouble = trouble
    for payment_id in ("p1", "p2"):
        await held(town, payment_id, 100)
    rounds = [await counter.bridge.run_once()]
    for _ in range(4):
        counter.sandbox.step()
        rounds.append(await counter.bridge.run_once())
    assert (await phase(town, "p1"), await phase(town, "p2")) == ("ordered", "settled")
    assert not any(one.is_passing for round_ in rounds for one in round_.left)
    assert code in {one.code for one in rounds[-1].left}
    asked = len(ledger.told)
    await counter.bridge.run_once()
    assert len(ledger.told) == asked, "it rests"
    ledger.trouble = None
    for _ in range(3):
        clock.now_s += REST_S_MAX
        done = await counter.bridge.run_once()
    assert (done.left, counter.adapter.patience.troubles) == ((), ())
    assert (await phase(town, "p1"), await counter.adapter.pending()) == ("settled", [])
    if isinstance(trouble, LedgerError):
        assert ledger.told == sorted(ledger.told, key=ledger.told.index), "in their order"
        assert len(set(ledger.told[: asked + 1])) == 1, "the second waited for the first"


async def test_a_ledger_that_is_away_holds_up_all_and_nothing_rests(
    town: Commons, counter: Counter
) -> None:
    ledger = counter.bridge.ledger
    assert isinstance(ledger, Poisoned)
    await held(town, "p1", 100)
    await counter.bridge.run_once()
    counter.sandbox.step()
    ledger.trouble = LedgerError("away")
    failed = await counter.bridge.run_once()
    assert [one.is_passing for one in failed.left] == [True]
    assert counter.adapter.patience.troubles == ()
    ledger.trouble = None
    assert (await counter.bridge.run_once()).left == ()


# --- a desk ---


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bank's HTTP interface refuses p1; what it was sent of it."""
    send, seen = HttpTransport.send, []

    async def refusing(self: HttpTransport, name: str, data: bytes) -> None:
        if b">p1<" in data:
            seen.append(data)
            if not is_healed(seen):
                raise TransportError("the bank answered 422")
        await send(self, name, data)

    monkeypatch.setattr(HttpTransport, "send", refusing)
    return seen


HEALED = b"healed"


def is_healed(seen: list[bytes]) -> bool:
    return HEALED in seen


def figure(api: Api, name: str, **labels: str) -> float:
    return api.app[METRICS].registry.get_sample_value(name, labels) or 0.0


async def test_a_poisoned_message_among_healthy_ones(
    town: Commons, tmp_path: Path, poison: list[bytes]
) -> None:
    place = {"community": town.community}
    with running_sandbox(tmp_path / "bank") as sandbox:
        section = BankSection(
            **bank_settings(tmp_path / "gateway", town.community, sandbox=sandbox)
        )
        await held(town, "p1", 100)
        async with bank_gateway(town, ContractLedger(town=town, org=Org.BANK), section) as api:
            await until(lambda: figure(api, "gateway_bank_resting", **place) == 1)
            for payment_id in ("p2", "p3"):
                await held(town, payment_id, 100)

            async def settled(*payment_ids: str) -> bool:
                sandbox.step()
                return {await phase(town, one) for one in payment_ids} == {"settled"}

            await until(lambda: settled("p2", "p3"))
            done = {"outcome": "done", **place}
            await until(lambda: figure(api, "gateway_bank_rounds_total", **done) >= ROUNDS)
            assert len(poison) < ROUNDS / 2, "rounds go on, the message rests"
            assert figure(api, "gateway_bank_rounds_total", outcome="failed", **place) == 0
            with pytest.raises(PartlyReady, match=r"message-.* failed .* the bank answered 422"):
                await api.app[READINESS]["bank"]()
            poison.append(HEALED)
            await until(lambda: settled("p1"))
            await until(lambda: figure(api, "gateway_bank_resting", **place) == 0)
            await api.app[READINESS]["bank"]()
        assert len(set(poison)) == 2, "always the same bytes"
        paid = sandbox.admin("state")["payments"]
        assert sorted(one["payment_id"] for one in paid) == ["p1", "p2", "p3"]
