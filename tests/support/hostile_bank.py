"""A bank that repeats, delays, reorders, contradicts itself and pays wrong, and a naive oracle.

`Game.step` does one thing and then compares the ledger with the oracle, which knows facts and
sums only: no accounts, no entries, no phases. What really happened at the bank is in `moves`.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from chaincode.errors import Conflict, Refusal, RuleForbids
from chaincode.model.statement import LineDecision, LineFate, LineKind, StatementLine
from tests.support.fund_checks import Snapshot, check
from tests.support.fund_oracle import Known, Oracle
from tests.support.funds import ACCOUNT, DAY_MS, MEMBERS, Treasury, treasury

ACTIONS = (
    "budget", "ask", "approve", "order", "spend", "spend", "spend", "pay", "pay", "pay", "refuse",
    "give_back", "give_back", "income", "charge", "deliver", "deliver", "deliver", "deliver",
    "lie", "statement", "statement", "bad_statement", "pass_time", "expire", "close", "explain",
    "explain", "withdraw",
)  # fmt: skip
"""What may happen, the likelier the more often it stands here."""


@dataclass
class Game(Oracle):
    """One history."""

    town: Treasury = field(default_factory=treasury)
    mail: list[dict[str, Any]] = field(default_factory=list)
    moves: list[StatementLine] = field(default_factory=list)
    told: dict[str, StatementLine] = field(default_factory=dict)
    raised: set[tuple[str, ...]] = field(default_factory=set)
    snapshot: Snapshot = field(default_factory=Snapshot)

    def step(self, action: str, a: int, b: int) -> None:
        getattr(self, action)(a, b)
        self.compare()

    # --- The community ---

    def budget(self, a: int, _b: int) -> None:
        fen = 1 + a % 400_000
        free = self._free()
        try:
            budget_id = self.town.open_budget(fen)
        except RuleForbids as refusal:
            _expect(refusal, "budget/fund-too-small", fen - free)
            return
        assert fen <= free
        self.budgets[budget_id] = fen

    def ask(self, a: int, b: int) -> None:
        if not self.budgets:
            return
        budget_id, fen = _pick(sorted(self.budgets), a), 1 + b % 150_000
        try:
            payment_id = self.town.ask_payment(budget_id, fen)
        except RuleForbids as refusal:
            _expect(refusal, "budget/exceeded", fen - self._left(budget_id))
            return
        except Conflict:
            over = self.town.now_ms >= self.town.budget(budget_id).valid_until_at
            assert budget_id in self.closed or over
            return
        self.payments[payment_id] = Known(budget_id, fen)

    def approve(self, a: int, _b: int) -> None:
        wanted = [p for p, known in self.payments.items() if not known.over and not known.ordered]
        if not wanted:
            return
        payment_id = _pick(wanted, a)
        known = self.payments[payment_id]
        try:
            self.town.approve(payment_id, *MEMBERS[:3])
        except Refusal:
            left = self._left(known.budget)
            over = known.budget in self.closed or known.fen > left or known.held
            assert (
                over
                or self.town.now_ms >= self.town.payment(payment_id).expires_at
                or (self.town.now_ms >= self.town.budget(known.budget).valid_until_at)
            )
            return
        assert known.fen <= self._left(known.budget)
        known.held = known.fen

    def order(self, a: int, _b: int) -> None:
        wanted = [p for p, known in self.payments.items() if known.held]
        if not wanted:
            return
        payment_id = _pick(wanted, a)
        late = self.town.now_ms >= self.town.payment(payment_id).expires_at
        try:
            self.town.order(payment_id)
        except Conflict:
            assert late or self.payments[payment_id].ordered
            return
        self.payments[payment_id].ordered = True

    def spend(self, a: int, b: int) -> None:
        """A payment goes all the way to the bank."""
        before = set(self.payments)
        self.ask(a, b % 60_000)
        for payment_id in set(self.payments) - before:
            self.town.approve(payment_id, *MEMBERS[:3])
            self.town.order(payment_id)
            self.payments[payment_id].held = self.payments[payment_id].fen
            self.payments[payment_id].ordered = True

    def withdraw(self, a: int, _b: int) -> None:
        if not self.payments:
            return
        payment_id = _pick(list(self.payments), a)
        known = self.payments[payment_id]
        try:
            self.town.run("withdraw_payment", "clerk", payment_id=payment_id)
        except Conflict:
            assert known.ordered or known.over
            return
        known.over, known.held = True, 0

    def expire(self, a: int, _b: int) -> None:
        if not self.payments:
            return
        payment_id = _pick(list(self.payments), a)
        known = self.payments[payment_id]
        due = self.town.now_ms >= self.town.payment(payment_id).expires_at
        try:
            self.town.run("expire_payment", payment_id=payment_id)
        except Conflict:
            assert known.over or known.settled is not None or not due
            return
        known.over, known.held = True, 0

    def close(self, a: int, _b: int) -> None:
        if not self.budgets:
            return
        budget_id = _pick(sorted(self.budgets), a)
        due = self.town.now_ms >= self.town.budget(budget_id).valid_until_at
        try:
            self.town.run("close_budget", budget_id=budget_id)
        except Conflict:
            assert not due
            return
        self.closed.add(budget_id)

    def pass_time(self, a: int, _b: int) -> None:
        self.town.pass_ms((1, 1, 20, 20, 200)[a % 5] * DAY_MS)

    # --- The bank's deeds ---

    def pay(self, a: int, b: int) -> None:
        """Money leaves: the right amount, less, or more; reported before, after or not at all."""
        wanted = [p for p, known in self.payments.items() if known.ordered]
        if not wanted:
            return
        payment_id = _pick(wanted, a)
        fen = max(1, self.payments[payment_id].fen + (0, 0, 0, -1, -17, 5)[b % 6])
        line = self.town.line(-fen, payment_id=payment_id)
        self.moves.append(line)
        ref = {"entry_ref": line.line_id} if b % 2 else {}
        self._post(payment_id, "accepted")
        self._post(payment_id, "settled", amount_fen=fen, **ref)

    def refuse(self, a: int, _b: int) -> None:
        if self.payments:
            self._post(_pick(list(self.payments), a), "rejected", reason="AC04")

    def give_back(self, a: int, b: int) -> None:
        """Some of a payment comes back; more often than is right."""
        wanted = [p for p, known in self.payments.items() if known.ordered]
        if not wanted:
            return
        payment_id = _pick(wanted, a)
        fen = max(1, self.payments[payment_id].fen // (1 + b % 3))
        line = self.town.line(fen, payment_id=payment_id, is_return=True)
        self.moves.append(line)
        self._post(payment_id, "returned", amount_fen=fen, entry_ref=line.line_id)

    def income(self, a: int, _b: int) -> None:
        self.moves.append(self.town.line(1 + a % 90_000))

    def charge(self, a: int, _b: int) -> None:
        self.moves.append(self.town.line(-1 - a % 900))

    # --- The bank's words ---

    def deliver(self, a: int, b: int) -> None:
        """One message out of the mail, in any order; a third of them stay to come again."""
        if self.mail:
            message = self.mail[a % len(self.mail)]
            if b % 3:
                self.mail.remove(message)
            self._report(message)

    def lie(self, a: int, b: int) -> None:
        """A message about any payment that nothing at the bank stands behind."""
        if not self.payments:
            return
        payment_id = _pick(list(self.payments), a)
        fen = 1 + b % 150_000
        ref = self.town.next_id("lie")
        said: tuple[dict[str, Any], ...] = (
            {"status": "accepted"},
            {"status": "rejected", "reason": "AM04"},
            {"status": "returned", "amount_fen": fen, "entry_ref": ref},
        )
        self._post(payment_id, **said[b % 3])

    def statement(self, a: int, b: int) -> None:
        """The next statement with some of what happened; now and then twice."""
        count = a % (len(self.moves) + 1)
        lines, self.moves = self.moves[:count], self.moves[count:]
        if b % 2:
            lines = lines[::-1]
        content = self.town.statement(*lines)
        answer = self.town.run("record_statement", statement=content)
        if b % 3 == 0:
            assert self.town.run("record_statement", statement=content) == answer
        for line in sorted(lines, key=lambda one: one.fen > 0):
            self._book(line)

    def bad_statement(self, a: int, _b: int) -> None:
        """One that does not add up, does not open right, or repeats a line: refused whole."""
        before = self.town.account()
        wrong: tuple[dict[str, Any], ...] = (
            {"closing_fen": before.last_closing_fen + 7},
            {"opening_fen": before.last_closing_fen + 7, "closing_fen": before.last_closing_fen},
            {"sequence": (before.last_sequence or 0) + 5},
        )
        if before.last_sequence is None and a % 3 == 2:
            return
        line = self.town.line(-7 if a % 3 == 1 else 1)
        changed = {**wrong[a % 3]}
        if a % 3 == 2:
            changed["closing_fen"] = before.last_closing_fen + 1
        state = self.town.ledger.state()
        try:
            self.town.run("record_statement", statement=self.town.statement(line, **changed))
        except Refusal:
            assert self.town.ledger.state() == state
            return
        raise AssertionError("a wrong statement was taken")

    def explain(self, a: int, b: int) -> None:
        """The committee decides a waiting line: the bank's charge, or a payment after all."""
        if not self.waiting:
            return
        line_id = _pick(sorted(self.waiting), a)
        line = next(one for one in self.town.lines() if one.line.line_id == line_id)
        payment_id = line.line.payment_id if b % 2 else None
        decision = LineDecision(
            account_sha256=ACCOUNT,
            line_id=line_id,
            entry_id=str(line.entry_id),
            kind=LineKind.CHARGE if payment_id is None else LineKind.PAYMENT,
            payment_id=payment_id,
        )
        decision_id = self.town.decide("bank-line", line_id, decision)
        free = self._free()
        try:
            self.town.run("resolve_line", decision=decision, decision_id=decision_id)
        except Refusal:
            self._require_inexplicable(line.line, payment_id, free)
            return
        self._explained(line.line, payment_id)

    # --- The oracle ---

    def compare(self) -> None:
        """The ledger against the oracle's sums, and every invariant."""
        records = self.snapshot.read(self.town)
        check(records)
        book = records["book"]["maintenance",]
        assert book.free == self._free()
        assert book.budgeted == sum(self._left(b) for b in self.budgets if b not in self.closed)
        assert book.held == sum(known.held for known in self.payments.values())
        assert book.suspense == sum(self.waiting.values())
        for payment_id, known in self.payments.items():
            payment = records["payment"][payment_id,]
            assert (payment.settled_fen, payment.returned_fen) == (
                known.settled or 0,
                known.returned,
            )
        listed = {line_id for _, _, line_id in records["waiting-line"]}
        assert listed == set(self.waiting)
        assert len(self.town.exceptions()) == len(self.raised)

    def _post(self, payment_id: str, status: str, **fields: Any) -> None:
        report_id = self.town.next_id("report")
        self.mail.append(
            {"payment_id": payment_id, "status": status, "report_id": report_id, **fields}
        )

    def _report(self, message: dict[str, Any]) -> None:
        self.town.report(**message)
        if message["report_id"] in self.told:
            return
        known = self.payments[message["payment_id"]]
        self.told[message["report_id"]] = self.town.line(1)
        if not self._take(known, **{k: v for k, v in message.items() if k != "payment_id"}):
            self.raised.add((message["payment_id"], message["report_id"]))

    def _take(
        self,
        known: Known,
        status: str,
        report_id: str,
        amount_fen: int = 0,
        entry_ref: str | None = None,
        reason: str = "",
    ) -> bool:
        """Whether the report fits; then its facts are taken in."""
        if status == "accepted":
            return known.ordered and (known.settled is not None or not known.over)
        if status == "rejected":
            if known.ordered and known.settled is None:
                known.over, known.held = True, 0
            return known.ordered and known.settled is None
        if status == "settled":
            return self._settle(known, amount_fen, entry_ref)
        return self._return(known, amount_fen, str(entry_ref))

    def _book(self, line: StatementLine) -> None:
        """A line fits its payment, or waits; what waits is told, so a report of it adds nothing."""
        known = self.payments.get(line.payment_id or "")
        fits = False
        if known is not None and line.fen < 0:
            known.refs.pop(line.line_id, None)
            fits = self._settle(known, -line.fen, line.line_id)
            known.booked = known.booked or fits
        elif known is not None:
            fits = self._return(known, line.fen, line.line_id)
        if not fits:
            self.waiting[line.line_id] = line.fen
        if known is not None:
            known.refs[line.line_id] = line.fen
            if not fits:
                self.raised.add((str(line.payment_id), line.line_id))


def _expect(refusal: Refusal, code: str, gap_fen: int) -> None:
    assert (refusal.code, refusal.details["gap_fen"]) == (code, gap_fen)
    assert gap_fen > 0


def _pick(things: list[str], number: int) -> str:
    return things[number % len(things)]


def play(seed: int, steps: int) -> Game:
    """One random history; the same seed gives the same one."""
    rng = random.Random(seed)
    game = Game()
    game.step("budget", 399_999, 0)
    for _ in range(steps):
        game.step(rng.choice(ACTIONS), rng.randrange(2**20), rng.randrange(2**20))
    return game


def fates(game: Game) -> set[LineFate]:
    """What became of the lines of a history."""
    return {line.fate for line in game.town.lines()}
