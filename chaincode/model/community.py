"""A community (小区) on a channel, and who attests identities for it."""

from chaincode.model.base import Id, Module, Org, Record, Sha256, TimeMs


class Community(Record):
    """One residential community; written once, when the regulator opens it on a channel."""

    community: Id
    modules: tuple[Module, ...]
    opened_at: TimeMs
    opened_tx: str


class Provider(Record):
    """An identity provider whose attestation is the second signature under each credential.

    The regulator names it and another office confirms it; otherwise the regulator could name
    itself and invent voters alone.
    """

    provider_id: Id
    public_key: str
    """Uncompressed P-256 point, base64url without padding (87 characters)."""
    evidence_sha256: Sha256
    registered_at: TimeMs
    confirmed_by: Org | None = None
    confirmed_at: TimeMs | None = None
    ended_at: TimeMs | None = None
