"""Communities, the roll, credentials and the committee."""

from typing import Final

from chaincode.model.act import Answers
from chaincode.model.base import Count, Id, Org, Sha256, TimeMs
from chaincode.model.committee import (
    Committee,
    CommitteeDecision,
    CommitteeTerms,
    DecisionPhase,
    SeatEnd,
)
from chaincode.model.community import Community, Provider
from chaincode.model.company import Company, DismissalNotice
from chaincode.model.credential import Attestations, Credential, CredentialReason
from chaincode.model.roll import (
    CorrectionReason,
    RollEntry,
    RollImport,
    RollSummary,
    Share,
    Unit,
    UnitRow,
)
from gateway.api.guards import OwnedUnits, own_holder
from gateway.api.rows import many, query, statement, view
from gateway.routes import Route

ROLL_BYTES_MAX: Final = 8 * 1024 * 1024
"""The chaincode's limit of one request; a roll of 20,000 units fits."""
ATTESTATIONS_BYTES_MAX: Final = 512 * 1024
"""The chaincode's 100 attestations of 4 KiB each fit."""

_REGULATOR = (Org.REGULATOR,)
_EMPLOYERS = (Org.REGULATOR, Org.PROPERTY, Org.BANK, Org.ARBITRATION)
_CONFIRMERS = (Org.BANK, Org.COMMITTEE, Org.PROPERTY)
_CONVENERS = (Org.COMMITTEE, Org.REGULATOR)

Credentials = view("Credentials", credentials=tuple[Credential, ...])
UnitVersion = view("UnitVersion", tx_id=str, at=TimeMs, unit=Unit | None)
UnitHistory = view("UnitHistory", versions=many(UnitVersion))
CommitteeNow = view(
    "CommitteeNow", committee=Committee, seated=tuple[str, ...], needs_election=bool
)
CommitteeDecisionNow = view("CommitteeDecisionNow", decision=CommitteeDecision, phase=DecisionPhase)
DismissalNotices = view("DismissalNotices", notices=tuple[DismissalNotice, ...])

COMMUNITIES: Final[tuple[Route, ...]] = (
    query("community", "", "The community's record.", "communities", Community),
    query(
        "provider",
        "/providers/{provider_id}",
        "One identity provider.",
        "credentials",
        Provider,
    ),
    statement(
        "register_provider",
        "/providers/{provider_id}",
        "Names an identity provider.",
        "credentials",
        Provider,
        method="PUT",
        orgs=_REGULATOR,
        public_key=str,
        evidence_sha256=Sha256,
    ),
    statement(
        "confirm_provider",
        "/providers/{provider_id}/confirmation",
        "Lets a named identity provider attest.",
        "credentials",
        Provider,
        orgs=_CONFIRMERS,
        public_key=str,
    ),
    statement(
        "end_provider",
        "/providers/{provider_id}/end",
        "Ends an identity provider.",
        "credentials",
        Provider,
        orgs=_REGULATOR,
    ),
    query("company", "/company", "The property company in office.", "communities", Company),
    statement(
        "record_company",
        "/company",
        "Records the first property company.",
        "communities",
        Company,
        orgs=_REGULATOR,
        company_id=Id,
        contract_sha256=Sha256,
        evidence_sha256=Sha256,
    ),
    query(
        "dismissal_notices",
        "/companies/{company_id}/dismissal-notices",
        "The notices of dismissal to a company.",
        "communities",
        DismissalNotices,
    ),
    statement(
        "record_dismissal_notice",
        "/companies/{company_id}/dismissal-notices",
        "Records that a company was told it is dismissed.",
        "communities",
        DismissalNotice,
        orgs=_CONVENERS,
        notice_sha256=Sha256,
        served_at=TimeMs,
    ),
)

CREDENTIALS: Final[tuple[Route, ...]] = (
    statement(
        "issue_credential",
        "/credentials",
        "Records a credential that a provider attested.",
        "credentials",
        Credential,
        orgs=_EMPLOYERS,
        attestation=str,
    ),
    statement(
        "issue_credentials",
        "/credential-batches",
        "Records up to 100 credentials at once, each with its own answer.",
        "credentials",
        Answers,
        orgs=_EMPLOYERS,
        body_bytes_max=ATTESTATIONS_BYTES_MAX,
        attestations=Attestations,
    ),
    query(
        "credential", "/credentials/{credential_id}", "One credential.", "credentials", Credential
    ),
    *(
        statement(
            f"{verb}_credential",
            f"/credentials/{{credential_id}}/{noun}",
            says,
            "credentials",
            Credential,
            orgs=_EMPLOYERS,
            reason=CredentialReason,
        )
        for verb, noun, says in (
            ("suspend", "suspension", "Suspends a credential."),
            ("resume", "resumption", "Ends a suspension."),
            ("revoke", "revocation", "Revokes a credential for good."),
        )
    ),
    query(
        "holder_credentials",
        "/holders/{holder_id}/credentials",
        "Every credential ever issued to a holder.",
        "credentials",
        Credentials,
        guard=own_holder,
    ),
    query(
        "unit_credentials",
        "/units/{unit_id}/credentials",
        "Every credential ever issued to a unit's owners.",
        "credentials",
        Credentials,
    ),
)

ROLL: Final[tuple[Route, ...]] = (
    statement(
        "import_roll",
        "/roll/imports",
        "Puts units on the register.",
        "roll",
        RollImport,
        orgs=_REGULATOR,
        body_bytes_max=ROLL_BYTES_MAX,
        units=tuple[UnitRow, ...],
        evidence_sha256=Sha256,
    ),
    statement(
        "correct_unit",
        "/roll/corrections",
        "States a unit anew, with the reason.",
        "roll",
        Unit,
        orgs=_REGULATOR,
        unit=UnitRow,
        version=Count,
        reason=CorrectionReason,
        evidence_sha256=Sha256,
    ),
    statement(
        "freeze_roll",
        "/roll/freezes",
        "Freezes the register as it stands.",
        "roll",
        RollSummary,
        orgs=_REGULATOR,
    ),
    query("roll", "/rolls/{roll_id}", "A frozen roll's totals.", "roll", RollSummary),
    query(
        "roll_entry",
        "/rolls/{roll_id}/units/{unit_id}",
        "One unit of a frozen roll.",
        "roll",
        RollEntry,
    ),
    query("unit", "/units/{unit_id}", "One unit of the register.", "roll", Unit),
    query(
        "unit_history", "/units/{unit_id}/history", "Every version of a unit.", "roll", UnitHistory
    ),
    statement(
        "transfer_unit",
        "/units/{unit_id}/transfers",
        "Records a unit's new owners.",
        "roll",
        Unit,
        orgs=_REGULATOR,
        version=Count,
        owners=tuple[Share, ...],
        at=TimeMs,
        evidence_sha256=Sha256,
        deed_sha256=(Sha256 | None, None),
        representative=(Id | None, None),
    ),
    statement(
        "remove_unit",
        "/units/{unit_id}/removal",
        "Takes a unit off the register.",
        "roll",
        Unit,
        orgs=_REGULATOR,
        version=Count,
        reason=CorrectionReason,
        evidence_sha256=Sha256,
    ),
    query(
        "owned_units",
        "/owners/{owner_id}/units",
        "The units an owner owns.",
        "roll",
        OwnedUnits,
        guard=own_holder,
    ),
)

COMMITTEE: Final[tuple[Route, ...]] = (
    query(
        "committee",
        "/committee",
        "The committee and who is seated now.",
        "committee",
        CommitteeNow,
    ),
    query(
        "past_committee",
        "/committees/{term}",
        "A committee of an earlier term.",
        "committee",
        Committee,
        path_kinds={"term": Count},
    ),
    query(
        "committee_decision",
        "/committee-decisions/{decision_id}",
        "One decision of the committee and where it stands.",
        "committee",
        CommitteeDecisionNow,
    ),
    statement(
        "seat_founding_committee",
        "/committee",
        "Seats the first committee.",
        "committee",
        Committee,
        orgs=_REGULATOR,
        members=tuple[Id, ...],
        seat_count=Count,
        from_at=TimeMs,
        until_at=TimeMs,
        evidence_sha256=Sha256,
        alternates=(tuple[Id, ...], ()),
        terms=(CommitteeTerms, CommitteeTerms()),
    ),
    statement(
        "end_seat",
        "/committee/seats/{holder_id}/end",
        "Ends one member's seat before its term.",
        "committee",
        Committee,
        orgs=_REGULATOR,
        reason=SeatEnd,
        evidence_sha256=Sha256,
    ),
)

ROUTES: Final = (*COMMUNITIES, *CREDENTIALS, *ROLL, *COMMITTEE)
