"""Random histories with a hostile bank, step by step against a naive oracle.

After each step: the book balances to the fen and is the sum of its entries; bank = last closing +
unbooked; held + settled <= budget; unit accounts sum to the owners' money; each line is matched or
listed; no payment settles twice; and every figure is the oracle's.
"""

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from chaincode.model.statement import LineFate
from tests.support.hostile_bank import ACTIONS, Game, fates, play

NUMBER = st.integers(0, 2**20)
HISTORIES = 100_000
STEPS = 20


class FundMachine(RuleBasedStateMachine):
    """Hypothesis chooses what happens, and shrinks what goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.game = Game()

    @rule(a=NUMBER, b=NUMBER)
    def budget(self, a: int, b: int) -> None:
        self.game.step("budget", a, b)

    @precondition(lambda self: self.game.budgets)
    @rule(action=st.sampled_from(ACTIONS), a=NUMBER, b=NUMBER)
    def anything(self, action: str, a: int, b: int) -> None:
        self.game.step(action, a, b)


TestFundMachine = pytest.mark.timeout(1_200)(FundMachine.TestCase)
TestFundMachine.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, print_blob=True
)


def test_the_histories_reach_every_corner() -> None:
    games = [play(seed, 60) for seed in range(60)]
    reached = {fate for game in games for fate in fates(game)}
    assert reached >= set(LineFate) - {LineFate.INCOME, LineFate.OFFSET}
    assert any(known.returned for game in games for known in game.payments.values())
    assert any(game.raised for game in games)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_a_hundred_thousand_histories() -> None:
    first = int(os.environ.get("FUND_HISTORIES_FROM", "0"))
    for seed in range(first, first + HISTORIES):
        try:
            play(seed, STEPS)
        except BaseException as error:
            error.add_note(f"play(seed={seed}, steps={STEPS})")
            raise
