"""Bulletins: published once, superseded by another or withdrawn with a reason."""

from collections.abc import Sequence

from chaincode.errors import Conflict, RuleForbids
from chaincode.model.base import changed
from chaincode.model.bulletin import Bulletin, BulletinContent, BulletinPhase, WithdrawalReason
from chaincode.rules.wordfilter import find_word


def publish(
    bulletin_id: str, content: BulletinContent, words: Sequence[str], *, now_ms: int, tx_id: str
) -> Bulletin:
    """The bulletin as published.

    Refused: RuleForbids ``bulletin/over``, ``bulletin/forbidden-word``.
    """
    if content.valid_until_at is not None and content.valid_until_at <= now_ms:
        raise RuleForbids("bulletin/over", until_at=content.valid_until_at)
    if find_word(words, content.title) is not None:
        raise RuleForbids("bulletin/forbidden-word")
    return Bulletin(
        bulletin_id=bulletin_id, content=content, published_at=now_ms, published_tx=tx_id
    )


def supersede(bulletin: Bulletin, successor_id: str, now_ms: int) -> Bulletin:
    """The bulletin whose place another takes; refused: Conflict ``bulletin/not-in-force``."""
    _require_in_force(bulletin, now_ms)
    return changed(bulletin, superseded_by=successor_id)


def withdraw(bulletin: Bulletin, reason: WithdrawalReason, *, now_ms: int, tx_id: str) -> Bulletin:
    """The bulletin withdrawn; refused: Conflict ``bulletin/not-in-force``."""
    _require_in_force(bulletin, now_ms)
    return changed(bulletin, withdrawn_at=now_ms, withdrawn_tx=tx_id, withdrawn_reason=reason)


def phase(bulletin: Bulletin, now_ms: int) -> BulletinPhase:
    """Where the bulletin stands; what was done to it comes before what time did."""
    until_at = bulletin.content.valid_until_at
    if bulletin.withdrawn_at is not None:
        return BulletinPhase.WITHDRAWN
    if bulletin.superseded_by is not None:
        return BulletinPhase.SUPERSEDED
    over = until_at is not None and until_at <= now_ms
    return BulletinPhase.OVER if over else BulletinPhase.IN_FORCE


def _require_in_force(bulletin: Bulletin, now_ms: int) -> None:
    stands = phase(bulletin, now_ms)
    if stands is not BulletinPhase.IN_FORCE:
        raise Conflict("bulletin/not-in-force", phase=stands)
