"""Bulletins (公告): policies and regulations that the regulator brings to owners.

The text is kept off the ledger; its hash shows that nobody changed it. Imported by the rules, the
contract and the gateway.
"""

from enum import StrEnum

from chaincode.model.base import Id, Record, ShortText, TimeMs
from chaincode.model.motion import Document


class BulletinKind(StrEnum):
    """What a bulletin is."""

    LAW = "law"
    REGULATION = "regulation"
    POLICY = "policy"
    GUIDE = "guide"
    NOTICE = "notice"
    WARNING = "warning"


class Audience(StrEnum):
    """Whom a bulletin is for; everybody may read it."""

    EVERYBODY = "everybody"
    OWNERS = "owners"
    COMMITTEE = "committee"
    COMPANY = "company"


class WithdrawalReason(StrEnum):
    """Why a bulletin was withdrawn."""

    ERROR = "error"
    REPEALED = "repealed"
    NOT_NEEDED = "no-longer-needed"


class BulletinContent(Record):
    """What is published. It never changes: another text is another bulletin.

    `valid_until_at` None is until it is withdrawn or superseded; `supersedes` is the bulletin
    that this one takes the place of.
    """

    title: ShortText
    text: Document
    kind: BulletinKind
    audience: Audience
    valid_until_at: TimeMs | None = None
    supersedes: Id | None = None


class Bulletin(Record):
    """One bulletin and the facts of its way; it is never deleted."""

    bulletin_id: Id
    content: BulletinContent
    published_at: TimeMs
    published_tx: str
    superseded_by: Id | None = None
    withdrawn_at: TimeMs | None = None
    withdrawn_tx: str | None = None
    withdrawn_reason: WithdrawalReason | None = None


class BulletinPhase(StrEnum):
    """Where a bulletin stands; derived, never stored."""

    IN_FORCE = "in-force"
    OVER = "over"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
