"""What casting is asked and told, what it answers, and the events it announces."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.contract.opening import require_seals
from chaincode.errors import BadInput
from chaincode.model.ballot import (
    Choices,
    OptionCount,
    PaperContent,
    PrivateKey,
    Salt,
    SealedChoice,
    ServiceKind,
    UnitIds,
)
from chaincode.model.base import AreaDm2, Count, Id, Record, Sha256, TimeMs
from chaincode.model.tally import Weights
from chaincode.rules import ballot, paper, proxy

# --- Requests ---


class CastBallot(ActBody):
    """Cast the same choices for each unit, or one sealed choice for each in their order."""

    motion_id: Id
    unit_ids: UnitIds
    choices: Choices = ()
    sealed: tuple[SealedChoice, ...] = ()
    grant_id: Id | None = None

    def __post_init__(self) -> None:
        ballot.require_form(self.unit_ids, self.choices, self.sealed)
        require_seals(self.sealed)


class OpenBallot(ActBody):
    """Open one's own sealed ballot after the close."""

    motion_id: Id
    unit_id: Id
    salt: Salt
    choices: Choices


class GrantProxy(ActBody):
    """Let another person vote for units; `evidence_sha256` is the hash of the written grant."""

    grant_id: Id
    proxy_id: Id
    unit_ids: UnitIds
    evidence_sha256: Sha256
    from_at: TimeMs
    until_at: TimeMs
    motion_id: Id | None = None

    def __post_init__(self) -> None:
        proxy.require_form(self.unit_ids, self.from_at, self.until_at)


class RevokeProxy(ActBody):
    """Take a grant back."""

    grant_id: Id


class EnterPaper(ActBody):
    """Enter what a paper ballot says, as one of two clerks."""

    motion_id: Id
    unit_id: Id
    content: PaperContent

    def __post_init__(self) -> None:
        paper.require_content(self.content)


class RecordHandCount(ActBody):
    """State the paper ballots as counted by hand; options without a sheet may be left out."""

    motion_id: Id
    sheets_count: Count
    spoiled_count: Count
    options: tuple[OptionCount, ...]
    evidence_sha256: Sha256

    def __post_init__(self) -> None:
        names = [item.option for item in self.options]
        if len(set(names)) != len(names):
            raise BadInput("paper/option-repeated")


class RecordService(ActBody):
    """State that the notice reached the owners of units."""

    motion_id: Id
    unit_ids: UnitIds
    kind: ServiceKind
    evidence_sha256: Sha256


class AcknowledgeNotice(ActBody):
    """Say that one has seen the notice, on one's own device."""

    motion_id: Id
    unit_ids: UnitIds
    evidence_sha256: Sha256


class ReleaseTrusteeKey(Request):
    """Give the organisation's private key for the sealed ballots of a motion."""

    motion_id: Id
    private_key: PrivateKey


class BallotRequest(Request):
    """Name the ballot of one unit."""

    motion_id: Id
    unit_id: Id


class GrantRequest(Request):
    """Name a proxy grant."""

    grant_id: Id


class PageRequest(Request):
    """Ask for a page of a motion's units after a unit id, at most `limit` (1,000)."""

    motion_id: Id
    after: str = ""
    limit: Count = 1_000


# --- Answers ---


class BuildingTurnout(Record):
    """How many of one building took part so far."""

    building: Id
    returned: Weights
    totals: Weights


class Turnout(Record):
    """Who took part so far, never what they chose; `totals` are the pinned denominators."""

    motion_id: Id
    returned: Weights
    totals: Weights
    buildings: tuple[BuildingTurnout, ...]


class VoteWeight(Record):
    """What a unit counts for in a motion; its head may be shared with other units."""

    motion_id: Id
    unit_id: Id
    area_dm2: AreaDm2
    head_id: Id
    counts: bool
    may_vote: bool


# --- Events ---


class BallotsCast(Record):
    """Event: one act cast for these units; of co-owners perhaps only a part so far."""

    community: str
    motion_id: str
    unit_ids: tuple[str, ...]
    event: str = "BallotsCast"


class BallotOpened(Record):
    """Event: an owner's device opened a sealed ballot."""

    community: str
    motion_id: str
    unit_id: str
    event: str = "BallotOpened"


class KeyReleased(Record):
    """Event: a trustee gave its private key."""

    community: str
    motion_id: str
    org: str
    event: str = "KeyReleased"


class ProxyGranted(Record):
    """Event: an owner let another person vote for units."""

    community: str
    grant_id: str
    event: str = "ProxyGranted"


class ProxyRevoked(Record):
    """Event: an owner took a proxy back."""

    community: str
    grant_id: str
    event: str = "ProxyRevoked"


class PaperEntered(Record):
    """Event: a clerk entered a paper ballot; `agreed` says that it stands as entered."""

    community: str
    motion_id: str
    unit_id: str
    agreed: bool
    event: str = "PaperEntered"


class HandCounted(Record):
    """Event: the paper ballots were counted by hand."""

    community: str
    motion_id: str
    event: str = "HandCounted"


class NoticeServed(Record):
    """Event: the notice of a motion reached the owners of units."""

    community: str
    motion_id: str
    unit_ids: tuple[str, ...]
    event: str = "NoticeServed"
