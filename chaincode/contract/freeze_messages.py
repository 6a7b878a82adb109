"""What freezes are asked and told, their answers, and their events."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Count, Id, Record
from chaincode.model.freeze import (
    Freeze,
    FreezeOrder,
    Freezer,
    FreezeRequest,
    FreezeTerms,
    Frozen,
    LiftOrder,
    Support,
)
from chaincode.rules import freeze as rule


class SetFreezeTerms(Request):
    """State the share of owners that may freeze, and how long a freeze may last."""

    terms: FreezeTerms

    def __post_init__(self) -> None:
        rule.require_terms(self.terms)


class AskFreeze(ActBody):
    """Call on the owners to freeze; the caller supports it."""

    freeze_id: Id
    order: FreezeOrder


class SupportFreeze(ActBody):
    """Support a call to freeze, or take the support back."""

    freeze_id: Id
    supports: bool


class SetFreeze(Request):
    """Freeze as an organisation; `decision_id` is the committee's decision for its own."""

    freeze_id: Id
    order: FreezeOrder
    decision_id: Id | None = None


class LiftFreeze(Request):
    """Lift a freeze as an organisation; `decision_id` as in `SetFreeze`."""

    freeze_id: Id
    lift: LiftOrder
    decision_id: Id | None = None


class FreezeIdRequest(Request):
    """Name one freeze."""

    freeze_id: Id


class ListFreezes(Request):
    """Ask for freezes after an id, at most `limit`; those in force only, if `in_force` says so."""

    in_force: bool = False
    after: str = ""
    limit: Count = 100


class FreezeView(Record):
    """A freeze and whether it holds money still now."""

    freeze: Freeze
    is_in_force: bool


class FreezeList(Record):
    """Freezes by id."""

    freezes: tuple[FreezeView, ...]


class FreezeRequestView(Record):
    """A call to freeze and how far it is on the register as it stands now."""

    request: FreezeRequest
    support: Support
    terms: FreezeTerms
    is_supported: bool


class FreezeTermsSet(Record):
    """Event: the regulator stated who may freeze with what share."""

    community: str
    event: str = "FreezeTermsSet"


class FreezeAsked(Record):
    """Event: an owner calls on the others to freeze."""

    community: str
    freeze_id: str
    frozen: Frozen
    subject_id: str
    event: str = "FreezeAsked"


class FreezeSupported(Record):
    """Event: an owner supports a call to freeze, or took that back."""

    community: str
    freeze_id: str
    supports: bool
    event: str = "FreezeSupported"


class MoneyFrozen(Record):
    """Event: no new hold and no order of this money until the end, or until it is lifted."""

    community: str
    freeze_id: str
    by: Freezer
    frozen: Frozen
    subject_id: str
    until_at: int
    event: str = "MoneyFrozen"


class FreezeLifted(Record):
    """Event: a freeze was lifted before it ran out."""

    community: str
    freeze_id: str
    by: Freezer
    event: str = "FreezeLifted"
