"""Voting without funds, funds without voting: each works, and says clearly what it cannot do."""

import json
from typing import Any

import pytest

from chaincode.access import ACCESS
from chaincode.model.base import Module, Org, Role
from tests.support.community import WINDOW_MS, Commons, without_reviews
from tests.support.determinism import assert_deterministic
from tests.support.funds import sha
from tests.support.people import Person
from tests.support.town import DAY_MS, HASH, YEAR_MS, Town, refusal, unit_row

MEMBERS = ("o1", "o2", "o3", "o4", "o5")
FUND = {
    "fund_id": "common",
    "kind": "common-income",
    "account_sha256": sha("account"),
    "opening_fen": 100_000,
    "resolution_id": "founding",
    "resolution_sha256": HASH,
    "emergency": {"fen_max": 0, "ratify_ms": 0},
}


class VotingAlone(Commons):
    """A community that uses the voting module alone."""

    async def open(self, *_modules: str) -> Town:
        return await super().open("voting")


async def funds_alone() -> Town:
    """Funds without voting: owners, a committee, a company with a clerk, a fund and a payee."""
    town = await Town().open("funds")
    await town.add_units([unit_row(f"1-1-{number}", f"o{number}") for number in range(1, 7)])
    for number in range(1, 7):
        await town.owner(f"o{number}")
    await town.seat(MEMBERS)
    company = {"company_id": "old", "contract_sha256": HASH, "evidence_sha256": HASH}
    await town.done(Org.REGULATOR, "record_company", **company)
    for company_id in ("old", "new"):
        person = Person(f"clerk-{company_id}", f"cred-{company_id}")
        role = Role.COMPANY_CLERK
        await town.issue(person, role, Org.PROPERTY, company_id=company_id)
    await town.done(Org.REGULATOR, "open_fund", **FUND)
    payee = {"payee_id": "smith", "payee_sha256": sha("smith")}
    await town.done(Org.PROPERTY, "register_payee", payee_class="repair", **payee)
    await town.done(Org.BANK, "confirm_payee", **payee)
    return town


def resolution(town: Town, resolution_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "resolution_id": resolution_id,
        "resolution_sha256": sha(resolution_id),
        "effect": {"kind": kind, **fields},
    }


def use(town: Town, fen: int) -> dict[str, Any]:
    return {
        "fund_id": "common",
        "amount_fen": fen,
        "purpose": "gate repair",
        "payee_class": "repair",
        "valid_until_at": town.ledger.now_ms + YEAR_MS,
    }


async def requested(town: Town, clerk: str, payment_id: str, budget_id: str) -> Any:
    content = {
        "payment_id": payment_id,
        "fund_id": "common",
        "budget_id": budget_id,
        "amount_fen": 500,
        "payee_id": "smith",
        "purpose": "gate repair",
        "invoice_sha256": sha(payment_id),
        "contract_sha256": HASH,
    }
    return await town.carry(town.act(town.people[clerk], "request_payment", payment=content))


async def approved(town: Town, payment_id: str, *members: str) -> list[tuple[int, str]]:
    view = await town.ask("payment", payment_id=payment_id)
    word = {
        "payment_id": payment_id,
        "content_sha256": view["content_sha256"],
        "verdict": "approve",
    }
    acts = [town.act(town.people[member], "answer_payment", **word) for member in members]
    return await town.answers(*acts)


# --- Voting without funds ---

MONEY = [
    {"kind": "use_fund", **dict.fromkeys(("amount_fen", "valid_until_at"), 1)}
    | {"fund_id": "f", "purpose": "p", "payee_class": "c"},
    {"kind": "replace_account", "fund_id": "f", "account_sha256": HASH, "from_at": 1},
    {
        "kind": "adopt_salary_rate",
        "fund_id": "f",
        "basis_points": 1,
        "from_at": 1,
        "until_at": 2,
    },
    {
        "kind": "delegate_limit",
        "fund_id": "f",
        "amount_fen_max": 1,
        "total_fen_max": 1,
        "count_max": 1,
        "from_at": 1,
        "until_at": 2,
    },
    {"kind": "ratify_budget", "budget_id": "b"},
]


@pytest.mark.parametrize("effect", MONEY, ids=lambda effect: effect["kind"])
async def test_money_is_no_matter_for_a_community_without_funds(effect: dict[str, Any]) -> None:
    town = await VotingAlone().settle()
    call = {"motion_id": "m1", "content": town.content(effect=effect)}
    outcome = await town.call(Org.REGULATOR, "draft_official_motion", **call)
    assert refusal(outcome) == (422, "motion/effect-module-not-used")
    drafting = {**call, "initiator": "petition"}
    outcome = await town.carry(town.act(town.people["o1"], "draft_motion", **drafting))
    assert refusal(outcome) == (422, "motion/effect-module-not-used")


async def test_calls_of_an_unused_module_are_refused() -> None:
    voting, funds = await VotingAlone().settle(), await funds_alone()
    queries = {"funds": voting, "due_reports": voting, "freezes": voting, "motions": funds}
    for name, town in queries.items():
        assert refusal(await town.query(name)) == (404, "community/module-not-used")
    for name in ("disputes", "bulletins", "disclosures"):
        for town in (voting, funds):
            assert (await town.query(name)).status == 200
    assert {row.module for row in ACCESS} == {None, Module.VOTING, Module.FUNDS}


@pytest.mark.parametrize("community", [VotingAlone, Commons])
async def test_an_election_hands_over_where_there_are_funds(community: type[Commons]) -> None:
    rule = without_reviews("cn-278-committee-seat")
    rule["ballot"]["multi_seat"] |= {"seats": 5, "seats_min": 5, "max_choices": 5}
    town = await community().settle(rules=[rule])
    now_ms = town.ledger.now_ms
    term = {"term_from_at": now_ms, "term_until_at": now_ms + 2 * YEAR_MS}
    candidates = [{"option": f"o{number}"} for number in range(1, 7)]
    effect = {"kind": "seat_committee", **term}
    await town.drafted(matter_class="committee-election", options=candidates, effect=effect)
    opens_at = now_ms + 30 * DAY_MS
    await town.published(opens_at=opens_at, closes_at=opens_at + WINDOW_MS)
    town.ledger.now_ms = opens_at
    for owner, units in (await town.owned()).items():
        await town.agreed(town.ballot(owner, *units, choices=list(MEMBERS)))
    await town.final()
    await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert (await town.ask("committee"))["seated"] == list(MEMBERS)
    announced = [fact["event"] for fact in json.loads(town.ledger.events[-1][2])]
    handed_over = ["OfficeHandedOver"] if community is Commons else []
    assert announced == ["CommitteeSeated", *handed_over, "EffectApplied"]


# --- Funds without voting ---


async def test_resolutions_stand_for_motions_where_nobody_votes() -> None:
    town = await funds_alone()
    record = resolution(town, "r1", "use_fund", **use(town, 1_000))
    first = await town.done(Org.REGULATOR, "record_resolution", **record)
    assert await town.done(Org.REGULATOR, "record_resolution", **record) == first
    assert (await requested(town, "clerk-old", "p1", "r1")).status == 200
    assert await approved(town, "p1", *MEMBERS[:3]) == [(200, "accepted")] * 3
    order = {"payment_id": "p1", "order_id": "o1"}
    ordered = await town.done(Org.BANK, "order_payment", **order)
    assert ordered["account_sha256"] == FUND["account_sha256"]
    other = resolution(town, "r1", "use_fund", **use(town, 2_000))
    outcome = await town.call(Org.REGULATOR, "record_resolution", **other)
    assert refusal(outcome) == (409, "resolution/exists")
    for org in (Org.COMMITTEE, Org.PROPERTY, Org.BANK):
        outcome = await town.call(org, "record_resolution", **record)
        assert refusal(outcome) == (403, "caller/org")


async def test_company_account_and_committee_change_by_resolution() -> None:
    town = await funds_alone()
    budget = resolution(town, "r1", "use_fund", **use(town, 1_000))
    await town.done(Org.REGULATOR, "record_resolution", **budget)
    assert (await requested(town, "clerk-old", "p1", "r1")).status == 200
    now_ms = town.ledger.now_ms
    replace = {"company_id": "new", "contract_sha256": HASH, "from_at": now_ms}
    company = resolution(town, "r2", "replace_company", **replace)
    await town.done(Org.REGULATOR, "record_resolution", **company)
    outcome = await requested(town, "clerk-old", "p2", "r1")
    assert refusal(outcome) == (403, "caller/other-company")
    begun = (await town.ask("handover", handover_id="r2"))["handover"]
    sign = {"handover_id": "r2", "figures_sha256": begun["figures_sha256"]}
    sides = {"clerk-old": "outgoing", "clerk-new": "incoming"}
    signed = [
        town.act(town.people[name], "sign_handover", side=side, **sign)
        for name, side in sides.items()
    ]
    assert await town.answers(*signed) == [(200, "accepted")] * 2
    moved = {"fund_id": "common", "account_sha256": sha("new account"), "from_at": now_ms}
    account = resolution(town, "r3", "replace_account", **moved)
    await town.done(Org.REGULATOR, "record_resolution", **account)
    term = {"term_from_at": now_ms, "term_until_at": now_ms + YEAR_MS}
    committee = resolution(town, "r4", "seat_committee", **term)
    elected = {"members": ["o2", "o3", "o4", "o5", "o6"], "seat_count": 5}
    await town.done(Org.REGULATOR, "record_resolution", **committee, elected=elected)
    outcome = await town.call(Org.REGULATOR, "record_resolution", **committee, elected=elected)
    assert outcome.status == 200
    assert await approved(town, "p1", "o1", "o2", "o3", "o6") == [
        (403, "caller/not-seated"),
        (200, "accepted"),
        (200, "accepted"),
        (200, "accepted"),
    ]
    order = {"payment_id": "p1", "order_id": "o1"}
    ordered = await town.done(Org.BANK, "order_payment", **order)
    assert ordered["account_sha256"] == sha("new account")
    offices = [one["figures"]["office"] for one in (await town.ask("handovers"))["handovers"]]
    assert offices == ["company", "account", "committee"]
    assert_deterministic(town.ledger)


async def test_endorsers_agree_on_freezes_awards_reports_and_bulletins() -> None:
    town = await funds_alone()
    budget = resolution(town, "r1", "use_fund", **use(town, 1_000))
    await town.done(Org.REGULATOR, "record_resolution", **budget)
    order = {
        "frozen": "budget",
        "subject_id": "r1",
        "reason": "audit",
        "evidence_sha256": HASH,
        "until_at": town.ledger.now_ms + 30 * DAY_MS,
    }
    people = town.people
    ask = town.act(people["o1"], "ask_freeze", freeze_id="z", order=order)
    support = town.act(people["o2"], "support_freeze", freeze_id="z", supports=True)
    claim = {
        "matter": "budget",
        "subject_id": "r1",
        "claim_sha256": HASH,
        "respondents": [{"org": "property"}, {"holder_id": "clerk-old"}],
    }
    brought = town.act(people["o3"], "open_dispute", dispute_id="d", claim=claim)
    given = town.act(
        people["clerk-old"], "add_evidence", dispute_id="d", sha256=sha("e"), kind="defence"
    )
    accepted = await town.answers(ask, support, brought, given)
    assert accepted == [(200, "accepted")] * 4
    await town.done(Org.BANK, "set_owners_freeze", freeze_id="z")
    assert refusal(await requested(town, "clerk-old", "p1", "r1")) == (409, "payment/frozen")
    orders = [
        {"kind": "lift_freeze", "freeze_id": "z"},
        {"kind": "cancel_budget", "budget_id": "r1"},
    ]
    award = {"dispute_id": "d", "award_sha256": HASH, "orders": orders}
    decided = await town.done(Org.ARBITRATION, "record_award", **award)
    assert decided["award"]["orders"] == orders
    text = {"sha256": HASH, "bytes_count": 1, "media_type": "text/html"}
    bulletin = {"title": "新规", "text": text, "kind": "policy", "audience": "owners"}
    await town.done(Org.REGULATOR, "publish_bulletin", bulletin_id="b1", content=bulletin)
    town.ledger.now_ms += 100 * DAY_MS
    due = (await town.ask("due_reports"))["reports"]
    report = {"fund_id": "common", "period": due[0]["period"]["name"]}
    published = await town.done(Org.BANK, "publish_report", **report)
    assert published["figures"]["budgets"][0]["closed_fen"] == 1_000
    assert_deterministic(town.ledger)


async def test_rate_and_delegation_are_adopted_by_resolution() -> None:
    town = await funds_alone()
    fee = {**FUND, "fund_id": "fee", "kind": "property-fee", "account_sha256": sha("fee")}
    await town.done(Org.REGULATOR, "open_fund", **fee)
    span = {"from_at": town.ledger.now_ms, "until_at": town.ledger.now_ms + DAY_MS}
    rate = resolution(town, "r1", "adopt_salary_rate", fund_id="fee", basis_points=1_500, **span)
    await town.done(Org.REGULATOR, "record_resolution", **rate)
    assert (await town.ask("fund_overview", fund_id="fee"))["company_rate_bp"] == 1_500
    limits = {"amount_fen_max": 5, "total_fen_max": 9, "count_max": 2, **span}
    limit = resolution(town, "r2", "delegate_limit", fund_id="common", **limits)
    await town.done(Org.REGULATOR, "record_resolution", **limit)
    view = await town.ask("delegation", fund_id="common", delegation_id="r2")
    assert (view["left_fen"], view["is_running"]) == (9, True)


async def test_no_resolution_passes_by_the_owners_vote() -> None:
    town = await Commons().settle()
    record = resolution(town, "r1", "use_fund", **use(town, 1))
    outcome = await town.call(Org.REGULATOR, "record_resolution", **record)
    assert refusal(outcome) == (409, "resolution/votes-here")


async def test_a_rule_is_no_matter_of_a_resolution() -> None:
    voting = await Commons().settle()
    rule = (await voting.ask("matter_rules"))["rules"][0]
    town = await funds_alone()
    record = resolution(town, "r1", "adopt_rule", rule=rule)
    outcome = await town.call(Org.REGULATOR, "record_resolution", **record)
    assert refusal(outcome) == (422, "effect/module-not-used")
