"""Funds, budgets and payments."""

from typing import Final

from chaincode.model.base import Count, Fen, Id, Org, Sha256, TimeMs
from chaincode.model.budget import (
    Budget,
    DelegatedBudget,
    Delegation,
    DelegationUse,
    Elected,
    EmergencyBudget,
    Hold,
    Resolution,
)
from chaincode.model.committee import CommitteeDecision
from chaincode.model.effect import BasisPoints, Effect
from chaincode.model.fund import (
    BankAccount,
    Book,
    EmergencyTerms,
    Entry,
    Fund,
    FundKind,
    Payee,
    SignedFen,
)
from chaincode.model.payment import (
    BankException,
    ExceptionDecision,
    Payment,
    PaymentPhase,
    ReportContent,
)
from chaincode.model.unitaccount import UnitAccount
from gateway.api.guards import own_unit_or_office
from gateway.api.paging import CutBy, Page
from gateway.api.rows import body, many, query, statement, view
from gateway.routes import Parameter, Route

OPENING_BYTES_MAX: Final = 4 * 1024 * 1024
"""The opening balances of 20,000 units fit."""

_REGULATOR = (Org.REGULATOR,)
_BANK = (Org.BANK,)
_COMPANY = (Org.PROPERTY,)
_CONVENERS = (Org.COMMITTEE, Org.REGULATOR)
_FUND = "/funds/{fund_id}"
_PAYMENT = "/payments/{payment_id}"
_BUDGET_PAGE = Page(rows="budgets", key=("budget_id",))

UnitOpening = body("UnitOpening", unit_id=Id, balance_fen=SignedFen, first_deposit_fen=(Fen, 0))
Funds = view("Funds", funds=tuple[Fund, ...])
FundOverview = view(
    "FundOverview",
    fund=Fund,
    account=BankAccount,
    book=Book,
    company_rate_bp=BasisPoints,
    spent_fen=SignedFen,
    unbooked_fen=SignedFen,
    waiting_count=Count,
    awaiting_ratification_count=Count,
    needs_refill=bool,
)
EntryPage = view("EntryPage", entries=tuple[Entry, ...], next_after=str | None)
PostingView = view(
    "PostingView",
    entry_id=str,
    fen=SignedFen,
    balance_fen=SignedFen,
    tx_id=str,
    at=TimeMs,
)
UnitAccountView = view("UnitAccountView", account=UnitAccount, postings=many(PostingView))
BudgetView = view(
    "BudgetView",
    budget=Budget,
    holds=tuple[Hold, ...],
    held_fen=Fen,
    settled_fen=Fen,
    remaining_fen=SignedFen,
    is_unratified=bool,
    may_hold=bool,
)
BudgetList = view("BudgetList", budgets=tuple[Budget, ...])
DelegationView = view(
    "DelegationView",
    delegation=Delegation,
    uses=tuple[DelegationUse, ...],
    left_fen=Fen,
    is_running=bool,
)
PaymentView = view(
    "PaymentView",
    payment=Payment,
    phase=PaymentPhase,
    hold=Hold | None,
    approval=CommitteeDecision | None,
    content_sha256=Sha256,
)
PaymentRow = view("PaymentRow", payment=Payment, phase=PaymentPhase)
PaymentList = view("PaymentList", payments=many(PaymentRow))
ExceptionList = view("ExceptionList", exceptions=tuple[BankException, ...])

FUNDS: Final[tuple[Route, ...]] = (
    query("funds", "/funds", "The funds of the community.", "funds", Funds),
    query("fund_overview", _FUND, "A fund and what stands where.", "funds", FundOverview),
    statement(
        "open_fund",
        _FUND,
        "Opens a fund with its bank account and what is on it.",
        "funds",
        Fund,
        method="PUT",
        orgs=_REGULATOR,
        body_bytes_max=OPENING_BYTES_MAX,
        kind=FundKind,
        account_sha256=Sha256,
        opening_fen=Fen,
        resolution_id=Id,
        resolution_sha256=Sha256,
        emergency=EmergencyTerms,
        approvals_required=(Count, 0),
        company_rate_bp=(BasisPoints, 0),
        first_deposit_fen=(Fen, 0),
        units=(many(UnitOpening), ()),
    ),
    statement(
        "set_emergency_terms",
        f"{_FUND}/emergency-terms",
        "States the local rule for emergencies.",
        "funds",
        Fund,
        method="PUT",
        orgs=_REGULATOR,
        emergency=EmergencyTerms,
        resolution_sha256=Sha256,
    ),
    statement(
        "sync_unit_accounts",
        f"{_FUND}/unit-accounts",
        "Gives units that came on the register their accounts.",
        "funds",
        Funds,
        orgs=_REGULATOR,
    ),
    query(
        "fund_entries",
        f"{_FUND}/entries",
        "The entries of a fund's book.",
        "funds",
        EntryPage,
        page=Page(rows="entries", key=("entry_id",), cut_by=CutBy.PEER_TELLING),
    ),
    query(
        "unit_account",
        f"{_FUND}/units/{{unit_id}}",
        "A unit's part of a fund, with every posting.",
        "funds",
        UnitAccountView,
        guard=own_unit_or_office,
    ),
    query("payee", "/payees/{payee_id}", "Who may be paid.", "funds", Payee),
    statement(
        "register_payee",
        "/payees/{payee_id}",
        "Names who may be paid.",
        "funds",
        Payee,
        method="PUT",
        orgs=_COMPANY,
        payee_class=Id,
        payee_sha256=Sha256,
    ),
    statement(
        "confirm_payee",
        "/payees/{payee_id}/confirmation",
        "Says that the payee's account exists in this name.",
        "funds",
        Payee,
        orgs=_BANK,
        payee_sha256=Sha256,
    ),
)

BUDGETS: Final[tuple[Route, ...]] = (
    query(
        "budget",
        "/budgets/{budget_id}",
        "A budget and what is held and spent of it.",
        "budgets",
        BudgetView,
    ),
    query(
        "fund_budgets",
        f"{_FUND}/budgets",
        "A fund's budgets.",
        "budgets",
        BudgetList,
        page=_BUDGET_PAGE,
    ),
    query(
        "unratified_budgets",
        f"{_FUND}/unratified-budgets",
        "Emergency budgets that owners have not ratified.",
        "budgets",
        BudgetList,
        page=_BUDGET_PAGE,
    ),
    query(
        "delegation",
        f"{_FUND}/delegations/{{delegation_id}}",
        "What owners let the committee decide, and what it used.",
        "budgets",
        DelegationView,
    ),
    statement(
        "open_delegated_budget",
        "/delegated-budgets",
        "Opens what the committee decided within its limit.",
        "budgets",
        Budget,
        orgs=_CONVENERS,
        budget=DelegatedBudget,
        decision_id=Id,
    ),
    statement(
        "open_emergency_budget",
        "/emergency-budgets",
        "Opens what the committee decided in an emergency.",
        "budgets",
        Budget,
        orgs=_CONVENERS,
        budget=EmergencyBudget,
        decision_id=Id,
    ),
    statement(
        "record_resolution",
        "/resolutions/{resolution_id}",
        "Records a signed resolution made elsewhere.",
        "budgets",
        Resolution,
        method="PUT",
        orgs=_REGULATOR,
        resolution_sha256=Sha256,
        effect=Effect,
        elected=(Elected | None, None),
    ),
    statement(
        "close_budget",
        "/budgets/{budget_id}/close",
        "Closes a budget that is over, or that the committee decided to close.",
        "budgets",
        Budget,
        decision_id=(Id | None, None),
    ),
)

PAYMENTS: Final[tuple[Route, ...]] = (
    query("payment", _PAYMENT, "A payment and where it stands.", "payments", PaymentView),
    query(
        "payments",
        f"{_FUND}/payments",
        "A fund's payments, or one budget's.",
        "payments",
        PaymentList,
        parameters=(Parameter(name="budget_id", kind=Id, says="Only this budget's."),),
        page=Page(
            rows="payments",
            key=("payment.content.payment_id",),
            filters=(Parameter(name="phase", kind=PaymentPhase, says="Only those in this phase."),),
        ),
    ),
    statement(
        "order_payment",
        f"{_PAYMENT}/order",
        "Says that the bank was given the order.",
        "payments",
        Payment,
        orgs=_BANK,
        order_id=Id,
    ),
    statement(
        "report_payment",
        "/payment-reports",
        "Says what the bank said of a payment.",
        "payments",
        Payment,
        orgs=_BANK,
        report=ReportContent,
    ),
    statement(
        "expire_payment",
        f"{_PAYMENT}/expiry",
        "Releases a hold that is over.",
        "payments",
        Payment,
    ),
    query(
        "bank_exceptions",
        "/bank-exceptions",
        "The bank's answers that do not fit.",
        "payments",
        ExceptionList,
        parameters=(Parameter(name="with_resolved", kind=bool, says="Also those resolved."),),
        page=Page(rows="exceptions", key=("exception_id",)),
    ),
    statement(
        "resolve_exception",
        "/bank-exceptions/resolutions",
        "Says what the committee found of an exception.",
        "payments",
        BankException,
        orgs=_CONVENERS,
        decision=ExceptionDecision,
        decision_id=Id,
    ),
)

ROUTES: Final = (*FUNDS, *BUDGETS, *PAYMENTS)
