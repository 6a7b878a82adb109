"""Reading what the funds wrote, straight from the state."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from chaincode import codec, keys
from chaincode.model.base import Record
from chaincode.model.budget import Budget, Hold
from chaincode.model.fund import Book, Entry, Fund
from chaincode.model.payment import BankException, Payment
from chaincode.model.statement import BankLine, WaitingLine
from chaincode.model.unitaccount import UnitAccount
from tests.support.memory_ledger import FakeLedger

R = TypeVar("R", bound=Record)

COMMUNITY = "fuzemen"
MAINTENANCE = "maintenance"


@dataclass
class Records:
    """The records of one community; the maintenance fund's unless another is named."""

    ledger: FakeLedger = field(default_factory=FakeLedger)

    def one(self, key: str, kind: type[R]) -> R:
        value = self.ledger.value(key)
        assert value is not None, key
        return codec.decode(value, kind)

    def all(self, prefix: str, kind: type[R]) -> list[R]:
        return list(self._all(prefix, kind))

    def _all(self, prefix: str, kind: type[R]) -> Iterator[R]:
        start, end = keys.below(prefix)
        for key in sorted(self.ledger.histories):
            value = self.ledger.value(key) if start <= key < end else None
            if value is not None:
                yield codec.decode(value, kind)

    def book(self, fund_id: str = MAINTENANCE) -> Book:
        return self.one(keys.book(COMMUNITY, fund_id), Book)

    def payment(self, payment_id: str) -> Payment:
        return self.one(keys.payment(COMMUNITY, payment_id), Payment)

    def budget(self, budget_id: str) -> Budget:
        return self.one(keys.budget(COMMUNITY, budget_id), Budget)

    def holds(self, budget_id: str) -> list[Hold]:
        return self.all(keys.holds(COMMUNITY, budget_id), Hold)

    def entries(self, fund_id: str = MAINTENANCE) -> list[Entry]:
        return self.all(keys.entries(COMMUNITY, fund_id), Entry)

    def units(self, fund_id: str = MAINTENANCE) -> list[UnitAccount]:
        return self.all(keys.unit_accounts(COMMUNITY, fund_id), UnitAccount)

    def lines(self) -> list[BankLine]:
        return self.all(f"{COMMUNITY}/bank-line", BankLine)

    def waiting(self, fund_id: str = MAINTENANCE) -> list[WaitingLine]:
        return self.all(keys.waiting_lines(COMMUNITY, fund_id), WaitingLine)

    def exceptions(self) -> list[BankException]:
        return self.all(keys.bank_exceptions(COMMUNITY), BankException)

    def funds(self) -> list[Fund]:
        return self.all(keys.funds(COMMUNITY), Fund)
