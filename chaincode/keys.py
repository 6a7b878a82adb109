"""Every ledger key. Nothing else builds one.

A key is ``community/kind/part/part``; parts are ids (``[A-Za-z0-9._-]``), so ``/`` separates
without escaping and a range ``prefix/`` to ``prefix0`` (``0`` follows ``/`` in ASCII) holds
exactly the keys below a prefix. Every key begins with its community, so that many communities
can share a channel.
"""

import re
from typing import Final

from chaincode.errors import BadInput
from chaincode.model.base import ID_PATTERN

_ID: Final = re.compile(ID_PATTERN)


def _key(community: str, kind: str, *parts: str) -> str:
    for part in (community, *parts):
        if not _ID.match(part):
            raise BadInput("input/bad-id")
    return "/".join((community, kind, *parts))


def below(prefix: str) -> tuple[str, str]:
    """The range of all keys below ``prefix``, for a scan: start inclusive, end exclusive."""
    return f"{prefix}/", f"{prefix}0"


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
