"""Scenarios on a real network: a community whose periods a real clock can wait for."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.scenarios.steps import Scenario
from tests.support.community import Commons
from tests.support.network import RunningNetwork
from tests.support.real_ledger import real_ledger

LEAD_MS = 1_000
"""From the notice to the opening: longer than it takes to make the transaction."""
NOT_DUE = frozenset({"expire_payment", "publish_report", "fund_report"})
"""Calls that are due after weeks at the earliest: peers bear no transaction of another time, so
here they are refused as too early, exactly as in memory."""
PERIODS = ("notice_ms", "candidate_notice_ms", "window_min_ms", "objection_ms")


@dataclass
class RealTown(Commons):
    """Needs a `RealLedger`. Rules keep everything but their shortest periods, which they lose
    unless the scenario itself set one of no more than the ledger's own period."""

    @property
    def notice_ms(self) -> int:
        return LEAD_MS

    def timed(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        times = dict(rule.get("times", {}))
        longest_ms = self.ledger.period_ms
        asked = {name: times.get(name, 0) for name in PERIODS}
        kept = {name: ms for name, ms in asked.items() if ms <= longest_ms}
        return {**rule, "times": {**times, **dict.fromkeys(PERIODS, 0), **kept}}


async def play_together(
    network: RunningNetwork, scenarios: Iterable[Scenario[Commons]], channel: str = "town"
) -> None:
    """Every scenario at once, each in a community of its own; each must make its calls."""
    async with asyncio.TaskGroup() as playing:
        for scenario in scenarios:
            playing.create_task(_play(network, scenario, channel), name=scenario.name)


async def _play(network: RunningNetwork, scenario: Scenario[Commons], channel: str) -> None:
    async with real_ledger(network, channel) as ledger:
        town = RealTown(ledger=ledger, community=scenario.name.replace("_", "-"))
        try:
            await scenario.play(town)
            assert scenario.calls - NOT_DUE <= ledger.called
            assert scenario.calls & NOT_DUE <= ledger.refused
        except Exception as error:
            error.add_note(f"in the scenario {scenario.name}")
            raise
