"""Keys of funds, budgets, payments and statements."""

from chaincode.keys.build import key as _key


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
