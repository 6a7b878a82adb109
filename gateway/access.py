"""Who may use which endpoint: one table, read cell by cell by its test.

A person proves one credential of one community; `Who` is what that credential says they are.
Reading needs such a credential, except where the rows below say ANYONE. Staff see what their work
needs: a bank's clerk no ballots, a company's clerk not who took part.

Transactions of an organisation are made by that organisation's own staff at its own gateway; the
chaincode has the last word on every one. Nothing here signs for a person: what persons do arrives
signed, so carrying it asks for no credential.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chaincode.model.base import Org, Role


class Who(StrEnum):
    """What somebody is to the gateway."""

    ANYONE = "anyone"
    """Without any proof."""
    OWNER = Role.OWNER.value
    COMMITTEE_MEMBER = Role.COMMITTEE_MEMBER.value
    REPRESENTATIVE = Role.REPRESENTATIVE.value
    COMPANY_CLERK = Role.COMPANY_CLERK.value
    BANK_CLERK = Role.BANK_CLERK.value
    REGULATOR_CLERK = Role.REGULATOR_CLERK.value
    ARBITRATOR = Role.ARBITRATOR.value
    OPERATOR = "operator"
    """Who runs this gateway's machines: sets up what must exist before the first credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who asks. All but `who` are empty for ANYONE and OPERATOR."""

    who: Who
    community: str = ""
    credential_id: str = ""
    holder_id: str = ""


NOBODY_KNOWN: Final = Reader(who=Who.ANYONE)

OWNERS: Final = frozenset({Who.OWNER, Who.COMMITTEE_MEMBER, Who.REPRESENTATIVE})
REGULATOR: Final = frozenset({Who.REGULATOR_CLERK})
ARBITRATION: Final = frozenset({Who.ARBITRATOR})
COMPANY: Final = frozenset({Who.COMPANY_CLERK})
BANK: Final = frozenset({Who.BANK_CLERK})
COMMITTEE: Final = frozenset({Who.COMMITTEE_MEMBER})
OPERATOR: Final = frozenset({Who.OPERATOR})
CIVIC: Final = OWNERS | REGULATOR | ARBITRATION
"""Owners and the two offices that may have to judge a vote."""
MEMBERS: Final = CIVIC | COMPANY | BANK
"""Everybody with a credential of the community."""
STAFF: Final = COMMITTEE | COMPANY | BANK | REGULATOR | ARBITRATION
EVERYBODY: Final = frozenset(Who)

STAFF_OF: Final[Mapping[Org, frozenset[Who]]] = {
    Org.BANK: BANK | OPERATOR,
    Org.COMMITTEE: COMMITTEE | OPERATOR,
    Org.PROPERTY: COMPANY | OPERATOR,
    Org.REGULATOR: REGULATOR | OPERATOR,
    Org.ARBITRATION: ARBITRATION | OPERATOR,
    Org.PLATFORM: OPERATOR,
}
"""Who speaks for the organisation whose gateway this is."""

MATRIX: Final[Mapping[str, frozenset[Who]]] = {
    # --- The service itself ---
    "read_openapi": EVERYBODY,
    "read_documentation": EVERYBODY,
    "read_problem": EVERYBODY,
    # --- Acts: their own signature says who made them ---
    "submit_acts": EVERYBODY,
    "accepted_act": EVERYBODY,
    "act_forms": EVERYBODY,
    # --- Logging in, being certified: these ask for their own proof ---
    "start_login": EVERYBODY,
    "log_in": EVERYBODY,
    "read_session": MEMBERS,
    "log_out": MEMBERS,
    "certification_flows": EVERYBODY,
    "open_certification": EVERYBODY,
    "certification": EVERYBODY,
    "begin_certification_step": EVERYBODY,
    "give_certification_code": EVERYBODY,
    "engage_staff": OPERATOR,
    "dismiss_staff": OPERATOR,
    "erase_person": REGULATOR | OPERATOR,
    # --- Community and people ---
    "open_community": OPERATOR,
    "communities": EVERYBODY,
    "community": EVERYBODY,
    "transaction": MEMBERS,
    "register_provider": REGULATOR | OPERATOR,
    "confirm_provider": BANK | COMMITTEE | COMPANY | OPERATOR,
    "end_provider": REGULATOR | OPERATOR,
    "provider": MEMBERS | OPERATOR,
    "issue_credential": REGULATOR | COMPANY | BANK | ARBITRATION | OPERATOR,
    "issue_credentials": REGULATOR | COMPANY | BANK | ARBITRATION | OPERATOR,
    "suspend_credential": REGULATOR | COMPANY | BANK | ARBITRATION,
    "resume_credential": REGULATOR | COMPANY | BANK | ARBITRATION,
    "revoke_credential": REGULATOR | COMPANY | BANK | ARBITRATION,
    "credential": CIVIC,
    "holder_credentials": CIVIC,
    "unit_credentials": CIVIC,
    "company": MEMBERS,
    "record_company": REGULATOR | OPERATOR,
    "dismissal_notices": CIVIC | COMPANY,
    "record_dismissal_notice": COMMITTEE | REGULATOR,
    # --- Roll ---
    "import_roll": REGULATOR | OPERATOR,
    "preview_roll": REGULATOR | OPERATOR,
    "transfer_unit": REGULATOR,
    "correct_unit": REGULATOR,
    "remove_unit": REGULATOR,
    "freeze_roll": REGULATOR,
    "unit": CIVIC,
    "unit_history": CIVIC,
    "owned_units": CIVIC,
    "roll": CIVIC,
    "roll_entry": CIVIC,
    # --- Committee ---
    "committee": MEMBERS,
    "past_committee": MEMBERS,
    "committee_decision": MEMBERS,
    "seat_founding_committee": REGULATOR | OPERATOR,
    "end_seat": REGULATOR,
    # --- Voting ---
    "rule_templates": EVERYBODY,
    "matter_rules": MEMBERS,
    "matter_rule": MEMBERS,
    "set_matter_rule": REGULATOR | OPERATOR,
    "words": CIVIC | COMPANY,
    "set_words": REGULATOR | OPERATOR,
    "motion": MEMBERS,
    "motions": MEMBERS,
    "petition": CIVIC,
    "draft_official_motion": REGULATOR,
    "call_again": COMMITTEE | REGULATOR,
    "review_motion": STAFF,
    "register_trustee_key": COMMITTEE | REGULATOR,
    "publish_motion": COMMITTEE | REGULATOR,
    "pin_roll": STAFF,
    "extend_motion": COMMITTEE | REGULATOR,
    "close_motion": STAFF,
    "void_motion": REGULATOR | ARBITRATION,
    "apply_effect": STAFF,
    "turnout": CIVIC,
    "board": CIVIC,
    "vote_weight": CIVIC,
    "ballot_receipt": OWNERS,
    "paper_sheet": COMMITTEE | REGULATOR | ARBITRATION,
    "proxy_grant": CIVIC,
    "release_trustee_key": COMMITTEE | REGULATOR,
    "count_motion": STAFF,
    "result": MEMBERS,
    "counted_ballots": CIVIC,
    "objections": CIVIC,
    "answer_objection": REGULATOR,
    "finalise_motion": STAFF,
    "certificate": EVERYBODY,
    # --- Funds, budgets, payments, statements ---
    "funds": MEMBERS,
    "fund_overview": MEMBERS,
    "open_fund": REGULATOR,
    "set_emergency_terms": REGULATOR,
    "sync_unit_accounts": REGULATOR,
    "fund_entries": MEMBERS,
    "unit_account": CIVIC,
    "payee": MEMBERS,
    "register_payee": COMPANY,
    "confirm_payee": BANK,
    "budget": MEMBERS,
    "fund_budgets": MEMBERS,
    "unratified_budgets": MEMBERS,
    "delegation": MEMBERS,
    "open_delegated_budget": COMMITTEE | REGULATOR,
    "open_emergency_budget": COMMITTEE | REGULATOR,
    "record_resolution": REGULATOR,
    "close_budget": STAFF,
    "payment": MEMBERS,
    "payments": MEMBERS,
    "order_payment": BANK,
    "report_payment": BANK,
    "expire_payment": STAFF,
    "bank_exceptions": MEMBERS,
    "resolve_exception": COMMITTEE | REGULATOR,
    "statements": MEMBERS,
    "statement": MEMBERS,
    "bank_line": MEMBERS,
    "waiting_lines": MEMBERS,
    "income_rules": MEMBERS,
    "record_statement": BANK,
    "set_income_rule": COMMITTEE | REGULATOR,
    "end_income_rule": COMMITTEE | REGULATOR,
    "resolve_line": COMMITTEE | REGULATOR,
    "correct_line": COMMITTEE | REGULATOR,
    # --- Disputes, freezes, handovers, publication ---
    "arbitration_body": MEMBERS,
    "join_arbitration": ARBITRATION | OPERATOR,
    "dispute": MEMBERS,
    "disputes": MEMBERS,
    "open_official_dispute": COMMITTEE | COMPANY | BANK | REGULATOR,
    "add_official_evidence": COMMITTEE | COMPANY | BANK | REGULATOR,
    "withdraw_official_dispute": COMMITTEE | COMPANY | BANK | REGULATOR,
    "record_award": ARBITRATION | REGULATOR,
    "freeze_terms": MEMBERS,
    "set_freeze_terms": REGULATOR,
    "freeze": MEMBERS,
    "freezes": MEMBERS,
    "freeze_request": CIVIC,
    "set_freeze": COMMITTEE | REGULATOR | ARBITRATION,
    "lift_freeze": COMMITTEE | REGULATOR | ARBITRATION,
    "set_owners_freeze": STAFF,
    "lift_owners_freeze": STAFF,
    "handover": MEMBERS,
    "handovers": MEMBERS,
    "bulletin": EVERYBODY,
    "bulletins": EVERYBODY,
    "publish_bulletin": REGULATOR,
    "withdraw_bulletin": REGULATOR,
    "fund_report": MEMBERS,
    "fund_reports": MEMBERS,
    "due_reports": MEMBERS,
    "publish_report": STAFF,
    "low_accounts": CIVIC,
    "disclosures": MEMBERS,
    "publish_disclosure": COMPANY,
    # --- The read model, live events, attachments ---
    "read_record_history": MEMBERS,
    "list_transactions": MEMBERS,
    "read_substitutions": MEMBERS,
    "search_records": MEMBERS,
    "stream_events": MEMBERS,
    "list_webhooks": OPERATOR,
    "make_webhook": OPERATOR,
    "end_webhook": OPERATOR,
    "replay_webhook": OPERATOR,
    "list_dead_letters": OPERATOR,
    "redeliver_dead_letter": OPERATOR,
    "result_package": MEMBERS | OPERATOR,
    "put_attachment": MEMBERS | OPERATOR,
    "read_attachment": MEMBERS | OPERATOR,
    "read_shared_attachment": EVERYBODY,
    "certificate_pdf": EVERYBODY,
}
"""By the route's name (its operation id in the OpenAPI document)."""


def may(reader: Reader, route_name: str) -> bool:
    """Whether the table lets this reader use the endpoint; a route without a row lets nobody."""
    return reader.who in MATRIX.get(route_name, frozenset())


def speaks_for(reader: Reader, org: Org) -> bool:
    """Whether the reader is staff of the organisation, or runs its gateway."""
    return reader.who in STAFF_OF[org]
