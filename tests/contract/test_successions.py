"""Hand-over: what was open is approved anew or released, and both sides sign."""

import hashlib
from typing import Any

import pytest

from chaincode import codec, keys
from chaincode.contract.handlers import Actor
from chaincode.errors import NotFound, Refusal
from chaincode.model.base import Org, Role, changed
from chaincode.model.budget import BudgetClosing
from chaincode.model.committee import CommitteeDecision
from chaincode.model.effect import FundAccount
from chaincode.model.payment import PaymentPhase
from chaincode.model.statement import Assignment
from chaincode.model.succession import HANDOVER_MS, Handover, Side
from chaincode.rules.payment import phase
from tests.support import funds as support
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import (
    ACCOUNT,
    COMMUNITY,
    DAY_MS,
    FEE,
    FEE_ACCOUNT,
    MAINTENANCE,
    MEMBERS,
    YEAR_MS,
    Treasury,
    credential,
    sha,
    treasury,
)
from tests.support.offices import (
    NEW_ACCOUNT,
    NEW_MEMBERS,
    account,
    committee,
    company,
    events,
    refused,
    resolve,
    settled_town,
    succeed,
)

NOTICE = {"company_id": "new", "notice_sha256": sha("notice")}


def members_of(office: str) -> tuple[str, ...]:
    """Who approves after the succession."""
    return NEW_MEMBERS if office == "committee" else MEMBERS


def handover(town: Treasury, handover_id: str) -> Any:
    return town.ask("handover", handover_id=handover_id)


def balanced(town: Treasury) -> None:
    check(Snapshot().read(town))


# --- What was open ---


@pytest.mark.parametrize("office", ["company", "account", "committee"])
def test_what_is_open_is_listed_and_approved_anew(office: str) -> None:
    town = settled_town()
    budget_id = town.open_budget(50_000)
    requested = town.ask_payment(budget_id, 1_000)
    town.approve(requested, *MEMBERS[:2])
    held, sent = town.held_payment(budget_id, 2_000), town.ordered_payment(budget_id, 3_000)
    declined = town.ask_payment(budget_id, 4_000)
    town.approve(declined, *MEMBERS[:3], verdict="reject")
    handover_id = succeed(town, office)
    view = handover(town, handover_id)
    figures = view.handover.figures
    assert [(one.payment_id, one.phase, one.amount_fen) for one in figures.payments] == [
        (requested, PaymentPhase.REQUESTED, 1_000),
        (held, PaymentPhase.HELD, 2_000),
    ]
    assert view.awaiting_payment_ids == (requested, held)
    assert view.handover.due_at == town.now_ms + HANDOVER_MS
    assert town.book() in figures.books
    digest = hashlib.sha256(codec.encode(figures)).hexdigest()
    assert view.handover.figures_sha256 == digest
    assert town.payment(sent).awaits_handover is None
    order = {"payment_id": held, "order_id": "o"}
    assert refused(town, "order_payment", Org.BANK, **order) == "409 payment/awaits-handover"
    members = members_of(office)
    town.approve(requested, members[2])
    assert phase(town.payment(requested)) is PaymentPhase.REQUESTED
    town.approve(requested, *members[3:])
    town.approve(held, *members[:3])
    assert phase(town.payment(requested)) is PaymentPhase.HELD
    assert handover(town, handover_id).awaiting_payment_ids == ()
    for payment_id in (requested, held):
        town.order(payment_id)
        town.report(payment_id, "settled", amount_fen=town.payment(payment_id).content.amount_fen)
    town.report(sent, "settled", amount_fen=3_000)
    assert town.book().held == 0
    assert len(events(town, "OfficeHandedOver")) == 1


@pytest.mark.parametrize("office", ["company", "account", "committee"])
def test_what_is_not_approved_anew_is_released_once(office: str) -> None:
    town = settled_town()
    budget_id = town.open_budget(50_000)
    requested, held = town.ask_payment(budget_id, 1_000), town.held_payment(budget_id, 2_000)
    handover_id = succeed(town, office)
    assert refused(town, "expire_payment", payment_id=held) == "409 payment/not-due"
    town.pass_ms(HANDOVER_MS)
    late = {"payment_id": held, "content_sha256": sha(""), "verdict": "approve"}
    by = members_of(office)[0]
    assert refused(town, "answer_payment", by, **late) == "409 committee-decision/not-open"
    for payment_id in (requested, held, requested, held):
        town.run("expire_payment", payment_id=payment_id)
    assert handover(town, handover_id).awaiting_payment_ids == ()
    assert (town.book().held, town.book().budgeted) == (0, 50_000)
    released = [entry for entry in town.entries() if entry.cause == "release"]
    assert [entry.reference for entry in released] == [held]
    balanced(town)


def test_a_hold_that_too_many_reject_anew_is_released() -> None:
    town = settled_town()
    held = town.held_payment(town.open_budget(5_000), 2_000)
    succeed(town, "committee")
    town.approve(held, *NEW_MEMBERS[:3], verdict="reject")
    assert phase(town.payment(held)) is PaymentPhase.DECLINED
    assert (town.book().held, town.book().budgeted) == (0, 5_000)
    balanced(town)


def test_the_companys_own_pay_is_confirmed_by_the_committee() -> None:
    town = settled_town()
    town.book_lines(town.line(10_000, reference="fee-1"), account=FEE_ACCOUNT)
    waiting = town.waiting(FEE)
    assert len(waiting) == 1
    line = {"account_sha256": FEE_ACCOUNT, "line_id": waiting[0].line_id}
    assignment = Assignment(income_class="fee")
    for by in (support.CLERK, "m1"):
        town.run("assign_line", by, **line, assignment=assignment)
    pay = town.ask_payment(None, 4_000)
    assert phase(town.payment(pay)) is PaymentPhase.HELD
    succeed(town, "company")
    order = {"payment_id": pay, "order_id": "o"}
    assert refused(town, "order_payment", Org.BANK, **order) == "409 payment/awaits-handover"
    town.approve(pay, *MEMBERS[:3])
    town.order(pay)
    balanced(town)


def test_a_second_succession_asks_again() -> None:
    town = settled_town()
    held = town.held_payment(town.open_budget(5_000), 2_000)
    first = succeed(town, "company")
    town.approve(held, *MEMBERS[:3])
    second = succeed(town, "committee")
    assert town.payment(held).awaits_handover == second
    assert handover(town, first).awaiting_payment_ids == ()
    assert handover(town, second).awaiting_payment_ids == (held,)
    assert [one.handover_id for one in town.ask("handovers").handovers] == [first, second]


def test_old_powers_have_no_effect_any_more() -> None:
    town = settled_town()
    budget_id = town.open_budget(5_000)
    requested = town.ask_payment(budget_id, 1_000)
    town.approve(requested, *MEMBERS[:2])
    closing = BudgetClosing(budget_id=budget_id)
    decided = town.decide("budget-closing", budget_id, closing)
    succeed(town, "committee")
    word = {
        "payment_id": requested,
        "content_sha256": town.ask("payment", payment_id=requested).content_sha256,
        "verdict": "approve",
    }
    for old in MEMBERS:
        assert refused(town, "answer_payment", old, **word) == "403 caller/not-seated"
    call = {"budget_id": budget_id, "decision_id": decided}
    assert refused(town, "close_budget", Org.COMMITTEE, **call) == (
        "409 committee-decision/other-term"
    )
    town.approve(requested, *NEW_MEMBERS[:3])
    assert phase(town.payment(requested)) is PaymentPhase.HELD


def test_a_smaller_committee_decides_with_all_its_members() -> None:
    town = settled_town()
    key = keys.fund(COMMUNITY, MAINTENANCE)
    fund = next(one for one in town.funds() if one.fund_id == MAINTENANCE)
    budget_id = town.open_budget(5_000)
    held = town.held_payment(budget_id, 2_000)
    town.put(key, changed(fund, approvals_required=9))
    succeed(town, "committee")
    approval = town.one(keys.payment_approval(COMMUNITY, held), CommitteeDecision)
    assert (approval.required, approval.approvals) == (5, ())


def test_without_a_committee_the_open_ends() -> None:
    town = settled_town()
    held = town.held_payment(town.open_budget(5_000), 2_000)
    without = town.ledger.transaction("TestMSP", "delete")
    without.delete(keys.committee(COMMUNITY))
    without.commit()
    before = town.one(keys.payment_approval(COMMUNITY, held), CommitteeDecision)
    succeed(town, "company")
    assert town.payment(held).awaits_handover is not None
    assert town.one(keys.payment_approval(COMMUNITY, held), CommitteeDecision) == before
    town.pass_ms(HANDOVER_MS)
    town.run("expire_payment", payment_id=held)
    balanced(town)


# --- Accounts ---


def test_a_fund_moves_and_the_old_account_only_receives_what_is_late() -> None:
    town = treasury()
    budget_id = town.open_budget(9_000)
    sent, held = town.ordered_payment(budget_id, 3_000), town.held_payment(budget_id, 2_000)
    handover_id = succeed(town, "account")
    figures = handover(town, handover_id).handover.figures
    assert (figures.outgoing, figures.incoming) == (ACCOUNT, NEW_ACCOUNT)
    assert {one.account_sha256 for one in figures.accounts} == {ACCOUNT, NEW_ACCOUNT}
    assert [book.fund_id for book in figures.books] == [MAINTENANCE]
    old, new = town.account(ACCOUNT), town.account(NEW_ACCOUNT)
    assert (old.closed_at, old.fund_id) == (town.now_ms, MAINTENANCE)
    assert (new.opening_fen, new.last_closing_fen, new.decided_by) == (0, 0, handover_id)
    town.report(sent, "settled", amount_fen=3_000)
    late = town.line(-3_000, payment_id=sent)
    moved = town.line(-(old.last_closing_fen - 3_000))
    town.book_lines(late, moved)
    town.book_lines(town.line(old.last_closing_fen - 3_000), account=NEW_ACCOUNT)
    assert town.payment(sent).booked_fen == 3_000
    town.approve(held, *MEMBERS[:3])
    town.order(held)
    assert town.payment(held).account_sha256 == NEW_ACCOUNT
    assert len(town.waiting()) == 2
    balanced(town)
    assert [one["replaces"] for one in events(town, "AccountReplaced")] == [ACCOUNT]


def test_a_company_brings_the_accounts_of_its_funds() -> None:
    town = treasury()
    accounts = (FundAccount(fund_id=FEE, account_sha256=NEW_ACCOUNT),)
    handover_id = resolve(town, company(town, accounts=accounts))
    assert town.account(FEE_ACCOUNT).closed_at == town.now_ms
    found = {fund.fund_id: fund.account_sha256 for fund in town.funds()}
    assert found == {FEE: NEW_ACCOUNT, MAINTENANCE: ACCOUNT}
    view = handover(town, handover_id).handover
    assert (view.figures.outgoing, view.is_notice_short) == (None, False)


def test_the_refusals_of_successions_in_order() -> None:
    town = treasury()

    def refused_now(effect: Any, **fields: Any) -> str:
        call = {"resolution_id": "r", "resolution_sha256": sha("r"), "effect": effect, **fields}
        return refused(town, "record_resolution", **call)

    later = town.now_ms + 1
    unknown = FundAccount(fund_id="f", account_sha256=NEW_ACCOUNT)
    used = FundAccount(fund_id=FEE, account_sha256=ACCOUNT)
    late = changed(company(town), from_at=later, accounts=(unknown,))
    assert refused_now(late) == "404 fund/unknown"
    assert refused_now(changed(late, accounts=(used,))) == "409 effect/not-due"
    assert refused_now(changed(late, accounts=(used,), from_at=0)) == "409 account/used"
    moved = account(town, ACCOUNT)
    assert refused_now(changed(moved, fund_id="f")) == "404 fund/unknown"
    assert refused_now(changed(moved, from_at=later)) == "409 effect/not-due"
    assert refused_now(moved) == "409 account/used"
    term, elected = committee(town)
    assert refused_now(term) == "400 resolution/elected-contradicts"
    assert refused_now(moved, elected=elected) == "400 resolution/elected-contradicts"
    assert refused_now(changed(term, term_from_at=later), elected=elected) == ("409 effect/not-due")
    assert refused_now(term, elected=elected) == "422 committee/member-count"
    resolve(town, company(town))
    assert refused_now(company(town)) == "409 company/in-office"


# --- Notice ---


@pytest.mark.parametrize(("days", "short"), [(60, False), (59, True)])
def test_the_notice_of_a_dismissed_company_is_shown(days: int, short: bool) -> None:
    town = treasury()
    resolve(town, company(town))
    for served_at in (town.now_ms + DAY_MS, town.now_ms, town.now_ms - 1):
        town.pass_ms(DAY_MS)
        served = {"served_at": served_at, "notice_sha256": sha(str(served_at))}
        town.run("record_dismissal_notice", Org.COMMITTEE, company_id="new", **served)
    first = town.ask("company").since_at
    town.ledger.now_ms = first + days * DAY_MS
    view = handover(town, resolve(town, company(town, "newer"))).handover
    assert (view.notice_served_at, view.is_notice_short) == (first, short)


def test_a_company_that_nobody_told_was_told_too_late() -> None:
    town = treasury()
    resolve(town, company(town))
    town.pass_ms(YEAR_MS)
    view = handover(town, resolve(town, company(town, "newer"))).handover
    assert (view.notice_served_at, view.is_notice_short) == (None, True)
    assert (view.figures.outgoing, view.figures.incoming) == ("new", "newer")


# --- Signatures ---


def signer(holder_id: str, role: Role, company_id: str | None = None) -> Actor:
    org = {Role.COMPANY_CLERK: Org.PROPERTY, Role.BANK_CLERK: Org.BANK}.get(role, Org.REGULATOR)
    found = changed(credential(holder_id, role, org), company_id=company_id)
    return Actor(credential=found, act_sha256=sha(holder_id), signed_at=0)


def sign(
    town: Treasury,
    monkeypatch: pytest.MonkeyPatch,
    by: Actor,
    side: str,
    begun: Handover,
    **fields: Any,
) -> str:
    """Sign, and what became of it."""
    monkeypatch.setattr(support, "actor", lambda _holder_id: by)
    call = {"handover_id": begun.handover_id, "figures_sha256": begun.figures_sha256, **fields}
    try:
        town.run("sign_handover", by.credential.holder_id, side=Side(side), **call)
    except Refusal as refusal:
        return f"{refusal.status} {refusal.code}"
    return "signed"


def test_both_companies_sign_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    town = treasury()
    resolve(town, company(town, "old"))
    begun = handover(town, resolve(town, company(town))).handover
    old, new = (signer(f"c-{one}", Role.COMPANY_CLERK, one) for one in ("old", "new"))
    stranger = signer("m1", Role.OWNER)
    for by, side in ((old, "incoming"), (new, "outgoing"), (stranger, "incoming")):
        assert sign(town, monkeypatch, by, side, begun) == "403 handover/not-your-side"
    missing = changed(begun, handover_id="x")
    assert sign(town, monkeypatch, old, "outgoing", missing) == "404 handover/unknown"
    other = sign(town, monkeypatch, old, "outgoing", begun, figures_sha256=sha("other"))
    assert other == "409 handover/other-figures"
    assert sign(town, monkeypatch, old, "outgoing", begun) == "signed"
    assert sign(town, monkeypatch, old, "outgoing", begun) == "409 handover/signed-already"
    assert sign(town, monkeypatch, new, "incoming", begun) == "signed"
    signatures = handover(town, begun.handover_id).signatures
    assert [(one.side, one.holder_id) for one in signatures] == [
        ("incoming", "c-new"),
        ("outgoing", "c-old"),
    ]
    assert len(events(town, "HandoverSigned")) == 2


def test_bank_and_company_sign_for_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    town = treasury()
    resolve(town, company(town))
    begun = handover(town, resolve(town, account(town))).handover
    bank = signer("b", Role.BANK_CLERK)
    dismissed = signer("c-old", Role.COMPANY_CLERK, "old")
    assert sign(town, monkeypatch, bank, "incoming", begun) == "403 handover/not-your-side"
    assert sign(town, monkeypatch, dismissed, "incoming", begun) == "403 caller/other-company"
    assert sign(town, monkeypatch, bank, "outgoing", begun) == "signed"
    in_office = signer("c-new", Role.COMPANY_CLERK, "new")
    assert sign(town, monkeypatch, in_office, "incoming", begun) == "signed"


def test_members_sign_for_their_committees(monkeypatch: pytest.MonkeyPatch) -> None:
    town = settled_town()
    begun = handover(town, succeed(town, "committee")).handover
    assert (begun.figures.outgoing, begun.figures.incoming) == ("1", "2")
    old, new = signer("m1", Role.OWNER), signer(NEW_MEMBERS[0], Role.OWNER)
    assert sign(town, monkeypatch, old, "incoming", begun) == "403 handover/not-your-side"
    assert sign(town, monkeypatch, new, "outgoing", begun) == "403 handover/not-your-side"
    assert sign(town, monkeypatch, old, "outgoing", begun) == "signed"
    succeed(town, "committee")
    assert sign(town, monkeypatch, new, "incoming", begun) == "signed"


def test_nobody_signs_for_a_committee_that_never_was(monkeypatch: pytest.MonkeyPatch) -> None:
    town = settled_town()
    without = town.ledger.transaction("TestMSP", "delete")
    without.delete(keys.committee(COMMUNITY))
    without.commit()
    begun = handover(town, succeed(town, "committee")).handover
    assert begun.figures.outgoing is None
    old = signer("m1", Role.OWNER)
    assert sign(town, monkeypatch, old, "outgoing", begun) == "403 handover/not-your-side"
    with pytest.raises(NotFound, match="handover/unknown"):
        handover(town, "nothing")
