"""From a carried motion to the bank statement with signed acts, as the organisations would do it;
many at once; and the same bytes on every endorser."""

import asyncio
import hashlib
import random
from typing import Any

import pytest

from chaincode import codec
from chaincode.access import MSP_OF
from chaincode.model.base import Org, Role
from chaincode.model.payment import PaymentContent
from tests.support.community import UNITS, Commons, without_reviews
from tests.support.determinism import assert_deterministic
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import MEMBERS, Treasury, treasury
from tests.support.memory_ledger import FakeTransaction, ReadConflict
from tests.support.people import Person
from tests.support.town import DAY_MS, HASH, YEAR_MS, refusal, sha

ACCOUNT = sha(91)
FUND = {
    "fund_id": "repair",
    "kind": "maintenance",
    "account_sha256": ACCOUNT,
    "opening_fen": 1_000_000,
    "resolution_id": "founding",
    "resolution_sha256": HASH,
    "emergency": {"fen_max": 100_000, "ratify_ms": 30 * DAY_MS},
}
USE = {
    "kind": "use_fund",
    "fund_id": "repair",
    "amount_fen": 850_000,
    "purpose": "gate repair",
    "payee_class": "repair",
}


async def town_with_fund(**rule: Any) -> Commons:
    """Owners, a committee, a clerk of the company, a fund and a payee that the bank confirmed."""
    town = await (await Commons().settle(rules=[without_reviews(**rule)])).seated()
    await town.issue(Person("clerk", "cred-clerk"), Role.COMPANY_CLERK, Org.PROPERTY)
    await town.done(Org.REGULATOR, "open_fund", **FUND)
    payee = {"payee_id": "locksmith", "payee_sha256": sha(92)}
    await town.done(Org.PROPERTY, "register_payee", payee_class="repair", **payee)
    await town.done(Org.BANK, "confirm_payee", **payee)
    return town


def use(town: Commons, **fields: Any) -> dict[str, Any]:
    return {**USE, "valid_until_at": town.ledger.now_ms + YEAR_MS, **fields}


def payment(town: Commons, payment_id: str = "p1", **fields: Any) -> bytes:
    content = {
        "payment_id": payment_id,
        "fund_id": "repair",
        "budget_id": "m1",
        "amount_fen": 850_000,
        "payee_id": "locksmith",
        "purpose": "gate repair",
        "invoice_sha256": sha(hash_number(payment_id)),
        "contract_sha256": sha(94),
        **fields,
    }
    return town.act(town.people["clerk"], "request_payment", payment=content)


def hash_number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


async def approvals(town: Commons, payment_id: str = "p1") -> list[bytes]:
    view = await town.ask("payment", payment_id=payment_id)
    word = {"payment_id": payment_id, "verdict": "approve"}
    word["content_sha256"] = view["content_sha256"]
    return [town.act(town.people[f"o{n}"], "answer_payment", **word) for n in (1, 2, 3)]


def report(payment_id: str = "p1", status: str = "settled", **fields: Any) -> dict[str, Any]:
    return {
        "report_id": f"{payment_id}-{status}",
        "payment_id": payment_id,
        "status": status,
        "message_sha256": sha(95),
        **fields,
    }


async def test_owners_vote_the_company_asks_the_committee_approves_the_bank_pays() -> None:
    town = await town_with_fund()
    await town.carried(effect=use(town))
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")
    again = await town.done(Org.BANK, "apply_effect", motion_id="m1")
    assert again["applied"] is not None
    await town.agreed(payment(town))
    # Three members in one batch: the third approval holds, each has its own answer.
    await town.agreed(*await approvals(town))
    order = {"payment_id": "p1", "order_id": "order-1"}
    assert refusal(await town.call(Org.PROPERTY, "order_payment", **order)) == (403, "caller/org")
    await town.done(Org.BANK, "order_payment", **order)
    await town.done(Org.BANK, "report_payment", report=report(status="accepted"))
    await town.done(Org.BANK, "report_payment", report=report(amount_fen=849_000))
    statement = {
        "account_sha256": ACCOUNT,
        "statement_id": "s1",
        "sequence": 1,
        "opening_fen": 1_000_000,
        "closing_fen": 151_000,
        "message_sha256": sha(96),
        "lines": [
            {
                "line_id": "e1",
                "fen": -849_000,
                "booked_at": town.ledger.now_ms,
                "payment_id": "p1",
            }
        ],
    }
    await town.done(Org.BANK, "record_statement", statement=statement)
    view = await town.ask("payment", payment_id="p1")
    assert (view["phase"], view["payment"]["booked_fen"]) == ("settled", 849_000)
    overview = await town.ask("fund_overview", fund_id="repair")
    book = overview["book"]
    assert (book["bank"], book["free"], book["budgeted"]) == (151_000, 150_000, 1_000)
    units = [await unit_fen(town, unit) for unit in UNITS]
    assert sum(units) == 151_000
    outcome = await town.carry(payment(town, "p2", amount_fen=1_007))
    assert refusal(outcome) == (422, "budget/exceeded")
    assert '"gap_fen": 7' in outcome.message
    assert_deterministic(town.ledger)


async def unit_fen(town: Commons, unit_id: str) -> int:
    view = await town.ask("unit_account", fund_id="repair", unit_id=unit_id)
    return int(view["account"]["balance_fen"])


async def test_a_motion_put_to_some_units_is_borne_by_them() -> None:
    town = await town_with_fund(electorate={"scope": "units"})
    scope = {"kind": "units", "ids": list(UNITS[:2])}
    await town.open_motion("m1", scope=scope, effect=use(town, amount_fen=1_000))
    for owner, units in (await town.owned()).items():
        if concerned := [unit for unit in units if unit in scope["ids"]]:
            await town.agreed(town.ballot(owner, *concerned, motion_id="m1"))
    await town.final("m1")
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")
    view = await town.ask("budget", budget_id="m1")
    assert view["budget"]["units"] == sorted(UNITS[:2])
    assert (view["budget"]["source"], view["budget"]["source_id"]) == ("motion", "m1")


async def test_a_use_that_the_fund_does_not_cover_is_applied_later() -> None:
    town = await town_with_fund()
    await town.carried(effect=use(town, amount_fen=1_000_001))
    outcome = await town.call(Org.PROPERTY, "apply_effect", motion_id="m1")
    assert refusal(outcome) == (422, "budget/fund-too-small")
    statement = {
        "account_sha256": ACCOUNT,
        "statement_id": "s1",
        "sequence": 1,
        "opening_fen": 1_000_000,
        "closing_fen": 1_000_001,
        "message_sha256": sha(96),
        "lines": [{"line_id": "e1", "fen": 1, "booked_at": town.ledger.now_ms}],
    }
    await town.done(Org.BANK, "record_statement", statement=statement)
    word = {"account_sha256": ACCOUNT, "line_id": "e1", "assignment": {"income_class": "gift"}}
    await town.agreed(town.act(town.people["clerk"], "assign_line", **word))
    await town.agreed(town.act(town.people["o1"], "assign_line", **word))
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")


@pytest.mark.parametrize(
    ("function", "org"),
    [
        ("open_fund", Org.PROPERTY),
        ("report_payment", Org.PROPERTY),
        ("record_statement", Org.COMMITTEE),
        ("register_payee", Org.BANK),
        ("confirm_payee", Org.PROPERTY),
        ("record_resolution", Org.COMMITTEE),
        ("resolve_line", Org.BANK),
    ],
)
async def test_no_organisation_does_anothers_part(function: str, org: Org) -> None:
    town = await Commons().settle()
    outcome = await town.call(org, function, **await _any_request(town, function))
    assert refusal(outcome) == (403, "caller/org")


async def _any_request(town: Commons, function: str) -> dict[str, Any]:
    requests: dict[str, dict[str, Any]] = {
        "open_fund": FUND,
        "report_payment": {"report": report(amount_fen=5)},
        "record_statement": {
            "statement": {
                "account_sha256": ACCOUNT,
                "statement_id": "s1",
                "sequence": 1,
                "opening_fen": 0,
                "closing_fen": 0,
                "message_sha256": HASH,
                "lines": [],
            }
        },
        "register_payee": {"payee_id": "p", "payee_class": "c", "payee_sha256": HASH},
        "confirm_payee": {"payee_id": "p", "payee_sha256": HASH},
        "record_resolution": {
            "resolution_id": "r",
            "resolution_sha256": HASH,
            "effect": use(town),
        },
        "resolve_line": {
            "decision": {
                "account_sha256": ACCOUNT,
                "line_id": "l",
                "entry_id": "e",
                "kind": "charge",
            },
            "decision_id": "d",
        },
    }
    return requests[function]


async def test_an_owner_asks_for_no_money_and_a_clerk_approves_none() -> None:
    town = await town_with_fund()
    await town.carried(effect=use(town))
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")
    asked = town.act(town.people["o1"], "request_payment", payment=_plain())
    assert refusal(await town.carry(asked)) == (403, "caller/role")
    word = {"payment_id": "p1", "content_sha256": HASH, "verdict": "approve"}
    approval = town.act(town.people["clerk"], "answer_payment", **word)
    assert refusal(await town.carry(approval)) == (403, "caller/role")


def _plain() -> dict[str, Any]:
    return {
        "payment_id": "p1",
        "fund_id": "repair",
        "budget_id": "m1",
        "amount_fen": 5,
        "payee_id": "locksmith",
        "purpose": "gate",
        "invoice_sha256": HASH,
        "contract_sha256": HASH,
    }


# --- At once ---

PARALLEL = 1_000
SEED = 20_260_921


async def test_a_thousand_submits_of_one_payment_pay_once() -> None:
    """Every step is sent a thousand times, endorsed in interleaved rounds, retried on conflict."""
    town = await town_with_fund()
    await town.carried(effect=use(town))
    await town.done(Org.PROPERTY, "apply_effect", motion_id="m1")
    rng = random.Random(SEED)
    requests = [payment(town) for _ in range(PARALLEL)]
    await _all_at_once(town, rng, [("submit_acts", Org.PROPERTY, (act,)) for act in requests])
    for act in await approvals(town):
        await town.agreed(act)
    order = town.request(payment_id="p1", order_id="order-1")
    await _all_at_once(town, rng, [("order_payment", Org.BANK, (order,))] * PARALLEL)
    settled = [
        town.request(report=report(amount_fen=850_000, report_id=f"r{number % 7}"))
        for number in range(PARALLEL)
    ]
    await _all_at_once(town, rng, [("report_payment", Org.BANK, (one,)) for one in settled])
    overview = await town.ask("fund_overview", fund_id="repair")
    assert (overview["book"]["bank"], overview["book"]["held"]) == (150_000, 0)
    entries = (await town.ask("fund_entries", fund_id="repair"))["entries"]
    causes = [entry["cause"] for entry in entries]
    assert causes == ["opening", "budget-opened", "hold", "settlement"]
    check(Snapshot().read(Treasury(ledger=town.ledger)))


async def _all_at_once(
    town: Commons, rng: random.Random, calls: list[tuple[str, Org, tuple[bytes, ...]]]
) -> None:
    """Endorse many against one state, commit in random order, send again what conflicted."""
    waiting = list(calls)
    rounds = 0
    while waiting:
        rounds += 1
        assert rounds < 50, "conflicts must end"
        endorsed: list[tuple[FakeTransaction, tuple[str, Org, tuple[bytes, ...]]]] = []
        for call in waiting:
            name, org, args = call
            if name == "submit_acts":
                args = (town.community.encode(), *args)
            transaction = town.ledger.transaction(MSP_OF[org], name, *args)
            outcome = await town.ledger.contract().answer(transaction)
            assert outcome.status == 200, outcome
            endorsed.append((transaction, call))
        rng.shuffle(endorsed)
        waiting = [call for transaction, call in endorsed if not _commits(transaction)]
        await asyncio.sleep(0)


def _commits(transaction: FakeTransaction) -> bool:
    try:
        transaction.commit()
    except ReadConflict:
        return False
    return True


def test_parallel_payments_over_one_budget_cannot_both_be_held() -> None:
    town = treasury()
    budget_id = town.open_budget(1_000)
    asked = [town.ask_payment(budget_id, 600) for _ in range(2)]
    for payment_id in asked:
        town.approve(payment_id, *MEMBERS[:2])
    both = [town.endorse("answer_payment", "m3", **_word(town, one))[0] for one in asked]
    both[1].commit()
    with pytest.raises(ReadConflict):
        both[0].commit()
    refused = town.refused("answer_payment", "m3", **_word(town, asked[0]))
    assert refused == (422, "budget/exceeded")


def test_an_order_and_its_expiry_cannot_both_commit() -> None:
    town = treasury()
    payment_id = town.held_payment(town.open_budget(1_000), 600)
    order = {"payment_id": payment_id, "order_id": "o"}
    ordered, _ = town.endorse("order_payment", Org.BANK, **order)
    town.pass_ms(31 * DAY_MS)
    town.run("expire_payment", payment_id=payment_id)
    with pytest.raises(ReadConflict):
        ordered.commit()


def test_a_freeze_and_a_hold_at_once_only_one_commits() -> None:
    town = treasury()
    payment_id = town.ask_payment(town.open_budget(1_000), 600)
    town.approve(payment_id, *MEMBERS[:2])
    holding, _ = town.endorse("answer_payment", "m3", **_word(town, payment_id))
    town.put("fuzemen/freeze/f1", PaymentContent(**_plain()))
    with pytest.raises(ReadConflict):
        holding.commit()


def _word(town: Treasury, payment_id: str) -> dict[str, Any]:
    content = town.payment(payment_id).content
    return {
        "payment_id": payment_id,
        "content_sha256": hashlib.sha256(codec.encode(content)).hexdigest(),
        "verdict": "approve",
    }
