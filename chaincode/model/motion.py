"""A motion (议题): what the owners decide, and the facts of its way to a final result.

No phase is stored: `chaincode.rules.motion.phase` derives it from these facts and the time.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import Count, Id, Org, Record, Sha256, ShortText, TimeMs
from chaincode.model.effect import Effect
from chaincode.model.procedure import Initiator, Scope
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import Outcome, Weights

ATTACHMENTS_MAX = 50
OPTIONS_MAX = 100
SCOPE_IDS_MAX = 2_000
REVIEW_STEPS_MAX = 20

MediaType = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]+/[a-z0-9.+-]{1,100}\Z")]
PublicKey = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{87}\Z")]
"""An uncompressed P-256 point, base64url without padding."""


class Phase(StrEnum):
    """Where a motion stands; derived from its facts and the time, never stored."""

    DRAFT = "draft"
    NOTICE = "notice"
    OPEN = "open"
    ENDED = "ended"
    CLOSED = "closed"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    VOID = "void"


class Document(Record):
    """A text or attachment; the bytes are kept off the ledger."""

    sha256: Sha256
    bytes_count: Count
    media_type: MediaType


class MotionScope(Record):
    """Which units a motion is put to; `ids` name buildings, entrances or units.

    An entrance is named `building-entrance`, as in the roll. `ids` is empty for COMMUNITY.
    """

    kind: Scope = Scope.COMMUNITY
    ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=SCOPE_IDS_MAX)] = ()


class MotionOption(Record):
    """An option of the motion's own. A candidate is an owner's random id, without a label."""

    option: Id
    label: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Content(Record):
    """What is put to the owners. It never changes: another text is another motion."""

    title: ShortText
    text: Document
    matter_class: Id
    scope: MotionScope = MotionScope()
    attachments: Annotated[tuple[Document, ...], msgspec.Meta(max_length=ATTACHMENTS_MAX)] = ()
    options: Annotated[tuple[MotionOption, ...], msgspec.Meta(max_length=OPTIONS_MAX)] = ()
    conflicted_unit_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=SCOPE_IDS_MAX)] = ()
    effect: Effect | None = None


class Drafted(Record):
    """Who drafted the motion and how; a person for all but the regulator's own."""

    initiator: Initiator
    at: TimeMs
    tx_id: str
    by: Id | None = None
    """The drafter's holder id."""
    act_sha256: Sha256 | None = None


class Opinion(StrEnum):
    """What a review says."""

    PASSED = "passed"
    REJECTED = "rejected"


class Review(Record):
    """One named step of the review before publication, done by one organisation.

    `decision_id` is the committee's carried decision where the step is the committee's own.
    """

    step: ShortText
    org: Org
    opinion: Opinion
    evidence_sha256: Sha256
    at: TimeMs
    tx_id: str
    decision_id: Id | None = None


class TrusteeKey(Record):
    """The key of one organisation without which no sealed ballot opens before the end."""

    org: Org
    public_key: PublicKey


class Publication(Record):
    """The notice (公告). It pins the whole rule; nothing that changes later reaches the motion."""

    rule: DecisionRule
    notice: Document
    opens_at: TimeMs
    closes_at: TimeMs
    """As announced; `Extension` moves the end."""
    at: TimeMs
    tx_id: str
    trustees: tuple[TrusteeKey, ...] = ()


class PinnedRoll(Record):
    """The frozen roll of the motion and what its electorate within the scope weighs."""

    roll_id: Sha256
    totals: Weights
    units_count: Count
    at: TimeMs
    tx_id: str


class ExtensionReason(StrEnum):
    """Why a window was extended: by decision, or because the turnout was reached late."""

    DECIDED = "decided"
    LATE_QUORUM = "late-quorum"


class Extension(Record):
    """The window was extended to another end."""

    reason: ExtensionReason
    closes_at: TimeMs
    at: TimeMs
    tx_id: str


class Closed(Record):
    """No ballot is accepted any more."""

    at: TimeMs
    tx_id: str


class Counted(Record):
    """The ballots are counted and the rule applied; the figures are in the `Result`."""

    outcome: Outcome
    objections_until_at: TimeMs
    at: TimeMs
    tx_id: str


class Finalised(Record):
    """The result stands; the figures are in the `Certificate`."""

    at: TimeMs
    tx_id: str


class Voided(Record):
    """The motion has no result (作废): why, and by whose order.

    `dispute_id` names the dispute whose award orders it.
    """

    org: Org
    reason: ShortText
    evidence_sha256: Sha256
    at: TimeMs
    tx_id: str
    dispute_id: Id | None = None


class Applied(Record):
    """The effect of the carried motion was brought about."""

    at: TimeMs
    tx_id: str


class Motion(Record):
    """One motion and the facts of its way; each fact is written once and never changes.

    `call` is 1, or 2 for the repeat of a vote that too few took part in; `repeats` is that vote.
    """

    motion_id: Id
    content: Content
    drafted: Drafted
    call: Count = 1
    repeats: Id | None = None
    repeated_by: Id | None = None
    reviews: tuple[Review, ...] = ()
    publication: Publication | None = None
    roll: PinnedRoll | None = None
    extensions: tuple[Extension, ...] = ()
    closed: Closed | None = None
    counted: Counted | None = None
    finalised: Finalised | None = None
    voided: Voided | None = None
    applied: Applied | None = None


class PetitionSignature(Record):
    """An owner asks for the motion (联名提议); one per owner and motion."""

    motion_id: Id
    holder_id: Id
    act_sha256: Sha256
    at: TimeMs
    tx_id: str


class WordList(Record):
    """The words that a community's texts may not hold, as the regulator set them.

    They are stored folded (`chaincode.rules.wordfilter.fold`).
    """

    words: tuple[ShortText, ...]
    at: TimeMs
    tx_id: str


class MatterRule(Record):
    """The rule in force for one matter class; earlier ones stay in the key's history.

    `motion_id` is the carried motion that adopted it, None while it is the regulator's starting
    rule.
    """

    rule: DecisionRule
    motion_id: Id | None
    at: TimeMs
    tx_id: str
