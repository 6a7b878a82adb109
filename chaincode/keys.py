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

_PART: Final = ID_PATTERN.removeprefix(r"\A").removesuffix(r"\Z")
_KEY: Final = re.compile(rf"{_PART}(?:/{_PART})*\Z")


def _key(community: str, kind: str, *parts: str) -> str:
    """Join ids; a slash inside one would make more parts than were given."""
    key = "/".join((community, kind, *parts))
    if not _KEY.match(key) or key.count("/") != len(parts) + 1:
        raise BadInput("input/bad-id")
    return key


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


def public_key(community_id: str, key_sha256: str) -> str:
    """Which credential a public key was used by; no key is used by two."""
    return _key(community_id, "public-key", key_sha256)


# --- Roll and committee ---


def units(community_id: str) -> str:
    """All units of the living register."""
    return _key(community_id, "unit")


def unit(community_id: str, unit_id: str) -> str:
    """One unit as it is now; its history holds what it was."""
    return _key(community_id, "unit", unit_id)


def owner_units(community_id: str, owner_id: str) -> str:
    """The units an owner owns now."""
    return _key(community_id, "owner-unit", owner_id)


def owner_unit(community_id: str, owner_id: str, unit_id: str) -> str:
    """That an owner owns a unit now."""
    return _key(community_id, "owner-unit", owner_id, unit_id)


def roll_import(community_id: str, import_sha256: str) -> str:
    """One import of units, by its content."""
    return _key(community_id, "roll-import", import_sha256)


def roll(community_id: str, roll_id: str) -> str:
    """The totals of one frozen roll."""
    return _key(community_id, "roll", roll_id)


def roll_entries(community_id: str, roll_id: str) -> str:
    """All units of one frozen roll."""
    return _key(community_id, "roll-entry", roll_id)


def roll_entry(community_id: str, roll_id: str, unit_id: str) -> str:
    """One unit of one frozen roll."""
    return _key(community_id, "roll-entry", roll_id, unit_id)


def committee(community_id: str) -> str:
    """The committee in office, or the last one that was."""
    return _key(community_id, "committee")


def past_committee(community_id: str, term: int) -> str:
    """A committee that another has replaced."""
    return _key(community_id, "past-committee", str(term))


def committee_decision(community_id: str, decision_id: str) -> str:
    """Something the committee decides by signed acts of its members."""
    return _key(community_id, "committee-decision", decision_id)


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


def co_signatures(community_id: str, motion_id: str, unit_id: str) -> str:
    """Below it: what each co-owner of a unit wants its ballot to be."""
    return _key(community_id, "co-signature", motion_id, unit_id)


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


# --- Freezes and disputes ---


def freeze_terms(community_id: str) -> str:
    """The share of owners that may freeze, and the longest freeze."""
    return _key(community_id, "freeze-terms")


def freezes(community_id: str) -> str:
    """Below it: every freeze of the community."""
    return _key(community_id, "freeze")


def freeze(community_id: str, freeze_id: str) -> str:
    """One freeze."""
    return _key(community_id, "freeze", freeze_id)


def freeze_request(community_id: str, freeze_id: str) -> str:
    """One owner's call to freeze."""
    return _key(community_id, "freeze-request", freeze_id)


def freeze_supports(community_id: str, freeze_id: str) -> str:
    """Below it: who supports a call to freeze."""
    return _key(community_id, "freeze-support", freeze_id)


def freeze_support(community_id: str, freeze_id: str, holder_id: str) -> str:
    """One owner's last word on a call to freeze."""
    return _key(community_id, "freeze-support", freeze_id, holder_id)


def disputes(community_id: str) -> str:
    """Below it: the disputes of the community."""
    return _key(community_id, "dispute")


def dispute(community_id: str, dispute_id: str) -> str:
    """One dispute with its award."""
    return _key(community_id, "dispute", dispute_id)


def evidences(community_id: str, dispute_id: str) -> str:
    """Below it: the evidence of a dispute."""
    return _key(community_id, "evidence", dispute_id)


def evidence(community_id: str, dispute_id: str, sha256: str) -> str:
    """One piece of evidence, by its salted hash."""
    return _key(community_id, "evidence", dispute_id, sha256)


def arbitration(community_id: str) -> str:
    """Since when an arbitration body is on the channel."""
    return _key(community_id, "arbitration")


# --- Bulletins and publication ---


def bulletins(community_id: str) -> str:
    """Below it: the regulator's bulletins."""
    return _key(community_id, "bulletin")


def bulletin(community_id: str, bulletin_id: str) -> str:
    """One bulletin."""
    return _key(community_id, "bulletin", bulletin_id)


# --- Funds ---


def fund(community_id: str, fund_id: str) -> str:
    """One fund."""
    return _key(community_id, "fund", fund_id)


def funds(community_id: str) -> str:
    """Below it: the funds of the community."""
    return _key(community_id, "fund")


def book(community_id: str, fund_id: str) -> str:
    """The balances of a fund: what all its movements read and write."""
    return _key(community_id, "book", fund_id)


def entries(community_id: str, fund_id: str) -> str:
    """Below it: the entries of a fund's book."""
    return _key(community_id, "entry", fund_id)


def entry(community_id: str, fund_id: str, entry_id: str) -> str:
    """One entry of a fund's book."""
    return _key(community_id, "entry", fund_id, entry_id)


def bank_account(community_id: str, account_sha256: str) -> str:
    """One bank account of a fund, by the salted hash of its number."""
    return _key(community_id, "bank-account", account_sha256)


def bank_accounts(community_id: str) -> str:
    """Below it: the bank accounts of all funds."""
    return _key(community_id, "bank-account")


def unit_accounts(community_id: str, fund_id: str) -> str:
    """Below it: the units' parts of a fund."""
    return _key(community_id, "unit-account", fund_id)


def unit_account(community_id: str, fund_id: str, unit_id: str) -> str:
    """A unit's part of a fund; its postings are in the history."""
    return _key(community_id, "unit-account", fund_id, unit_id)


def unit_shares(community_id: str, fund_id: str, place: str, reference: str) -> str:
    """Which units bore a payment (place ``payment``) or a line of an account, or got it."""
    return _key(community_id, "unit-shares", fund_id, place, reference)


def payee(community_id: str, payee_id: str) -> str:
    """Somebody who may be paid."""
    return _key(community_id, "payee", payee_id)


def budget(community_id: str, budget_id: str) -> str:
    """One budget."""
    return _key(community_id, "budget", budget_id)


def budgets(community_id: str) -> str:
    """Below it: the budgets of the community."""
    return _key(community_id, "budget")


def delegation(community_id: str, fund_id: str, delegation_id: str) -> str:
    """What owners let the committee decide on one fund."""
    return _key(community_id, "delegation", fund_id, delegation_id)


def delegations(community_id: str, fund_id: str) -> str:
    """Below it: the delegations on one fund."""
    return _key(community_id, "delegation", fund_id)


def delegation_use(community_id: str, delegation_id: str, budget_id: str) -> str:
    """One budget opened under a delegation."""
    return _key(community_id, "delegation-use", delegation_id, budget_id)


def delegation_uses(community_id: str, delegation_id: str) -> str:
    """Below it: the budgets opened under a delegation."""
    return _key(community_id, "delegation-use", delegation_id)


def awaits_ratification(community_id: str, fund_id: str, budget_id: str) -> str:
    """An emergency budget that owners have not ratified."""
    return _key(community_id, "awaits-ratification", fund_id, budget_id)


def all_awaiting_ratification(community_id: str, fund_id: str) -> str:
    """Below it: the emergency budgets of a fund that owners have not ratified."""
    return _key(community_id, "awaits-ratification", fund_id)


def hold(community_id: str, budget_id: str, payment_id: str) -> str:
    """What one payment holds or used of a budget."""
    return _key(community_id, "hold", budget_id, payment_id)


def holds(community_id: str, budget_id: str) -> str:
    """Below it: what the payments of a budget hold and used."""
    return _key(community_id, "hold", budget_id)


def company_hold(community_id: str, fund_id: str, payment_id: str) -> str:
    """What one payment holds or used of the company's own money."""
    return _key(community_id, "company-hold", fund_id, payment_id)


def payment(community_id: str, payment_id: str) -> str:
    """One payment."""
    return _key(community_id, "payment", payment_id)


def payments(community_id: str) -> str:
    """Below it: the payments of the community."""
    return _key(community_id, "payment")


def payment_approval(community_id: str, payment_id: str) -> str:
    """The committee's decision on one payment."""
    return _key(community_id, "payment-approval", payment_id)


def payment_order(community_id: str, order_id: str) -> str:
    """Which payment an order to the bank is for."""
    return _key(community_id, "payment-order", order_id)


def invoice(community_id: str, invoice_sha256: str) -> str:
    """The newest payment asked for an invoice."""
    return _key(community_id, "invoice", invoice_sha256)


def bank_report(community_id: str, report_id: str) -> str:
    """One report of the bank."""
    return _key(community_id, "bank-report", report_id)


def bank_exception(community_id: str, exception_id: str) -> str:
    """A bank's answer that does not fit."""
    return _key(community_id, "bank-exception", exception_id)


def bank_exceptions(community_id: str) -> str:
    """Below it: the bank's answers that did not fit."""
    return _key(community_id, "bank-exception")


def statement(community_id: str, account_sha256: str, statement_id: str) -> str:
    """One statement of an account."""
    return _key(community_id, "statement", account_sha256, statement_id)


def statements(community_id: str, account_sha256: str) -> str:
    """Below it: the statements of an account."""
    return _key(community_id, "statement", account_sha256)


def bank_line(community_id: str, account_sha256: str, line_id: str) -> str:
    """One booked entry of an account, by the bank's reference."""
    return _key(community_id, "bank-line", account_sha256, line_id)


def waiting_line(community_id: str, fund_id: str, account_sha256: str, line_id: str) -> str:
    """A line of a statement that nobody has explained yet."""
    return _key(community_id, "waiting-line", fund_id, account_sha256, line_id)


def waiting_lines(community_id: str, fund_id: str) -> str:
    """Below it: the lines that nobody has explained yet."""
    return _key(community_id, "waiting-line", fund_id)


def income_rule(community_id: str, fund_id: str, rule_id: str) -> str:
    """One rule that says which incoming lines are income."""
    return _key(community_id, "income-rule", fund_id, rule_id)


def income_rules(community_id: str, fund_id: str) -> str:
    """Below it: the income rules of a fund."""
    return _key(community_id, "income-rule", fund_id)


def fund_reports(community_id: str, fund_id: str) -> str:
    """Below it: the published reports of a fund."""
    return _key(community_id, "fund-report", fund_id)


def fund_report(community_id: str, fund_id: str, period: str) -> str:
    """The report of a fund for one period."""
    return _key(community_id, "fund-report", fund_id, period)


def disclosures(community_id: str) -> str:
    """Below it: what the company made public."""
    return _key(community_id, "disclosure")


def disclosure(community_id: str, disclosure_id: str) -> str:
    """One document that the company made public."""
    return _key(community_id, "disclosure", disclosure_id)


def resolution(community_id: str, resolution_id: str) -> str:
    """A resolution made elsewhere and recorded by the regulator."""
    return _key(community_id, "resolution", resolution_id)


# --- Succession ---


def company(community_id: str) -> str:
    """The property company in office; those before in its history."""
    return _key(community_id, "company")


def dismissal_notices(community_id: str, company_id: str) -> str:
    """Below it: the notices of dismissal to a company."""
    return _key(community_id, "dismissal-notice", company_id)


def dismissal_notice(community_id: str, company_id: str, notice_sha256: str) -> str:
    """One notice of dismissal."""
    return _key(community_id, "dismissal-notice", company_id, notice_sha256)


def handovers(community_id: str) -> str:
    """Below it: the hand-overs of the community's offices."""
    return _key(community_id, "handover")


def handover(community_id: str, handover_id: str) -> str:
    """One hand-over, by the decision that replaced the office."""
    return _key(community_id, "handover", handover_id)


def handover_signatures(community_id: str, handover_id: str) -> str:
    """Below it: who signed a hand-over statement."""
    return _key(community_id, "handover-signature", handover_id)


def handover_signature(community_id: str, handover_id: str, side: str) -> str:
    """One side's signature under a hand-over statement."""
    return _key(community_id, "handover-signature", handover_id, side)
