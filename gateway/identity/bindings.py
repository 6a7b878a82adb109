"""What ties a credential to one phone and one messaging account, and names neither.

The client hashes what it sees of its device and its account into digests. On the ledger stand
hashes of those digests with a salt of 128 random bits; only who holds salt and digest can show
that they belong together, and nobody can go from the ledger to a person. The salt is given to the
person's client, and kept sealed by the regulator; any gateway can check what a client shows it.
"""

import hashlib
from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import Sha256

Salt = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class Binding(StrEnum):
    """What a credential is bound to."""

    DEVICE = "device"
    ACCOUNT = "account"


class Bindings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The preimage of a credential's two salted hashes; stays with its holder's client."""

    salt: Salt
    device: Sha256
    account: Sha256


def salted_sha256(salt: str, binding: Binding, digest: str) -> str:
    """The hash that stands on the ledger."""
    return hashlib.sha256(f"commonhold-{binding}\n{salt}\n{digest}".encode()).hexdigest()


def account_digest(kind: str, account: str) -> str:
    """The digest of a messaging account: kind ``wechat`` or ``tel``, and its stable id."""
    return hashlib.sha256(f"{kind}:{account}".encode()).hexdigest()
