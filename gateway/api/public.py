"""Disputes and freezes, handovers, bulletins, and what is published of funds and services."""

from typing import Annotated, Final

import msgspec

from chaincode.model.base import Id, Org, Sha256
from chaincode.model.bulletin import (
    Audience,
    Bulletin,
    BulletinContent,
    BulletinPhase,
    WithdrawalReason,
)
from chaincode.model.dispute import (
    ORDERS_MAX,
    ArbitrationBody,
    AwardOrder,
    Claim,
    Dispute,
    DisputePhase,
    Evidence,
    EvidenceKind,
)
from chaincode.model.freeze import (
    Freeze,
    FreezeOrder,
    FreezeRequest,
    FreezeTerms,
    LiftOrder,
    Support,
)
from chaincode.model.motion import Document
from chaincode.model.publication import (
    Disclosure,
    DueReport,
    FundReport,
    LowAccount,
    Topic,
    TopicState,
)
from chaincode.model.succession import Handover, HandoverSignature
from gateway.api.paging import CutBy, Page
from gateway.api.rows import many, query, statement, view
from gateway.routes import Parameter, Route

_REGULATOR = (Org.REGULATOR,)
_COMPANY = (Org.PROPERTY,)
_ARBITRATION = (Org.ARBITRATION,)
_FREEZERS = (Org.COMMITTEE, Org.REGULATOR, Org.ARBITRATION)
_PARTIES = (Org.BANK, Org.COMMITTEE, Org.PROPERTY, Org.REGULATOR)

_DISPUTE = "/disputes/{dispute_id}"
_FREEZE = "/freezes/{freeze_id}"
_BULLETIN = "/bulletins/{bulletin_id}"

DisputeView = view(
    "DisputeView", dispute=Dispute, phase=DisputePhase, timeline=tuple[Evidence, ...]
)
DisputeList = view("DisputeList", disputes=tuple[Dispute, ...])
FreezeView = view("FreezeView", freeze=Freeze, is_in_force=bool)
FreezeList = view("FreezeList", freezes=many(FreezeView))
FreezeRequestView = view(
    "FreezeRequestView",
    request=FreezeRequest,
    support=Support,
    terms=FreezeTerms,
    is_supported=bool,
)
HandoverView = view(
    "HandoverView",
    handover=Handover,
    signatures=tuple[HandoverSignature, ...],
    awaiting_payment_ids=tuple[Id, ...],
)
HandoverList = view("HandoverList", handovers=tuple[Handover, ...])
BulletinView = view("BulletinView", bulletin=Bulletin, phase=BulletinPhase)
BulletinList = view("BulletinList", bulletins=many(BulletinView))
Reports = view("Reports", reports=tuple[FundReport, ...])
DueReports = view("DueReports", reports=tuple[DueReport, ...])
Disclosures = view("Disclosures", topics=tuple[TopicState, ...], disclosures=tuple[Disclosure, ...])
LowAccounts = view("LowAccounts", accounts=tuple[LowAccount, ...])

DISPUTES: Final[tuple[Route, ...]] = (
    query(
        "arbitration_body",
        "/arbitration",
        "The arbitration body that joined.",
        "disputes",
        ArbitrationBody,
    ),
    statement(
        "join_arbitration",
        "/arbitration",
        "Says that the arbitration body serves this community.",
        "disputes",
        ArbitrationBody,
        orgs=_ARBITRATION,
    ),
    query("dispute", _DISPUTE, "A dispute with its evidence.", "disputes", DisputeView),
    query(
        "disputes",
        "/disputes",
        "The disputes of the community.",
        "disputes",
        DisputeList,
        parameters=(Parameter(name="is_open", kind=bool, says="Only open ones."),),
        page=Page(rows="disputes", key=("dispute_id",), cut_by=CutBy.PEER),
    ),
    statement(
        "open_official_dispute",
        _DISPUTE,
        "Opens a dispute as an organisation.",
        "disputes",
        Dispute,
        method="PUT",
        orgs=_PARTIES,
        claim=Claim,
    ),
    statement(
        "add_official_evidence",
        f"{_DISPUTE}/evidence",
        "Adds evidence as an organisation.",
        "disputes",
        Evidence,
        orgs=_PARTIES,
        sha256=Sha256,
        kind=EvidenceKind,
    ),
    statement(
        "withdraw_official_dispute",
        f"{_DISPUTE}/withdrawal",
        "Withdraws a dispute that the organisation opened.",
        "disputes",
        Dispute,
        orgs=_PARTIES,
    ),
    statement(
        "record_award",
        f"{_DISPUTE}/award",
        "Records an award and what it orders.",
        "disputes",
        Dispute,
        orgs=(Org.ARBITRATION, Org.REGULATOR),
        award_sha256=Sha256,
        orders=Annotated[tuple[AwardOrder, ...], msgspec.Meta(max_length=ORDERS_MAX)],
    ),
)

FREEZES: Final[tuple[Route, ...]] = (
    query("freeze_terms", "/freeze-terms", "Who may freeze money.", "disputes", FreezeTerms),
    statement(
        "set_freeze_terms",
        "/freeze-terms",
        "States what share of owners may freeze.",
        "disputes",
        FreezeTerms,
        method="PUT",
        orgs=_REGULATOR,
        terms=FreezeTerms,
    ),
    query("freeze", _FREEZE, "One freeze.", "disputes", FreezeView),
    query(
        "freezes",
        "/freezes",
        "The freezes of the community.",
        "disputes",
        FreezeList,
        parameters=(Parameter(name="in_force", kind=bool, says="Only those in force."),),
        page=Page(rows="freezes", key=("freeze.freeze_id",), cut_by=CutBy.PEER),
    ),
    query(
        "freeze_request",
        f"{_FREEZE}/request",
        "An owners' call to freeze and how far it is.",
        "disputes",
        FreezeRequestView,
    ),
    statement(
        "set_freeze",
        _FREEZE,
        "Freezes money in dispute.",
        "disputes",
        Freeze,
        method="PUT",
        orgs=_FREEZERS,
        order=FreezeOrder,
        decision_id=(Id | None, None),
    ),
    statement(
        "lift_freeze",
        f"{_FREEZE}/lifting",
        "Lifts a freeze.",
        "disputes",
        Freeze,
        orgs=_FREEZERS,
        lift=LiftOrder,
        decision_id=(Id | None, None),
    ),
    statement(
        "set_owners_freeze",
        f"{_FREEZE}/owners-order",
        "Freezes what enough owners called to freeze.",
        "disputes",
        Freeze,
    ),
    statement(
        "lift_owners_freeze",
        f"{_FREEZE}/owners-lifting",
        "Lifts an owners' freeze that lost its support.",
        "disputes",
        Freeze,
    ),
)

PUBLIC: Final[tuple[Route, ...]] = (
    query("handover", "/handovers/{handover_id}", "One handover.", "communities", HandoverView),
    query(
        "handovers",
        "/handovers",
        "The handovers.",
        "communities",
        HandoverList,
        page=Page(rows="handovers", key=("handover_id",)),
    ),
    query("bulletin", _BULLETIN, "One bulletin.", "bulletins", BulletinView),
    query(
        "bulletins",
        "/bulletins",
        "The bulletins.",
        "bulletins",
        BulletinList,
        parameters=(
            Parameter(name="in_force", kind=bool, says="Only those in force."),
            Parameter(name="audience", kind=Audience, says="Only those for it."),
        ),
        page=Page(rows="bulletins", key=("bulletin.bulletin_id",), cut_by=CutBy.PEER),
    ),
    statement(
        "publish_bulletin",
        _BULLETIN,
        "Publishes a policy or regulation.",
        "bulletins",
        Bulletin,
        method="PUT",
        orgs=_REGULATOR,
        content=BulletinContent,
    ),
    statement(
        "withdraw_bulletin",
        f"{_BULLETIN}/withdrawal",
        "Withdraws a bulletin.",
        "bulletins",
        Bulletin,
        orgs=_REGULATOR,
        reason=WithdrawalReason,
    ),
    query(
        "fund_report",
        "/funds/{fund_id}/reports/{period}",
        "A fund's report of one period.",
        "funds",
        FundReport,
    ),
    query(
        "fund_reports",
        "/funds/{fund_id}/reports",
        "A fund's reports.",
        "funds",
        Reports,
        page=Page(rows="reports", key=("figures.period.name",)),
    ),
    query("due_reports", "/due-reports", "Reports that are due.", "funds", DueReports),
    statement(
        "publish_report",
        "/funds/{fund_id}/reports/{period}",
        "Publishes a fund's report, made from its book.",
        "funds",
        FundReport,
        method="PUT",
    ),
    query("low_accounts", "/low-accounts", "Funds that are to be refilled.", "funds", LowAccounts),
    query(
        "disclosures",
        "/disclosures",
        "What the company made public.",
        "communities",
        Disclosures,
        page=Page(rows="disclosures", key=("disclosure_id",)),
    ),
    statement(
        "publish_disclosure",
        "/disclosures/{disclosure_id}",
        "Makes a document of the company public.",
        "communities",
        Disclosure,
        method="PUT",
        orgs=_COMPANY,
        topic=Topic,
        document=Document,
    ),
)

ROUTES: Final = (*DISPUTES, *FREEZES, *PUBLIC)
