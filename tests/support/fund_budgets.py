"""What owners and committee decide on budgets, as requests."""

from typing import Any

from chaincode.model.budget import EmergencyBudget, EmergencyCause
from tests.support.funds import Treasury, sha


def resolution(effect: Any, resolution_id: str = "resolution") -> dict[str, Any]:
    return {
        "resolution_id": resolution_id,
        "resolution_sha256": sha(resolution_id),
        "effect": effect,
    }


def asked(town: Treasury, content: Any, subject: str, *, carried: bool = True) -> dict[str, Any]:
    decision_id = town.decide(subject, content.budget_id, content, carried)
    return {"budget": content, "decision_id": decision_id}


def emergency_of(use: Any, budget_id: str = "emergency") -> EmergencyBudget:
    return EmergencyBudget(
        budget_id=budget_id, use=use, cause=EmergencyCause.LIFT, proof_sha256=sha("photo")
    )
