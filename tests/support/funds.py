"""A community with one of each fund on the fake ledger, driven without signatures.

`Treasury.run` calls a handler as the contract does, with the person or organisation given, and
commits what it wrote. Signed acts and the entry checks have their own tests; here speed counts.
"""

import copy
import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from chaincode import codec, keys
from chaincode.access import BY_NAME, MSP_OF, Kind
from chaincode.contract.handlers import Actor, Call
from chaincode.contract.registry import HANDLERS
from chaincode.errors import Refusal
from chaincode.model.base import Org, Record, Role
from chaincode.model.committee import Committee, CommitteeDecision, CommitteeTerms, Seat, Verdict
from chaincode.model.community import Community
from chaincode.model.credential import Credential
from chaincode.model.effect import UseFund
from chaincode.model.fund import BankAccount, EmergencyTerms, FundKind
from chaincode.model.payment import (
    Payment,
    PaymentContent,
    ReportContent,
    ReportStatus,
)
from chaincode.model.roll import Change, Share, Unit
from chaincode.model.rule import AreaSource
from chaincode.model.statement import StatementContent, StatementLine
from chaincode.world import World
from tests.support.fund_records import Records
from tests.support.memory_ledger import FakeTransaction

R = TypeVar("R", bound=Record)

COMMUNITY = "fuzemen"
DAY_MS = 24 * 60 * 60 * 1000
YEAR_MS = 365 * DAY_MS
AREAS = {"1-1-101": 9_740, "1-1-102": 8_805, "1-2-201": 12_333, "2-1-101": 7_001, "2-1-P1": 0}
MEMBERS = ("m1", "m2", "m3", "m4", "m5")
CLERK = "clerk"
MAINTENANCE, FEE = "maintenance", "fee"
OPENING_FEN = 1_000_003


def sha(text: str) -> str:
    """The hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


ACCOUNT, FEE_ACCOUNT = sha("maintenance account"), sha("fee account")


def drive(awaitable: Awaitable[Any]) -> Any:
    """Run what never really waits."""
    try:
        next(awaitable.__await__())
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a handler waited")


@cache
def credential(holder_id: str, role: Role, org: Org) -> Credential:
    """A credential as the regulator would record it."""
    return Credential(
        credential_id=f"cred-{holder_id}",
        holder_id=holder_id,
        role=role,
        org=org,
        public_key="",
        certificate_sha256=sha("1"),
        device_sha256=sha("2"),
        account_sha256=sha("3"),
        evidence_sha256=sha("4"),
        provider_id="police-1",
        attestation="",
        attestation_sha256=sha("5"),
        valid_from_at=0,
        valid_until_at=2**52,
        issued_at=0,
        issued_tx="tx",
    )


def actor(holder_id: str) -> Actor:
    """The person behind an act."""
    clerk = holder_id.startswith(CLERK)
    role, org = (Role.COMPANY_CLERK, Org.PROPERTY) if clerk else (Role.OWNER, Org.REGULATOR)
    return Actor(credential=credential(holder_id, role, org), act_sha256=sha("act"), signed_at=0)


@dataclass
class Treasury(Records):
    """One community; ``number`` makes ids."""

    number: int = 0

    # --- Calls ---

    def run(self, name: str, by: str | Org = Org.REGULATOR, **fields: Any) -> Any:
        """Run one function and commit it; refusals are raised."""
        transaction, answer = self.endorse(name, by, **fields)
        transaction.commit()
        return answer

    def refused(self, name: str, by: str | Org = Org.REGULATOR, **fields: Any) -> tuple[int, str]:
        """Status and code of a refusal, which wrote nothing."""
        before = self.ledger.state()
        try:
            self.run(name, by, **fields)
        except Refusal as refusal:
            assert self.ledger.state() == before
            return refusal.status, refusal.code
        raise AssertionError(f"{name} was not refused")

    def ask(self, name: str, **fields: Any) -> Any:
        """Run a query."""
        return self.endorse(name, Org.REGULATOR, **fields)[1]

    def endorse(self, name: str, by: str | Org, **fields: Any) -> tuple[FakeTransaction, Any]:
        """Run one function without committing it."""
        row, handler = BY_NAME[name], HANDLERS[name]
        org = by if isinstance(by, Org) else Org.PROPERTY
        transaction = self.ledger.transaction(MSP_OF[org], name)
        call = Call(org=org, tx_id=transaction.tx_id, channel="c", now_ms=transaction.timestamp_ms)
        world = World(transaction, COMMUNITY)
        if row.kind is Kind.ACT:
            head = {"act": name, "channel": "c", "community": COMMUNITY, "nonce": "0" * 32, "at": 0}
            body = handler.request(**head, **fields)
            drive(handler.run(world, call, actor(str(by)), body))
            answer = None
        else:
            request = handler.request(community=COMMUNITY, **fields)
            answer = drive(handler.run(world, call, request))
        if row.kind is not Kind.QUERY:
            world.flush()
        return transaction, answer

    def decide(self, subject: str, subject_id: str, content: Record, carried: bool = True) -> str:
        """A committee decision on exactly this content, written as the acts would leave it."""
        decision = CommitteeDecision(
            decision_id=self.next_id("decision"),
            subject=subject,
            subject_id=subject_id,
            content_sha256=hashlib.sha256(codec.encode(content)).hexdigest(),
            term=1,
            required=3,
            opened_by="m1",
            opened_at=self.now_ms,
            until_at=self.now_ms + DAY_MS,
            carried_at=self.now_ms if carried else None,
        )
        self.put(keys.committee_decision(COMMUNITY, decision.decision_id), decision)
        return decision.decision_id

    def put(self, key: str, record: Record) -> None:
        """Write a record as a transaction of its own."""
        transaction = self.ledger.transaction("TestMSP", "put")
        transaction.put(key, codec.encode(record))
        transaction.commit()

    @property
    def now_ms(self) -> int:
        return self.ledger.now_ms

    def pass_ms(self, ms: int) -> None:
        self.ledger.now_ms += ms

    def next_id(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.number}"

    def account(self, account_sha256: str = ACCOUNT) -> BankAccount:
        return self.one(keys.bank_account(COMMUNITY, account_sha256), BankAccount)

    # --- Requests ---

    def use(self, fen: int, **fields: Any) -> UseFund:
        """A use of the maintenance fund."""
        given = {"payee_class": "repair", **fields}
        return UseFund(
            fund_id=given.pop("fund_id", MAINTENANCE),
            amount_fen=fen,
            purpose=given.pop("purpose", "gate repair"),
            valid_until_at=given.pop("valid_until_at", self.now_ms + YEAR_MS),
            **given,
        )

    def open_budget(self, fen: int, **fields: Any) -> str:
        """A budget by a resolution made elsewhere; its id."""
        budget_id = self.next_id("budget")
        self.run(
            "record_resolution",
            resolution_id=budget_id,
            resolution_sha256=sha(budget_id),
            effect=self.use(fen, **fields),
        )
        return budget_id

    def content(self, budget_id: str | None, fen: int, **fields: Any) -> PaymentContent:
        """What a payment is asked for."""
        payment_id = fields.pop("payment_id", None) or self.next_id("payment")
        given = {
            "fund_id": MAINTENANCE if budget_id else FEE,
            "payee_id": "locksmith",
            "purpose": "gate repair",
            "invoice_sha256": sha(f"invoice {payment_id}"),
            "contract_sha256": sha("contract"),
            **fields,
        }
        return PaymentContent(payment_id=payment_id, budget_id=budget_id, amount_fen=fen, **given)

    def ask_payment(self, budget_id: str | None, fen: int, by: str = CLERK, **fields: Any) -> str:
        """Ask for a payment; its id."""
        content = self.content(budget_id, fen, **fields)
        self.run("request_payment", by, payment=content)
        return str(content.payment_id)

    def approve(self, payment_id: str, *members: str, verdict: str = "approve") -> None:
        """Members give their word on what is recorded."""
        content_sha256 = hashlib.sha256(codec.encode(self.payment(payment_id).content)).hexdigest()
        for member in members:
            self.run(
                "answer_payment",
                member,
                payment_id=payment_id,
                content_sha256=content_sha256,
                verdict=Verdict(verdict),
            )

    def held_payment(self, budget_id: str | None, fen: int, **fields: Any) -> str:
        payment_id = self.ask_payment(budget_id, fen, **fields)
        if budget_id is not None:
            self.approve(payment_id, *MEMBERS[:3])
        return payment_id

    def ordered_payment(self, budget_id: str | None, fen: int, **fields: Any) -> str:
        payment_id = self.held_payment(budget_id, fen, **fields)
        self.order(payment_id)
        return payment_id

    def order(self, payment_id: str) -> None:
        self.run("order_payment", Org.BANK, payment_id=payment_id, order_id=f"o-{payment_id}")

    def report(self, payment_id: str, status: str, **fields: Any) -> Payment:
        """The bank's answer; the report's id is new unless it is given."""
        report = ReportContent(
            report_id=fields.pop("report_id", None) or self.next_id("report"),
            payment_id=payment_id,
            status=ReportStatus(status),
            message_sha256=sha("pain.002"),
            **fields,
        )
        answer = self.run("report_payment", Org.BANK, report=report)
        assert isinstance(answer, Payment)
        return answer

    def line(self, fen: int, **fields: Any) -> StatementLine:
        """A line of a statement."""
        line_id = fields.pop("line_id", None) or self.next_id("line")
        return StatementLine(line_id=line_id, fen=fen, booked_at=self.now_ms, **fields)

    def statement(
        self, *lines: StatementLine, account: str = ACCOUNT, **fields: Any
    ) -> StatementContent:
        """The next statement of an account with these lines."""
        before = self.account(account)
        opening = before.last_closing_fen
        given = {
            "statement_id": fields.pop("statement_id", None) or self.next_id("statement"),
            "sequence": 1 if before.last_sequence is None else before.last_sequence + 1,
            "opening_fen": opening,
            "closing_fen": opening + sum(line.fen for line in lines),
            "message_sha256": sha("camt.053"),
            **fields,
        }
        return StatementContent(account_sha256=account, lines=lines, **given)

    def book_lines(self, *lines: StatementLine, account: str = ACCOUNT) -> Any:
        """Record the next statement with these lines."""
        content = self.statement(*lines, account=account)
        return self.run("record_statement", Org.BANK, statement=content)


def _unit(unit_id: str, area_dm2: int) -> Unit:
    return Unit(
        unit_id=unit_id,
        building=unit_id.split("-")[0],
        entrance="-".join(unit_id.split("-")[:2]),
        area_dm2=area_dm2,
        area_source=AreaSource.REGISTERED,
        owners=(Share(owner_id=f"owner-{unit_id}"),),
        version=1,
        change=Change.IMPORTED,
        changed_at=0,
        since_at=0,
    )


def _found(town: Treasury, modules: tuple[str, ...]) -> None:
    community = Community(community=COMMUNITY, modules=modules, opened_at=0, opened_tx="tx")  # type: ignore[arg-type]
    town.put(keys.community(COMMUNITY), community)
    for unit_id, area_dm2 in AREAS.items():
        town.put(keys.unit(COMMUNITY, unit_id), _unit(unit_id, area_dm2))
    committee = Committee(
        term=1,
        seat_count=5,
        seats=tuple(Seat(holder_id=member, since_at=0) for member in MEMBERS),
        alternates=(),
        terms=CommitteeTerms(),
        from_at=0,
        until_at=town.now_ms + 3 * YEAR_MS,
        seated_tx="tx",
        evidence_sha256=sha("filing"),
    )
    town.put(keys.committee(COMMUNITY), committee)


def fund_terms(**fields: Any) -> dict[str, Any]:
    """What the maintenance fund is opened with."""
    return {
        "fund_id": MAINTENANCE,
        "kind": FundKind.MAINTENANCE,
        "account_sha256": ACCOUNT,
        "opening_fen": OPENING_FEN,
        "resolution_id": "founding",
        "resolution_sha256": sha("founding"),
        "emergency": EmergencyTerms(fen_max=200_000, ratify_ms=30 * DAY_MS),
        "first_deposit_fen": OPENING_FEN,
        **fields,
    }


def _open_funds(town: Treasury) -> None:
    town.run("open_fund", **fund_terms())
    fee = fund_terms(
        fund_id=FEE,
        kind=FundKind.PROPERTY_FEE,
        account_sha256=FEE_ACCOUNT,
        opening_fen=0,
        first_deposit_fen=0,
        company_rate_bp=10_000,
    )
    town.run("open_fund", **fee)
    for payee_id, payee_class in (("locksmith", "repair"), ("painter", "facade")):
        named = {"payee_id": payee_id, "payee_sha256": sha(payee_id)}
        town.run("register_payee", Org.PROPERTY, payee_class=payee_class, **named)
        town.run("confirm_payee", Org.BANK, **named)


@cache
def _template(modules: tuple[str, ...]) -> Treasury:
    town = Treasury()
    _found(town, modules)
    _open_funds(town)
    return town


def treasury(*modules: str) -> Treasury:
    """A community that uses funds alone, unless modules are named, with both funds open."""
    made = _template(modules or ("funds",))
    ledger = copy.copy(made.ledger)
    ledger.histories = {key: list(history) for key, history in made.ledger.histories.items()}
    ledger.events = list(made.ledger.events)
    return Treasury(ledger=ledger, number=made.number)
