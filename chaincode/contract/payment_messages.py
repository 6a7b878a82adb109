"""What payments are asked and told, what they answer, and the events they announce."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Id, Record, Sha256
from chaincode.model.budget import Hold
from chaincode.model.committee import CommitteeDecision, Verdict
from chaincode.model.payment import (
    BankException,
    ExceptionDecision,
    ExceptionKind,
    ExceptionResolution,
    Payment,
    PaymentContent,
    PaymentPhase,
    ReportContent,
)
from chaincode.rules import reconcile


class RequestPayment(ActBody):
    """Ask for a payment; its id is made and kept before it is first sent."""

    payment: PaymentContent


class AnswerPayment(ActBody):
    """A member's word on exactly this content."""

    payment_id: Id
    content_sha256: Sha256
    verdict: Verdict


class WithdrawPayment(ActBody):
    """Take a payment back that the bank has not been told of."""

    payment_id: Id


class OrderPayment(Request):
    """Write the order's id down before the bank is told."""

    payment_id: Id
    order_id: Id


class ReportPayment(Request):
    """Say what the bank said."""

    report: ReportContent

    def __post_init__(self) -> None:
        reconcile.require_report_form(self.report)


class PaymentRequest(Request):
    """Name a payment."""

    payment_id: Id


class PaymentsRequest(Request):
    """Ask for the payments of a fund, or those of one budget of it."""

    fund_id: Id
    budget_id: Id | None = None


class ResolveException(Request):
    """Say what the committee found of an exception."""

    decision: ExceptionDecision
    decision_id: Id


class ExceptionsRequest(Request):
    """Ask for the exceptions, those resolved included or not."""

    with_resolved: bool = False


class PaymentView(Record):
    """A payment with where it stands, what it holds, and what the committee said."""

    payment: Payment
    phase: PaymentPhase
    hold: Hold | None
    approval: CommitteeDecision | None
    content_sha256: Sha256


class PaymentRow(Record):
    """A payment and where it stands."""

    payment: Payment
    phase: PaymentPhase


class PaymentList(Record):
    """Payments of a fund."""

    payments: tuple[PaymentRow, ...]


class ExceptionList(Record):
    """The bank's answers that do not fit."""

    exceptions: tuple[BankException, ...]


class PaymentMoved(Record):
    """Event: a payment reached a phase; `fen` is what was held, paid or returned by it."""

    community: str
    payment_id: str
    phase: PaymentPhase
    fen: int
    event: str = "PaymentMoved"


class BankExceptionRaised(Record):
    """Event: a bank's answer does not fit; it waits for the committee."""

    community: str
    exception_id: str
    payment_id: str
    kind: ExceptionKind
    event: str = "BankExceptionRaised"


class BankExceptionResolved(Record):
    """Event: the committee found what became of an exception."""

    community: str
    exception_id: str
    payment_id: str
    resolution: ExceptionResolution
    event: str = "BankExceptionResolved"
