"""Random histories with successions: what was held is approved anew or released, and once."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chaincode import keys
from chaincode.errors import Refusal
from chaincode.model.base import Org
from chaincode.model.committee import Committee, CommitteeDecision
from chaincode.model.fund import Cause
from chaincode.model.payment import Payment, PaymentPhase
from chaincode.rules.committee import seated
from chaincode.rules.payment import phase
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import COMMUNITY, DAY_MS, MEMBERS, Treasury
from tests.support.offices import NEW_MEMBERS, account, company, resolve, settled_town, succeed

EVERYBODY = (*MEMBERS, *NEW_MEMBERS)


class Successions(RuleBasedStateMachine):
    """Payments at every station while company, account and committee change under them."""

    town: Treasury

    @initialize()
    def begin(self) -> None:
        self.town = settled_town()
        self.budget_id = self.town.open_budget(500_000)
        self.payments: list[str] = []
        self.carried: set[str] = set()
        """What was held when an office changed."""
        self.confirmed: set[str] = set()
        self.snapshot = Snapshot()

    def _term(self) -> int:
        return self.town.one(keys.committee(COMMUNITY), Committee).term

    def _open(self) -> list[Payment]:
        found = map(self.town.payment, self.payments)
        return [one for one in found if phase(one) in (PaymentPhase.REQUESTED, PaymentPhase.HELD)]

    @rule(fen=st.integers(1, 3_000))
    def ask(self, fen: int) -> None:
        self.payments.append(self.town.ask_payment(self.budget_id, fen))

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), reject=st.integers(0, 5))
    def answer(self, data: st.DataObject, reject: int) -> None:
        payment_id = data.draw(st.sampled_from(self.payments))
        member = data.draw(st.sampled_from(EVERYBODY))
        committee = self.town.one(keys.committee(COMMUNITY), Committee)
        in_office = member in seated(committee, self.town.now_ms)
        before = self.town.payment(payment_id)
        try:
            verdict = "reject" if reject == 0 else "approve"
            self.town.approve(payment_id, member, verdict=verdict)
        except Refusal as refusal:
            accepted = refusal.code
        else:
            accepted = "accepted"
        assert in_office or accepted == "caller/not-seated"
        after = self.town.payment(payment_id)
        if before.awaits_handover and after.awaits_handover is None and before.held_at is not None:
            assert payment_id not in self.confirmed
            self.confirmed.add(payment_id)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def approve_fully(self, data: st.DataObject) -> None:
        payment_id = data.draw(st.sampled_from(self.payments))
        committee = self.town.one(keys.committee(COMMUNITY), Committee)
        waits = self.town.payment(payment_id)
        for member in seated(committee, self.town.now_ms):
            try:
                self.town.approve(payment_id, member)
            except Refusal:
                break
        now = self.town.payment(payment_id)
        if waits.held_at is not None and waits.awaits_handover and now.awaits_handover is None:
            assert payment_id not in self.confirmed
            self.confirmed.add(payment_id)

    @rule(days=st.integers(1, 12))
    def wait(self, days: int) -> None:
        self.town.pass_ms(days * DAY_MS)

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), step=st.sampled_from(["order", "expire", "withdraw", "settle"]))
    def step(self, data: st.DataObject, step: str) -> None:
        payment_id = data.draw(st.sampled_from(self.payments))
        before = self.town.payment(payment_id)
        try:
            if step == "order":
                self.town.order(payment_id)
            elif step == "expire":
                self.town.run("expire_payment", payment_id=payment_id)
            elif step == "withdraw":
                self.town.run("withdraw_payment", "clerk", payment_id=payment_id)
            elif phase(before) in (PaymentPhase.ORDERED, PaymentPhase.ACCEPTED):
                self.town.report(payment_id, "settled", amount_fen=before.content.amount_fen)
        except Refusal:
            assert self.town.payment(payment_id) == before
            return
        if step == "order" and before.order_id is None:
            assert before.awaits_handover is None

    @rule(office=st.sampled_from(["company", "account", "committee"]))
    def replace(self, office: str) -> None:
        effect = {
            "company": lambda: company(self.town, self.town.next_id("company")),
            "account": lambda: account(self.town, f"{self.town.number:064x}"),
        }
        open_before = {one.payment_id: one for one in self._open()}
        if office == "committee":
            handover_id = succeed(self.town, office)
        else:
            handover_id = resolve(self.town, effect[office]())
        handover = self.town.ask("handover", handover_id=handover_id).handover
        listed = {one.payment_id for one in handover.figures.payments}
        now = self.town.now_ms
        assert listed == {name for name, one in open_before.items() if now < one.expires_at}
        for payment_id in listed:
            self.confirmed.discard(payment_id)
            key = keys.payment_approval(COMMUNITY, payment_id)
            approval = self.town.one(key, CommitteeDecision)
            assert (approval.approvals, approval.carried_at) == ((), None)
            assert approval.term == self._term()
            if open_before[payment_id].held_at is not None:
                self.carried.add(payment_id)

    @invariant()
    def books_balance(self) -> None:
        if hasattr(self, "town"):
            check(self.snapshot.read(self.town))

    @invariant()
    def what_was_held_is_confirmed_or_released_once(self) -> None:
        if not hasattr(self, "town"):
            return
        released = [
            entry.reference for entry in self.town.entries() if entry.cause is Cause.RELEASE
        ]
        for payment_id in self.carried:
            payment = self.town.payment(payment_id)
            times = released.count(payment_id)
            if phase(payment) is PaymentPhase.HELD:
                assert times == 0
                assert (payment.awaits_handover is None) == (payment_id in self.confirmed)
            elif payment.order_id is None:
                assert times == 1
            else:
                assert payment_id in self.confirmed

    def teardown(self) -> None:
        """At last, whoever comes releases all that nobody confirmed."""
        if not hasattr(self, "town"):
            return
        self.town.pass_ms(400 * DAY_MS)
        for payment_id in self.payments:
            if phase(self.town.payment(payment_id)) in (
                PaymentPhase.REQUESTED,
                PaymentPhase.HELD,
                PaymentPhase.ORDERED,
                PaymentPhase.ACCEPTED,
            ):
                self.town.run("expire_payment", Org.BANK, payment_id=payment_id)
        assert self.town.book().held == 0
        self.books_balance()


Successions.TestCase.settings = settings(deadline=None)
TestSuccessions = Successions.TestCase
