"""A community's money: funds, budgets, payments, statements, as all four organisations do it."""

import hashlib
from typing import Any

from chaincode import codec
from chaincode.model.base import Org, Record, Role
from gateway.bank.errors import UnknownParty
from gateway.bank.facts import Hasher
from gateway.bank.types import Party
from tests.support.bank import CREDITOR, DEBTOR, OPENING_FEN
from tests.support.community import Commons, without_reviews
from tests.support.people import Person
from tests.support.town import DAY_MS, HASH, YEAR_MS, sha

FUND = "repair"
BUDGET_FEN = 850_000
HASHER = Hasher(b"a salt of the bank")
ACCOUNT = HASHER.account(DEBTOR.account)


class Desk:
    """The bank's own directory: the assembly's account, and the locksmith."""

    async def own(self, account_sha256: str) -> Party:
        if account_sha256 != ACCOUNT:
            raise UnknownParty("directory/unknown")
        return DEBTOR

    async def payee(self, payee_id: str) -> Party:
        if payee_id != "locksmith":
            raise UnknownParty("directory/unknown")
        return CREDITOR


async def funded(town: Commons) -> Commons:
    """Owners, a committee, a clerk of the company in office, a fund, a confirmed payee."""
    await (await town.settle(rules=[without_reviews()])).seated()
    await town.issue(Person("clerk", "cred-clerk"), Role.COMPANY_CLERK, Org.PROPERTY)
    await open_fund(town)
    return town


async def open_fund(town: Commons) -> None:
    """The maintenance fund, and a payee whose account the bank confirmed."""
    await town.done(
        Org.REGULATOR,
        "open_fund",
        fund_id=FUND,
        kind="maintenance",
        account_sha256=ACCOUNT,
        opening_fen=OPENING_FEN,
        first_deposit_fen=OPENING_FEN,
        resolution_id="founding",
        resolution_sha256=HASH,
        emergency={"fen_max": 100_000, "ratify_ms": 30 * DAY_MS},
    )
    payee = {"payee_id": "locksmith", "payee_sha256": HASHER.party(CREDITOR)}
    await town.done(Org.PROPERTY, "register_payee", payee_class="repair", **payee)
    await town.done(Org.BANK, "confirm_payee", **payee)


def use(town: Commons, fen: int = BUDGET_FEN, **fields: Any) -> dict[str, Any]:
    """A use of the fund, as a motion carries it."""
    return {
        "kind": "use_fund",
        "fund_id": FUND,
        "amount_fen": fen,
        "purpose": "gate repair",
        "payee_class": "repair",
        "valid_until_at": town.ledger.now_ms + YEAR_MS,
        **fields,
    }


async def budgeted(town: Commons, motion_id: str = "m1", fen: int = BUDGET_FEN) -> None:
    """A budget by a motion that owners carried; its id is the motion's."""
    await town.carried(motion_id, effect=use(town, fen))
    await town.done(Org.PROPERTY, "apply_effect", motion_id=motion_id)


def content(payment_id: str = "p1", fen: int = BUDGET_FEN, **fields: Any) -> dict[str, Any]:
    """What a payment is asked for."""
    return {
        "payment_id": payment_id,
        "fund_id": FUND,
        "budget_id": "m1",
        "amount_fen": fen,
        "payee_id": "locksmith",
        "purpose": "gate repair",
        "invoice_sha256": hashlib.sha256(payment_id.encode()).hexdigest(),
        "contract_sha256": sha(94),
        **fields,
    }


def request(town: Commons, payment_id: str = "p1", fen: int = BUDGET_FEN, **fields: Any) -> bytes:
    """The clerk's signed request."""
    asked = content(payment_id, fen, **fields)
    return town.act(town.people["clerk"], "request_payment", payment=asked)


async def approved(town: Commons, payment_id: str = "p1") -> None:
    """Three of five members approve what is recorded; the third word holds the money."""
    view = await town.ask("payment", payment_id=payment_id)
    word = {"payment_id": payment_id, "content_sha256": view["content_sha256"]}
    words = [
        town.act(town.people[f"o{number}"], "answer_payment", **word, verdict="approve")
        for number in (1, 2, 3)
    ]
    await town.agreed(*words)


async def held(town: Commons, payment_id: str = "p1", fen: int = BUDGET_FEN) -> None:
    """A payment whose money is held."""
    await town.agreed(request(town, payment_id, fen))
    await approved(town, payment_id)


async def phase(town: Commons, payment_id: str = "p1") -> str:
    return str((await town.ask("payment", payment_id=payment_id))["phase"])


async def book(town: Commons) -> dict[str, int]:
    """What stands on each account of the fund's book."""
    found = (await town.ask("fund_overview", fund_id=FUND))["book"]
    names = ("bank", "free", "budgeted", "held", "company", "suspense")
    return {name: found[name] for name in names}


async def decided(town: Commons, subject: str, subject_id: str, asked: Record) -> str:
    """A decision of the committee on exactly this content; its id."""
    decision_id = f"d-{subject}-{subject_id}"[:60]
    content_sha256 = hashlib.sha256(codec.encode(asked)).hexdigest()
    question = {"decision_id": decision_id, "content_sha256": content_sha256}
    until_at = town.ledger.now_ms + DAY_MS
    put = {"subject": subject, "subject_id": subject_id, "until_at": until_at}
    await town.agreed(town.act(town.people["o1"], "open_committee_decision", **question, **put))
    answers = [
        town.act(town.people[f"o{n}"], "answer_committee_decision", **question, verdict="approve")
        for n in (1, 2, 3)
    ]
    await town.agreed(*answers)
    return decision_id
