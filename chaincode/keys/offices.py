"""Keys of freezes, disputes, bulletins, publication and succession."""

from chaincode.keys.build import key as _key

# --- Freezes and disputes ---


def freeze_terms(community_id: str) -> str:
    """The share of owners that may freeze, and the longest freeze."""
    return _key(community_id, "freeze-terms")


def freezes(community_id: str) -> str:
    """Below it: every freeze of the community."""
    return _key(community_id, "freeze")


def freeze(community_id: str, freeze_id: str) -> str:
    """One freeze."""
    return _key(community_id, "freeze", freeze_id)


def freeze_request(community_id: str, freeze_id: str) -> str:
    """One owner's call to freeze."""
    return _key(community_id, "freeze-request", freeze_id)


def freeze_supports(community_id: str, freeze_id: str) -> str:
    """Below it: who supports a call to freeze."""
    return _key(community_id, "freeze-support", freeze_id)


def freeze_support(community_id: str, freeze_id: str, holder_id: str) -> str:
    """One owner's last word on a call to freeze."""
    return _key(community_id, "freeze-support", freeze_id, holder_id)


def disputes(community_id: str) -> str:
    """Below it: the disputes of the community."""
    return _key(community_id, "dispute")


def dispute(community_id: str, dispute_id: str) -> str:
    """One dispute with its award."""
    return _key(community_id, "dispute", dispute_id)


def evidences(community_id: str, dispute_id: str) -> str:
    """Below it: the evidence of a dispute."""
    return _key(community_id, "evidence", dispute_id)


def evidence(community_id: str, dispute_id: str, sha256: str) -> str:
    """One piece of evidence, by its salted hash."""
    return _key(community_id, "evidence", dispute_id, sha256)


def arbitration(community_id: str) -> str:
    """Since when an arbitration body is on the channel."""
    return _key(community_id, "arbitration")


# --- Bulletins and publication ---


def bulletins(community_id: str) -> str:
    """Below it: the regulator's bulletins."""
    return _key(community_id, "bulletin")


def bulletin(community_id: str, bulletin_id: str) -> str:
    """One bulletin."""
    return _key(community_id, "bulletin", bulletin_id)


# --- Succession ---


def company(community_id: str) -> str:
    """The property company in office; those before in its history."""
    return _key(community_id, "company")


def dismissal_notices(community_id: str, company_id: str) -> str:
    """Below it: the notices of dismissal to a company."""
    return _key(community_id, "dismissal-notice", company_id)


def dismissal_notice(community_id: str, company_id: str, notice_sha256: str) -> str:
    """One notice of dismissal."""
    return _key(community_id, "dismissal-notice", company_id, notice_sha256)


def handovers(community_id: str) -> str:
    """Below it: the hand-overs of the community's offices."""
    return _key(community_id, "handover")


def handover(community_id: str, handover_id: str) -> str:
    """One hand-over, by the decision that replaced the office."""
    return _key(community_id, "handover", handover_id)


def handover_signatures(community_id: str, handover_id: str) -> str:
    """Below it: who signed a hand-over statement."""
    return _key(community_id, "handover-signature", handover_id)


def handover_signature(community_id: str, handover_id: str, side: str) -> str:
    """One side's signature under a hand-over statement."""
    return _key(community_id, "handover-signature", handover_id, side)
