"""A naive oracle of the funds: facts and sums only; no accounts, no entries, no phases."""

from dataclasses import dataclass, field

from chaincode.model.statement import StatementLine
from tests.support.funds import OPENING_FEN


@dataclass
class Known:
    """What the oracle knows of one payment."""

    budget: str
    fen: int
    held: int = 0
    ordered: bool = False
    over: bool = False
    expires_at: int = 0
    settled: int | None = None
    debit_ref: str | None = None
    booked: bool = False
    returned: int = 0
    refs: dict[str, int] = field(default_factory=dict)
    """Entries the bank told of, with their amounts."""

    @property
    def used(self) -> int:
        return self.held + (self.settled or 0) - self.returned


@dataclass
class Oracle:
    """What should be true, from what happened."""

    payments: dict[str, Known] = field(default_factory=dict)
    budgets: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    waiting: dict[str, int] = field(default_factory=dict)
    charges: int = 0

    def _free(self) -> int:
        owners = OPENING_FEN - self.charges
        owners -= sum((k.settled or 0) - k.returned for k in self.payments.values())
        held = sum(known.held for known in self.payments.values())
        return owners - held - sum(self._left(b) for b in self.budgets if b not in self.closed)

    def _left(self, budget_id: str) -> int:
        used = sum(k.used for k in self.payments.values() if k.budget == budget_id)
        return self.budgets[budget_id] - used

    def _settle(self, known: Known, fen: int, ref: str | None) -> bool:
        if not known.ordered:
            return False
        if ref is not None and ref in known.refs:
            return known.refs[ref] == -fen
        if known.settled is not None:
            same = fen == known.settled and (ref is None or known.debit_ref in (None, ref))
            if same and ref is not None:
                known.debit_ref = ref
            return same
        if known.over or fen > known.held:
            return False
        known.settled, known.held, known.debit_ref = fen, 0, ref
        if ref is not None:
            known.refs[ref] = -fen
        return True

    def _return(self, known: Known, fen: int, ref: str) -> bool:
        if ref in known.refs:
            return known.refs[ref] == fen
        if known.settled is None or known.returned + fen > known.settled:
            return False
        known.returned += fen
        known.refs[ref] = fen
        return True

    def _require_inexplicable(self, line: StatementLine, payment_id: str | None, free: int) -> None:
        """The committee's word was refused for a reason that the oracle sees too."""
        if payment_id is None:
            assert line.fen > 0 or -line.fen > free
            return
        known = self.payments[payment_id]
        need = -line.fen - known.held
        left = free if known.budget in self.closed else self._left(known.budget)
        taken = known.settled is not None and (known.booked or known.settled != -line.fen)
        assert line.fen > 0 or not known.ordered or taken or need > left

    def _explained(self, line: StatementLine, payment_id: str | None) -> None:
        del self.waiting[line.line_id]
        if payment_id is None:
            self.charges -= line.fen
            return
        known = self.payments[payment_id]
        known.settled, known.held, known.booked = -line.fen, 0, True
        known.debit_ref = line.line_id
