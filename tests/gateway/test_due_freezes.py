"""Owners freeze money: the clock sets what enough of them called for, and lifts it again."""

from pathlib import Path
from typing import Any

from chaincode.model.base import Org
from chaincode.model.freeze import Freezer
from gateway.appkeys import LEDGER
from gateway.clock import Clock
from gateway.metrics import Metrics
from tests.scenarios.money import FUND, budgeted, funded
from tests.support.chain import recorded_town
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.readmodel import Desk, desk
from tests.support.town import DAY_MS, sha


async def asked(town: Commons, freeze_id: str = "f1", **order: Any) -> None:
    """One of six owners calls for a freeze of the fund; that is less than a fifth of the area."""
    wanted = {
        "frozen": "fund",
        "subject_id": FUND,
        "reason": "documents-doubted",
        "evidence_sha256": sha(40),
        "until_at": town.ledger.now_ms + 30 * DAY_MS,
        **order,
    }
    outcome = await town.acted("o1", "ask_freeze", freeze_id=freeze_id, order=wanted)
    assert outcome.status == 200, outcome


async def supports(town: Commons, owner: str, says: bool, freeze_id: str = "f1") -> None:
    outcome = await town.acted(owner, "support_freeze", freeze_id=freeze_id, supports=says)
    assert outcome.status == 200, outcome


async def round_of(at: Desk) -> list[str]:
    """What a round of the clock stated of freezes."""
    ledger = at.app[LEDGER]
    assert isinstance(ledger, ContractLedger)
    await at.catch_up()
    ledger.calls.clear()
    await Clock(ledger, Metrics(), lambda: at.town.ledger.now_ms, read_model=at.model).round()
    return [name for name, _ in ledger.calls if name.endswith("_owners_freeze")]


async def test_what_enough_owners_called_for_is_frozen_and_thawed(tmp_path: Path) -> None:
    town = await funded(recorded_town())
    async with desk(tmp_path, town=town) as at:
        await asked(town)
        assert await round_of(at) == [], "a sixth is no fifth"
        await supports(town, "o2", says=True)
        assert await round_of(at) == ["set_owners_freeze"]
        view = await town.ask("freeze", freeze_id="f1")
        assert (view["freeze"]["by"], view["is_in_force"]) == (Freezer.OWNERS, True)
        assert await round_of(at) == [], "what is done is left alone"
        await supports(town, "o2", says=False)
        assert await round_of(at) == ["lift_owners_freeze"]
        assert (await town.ask("freeze", freeze_id="f1"))["is_in_force"] is False
        await supports(town, "o2", says=True)
        assert await round_of(at) == [], "a lifted freeze is not set again by the same call"


async def test_a_call_whose_time_is_over_is_left_alone(tmp_path: Path) -> None:
    town = await funded(recorded_town())
    async with desk(tmp_path, town=town) as at:
        await asked(town, until_at=town.ledger.now_ms + 2 * DAY_MS)
        await supports(town, "o2", says=True)
        town.ledger.now_ms += 2 * DAY_MS
        assert await round_of(at) == []


async def test_a_freeze_of_the_committee_is_not_the_owners_to_thaw(tmp_path: Path) -> None:
    town = await funded(recorded_town())
    await budgeted(town)
    async with desk(tmp_path, town=town) as at:
        order = {
            "frozen": "fund",
            "subject_id": FUND,
            "reason": "audit",
            "evidence_sha256": sha(40),
            "until_at": town.ledger.now_ms + 30 * DAY_MS,
        }
        await town.done(Org.REGULATOR, "set_freeze", freeze_id="f9", order=order)
        assert await round_of(at) == []
        assert (await town.ask("freeze", freeze_id="f9"))["is_in_force"] is True
