"""Disputes: who may add evidence, who may decide, and when.

The arbitration body decides; while none is on the channel the regulator does, but never in a
dispute that it is a party to.
"""

from chaincode.errors import BadInput, Conflict, NotAllowed
from chaincode.model.base import Org, changed
from chaincode.model.dispute import (
    ArbitrationBody,
    Award,
    Claim,
    Dispute,
    DisputePhase,
    Party,
)

# --- Guards ---


def require_parties(claim: Claim) -> None:
    """Refuse (BadInput ``dispute/bad-parties``) a respondent that is neither an organisation nor a
    person, or both, or named twice."""
    named = all((party.org is None) != (party.holder_id is None) for party in claim.respondents)
    if not named or len(set(map(_name, claim.respondents))) < len(claim.respondents):
        raise BadInput("dispute/bad-parties")


def require_not_oneself(claim: Claim, claimant: Party) -> None:
    """Refuse (BadInput ``dispute/against-oneself``) who names themselves."""
    if claimant in claim.respondents:
        raise BadInput("dispute/against-oneself")


def require_party(dispute: Dispute, party: Party) -> None:
    """Refuse (NotAllowed ``dispute/not-a-party``) strangers to the dispute."""
    if party not in parties(dispute):
        raise NotAllowed("dispute/not-a-party")


def require_arbiter(dispute: Dispute, org: Org, body: ArbitrationBody | None) -> None:
    """Refuse (NotAllowed) who may not decide.

    ``award/arbitration-decides`` for the regulator once an arbitration body is on the channel;
    ``award/own-case`` for a party.
    """
    if org is Org.REGULATOR and body is not None:
        raise NotAllowed("award/arbitration-decides")
    if Party(org=org) in parties(dispute):
        raise NotAllowed("award/own-case")


def require_open(dispute: Dispute) -> None:
    """Refuse (Conflict ``dispute/not-open``) what comes after the end."""
    stands = phase(dispute)
    if stands is not DisputePhase.OPEN:
        raise Conflict("dispute/not-open", phase=stands)


# --- Acts ---


def withdraw(dispute: Dispute, party: Party, now_ms: int) -> Dispute:
    """The dispute that its claimant takes back.

    Refused: NotAllowed ``dispute/not-yours``, Conflict ``dispute/not-open``.
    """
    if party != dispute.claimant:
        raise NotAllowed("dispute/not-yours")
    require_open(dispute)
    return changed(dispute, withdrawn_at=now_ms)


def decide(dispute: Dispute, award: Award) -> Dispute:
    """The dispute with its award. Refused (Conflict ``dispute/not-open``) after the end."""
    require_open(dispute)
    return changed(dispute, award=award)


# --- Derivations ---


def phase(dispute: Dispute) -> DisputePhase:
    """Where the dispute stands."""
    if dispute.award is not None:
        return DisputePhase.AWARDED
    return DisputePhase.OPEN if dispute.withdrawn_at is None else DisputePhase.WITHDRAWN


def parties(dispute: Dispute) -> tuple[Party, ...]:
    """The claimant and the respondents."""
    return (dispute.claimant, *dispute.claim.respondents)


def _name(party: Party) -> tuple[str, str]:
    return party.org or "", party.holder_id or ""
