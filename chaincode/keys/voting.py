"""Keys of motions, ballots and results."""

from chaincode.keys.build import key as _key

# --- Motions ---


def motion(community_id: str, motion_id: str) -> str:
    """One motion with every fact of its way."""
    return _key(community_id, "motion", motion_id)


def motions(community_id: str) -> str:
    """Below it: all motions of the community."""
    return _key(community_id, "motion")


def petition(community_id: str, motion_id: str) -> str:
    """Below it: who signed a petition for the motion."""
    return _key(community_id, "petition", motion_id)


def petition_signature(community_id: str, motion_id: str, holder_id: str) -> str:
    """One owner's signature under a petition."""
    return _key(community_id, "petition", motion_id, holder_id)


def matter_rule(community_id: str, matter_class: str) -> str:
    """The decision rule in force for one matter class; earlier ones in its history."""
    return _key(community_id, "rule", matter_class)


def matter_rules(community_id: str) -> str:
    """Below it: the decision rules of the community."""
    return _key(community_id, "rule")


def word_list(community_id: str) -> str:
    """The words that texts may not hold."""
    return _key(community_id, "words")


def trustees(community_id: str, motion_id: str) -> str:
    """Below it: the trustees' public keys for the sealed ballots of a motion."""
    return _key(community_id, "trustee", motion_id)


def trustee(community_id: str, motion_id: str, org: str) -> str:
    """One trustee's public key."""
    return _key(community_id, "trustee", motion_id, org)


def key_release(community_id: str, motion_id: str, org: str) -> str:
    """One trustee's private key, given after the close."""
    return _key(community_id, "key-release", motion_id, org)


# --- Ballots ---


def ballots(community_id: str, motion_id: str) -> str:
    """Below it: the online ballots of a motion."""
    return _key(community_id, "ballot", motion_id)


def ballot(community_id: str, motion_id: str, unit_id: str) -> str:
    """The online ballot of one unit; earlier ones in its history."""
    return _key(community_id, "ballot", motion_id, unit_id)


def co_signature(community_id: str, motion_id: str, unit_id: str, holder_id: str) -> str:
    """What one co-owner wants the unit's ballot to be."""
    return _key(community_id, "co-signature", motion_id, unit_id, holder_id)


def opened_ballots(community_id: str, motion_id: str) -> str:
    """Below it: the sealed ballots that owners' devices opened."""
    return _key(community_id, "opened", motion_id)


def opened_ballot(community_id: str, motion_id: str, unit_id: str) -> str:
    """One sealed ballot as its owner's device opened it."""
    return _key(community_id, "opened", motion_id, unit_id)


def paper_sheets(community_id: str, motion_id: str) -> str:
    """Below it: the paper ballots of a motion."""
    return _key(community_id, "paper", motion_id)


def paper_sheet(community_id: str, motion_id: str, unit_id: str) -> str:
    """The clerks' readings of one unit's paper ballot."""
    return _key(community_id, "paper", motion_id, unit_id)


def hand_counts(community_id: str, motion_id: str) -> str:
    """Below it: what each clerk counted by hand."""
    return _key(community_id, "hand-count", motion_id)


def hand_count(community_id: str, motion_id: str, clerk_id: str) -> str:
    """What one clerk counted by hand."""
    return _key(community_id, "hand-count", motion_id, clerk_id)


def services(community_id: str, motion_id: str) -> str:
    """Below it: evidence of service of a motion's notice."""
    return _key(community_id, "service", motion_id)


def service(community_id: str, motion_id: str, unit_id: str) -> str:
    """Evidence that a motion's notice reached the owners of a unit."""
    return _key(community_id, "service", motion_id, unit_id)


def proxy_grant(community_id: str, grant_id: str) -> str:
    """One written grant of a proxy."""
    return _key(community_id, "proxy", grant_id)


def proxy_uses(community_id: str, motion_id: str, proxy_id: str) -> str:
    """Below it: the units that a proxy casts for in a motion."""
    return _key(community_id, "proxy-use", motion_id, proxy_id)


def proxy_use(community_id: str, motion_id: str, proxy_id: str, unit_id: str) -> str:
    """One unit that a proxy casts for in a motion."""
    return _key(community_id, "proxy-use", motion_id, proxy_id, unit_id)


# --- Results ---


def result(community_id: str, motion_id: str) -> str:
    """The figures of a counted motion."""
    return _key(community_id, "result", motion_id)


def certificate(community_id: str, motion_id: str) -> str:
    """The document of a final result."""
    return _key(community_id, "certificate", motion_id)


def objections(community_id: str, motion_id: str) -> str:
    """Below it: the objections to a preliminary result."""
    return _key(community_id, "objection", motion_id)


def objection(community_id: str, motion_id: str, holder_id: str) -> str:
    """One owner's objection."""
    return _key(community_id, "objection", motion_id, holder_id)
