"""What the committee decided, by the hash of exactly what its members agreed to."""

import hashlib

from chaincode import codec
from chaincode.contract.committees import committee_now, require_committee_decision
from chaincode.errors import Conflict
from chaincode.model.base import Record
from chaincode.model.committee import CommitteeDecision
from chaincode.world import World


def content_sha256(content: Record) -> str:
    """The hash of a record's canonical bytes: what members sign."""
    return hashlib.sha256(codec.encode(content)).hexdigest()


async def require_decided(
    world: World, decision_id: str, *, subject: str, subject_id: str, content: Record
) -> CommitteeDecision:
    """The carried decision on exactly this content, of the committee that is seated now.

    Raises NotFound ``committee-decision/unknown``, Conflict ``committee-decision/other-content``,
    ``committee-decision/other-term``, or RuleForbids ``committee-decision/not-carried``.
    """
    decision = await require_committee_decision(
        world,
        decision_id,
        subject=subject,
        subject_id=subject_id,
        content_sha256=content_sha256(content),
    )
    committee = await committee_now(world)
    if committee is None or committee.term != decision.term:
        raise Conflict("committee-decision/other-term", term=decision.term)
    return decision
