"""What disputes are asked and told, their answers, and their events."""

from typing import Annotated

import msgspec

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Count, Id, Org, Record, Sha256
from chaincode.model.dispute import (
    ORDERS_MAX,
    AwardOrder,
    Claim,
    Dispute,
    DisputePhase,
    Evidence,
    EvidenceKind,
    Matter,
)
from chaincode.rules import budget as budget_rule
from chaincode.rules import dispute as rule


class OpenDispute(ActBody):
    """Bring a dispute as a person."""

    dispute_id: Id
    claim: Claim

    def __post_init__(self) -> None:
        rule.require_parties(self.claim)


class OpenOfficialDispute(Request):
    """Bring a dispute as an organisation."""

    dispute_id: Id
    claim: Claim

    def __post_init__(self) -> None:
        rule.require_parties(self.claim)


class AddEvidence(ActBody):
    """Give evidence as a person; the hash is salted, so that nobody can guess its text."""

    dispute_id: Id
    sha256: Sha256
    kind: EvidenceKind


class AddOfficialEvidence(Request):
    """Give evidence as an organisation; the hash is salted."""

    dispute_id: Id
    sha256: Sha256
    kind: EvidenceKind


class WithdrawDispute(ActBody):
    """Take one's own dispute back."""

    dispute_id: Id


class DisputeRequest(Request):
    """Name one dispute."""

    dispute_id: Id


class RecordAward(Request):
    """Record an award; the ledger does what it orders at once, in this order."""

    dispute_id: Id
    award_sha256: Sha256
    orders: Annotated[tuple[AwardOrder, ...], msgspec.Meta(max_length=ORDERS_MAX)]

    def __post_init__(self) -> None:
        for use in (getattr(order, "use", None) for order in self.orders):
            if use is not None:
                budget_rule.require_use_form(use)


class ListDisputes(Request):
    """Ask for disputes after an id, at most `limit`; open ones only, or all."""

    is_open: bool = True
    after: str = ""
    limit: Count = 100


class DisputeView(Record):
    """A dispute, where it stands, and its evidence in the order in which it was given."""

    dispute: Dispute
    phase: DisputePhase
    timeline: tuple[Evidence, ...]


class DisputeList(Record):
    """Disputes by id."""

    disputes: tuple[Dispute, ...]


class DisputeOpened(Record):
    """Event: somebody brought a dispute."""

    community: str
    dispute_id: str
    matter: Matter
    subject_id: str
    event: str = "DisputeOpened"


class EvidenceAdded(Record):
    """Event: a party gave evidence."""

    community: str
    dispute_id: str
    sha256: str
    kind: EvidenceKind
    event: str = "EvidenceAdded"


class DisputeWithdrawn(Record):
    """Event: a claimant took a dispute back."""

    community: str
    dispute_id: str
    event: str = "DisputeWithdrawn"


class AwardRecorded(Record):
    """Event: a dispute was decided, and what the award orders is done."""

    community: str
    dispute_id: str
    org: Org
    orders_count: Count
    event: str = "AwardRecorded"


class ArbitrationJoined(Record):
    """Event: an arbitration body is on the channel; from now on it decides disputes."""

    community: str
    event: str = "ArbitrationJoined"
