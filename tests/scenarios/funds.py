"""Every call of the funds: budgets, payments, the bank's answers, lines, freezes, hand-overs."""

import json
from typing import Any

from chaincode import codec
from chaincode.contract.contract import Outcome
from chaincode.model.base import Org, Record, Role
from chaincode.model.budget import BudgetClosing, DelegatedBudget, EmergencyBudget, EmergencyCause
from chaincode.model.effect import UseFund
from chaincode.model.freeze import FreezeOrder, LiftOrder, LiftReason
from chaincode.model.payment import ExceptionDecision, ExceptionResolution
from chaincode.model.statement import IncomeRule, LineCorrection, LineDecision
from chaincode.rules.calendar import iso_date
from tests.scenarios.money import ACCOUNT, FUND, book, decided, held, open_fund, phase, request, use
from tests.scenarios.steps import scenario
from tests.support.bank import OPENING_FEN
from tests.support.community import UNITS, Commons, usual_rows
from tests.support.people import Person
from tests.support.town import DAY_MS, HASH, YEAR_MS, refusal, sha, unit_row


async def alone(town: Commons) -> Commons:
    """A community that uses funds without voting: owners, a committee, a clerk, a fund."""
    await town.open("funds")
    await town.add_units(usual_rows())
    for number in range(1, 7):
        await town.owner(f"o{number}")
    await town.seated()
    await town.issue(Person("clerk", "cred-clerk"), Role.COMPANY_CLERK, Org.PROPERTY)
    await open_fund(town)
    return town


async def resolved(town: Commons, resolution_id: str, effect: dict[str, Any]) -> None:
    """A signed resolution made elsewhere, as the regulator records it."""
    named = {"resolution_id": resolution_id, "resolution_sha256": sha(5)}
    await town.done(Org.REGULATOR, "record_resolution", **named, effect=effect)


async def budget(town: Commons, fen: int = 850_000, **fields: Any) -> None:
    """A budget by resolution `m1`."""
    await resolved(town, "m1", use(town, fen, **fields))


async def ordered(town: Commons, payment_id: str, fen: int) -> None:
    """A payment that the bank has been told of."""
    await held(town, payment_id, fen)
    order = {"payment_id": payment_id, "order_id": f"order-{payment_id}"}
    await town.done(Org.BANK, "order_payment", **order)


async def reported(town: Commons, payment_id: str, status: str, **fields: Any) -> Any:
    """The bank's answer, on record."""
    report = {"report_id": f"{payment_id}-{status}", "payment_id": payment_id, "status": status}
    report |= {"message_sha256": sha(95), **fields}
    return await town.done(Org.BANK, "report_payment", report=report)


async def stated(town: Commons, sequence: int, *lines: dict[str, Any]) -> dict[str, Any]:
    """The next statement with these lines, on record."""
    overview = await town.ask("fund_overview", fund_id=FUND)
    opening_fen = overview["account"]["last_closing_fen"]
    statement = {
        "account_sha256": ACCOUNT,
        "statement_id": f"s{sequence}",
        "sequence": sequence,
        "opening_fen": opening_fen,
        "closing_fen": opening_fen + sum(line["fen"] for line in lines),
        "message_sha256": sha(96),
        "lines": [{"booked_at": town.ledger.now_ms, **line} for line in lines],
    }
    await town.done(Org.BANK, "record_statement", statement=statement)
    return statement


async def line_of(town: Commons, line_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await town.ask("bank_line", account_sha256=ACCOUNT, line_id=line_id)
    return found


# --- Payments ---


async def payments(town: Commons) -> None:
    """One paid, one taken back, one refused as over budget; then the budget is closed."""
    await alone(town)
    await budget(town)
    await ordered(town, "p1", 800_000)
    await reported(town, "p1", "accepted")
    await reported(town, "p1", "settled", amount_fen=790_000, entry_ref="e1")
    await held(town, "p2", 10_000)
    await town.agreed(town.act(town.people["clerk"], "withdraw_payment", payment_id="p2"))
    over = await town.carry(request(town, "p3", 60_007))
    assert over.message.startswith("budget/exceeded")
    assert '"gap_fen": 7' in over.message
    await stated(town, 1, {"line_id": "e1", "fen": -790_000, "payment_id": "p1"})
    phases = {
        row["payment"]["content"]["payment_id"]: row["phase"]
        for row in (await town.ask("payments", fund_id=FUND))["payments"]
    }
    assert phases == {"p1": "settled", "p2": "withdrawn"}
    assert (await town.ask("budget", budget_id="m1"))["remaining_fen"] == 60_000
    closing = await decided(town, "budget-closing", "m1", BudgetClosing(budget_id="m1"))
    await town.done(Org.BANK, "close_budget", budget_id="m1", decision_id=closing)
    listed = (await town.ask("fund_budgets", fund_id=FUND))["budgets"]
    assert [one["closed_fen"] for one in listed] == [60_000]
    assert (await line_of(town, "e1"))["fate"] == "payment"
    view = await town.ask("statement", account_sha256=ACCOUNT, statement_id="s1")
    assert [line["fate"] for line in view["lines"]] == ["payment"]
    assert len((await town.ask("statements", account_sha256=ACCOUNT))["statements"]) == 1
    await expiry(town)


async def expiry(town: Commons) -> None:
    """A request that nobody answers expires after thirty days: where the clock can wait so long."""
    await resolved(town, "m2", use(town, 1_000))
    await town.agreed(request(town, "p4", 1_000, budget_id="m2"))
    expires_at = (await town.ask("payment", payment_id="p4"))["payment"]["expires_at"]
    if not town.ledger.may_reach(expires_at):
        early = await town.call(Org.BANK, "expire_payment", payment_id="p4")
        assert refusal(early) == (409, "payment/not-due")
        return
    await town.ledger.reach(expires_at)
    await town.done(Org.BANK, "expire_payment", payment_id="p4")
    assert await phase(town, "p4") == "expired"


async def fund(town: Commons) -> None:
    """What owners see of a fund, its units' parts, its terms and its reports."""
    await alone(town)
    assert [one["fund_id"] for one in (await town.ask("funds"))["funds"]] == [FUND]
    assert (await town.ask("payee", payee_id="locksmith"))["confirmed_at"] is not None
    entries = (await town.ask("fund_entries", fund_id=FUND))["entries"]
    assert [entry["cause"] for entry in entries] == ["opening"]
    correction = {"version": 1, "reason": "new-survey", "evidence_sha256": HASH}
    smaller = unit_row(UNITS[0], "o1", area_dm2=5_000)
    await town.done(Org.REGULATOR, "correct_unit", unit=smaller, **correction)
    await town.done(Org.REGULATOR, "sync_unit_accounts", fund_id=FUND)
    views = [await town.ask("unit_account", fund_id=FUND, unit_id=unit) for unit in UNITS]
    assert sum(view["account"]["balance_fen"] for view in views) == OPENING_FEN
    terms = {"fen_max": 5_000, "ratify_ms": DAY_MS}
    stated_terms = {"fund_id": FUND, "emergency": terms, "resolution_sha256": HASH}
    await town.done(Org.REGULATOR, "set_emergency_terms", **stated_terms)
    overview = await town.ask("fund_overview", fund_id=FUND)
    assert overview["fund"]["emergency"] == terms
    assert (await town.ask("low_accounts"))["accounts"] == []
    await report(town)


async def report(town: Commons) -> None:
    """A half year's report, once the half year is over: where the clock can wait so long."""
    period = next_half_year(town.ledger.now_ms)
    named = {"fund_id": FUND, "period": period}
    early = await town.call(Org.BANK, "publish_report", **named)
    assert refusal(early) == (422, "report/not-due")
    far = town.ledger.now_ms + YEAR_MS
    if not town.ledger.may_reach(far):
        assert (await town.ask("due_reports"))["reports"] == []
        assert refusal(await town.query("fund_report", **named)) == (404, "report/unknown")
        assert (await town.ask("fund_reports", fund_id=FUND))["reports"] == []
        return
    await town.ledger.reach(far)
    assert (await town.ask("due_reports"))["reports"][0]["period"]["name"] == period
    published = await town.done(Org.BANK, "publish_report", **named)
    assert await town.ask("fund_report", **named) == published
    assert (await town.ask("fund_reports", fund_id=FUND))["reports"] == [published]


def next_half_year(now_ms: int) -> str:
    """The running half year in local time, as reports name it."""
    year, month = (int(part) for part in iso_date(now_ms).split("-")[:2])
    return f"{year}-H{1 if month < 7 else 2}"


# --- Budgets ---


async def budgets(town: Commons) -> None:
    """The committee within a limit that owners delegated; an emergency, ratified afterwards."""
    await alone(town)
    now_ms = town.ledger.now_ms
    limit = {"amount_fen_max": 5_000, "total_fen_max": 9_000, "count_max": 3}
    times = {"from_at": now_ms, "until_at": now_ms + YEAR_MS}
    delegation = {"kind": "delegate_limit", "fund_id": FUND, **limit, **times}
    await resolved(town, "limit", delegation)
    small = DelegatedBudget(budget_id="small", delegation_id="limit", use=as_use(town, 4_000))
    decision_id = await decided(town, "delegated-budget", "small", small)
    opened = await town.done(
        Org.COMMITTEE, "open_delegated_budget", budget=plain(small), decision_id=decision_id
    )
    assert opened["source"] == "delegation"
    view = await town.ask("delegation", fund_id=FUND, delegation_id="limit")
    assert view["left_fen"] == 5_000
    leak = EmergencyBudget(
        budget_id="leak", use=as_use(town, 50_000), cause=EmergencyCause.LEAK, proof_sha256=sha(3)
    )
    decision_id = await decided(town, "emergency-budget", "leak", leak)
    await town.done(
        Org.COMMITTEE, "open_emergency_budget", budget=plain(leak), decision_id=decision_id
    )
    waiting = (await town.ask("unratified_budgets", fund_id=FUND))["budgets"]
    assert [one["budget_id"] for one in waiting] == ["leak"]
    await resolved(town, "ratified", {"kind": "ratify_budget", "budget_id": "leak"})
    assert (await town.ask("unratified_budgets", fund_id=FUND))["budgets"] == []
    assert (await book(town))["budgeted"] == 54_000


def as_use(town: Commons, fen: int) -> UseFund:
    """A use of the fund as a record."""
    return codec.decode(json.dumps(use(town, fen)), UseFund)


def plain(record: Record) -> Any:
    """A record as a request holds it."""
    return json.loads(codec.encode(record))


# --- Lines ---


async def lines(town: Commons) -> None:
    """Income by a rule, by two persons; a line explained by the committee and undone again; a
    late answer on the exception list."""
    await alone(town)
    rule = IncomeRule(rule_id="parking", fund_id=FUND, income_class="parking", reference_prefix="P")
    decision_id = await decided(town, "income-rule", "parking", rule)
    await town.done(Org.COMMITTEE, "set_income_rule", rule=plain(rule), decision_id=decision_id)
    await stated(
        town,
        1,
        {"line_id": "e1", "fen": 500, "reference": "P-12"},
        {"line_id": "e2", "fen": 300},
        {"line_id": "e3", "fen": -20},
    )
    waiting = (await town.ask("waiting_lines", fund_id=FUND))["lines"]
    assert [one["line"]["line_id"] for one in waiting] == ["e2", "e3"]
    word = {"account_sha256": ACCOUNT, "line_id": "e2", "assignment": {"income_class": "gift"}}
    for person in ("clerk", "o1"):
        await town.agreed(town.act(town.people[person], "assign_line", **word))
    await explained(town)
    named = {"fund_id": FUND, "rule_id": "parking"}
    decision_id = await decided(town, "income-rule-end", "parking", rule)
    await town.done(Org.COMMITTEE, "end_income_rule", **named, decision_id=decision_id)
    rules = (await town.ask("income_rules", fund_id=FUND))["rules"]
    assert [one["ended_at"] is None for one in rules] == [False]
    await late_answer(town)


async def explained(town: Commons) -> None:
    """A bank's fee: a charge by the committee's decision, then not."""
    place = {"account_sha256": ACCOUNT, "line_id": "e3"}
    entry_id = (await line_of(town, "e3"))["entry_id"]
    charge = codec.decode(
        json.dumps({**place, "entry_id": entry_id, "kind": "charge"}), LineDecision
    )
    decision_id = await decided(town, "bank-line", "e3", charge)
    await town.done(Org.COMMITTEE, "resolve_line", decision=plain(charge), decision_id=decision_id)
    line = await line_of(town, "e3")
    assert line["fate"] == "charge"
    undone = LineCorrection(**place, entry_id=line["entry_id"], reason_sha256=sha(8))
    decision_id = await decided(town, "line-correction", "e3", undone)
    await town.done(
        Org.COMMITTEE, "correct_line", correction=plain(undone), decision_id=decision_id
    )
    assert (await line_of(town, "e3"))["fate"] == "waiting"


async def late_answer(town: Commons) -> None:
    """The bank says settled of what it rejected: listed, and closed as the committee found."""
    await budget(town, 1_000)
    await ordered(town, "p1", 600)
    await reported(town, "p1", "rejected", reason="AC04")
    await reported(town, "p1", "settled", amount_fen=600)
    (found,) = (await town.ask("bank_exceptions"))["exceptions"]
    assert found["kind"] == "settled-after-end"
    finding = ExceptionDecision(
        exception_id=found["exception_id"],
        resolution=ExceptionResolution.NO_MONEY_MOVED,
        evidence_sha256=sha(2),
    )
    decision_id = await decided(town, "bank-exception", found["exception_id"], finding)
    await town.done(
        Org.COMMITTEE, "resolve_exception", decision=plain(finding), decision_id=decision_id
    )
    assert (await town.ask("bank_exceptions"))["exceptions"] == []


# --- Freezes and hand-over ---


async def freezes(town: Commons) -> None:
    """By a share of the owners, and by the regulator; nothing is held meanwhile."""
    await alone(town)
    await budget(town)
    await town.agreed(request(town))
    terms = {"num": 1, "den": 3, "by_area": False, "freeze_ms_max": 30 * DAY_MS}
    await town.done(Org.REGULATOR, "set_freeze_terms", terms=terms)
    assert await town.ask("freeze_terms") == terms
    order = codec.decode(json.dumps(freeze_order(town)), FreezeOrder)
    await town.agreed(town.act(town.people["o1"], "ask_freeze", freeze_id="f1", order=plain(order)))
    few = await town.call(Org.BANK, "set_owners_freeze", freeze_id="f1")
    assert refusal(few) == (422, "freeze/too-few")
    await support(town, "o2", supports=True)
    assert (await town.ask("freeze_request", freeze_id="f1"))["is_supported"]
    await town.done(Org.BANK, "set_owners_freeze", freeze_id="f1")
    held_up = await hold(town)
    assert refusal(held_up) == (409, "payment/frozen")
    await support(town, "o2", supports=False)
    await town.done(Org.BANK, "lift_owners_freeze", freeze_id="f1")
    await town.done(Org.REGULATOR, "set_freeze", freeze_id="f2", order=plain(order))
    assert (await town.ask("freeze", freeze_id="f2"))["is_in_force"]
    lift = LiftOrder(reason=LiftReason.SETTLED, evidence_sha256=sha(4))
    await town.done(Org.REGULATOR, "lift_freeze", freeze_id="f2", lift=plain(lift))
    assert len((await town.ask("freezes", in_force=False))["freezes"]) == 2
    assert (await hold(town)).status == 200
    assert await phase(town) == "held"


def freeze_order(town: Commons) -> dict[str, Any]:
    """The whole fund, for ten days."""
    return {
        "frozen": "fund",
        "subject_id": FUND,
        "reason": "documents-doubted",
        "evidence_sha256": sha(1),
        "until_at": town.ledger.now_ms + 10 * DAY_MS,
    }


async def support(town: Commons, owner: str, *, supports: bool) -> None:
    said = {"freeze_id": "f1", "supports": supports}
    await town.agreed(town.act(town.people[owner], "support_freeze", **said))


async def hold(town: Commons) -> Outcome:
    """Three members approve; what the first was answered who is refused, else the third."""
    view = await town.ask("payment", payment_id="p1")
    word = {"payment_id": "p1", "content_sha256": view["content_sha256"], "verdict": "approve"}
    for member in ("o1", "o2"):
        outcome = await town.carry(town.act(town.people[member], "answer_payment", **word))
        if outcome.status != 200:
            return outcome
    return await town.carry(town.act(town.people["o3"], "answer_payment", **word))


async def handover(town: Commons) -> None:
    """The fund's account is replaced: what is held waits for a new approval; both sides sign."""
    await alone(town)
    await budget(town)
    await held(town, "p1", 1_000)
    banker = Person("banker", "cred-banker")
    await town.issue(banker, Role.BANK_CLERK, Org.BANK)
    new = {"fund_id": FUND, "account_sha256": sha(77), "from_at": town.ledger.now_ms}
    await resolved(town, "new-account", {"kind": "replace_account", **new})
    view = await town.ask("handover", handover_id="new-account")
    assert view["awaiting_payment_ids"] == ["p1"]
    refused = await town.call(Org.BANK, "order_payment", payment_id="p1", order_id="o")
    assert refusal(refused) == (409, "payment/awaits-handover")
    signed = {"handover_id": "new-account", "figures_sha256": view["handover"]["figures_sha256"]}
    for person, side in ((banker, "outgoing"), (town.people["clerk"], "incoming")):
        await town.agreed(town.act(person, "sign_handover", side=side, **signed))
    view = await town.ask("handover", handover_id="new-account")
    assert [one["side"] for one in view["signatures"]] == ["incoming", "outgoing"]
    listed = (await town.ask("handovers"))["handovers"]
    assert [one["handover_id"] for one in listed] == ["new-account"]


FUNDS = (
    scenario(
        payments,
        "record_resolution request_payment answer_payment withdraw_payment order_payment "
        "report_payment record_statement close_budget expire_payment budget fund_budgets payment "
        "payments statement statements bank_line open_fund register_payee confirm_payee",
    ),
    scenario(
        fund,
        "funds fund_overview fund_entries unit_account payee sync_unit_accounts "
        "set_emergency_terms low_accounts publish_report fund_report fund_reports due_reports",
    ),
    scenario(budgets, "open_delegated_budget open_emergency_budget unratified_budgets delegation"),
    scenario(
        lines,
        "set_income_rule end_income_rule income_rules waiting_lines assign_line resolve_line "
        "correct_line resolve_exception bank_exceptions",
    ),
    scenario(
        freezes,
        "set_freeze_terms freeze_terms ask_freeze support_freeze set_owners_freeze "
        "lift_owners_freeze set_freeze lift_freeze freeze freezes freeze_request",
    ),
    scenario(handover, "sign_handover handover handovers"),
)
