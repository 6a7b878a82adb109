"""Who may call what: one table. The specification's permission page is generated from it.

Three kinds of call:

* a *transaction* states a fact for an organisation and is signed by the Fabric transaction's
  creator; ``orgs`` lists which organisations may;
* an *act* is signed by a person; ``roles`` lists what their credential must say;
* a *query* writes nothing; members of the channel may run it, and each organisation's gateway
  decides whom it shows the answer.
"""

from enum import StrEnum
from typing import Final

from chaincode.errors import NotAllowed
from chaincode.model.base import Module, Org, Record, Role

MSP_OF: Final[dict[Org, str]] = {
    Org.BANK: "BankMSP",
    Org.COMMITTEE: "CommitteeMSP",
    Org.PROPERTY: "PropertyMSP",
    Org.REGULATOR: "RegulatorMSP",
    Org.ARBITRATION: "ArbitrationMSP",
    Org.PLATFORM: "PlatformMSP",
}
ORG_OF: Final[dict[str, Org]] = {msp: org for org, msp in MSP_OF.items()}

ANY_ORG: Final = tuple(Org)
ANY_ROLE: Final = tuple(Role)
OWNER_ROLES: Final = (Role.OWNER, Role.COMMITTEE_MEMBER, Role.REPRESENTATIVE)
"""Members and representatives are owners; what each may do is asked of register and committee."""
CLERK_ROLES: Final = (*OWNER_ROLES, Role.REGULATOR_CLERK)
"""Who enters paper: the regulator's clerks, and members who are seated now."""
CONVENERS: Final = (Org.COMMITTEE, Org.REGULATOR)
"""Who gives notice of a vote: the committee, or the regulator in its place (条例 Art. 13)."""
EMPLOYERS: Final = (Org.REGULATOR, Org.PROPERTY, Org.BANK, Org.ARBITRATION)
"""Organisations whose clerks hold credentials; the regulator also issues the owners'."""
HANDOVER_ROLES: Final = (*OWNER_ROLES, Role.COMPANY_CLERK, Role.BANK_CLERK)
"""Who may sign a hand-over, for the office that they hold or held."""
AFTER_OFFICE: Final = ("sign_handover",)
"""Acts that a clerk may do whose company is out of office: only to hand over what it had."""
ARBITERS: Final = (Org.ARBITRATION, Org.REGULATOR)
"""Who decides disputes: the arbitration body; the regulator while there is none."""
CLAIMANTS: Final = (Org.BANK, Org.COMMITTEE, Org.PROPERTY, Org.REGULATOR)
"""Organisations that may be a party to a dispute by their own transactions."""
FREEZERS: Final = (Org.COMMITTEE, Org.REGULATOR, Org.ARBITRATION)
"""Who freezes money as an organisation; owners do by their signed acts."""


class Kind(StrEnum):
    """How a call is signed."""

    TRANSACTION = "transaction"
    ACT = "act"
    QUERY = "query"


class Access(Record):
    """One row: a call, the module it belongs to (None: every community has it), and who may."""

    name: str
    kind: Kind
    says: str
    """One sentence: what the call does."""
    module: Module | None = None
    orgs: tuple[Org, ...] = ()
    roles: tuple[Role, ...] = ()


def _transaction(name: str, module: Module | None, orgs: tuple[Org, ...], says: str) -> Access:
    return Access(name=name, kind=Kind.TRANSACTION, module=module, orgs=orgs, says=says)


def _act(name: str, module: Module | None, roles: tuple[Role, ...], says: str) -> Access:
    return Access(name=name, kind=Kind.ACT, module=module, roles=roles, says=says)


def _query(name: str, module: Module | None, says: str) -> Access:
    return Access(name=name, kind=Kind.QUERY, module=module, orgs=ANY_ORG, says=says)


_VOTING: Final = Module.VOTING
_FUNDS: Final = Module.FUNDS

ACCESS: Final[tuple[Access, ...]] = (
    # --- Community and people ---
    _transaction("open_community", None, (Org.REGULATOR,), "Opens a community on this channel."),
    _transaction("submit_acts", None, ANY_ORG, "Carries up to 200 signed acts of persons."),
    _query("accepted_act", None, "An accepted act, for who lost its answer."),
    _query("community", None, "The community's record."),
    _transaction("register_provider", None, (Org.REGULATOR,), "Names an identity provider."),
    _transaction(
        "confirm_provider",
        None,
        (Org.BANK, Org.COMMITTEE, Org.PROPERTY),
        "Lets a named identity provider attest; a second office, so that none stands alone.",
    ),
    _transaction("end_provider", None, (Org.REGULATOR,), "Ends an identity provider."),
    _transaction(
        "issue_credential", None, EMPLOYERS, "Records a credential that a provider attested."
    ),
    _transaction("issue_credentials", None, EMPLOYERS, "Records up to 100 credentials at once."),
    _transaction("suspend_credential", None, EMPLOYERS, "Suspends a credential."),
    _transaction("resume_credential", None, EMPLOYERS, "Ends a suspension."),
    _transaction("revoke_credential", None, EMPLOYERS, "Revokes a credential for good."),
    _query("provider", None, "One identity provider."),
    _query("credential", None, "One credential."),
    _query("holder_credentials", None, "Every credential ever issued to a holder."),
    _query("unit_credentials", None, "Every credential ever issued to a unit's owners."),
    # --- Roll ---
    _transaction("import_roll", None, (Org.REGULATOR,), "Puts units on the register."),
    _transaction("transfer_unit", None, (Org.REGULATOR,), "Records a unit's new owners."),
    _transaction("correct_unit", None, (Org.REGULATOR,), "States a unit anew, with the reason."),
    _transaction("remove_unit", None, (Org.REGULATOR,), "Takes a unit off the register."),
    _transaction("freeze_roll", None, (Org.REGULATOR,), "Freezes the register as it stands."),
    _act("name_representative", None, OWNER_ROLES, "Names who votes for a co-owned unit."),
    _query("preview_roll", None, "Totals of the register with given units, and their faults."),
    _query("unit", None, "One unit of the register."),
    _query("unit_history", None, "Every version of a unit."),
    _query("owned_units", None, "The units an owner owns."),
    _query("roll", None, "A frozen roll's totals."),
    _query("roll_entry", None, "One unit of a frozen roll."),
    # --- Committee ---
    _transaction("seat_founding_committee", None, (Org.REGULATOR,), "Seats the first committee."),
    _transaction("end_seat", None, (Org.REGULATOR,), "Ends one member's seat before its term."),
    _act("open_committee_decision", None, OWNER_ROLES, "Puts a question to the committee."),
    _act("answer_committee_decision", None, OWNER_ROLES, "Approves or rejects as a member."),
    _query("committee", None, "The committee and who is seated now."),
    _query("past_committee", None, "A committee of an earlier term."),
    _query("committee_decision", None, "One decision of the committee and where it stands."),
    # --- Voting ---
    _transaction(
        "set_matter_rule", _VOTING, (Org.REGULATOR,), "States the starting rule of a matter class."
    ),
    _transaction("set_words", None, (Org.REGULATOR,), "States the words texts may not hold."),
    _act(
        "draft_motion",
        _VOTING,
        (*OWNER_ROLES, Role.COMPANY_CLERK),
        "Drafts a motion for the committee, a petition or the company.",
    ),
    _transaction(
        "draft_official_motion", _VOTING, (Org.REGULATOR,), "Drafts a motion as the regulator."
    ),
    _transaction(
        "call_again", _VOTING, CONVENERS, "Puts an inquorate motion again on second-call terms."
    ),
    _act("sign_petition", _VOTING, OWNER_ROLES, "Signs a petition for a motion."),
    _transaction("review_motion", _VOTING, ANY_ORG, "Does one step of a motion's review."),
    _transaction(
        "register_trustee_key", _VOTING, CONVENERS, "Gives a public key for sealed ballots."
    ),
    _transaction("publish_motion", _VOTING, CONVENERS, "Gives notice of a motion; pins its rule."),
    _transaction("pin_roll", _VOTING, ANY_ORG, "Pins the roll when the window opens, if due."),
    _act("cast_ballot", _VOTING, OWNER_ROLES, "Casts ballots for units."),
    _act("grant_proxy", _VOTING, OWNER_ROLES, "Lets another person vote for units."),
    _act("revoke_proxy", _VOTING, OWNER_ROLES, "Takes a proxy back."),
    _act("enter_paper", _VOTING, CLERK_ROLES, "Enters a paper ballot as one of two clerks."),
    _act("record_hand_count", _VOTING, CLERK_ROLES, "States the paper ballots counted by hand."),
    _act(
        "record_service",
        _VOTING,
        (*CLERK_ROLES, Role.COMPANY_CLERK),
        "States that a notice reached the owners of units.",
    ),
    _act("acknowledge_notice", _VOTING, OWNER_ROLES, "Says that an owner has seen a notice."),
    _transaction("extend_motion", _VOTING, CONVENERS, "Extends a motion's window."),
    _transaction("close_motion", _VOTING, ANY_ORG, "Ends the casting of a motion, when due."),
    _transaction(
        "release_trustee_key", _VOTING, CONVENERS, "Gives the private key to open sealed ballots."
    ),
    _act("open_ballot", _VOTING, OWNER_ROLES, "Opens one's own sealed ballot."),
    _transaction("count_motion", _VOTING, ANY_ORG, "Counts a closed motion and decides it."),
    _act("object_to_result", _VOTING, OWNER_ROLES, "Objects to a preliminary result."),
    _transaction("answer_objection", _VOTING, (Org.REGULATOR,), "Answers an objection."),
    _transaction("finalise_motion", _VOTING, ANY_ORG, "Makes a result final, when due."),
    _transaction("apply_effect", _VOTING, ANY_ORG, "Brings about what a motion carried."),
    _transaction(
        "void_motion",
        _VOTING,
        (Org.REGULATOR, Org.ARBITRATION),
        "Declares that a motion has no result.",
    ),
    _query("matter_rule", _VOTING, "The decision rule of one matter class."),
    _query("matter_rules", _VOTING, "The decision rules of the community."),
    _query("rule_templates", _VOTING, "The decision rules that ship."),
    _query("words", None, "The words that texts may not hold."),
    _query("motion", _VOTING, "One motion and where it stands."),
    _query("motions", _VOTING, "The community's motions."),
    _query("petition", _VOTING, "How far a petition is."),
    _query("vote_weight", _VOTING, "What a unit counts for in a motion."),
    _query("proxy_grant", _VOTING, "One proxy grant."),
    _query("paper_sheet", _VOTING, "The readings of one paper ballot."),
    _query("turnout", _VOTING, "Who took part so far, never what they chose."),
    _query("board", _VOTING, "The public board: unit, area, choice or commitment."),
    _query("ballot_receipt", _VOTING, "The ballot on record for a unit; whether it was counted."),
    _query("counted_ballots", _VOTING, "The ballots as they were counted, for a verifier."),
    _query("result", _VOTING, "The figures of a counted motion."),
    _query("objections", _VOTING, "The objections to a result."),
    _query("certificate", _VOTING, "The document of a final result."),
    # --- Funds ---
    _transaction("open_fund", _FUNDS, (Org.REGULATOR,), "Opens a fund with its bank account."),
    _transaction(
        "set_emergency_terms",
        _FUNDS,
        (Org.REGULATOR,),
        "States what the committee may spend in an emergency.",
    ),
    _transaction(
        "sync_unit_accounts",
        _FUNDS,
        (Org.REGULATOR,),
        "Takes units and areas of the register over.",
    ),
    _transaction("register_payee", _FUNDS, (Org.PROPERTY,), "Names somebody who may be paid."),
    _transaction("confirm_payee", _FUNDS, (Org.BANK,), "Confirms a payee's account and name."),
    _query("funds", _FUNDS, "The funds of the community."),
    _query("fund_overview", _FUNDS, "A fund's money and whose it is."),
    _query("fund_entries", _FUNDS, "The entries of a fund's book."),
    _query("unit_account", _FUNDS, "A unit's part of a fund, with every posting."),
    _query("payee", _FUNDS, "One payee."),
    # --- Budgets ---
    _transaction(
        "open_delegated_budget", _FUNDS, CONVENERS, "Opens a budget within a delegated limit."
    ),
    _transaction(
        "open_emergency_budget", _FUNDS, CONVENERS, "Opens a budget against a listed danger."
    ),
    _transaction(
        "record_resolution",
        _FUNDS,
        (Org.REGULATOR,),
        "Records a resolution made elsewhere, where there is no voting.",
    ),
    _transaction("close_budget", _FUNDS, ANY_ORG, "Closes a budget, when due or decided."),
    _query("budget", _FUNDS, "A budget and what is left of it."),
    _query("fund_budgets", _FUNDS, "The budgets of a fund."),
    _query("unratified_budgets", _FUNDS, "Emergency budgets that owners have yet to ratify."),
    _query("delegation", _FUNDS, "A delegation and what is left of it."),
    # --- Payments ---
    _act("request_payment", _FUNDS, (Role.COMPANY_CLERK,), "Asks for a payment."),
    _act("answer_payment", _FUNDS, OWNER_ROLES, "Approves or rejects a payment as a member."),
    _act("withdraw_payment", _FUNDS, (Role.COMPANY_CLERK,), "Takes a payment back."),
    _transaction("order_payment", _FUNDS, (Org.BANK,), "Writes an order's id before it is sent."),
    _transaction("report_payment", _FUNDS, (Org.BANK,), "Takes in the bank's answer."),
    _transaction("expire_payment", _FUNDS, ANY_ORG, "Releases a payment whose time is over."),
    _transaction(
        "resolve_exception", _FUNDS, CONVENERS, "Closes an exception as the committee found."
    ),
    _query("payment", _FUNDS, "A payment with its stations."),
    _query("payments", _FUNDS, "The payments of a fund or budget."),
    _query("bank_exceptions", _FUNDS, "The bank's answers that do not fit."),
    # --- Statements ---
    _transaction("record_statement", _FUNDS, (Org.BANK,), "Takes in a bank statement, whole."),
    _transaction("set_income_rule", _FUNDS, CONVENERS, "Puts an income rule in force."),
    _transaction("end_income_rule", _FUNDS, CONVENERS, "Takes an income rule out of force."),
    _act(
        "assign_line",
        _FUNDS,
        (*OWNER_ROLES, Role.COMPANY_CLERK),
        "Says whose income a waiting line is, as one of two.",
    ),
    _transaction("resolve_line", _FUNDS, CONVENERS, "Explains a line as the committee decided."),
    _transaction("correct_line", _FUNDS, CONVENERS, "Undoes an explanation of a line."),
    _query("statement", _FUNDS, "A statement and what became of its lines."),
    _query("statements", _FUNDS, "The statements of an account."),
    _query("bank_line", _FUNDS, "One line of an account."),
    _query("waiting_lines", _FUNDS, "Lines that nobody has explained yet."),
    _query("income_rules", _FUNDS, "The income rules of a fund."),
    # --- Succession ---
    _transaction("record_company", None, (Org.REGULATOR,), "Records the first property company."),
    _transaction(
        "record_dismissal_notice",
        None,
        CONVENERS,
        "Records that a company was told of its dismissal.",
    ),
    _query("company", None, "The property company in office."),
    _act("sign_handover", _FUNDS, HANDOVER_ROLES, "Signs the statement of a hand-over."),
    _query("dismissal_notices", None, "The notices of dismissal to a company."),
    _query("handover", _FUNDS, "A hand-over, its signatures and what still waits."),
    _query("handovers", _FUNDS, "The hand-overs of company, accounts and committee."),
    # --- Freezes ---
    _transaction(
        "set_freeze_terms", _FUNDS, (Org.REGULATOR,), "States what share of owners may freeze."
    ),
    _act("ask_freeze", _FUNDS, OWNER_ROLES, "Calls on the owners to freeze money."),
    _act("support_freeze", _FUNDS, OWNER_ROLES, "Supports a call to freeze, or no longer."),
    _transaction(
        "set_owners_freeze", _FUNDS, ANY_ORG, "Freezes what enough owners called to freeze."
    ),
    _transaction(
        "lift_owners_freeze", _FUNDS, ANY_ORG, "Lifts an owners' freeze without the share."
    ),
    _transaction("set_freeze", _FUNDS, FREEZERS, "Freezes a fund, a budget or a payment."),
    _transaction("lift_freeze", _FUNDS, FREEZERS, "Lifts a freeze before it runs out."),
    _query("freeze_terms", _FUNDS, "Who may freeze with what share, and for how long."),
    _query("freeze", _FUNDS, "One freeze."),
    _query("freezes", _FUNDS, "The community's freezes, those over included."),
    _query("freeze_request", _FUNDS, "A call to freeze and how far it is."),
    # --- Disputes ---
    _transaction(
        "join_arbitration", None, (Org.ARBITRATION,), "Says that an arbitration body is here."
    ),
    _act("open_dispute", None, ANY_ROLE, "Brings a dispute as a person."),
    _transaction("open_official_dispute", None, CLAIMANTS, "Brings a dispute as an organisation."),
    _act("add_evidence", None, ANY_ROLE, "Gives evidence as a party."),
    _transaction("add_official_evidence", None, CLAIMANTS, "Gives evidence as an organisation."),
    _act("withdraw_dispute", None, ANY_ROLE, "Takes one's own dispute back."),
    _transaction(
        "withdraw_official_dispute", None, CLAIMANTS, "Takes an organisation's dispute back."
    ),
    _transaction("record_award", None, ARBITERS, "Ends a dispute and does what the award orders."),
    _query("arbitration_body", None, "Since when an arbitration body is on the channel."),
    _query("dispute", None, "A dispute with its evidence."),
    _query("disputes", None, "The community's disputes."),
    # --- Bulletins and publication ---
    _transaction("publish_bulletin", None, (Org.REGULATOR,), "Publishes a policy to owners."),
    _transaction("withdraw_bulletin", None, (Org.REGULATOR,), "Withdraws a bulletin."),
    _query("bulletin", None, "One bulletin."),
    _query("bulletins", None, "The regulator's bulletins."),
    _transaction("publish_report", _FUNDS, ANY_ORG, "Makes a fund's report from its book, if due."),
    _transaction(
        "publish_disclosure", None, (Org.PROPERTY,), "Makes a document of the company public."
    ),
    _query("fund_report", _FUNDS, "A fund's report for one period."),
    _query("fund_reports", _FUNDS, "A fund's reports."),
    _query("due_reports", _FUNDS, "Reports that are due, those overdue marked."),
    _query("disclosures", None, "What the company made public, and what is overdue."),
    _query("low_accounts", _FUNDS, "Maintenance money below 30 % of the first deposit."),
)

BY_NAME: Final[dict[str, Access]] = {row.name: row for row in ACCESS}


def require_org(row: Access, msp_id: str) -> Org:
    """The calling organisation; NotAllowed ``caller/org`` when the table does not list it."""
    org = ORG_OF.get(msp_id)
    if org is None or org not in row.orgs:
        raise NotAllowed("caller/org")
    return org


def require_role(row: Access, role: Role) -> None:
    """Refuse (NotAllowed ``caller/role``) a person whose credential does not carry the role."""
    if role not in row.roles:
        raise NotAllowed("caller/role", role=role)
