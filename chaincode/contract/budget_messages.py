"""What budgets are asked and told, what they answer, and the events they announce."""

from chaincode.contract.handlers import Request
from chaincode.errors import BadInput
from chaincode.model.base import Fen, Id, Record, Sha256
from chaincode.model.budget import (
    Budget,
    BudgetSource,
    DelegatedBudget,
    Delegation,
    DelegationUse,
    Elected,
    EmergencyBudget,
    Hold,
)
from chaincode.model.effect import Effect, SeatCommittee, UseFund
from chaincode.model.fund import SignedFen
from chaincode.rules import budget as rule


class OpenDelegatedBudget(Request):
    """Open what the committee decided under a delegation."""

    budget: DelegatedBudget
    decision_id: Id

    def __post_init__(self) -> None:
        rule.require_use_form(self.budget.use)


class OpenEmergencyBudget(Request):
    """Open what the committee decided in an emergency."""

    budget: EmergencyBudget
    decision_id: Id

    def __post_init__(self) -> None:
        rule.require_use_form(self.budget.use)


class RecordResolution(Request):
    """Record a signed resolution made elsewhere, and bring it about.

    `elected` names the committee that is to be seated, and nothing else has it.
    """

    resolution_id: Id
    resolution_sha256: Sha256
    effect: Effect
    elected: Elected | None = None

    def __post_init__(self) -> None:
        if (self.elected is None) == isinstance(self.effect, SeatCommittee):
            raise BadInput("resolution/elected-contradicts")
        if isinstance(self.effect, UseFund):
            rule.require_use_form(self.effect)


class CloseBudget(Request):
    """Close a budget that is over, or one that the committee decided to close."""

    budget_id: Id
    decision_id: Id | None = None


class BudgetRequest(Request):
    """Name a budget."""

    budget_id: Id


class DelegationRequest(Request):
    """Name a delegation of a fund."""

    fund_id: Id
    delegation_id: Id


class FundBudgetsRequest(Request):
    """Name a fund for its budgets."""

    fund_id: Id


class BudgetView(Record):
    """A budget with what its payments hold and used; `may_hold` says whether it may be spent."""

    budget: Budget
    holds: tuple[Hold, ...]
    held_fen: Fen
    settled_fen: Fen
    remaining_fen: SignedFen
    is_unratified: bool
    may_hold: bool


class BudgetList(Record):
    """Budgets of a fund."""

    budgets: tuple[Budget, ...]


class DelegationView(Record):
    """A delegation and what the committee used of it."""

    delegation: Delegation
    uses: tuple[DelegationUse, ...]
    left_fen: Fen
    is_running: bool


class BudgetOpened(Record):
    """Event: money may be spent for a purpose."""

    community: str
    budget_id: str
    fund_id: str
    source: BudgetSource
    amount_fen: int
    event: str = "BudgetOpened"


class BudgetRatified(Record):
    """Event: owners agreed to an emergency budget."""

    community: str
    budget_id: str
    decided_by: str
    event: str = "BudgetRatified"


class BudgetClosed(Record):
    """Event: a budget is closed; `closed_fen` went back to the fund."""

    community: str
    budget_id: str
    closed_fen: int
    event: str = "BudgetClosed"


class LimitDelegated(Record):
    """Event: owners let the committee decide within a limit."""

    community: str
    fund_id: str
    delegation_id: str
    event: str = "LimitDelegated"


class ResolutionRecorded(Record):
    """Event: the regulator recorded a resolution made elsewhere."""

    community: str
    resolution_id: str
    resolution_sha256: str
    kind: str
    event: str = "ResolutionRecorded"
