"""Keys of the community, its people, its roll and its committee."""

from chaincode.keys.build import key as _key

# --- Community and people ---


def community(community_id: str) -> str:
    """The community's own record."""
    return _key(community_id, "community")


def provider(community_id: str, provider_id: str) -> str:
    """One identity provider."""
    return _key(community_id, "provider", provider_id)


def credential(community_id: str, credential_id: str) -> str:
    """One credential."""
    return _key(community_id, "credential", credential_id)


def holder_credential(community_id: str, holder_id: str) -> str:
    """Which credential of a holder is the newest; so there is at most one active."""
    return _key(community_id, "holder", holder_id)


def act(community_id: str, credential_id: str, nonce: str) -> str:
    """One accepted act of a credential; a nonce counts once."""
    return _key(community_id, "act", credential_id, nonce)


def public_key(community_id: str, key_sha256: str) -> str:
    """Which credential a public key was used by; no key is used by two."""
    return _key(community_id, "public-key", key_sha256)


# --- Roll and committee ---


def units(community_id: str) -> str:
    """All units of the living register."""
    return _key(community_id, "unit")


def unit(community_id: str, unit_id: str) -> str:
    """One unit as it is now; its history holds what it was."""
    return _key(community_id, "unit", unit_id)


def owner_units(community_id: str, owner_id: str) -> str:
    """The units an owner owns now."""
    return _key(community_id, "owner-unit", owner_id)


def owner_unit(community_id: str, owner_id: str, unit_id: str) -> str:
    """That an owner owns a unit now."""
    return _key(community_id, "owner-unit", owner_id, unit_id)


def roll_import(community_id: str, import_sha256: str) -> str:
    """One import of units, by its content."""
    return _key(community_id, "roll-import", import_sha256)


def roll(community_id: str, roll_id: str) -> str:
    """The totals of one frozen roll."""
    return _key(community_id, "roll", roll_id)


def roll_entries(community_id: str, roll_id: str) -> str:
    """All units of one frozen roll."""
    return _key(community_id, "roll-entry", roll_id)


def roll_entry(community_id: str, roll_id: str, unit_id: str) -> str:
    """One unit of one frozen roll."""
    return _key(community_id, "roll-entry", roll_id, unit_id)


def committee(community_id: str) -> str:
    """The committee in office, or the last one that was."""
    return _key(community_id, "committee")


def past_committee(community_id: str, term: int) -> str:
    """A committee that another has replaced."""
    return _key(community_id, "past-committee", str(term))


def committee_decision(community_id: str, decision_id: str) -> str:
    """Something the committee decides by signed acts of its members."""
    return _key(community_id, "committee-decision", decision_id)
