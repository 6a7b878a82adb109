"""The company's own pay: out of its part of the fees, and paid by the bank like any other."""

from chaincode.model.statement import Assignment
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import FEE, FEE_ACCOUNT, MAINTENANCE, Treasury, treasury


def phase(town: Treasury, payment_id: str) -> str:
    return str(town.ask("payment", payment_id=payment_id).phase)


def fees(fen: int) -> Treasury:
    """The company's own money from a fee that two persons assigned."""
    town = treasury()
    line = town.line(fen)
    town.book_lines(line, account=FEE_ACCOUNT)
    assignment = Assignment(income_class="property-fee")
    for person in ("clerk", "m1"):
        town.run(
            "assign_line",
            person,
            account_sha256=FEE_ACCOUNT,
            line_id=line.line_id,
            assignment=assignment,
        )
    return town


def test_the_companys_own_pay_needs_no_approval_but_the_bank() -> None:
    town = fees(1_000)
    payment_id = town.ask_payment(None, 700)
    assert phase(town, payment_id) == "held"
    assert (town.book(FEE).company, town.book(FEE).held) == (300, 700)
    refused = town.refused("request_payment", "clerk", payment=town.content(None, 301))
    assert refused == (422, "payment/company-too-small")
    town.order(payment_id)
    town.report(payment_id, "settled", amount_fen=650)
    assert (town.book(FEE).company, town.book(FEE).bank) == (350, 350)
    town.report(payment_id, "returned", amount_fen=650, entry_ref="r")
    assert town.book(FEE).company == 1_000
    check(Snapshot().read(town))


def test_the_company_has_nothing_in_the_owners_fund() -> None:
    town = fees(1_000)
    content = town.content(None, 1, fund_id=MAINTENANCE)
    refused = town.refused("request_payment", "clerk", payment=content)
    assert refused == (422, "payment/company-too-small")
