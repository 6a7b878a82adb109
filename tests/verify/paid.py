"""Owners carry a budget, the company is paid out of it, and the bank's statement shows it."""

from chaincode.model.base import Org
from tests.scenarios.funds import ordered, reported, stated
from tests.scenarios.money import BUDGET_FEN, budgeted, funded, phase
from tests.support.community import Commons


async def gate_paid(town: Commons) -> None:
    """Voted, held, ordered, settled, booked; then a part comes back."""
    await funded(town)
    await budgeted(town)
    await ordered(town, "p1", BUDGET_FEN)
    await reported(town, "p1", "settled", amount_fen=BUDGET_FEN, entry_ref="e1")
    await stated(town, 1, {"line_id": "e1", "fen": -BUDGET_FEN, "payment_id": "p1"})
    assert await phase(town) == "settled"
    await reported(town, "p1", "returned", amount_fen=1_000, entry_ref="e2")
    back = {"line_id": "e2", "fen": 1_000, "payment_id": "p1", "is_return": True}
    await stated(town, 2, back)
    await town.done(Org.REGULATOR, "sync_unit_accounts", fund_id="repair")
