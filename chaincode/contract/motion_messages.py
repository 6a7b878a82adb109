"""What motions are asked and told, what they answer, and the events they announce."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.errors import BadInput
from chaincode.model.base import Count, Id, Record, Sha256, ShortText, TimeMs
from chaincode.model.motion import Content, Document, Motion, Opinion, Phase, PublicKey
from chaincode.model.procedure import Initiator
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import Weights
from chaincode.rules import motion_draft

# --- Requests ---


class MotionRequest(Request):
    """Name a motion."""

    motion_id: Id


class DraftMotion(ActBody):
    """Draft a motion for the committee, for a petition or for the property company."""

    motion_id: Id
    content: Content
    initiator: Initiator

    def __post_init__(self) -> None:
        if self.initiator is Initiator.REGULATOR:
            raise BadInput("motion/initiator-not-by-act")
        motion_draft.require_form(self.content)


class DraftOfficialMotion(Request):
    """Draft a motion as the regulator."""

    motion_id: Id
    content: Content

    def __post_init__(self) -> None:
        motion_draft.require_form(self.content)


class CallAgain(Request):
    """Put the inquorate motion `repeats` again as `motion_id`."""

    motion_id: Id
    repeats: Id


class SignPetition(ActBody):
    """Sign the petition for a motion."""

    motion_id: Id


class ReviewMotion(Request):
    """Do one review step; `decision_id` is the committee's decision for its own step."""

    motion_id: Id
    step: ShortText
    opinion: Opinion
    evidence_sha256: Sha256
    decision_id: Id | None = None


class PublishMotion(Request):
    """Give notice; `roll_id` names the roll of an event where the rule asks for one."""

    motion_id: Id
    notice: Document
    opens_at: TimeMs
    closes_at: TimeMs
    roll_id: Sha256 | None = None

    def __post_init__(self) -> None:
        if self.opens_at >= self.closes_at:
            raise BadInput("motion/window-contradicts")


class VoidMotion(Request):
    """Order that a motion has no result."""

    motion_id: Id
    reason: ShortText
    evidence_sha256: Sha256


class RegisterTrusteeKey(Request):
    """Give the organisation's public key for the sealed ballots of a motion."""

    motion_id: Id
    public_key: PublicKey


class ListMotions(Request):
    """Ask for motions after an id, at most `limit`."""

    after: str = ""
    limit: Count = 100


class SetMatterRule(Request):
    """State the starting rule of a matter class: one that ships, or one written out."""

    template_id: Id | None = None
    rule: DecisionRule | None = None

    def __post_init__(self) -> None:
        if (self.template_id is None) == (self.rule is None):
            raise BadInput("rule/template-or-rule")


class MatterRequest(Request):
    """Name a matter class."""

    matter_class: Id


class SetWords(Request):
    """State the words that texts may not hold, in place of those before."""

    words: tuple[ShortText, ...]


# --- Answers ---


class MotionView(Record):
    """A motion and where it stands now; `is_carried` says that it is final and carried."""

    motion: Motion
    phase: Phase
    is_carried: bool
    closes_at: TimeMs | None
    content_sha256: Sha256
    """What a committee decision on the motion must name."""


class MotionList(Record):
    """Motions by id."""

    motions: tuple[MotionView, ...]


class PetitionView(Record):
    """How far a petition is."""

    motion_id: Id
    signatures_count: Count
    supporting: Weights
    totals: Weights
    num: Count
    den: Count
    by_area: bool
    is_supported: bool


class RuleList(Record):
    """Decision rules by id."""

    rules: tuple[DecisionRule, ...]


# --- Events ---


class MotionDrafted(Record):
    """Event: somebody drafted a motion."""

    community: str
    motion_id: str
    initiator: Initiator
    event: str = "MotionDrafted"


class PetitionSigned(Record):
    """Event: an owner signed a petition."""

    community: str
    motion_id: str
    event: str = "PetitionSigned"


class MotionReviewed(Record):
    """Event: a review step was done."""

    community: str
    motion_id: str
    step: str
    opinion: Opinion
    event: str = "MotionReviewed"


class MotionPublished(Record):
    """Event: notice of a motion was given; it pins the rule."""

    community: str
    motion_id: str
    opens_at: int
    closes_at: int
    event: str = "MotionPublished"


class RollPinned(Record):
    """Event: a motion's roll and its totals are fixed."""

    community: str
    motion_id: str
    roll_id: str
    event: str = "RollPinned"


class MotionExtended(Record):
    """Event: a motion's window has another end."""

    community: str
    motion_id: str
    closes_at: int
    event: str = "MotionExtended"


class MotionClosed(Record):
    """Event: no ballot is accepted any more."""

    community: str
    motion_id: str
    event: str = "MotionClosed"


class MotionVoided(Record):
    """Event: a motion was declared to have no result."""

    community: str
    motion_id: str
    event: str = "MotionVoided"


class TrusteeKeyRegistered(Record):
    """Event: an organisation gave its public key for sealed ballots."""

    community: str
    motion_id: str
    org: str
    event: str = "TrusteeKeyRegistered"


class RuleAdopted(Record):
    """Event: a matter class has another decision rule."""

    community: str
    matter_class: str
    rule_id: str
    version: int
    event: str = "RuleAdopted"


class WordsSet(Record):
    """Event: the words that texts may not hold were stated anew."""

    community: str
    words_count: int
    event: str = "WordsSet"
