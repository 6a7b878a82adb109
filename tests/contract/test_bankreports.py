"""The bank's answers: once each, in any order; what does not fit is listed and moves nothing."""

from typing import Any

import pytest

from chaincode.errors import BadInput
from chaincode.model.base import Org
from chaincode.model.payment import (
    ExceptionDecision,
    ExceptionResolution,
    ReportContent,
    ReportStatus,
)
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import DAY_MS, Treasury, sha, treasury


def ordered(fen: int = 600) -> tuple[Treasury, str]:
    """A payment of ``fen`` at the bank, out of a budget of 1,000."""
    town = treasury()
    return town, town.ordered_payment(town.open_budget(1_000), fen)


def phase(town: Treasury, payment_id: str) -> str:
    return str(town.ask("payment", payment_id=payment_id).phase)


def kinds(town: Treasury) -> list[str]:
    return sorted(str(exception.kind) for exception in town.exceptions())


def unmoved(town: Treasury, payment_id: str, status: str, **fields: Any) -> None:
    """Report something that changes neither the payment nor any balance."""
    before, payment = town.book(), town.payment(payment_id)
    town.report(payment_id, status, **fields)
    assert (town.book(), town.payment(payment_id)) == (before, payment)


# --- What fits ---


def test_accepted_then_settled_for_less_releases_the_rest() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "accepted")
    assert phase(town, payment_id) == "accepted"
    town.report(payment_id, "settled", amount_fen=590)
    assert phase(town, payment_id) == "settled"
    book = town.book()
    assert (book.held, book.budgeted) == (0, 410)
    check(Snapshot().read(town))


def test_rejected_frees_the_hold_with_the_banks_reason() -> None:
    town, payment_id = ordered()
    payment = town.report(payment_id, "rejected", reason="AC04")
    assert (phase(town, payment_id), payment.rejected_reason) == ("rejected", "AC04")
    assert (town.book().held, town.book().budgeted) == (0, 1_000)


def test_a_return_credits_the_budget_in_parts_up_to_what_was_settled() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=600)
    town.report(payment_id, "returned", amount_fen=100, entry_ref="r1")
    town.report(payment_id, "returned", amount_fen=500, entry_ref="r2")
    assert phase(town, payment_id) == "returned"
    assert town.book().budgeted == 1_000
    unmoved(town, payment_id, "returned", amount_fen=1, entry_ref="r3")
    assert kinds(town) == ["return-above-settlement"]
    check(Snapshot().read(town))


def test_the_same_report_again_is_the_same_and_a_changed_one_is_refused() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=600, report_id="r")
    unmoved(town, payment_id, "settled", amount_fen=600, report_id="r")
    changed = ReportContent(
        report_id="r",
        payment_id=payment_id,
        status=ReportStatus.SETTLED,
        message_sha256=sha("pain.002"),
        amount_fen=599,
    )
    refused = town.refused("report_payment", Org.BANK, report=changed)
    assert refused == (409, "report/exists-with-different-content")
    assert kinds(town) == []


def test_what_is_known_under_another_report_id_changes_nothing() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=600)
    unmoved(town, payment_id, "accepted")
    unmoved(town, payment_id, "settled", amount_fen=600)
    named = town.report(payment_id, "settled", amount_fen=600, entry_ref="e1")
    assert named.entry_ref == "e1"
    unmoved(town, payment_id, "settled", amount_fen=600, entry_ref="e1")
    town.report(payment_id, "returned", amount_fen=50, entry_ref="e2")
    unmoved(town, payment_id, "returned", amount_fen=50, entry_ref="e2")
    assert kinds(town) == []


def test_a_settlement_told_with_its_entry_is_known_by_it() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=600, entry_ref="e1")
    unmoved(town, payment_id, "settled", amount_fen=600, entry_ref="e1")
    unmoved(town, payment_id, "settled", amount_fen=500, entry_ref="e1")
    unmoved(town, payment_id, "settled", amount_fen=600, entry_ref="e2")
    assert kinds(town) == ["entry-changed", "settled-otherwise"]


def test_a_notice_of_a_debit_that_waits_does_not_take_the_settlements_place() -> None:
    town, payment_id = ordered()
    wrong, right = (town.line(fen, payment_id=payment_id) for fen in (-605, -600))
    town.book_lines(wrong)
    town.report(payment_id, "settled", amount_fen=600)
    unmoved(town, payment_id, "settled", amount_fen=605, entry_ref=wrong.line_id)
    town.book_lines(right)
    assert town.payment(payment_id).entry_ref == right.line_id
    assert kinds(town) == ["amount-above-hold"]
    check(Snapshot().read(town))


# --- What does not fit ---


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        ("accepted", {}, "accepted-after-end"),
        ("settled", {"amount_fen": 600}, "settled-after-end"),
        ("returned", {"amount_fen": 600, "entry_ref": "r"}, "return-without-settlement"),
    ],
)
def test_an_answer_after_the_end_is_an_exception(
    status: str, fields: dict[str, Any], kind: str
) -> None:
    town, payment_id = ordered()
    town.pass_ms(180 * DAY_MS)
    town.run("expire_payment", payment_id=payment_id)
    unmoved(town, payment_id, status, **fields)
    assert kinds(town) == [kind]
    unmoved(town, payment_id, "rejected", reason="AC04")
    assert kinds(town) == [kind]


@pytest.mark.parametrize("status", ["accepted", "rejected", "settled", "returned"])
def test_an_answer_to_what_was_never_ordered_is_an_exception(status: str) -> None:
    town = treasury()
    payment_id = town.held_payment(town.open_budget(1_000), 600)
    fields: dict[str, Any] = {"reason": "AC04"} if status == "rejected" else {}
    if status in ("settled", "returned"):
        fields = {"amount_fen": 600, "entry_ref": "e"}
    unmoved(town, payment_id, status, **fields)
    expected = "return-without-settlement" if status == "returned" else "not-ordered"
    assert kinds(town) == [expected]


def test_more_than_is_held_another_amount_or_a_rejection_of_what_was_paid() -> None:
    town, payment_id = ordered()
    unmoved(town, payment_id, "settled", amount_fen=601)
    assert phase(town, payment_id) == "ordered"
    town.report(payment_id, "settled", amount_fen=600)
    unmoved(town, payment_id, "settled", amount_fen=599)
    unmoved(town, payment_id, "rejected", reason="AC04")
    town.report(payment_id, "returned", amount_fen=50, entry_ref="r")
    unmoved(town, payment_id, "returned", amount_fen=51, entry_ref="r")
    assert kinds(town) == [
        "amount-above-hold",
        "entry-changed",
        "rejected-after-settlement",
        "settled-otherwise",
    ]
    assert len(town.ask("bank_exceptions").exceptions) == 4


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": ReportStatus.SETTLED}, "report/amount"),
        ({"status": ReportStatus.RETURNED, "entry_ref": "e"}, "report/amount"),
        ({"status": ReportStatus.ACCEPTED, "amount_fen": 5}, "report/amount"),
        ({"status": ReportStatus.REJECTED}, "report/reason-missing"),
        ({"status": ReportStatus.RETURNED, "amount_fen": 5}, "report/entry-ref-missing"),
    ],
)
def test_a_report_without_what_it_needs_is_bad_input(fields: dict[str, Any], code: str) -> None:
    town, payment_id = ordered()
    report = ReportContent(report_id="r", payment_id=payment_id, message_sha256=sha("m"), **fields)
    with pytest.raises(BadInput, match=code):
        town.run("report_payment", Org.BANK, report=report)


def test_a_report_of_no_payment_is_refused() -> None:
    report = ReportContent(
        report_id="r", payment_id="x", message_sha256=sha("m"), status=ReportStatus.ACCEPTED
    )
    refused = treasury().refused("report_payment", Org.BANK, report=report)
    assert refused == (404, "payment/unknown")


# --- Resolving ---


def test_the_committee_resolves_an_exception_once() -> None:
    town, payment_id = ordered()
    town.report(payment_id, "settled", amount_fen=601)
    (exception,) = town.exceptions()
    found = ExceptionDecision(
        exception_id=exception.exception_id,
        resolution=ExceptionResolution.NO_MONEY_MOVED,
        evidence_sha256=sha("letter of the bank"),
    )
    unknown = ExceptionDecision(
        exception_id="x",
        resolution=ExceptionResolution.NO_MONEY_MOVED,
        evidence_sha256=sha("letter of the bank"),
    )
    name = "resolve_exception"
    assert town.refused(name, decision=unknown, decision_id="x") == (404, "exception/unknown")
    refused = town.refused(name, decision=found, decision_id="x")
    assert refused == (404, "committee-decision/unknown")
    other = town.decide("bank-exception", "x", unknown)
    refused = town.refused(name, decision=found, decision_id=other)
    assert refused == (409, "committee-decision/other-content")
    waiting = town.decide("bank-exception", exception.exception_id, found, carried=False)
    refused = town.refused(name, decision=found, decision_id=waiting)
    assert refused == (422, "committee-decision/not-carried")
    carried = town.decide("bank-exception", exception.exception_id, found)
    book = town.book()
    resolved = town.run(name, decision=found, decision_id=carried)
    assert (resolved.resolution, resolved.resolved_by) == ("no-money-moved", carried)
    assert town.run(name, decision=found, decision_id=carried) == resolved
    assert town.refused(name, decision=found, decision_id=waiting) == (409, "exception/resolved")
    assert town.book() == book
    assert town.ask("bank_exceptions").exceptions == ()
    assert town.ask("bank_exceptions", with_resolved=True).exceptions == (resolved,)
