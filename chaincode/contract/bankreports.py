"""What the bank says of its orders, and what becomes of answers that do not fit."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract import settlements
from chaincode.contract.decisions import require_decided
from chaincode.contract.handlers import Call, Handler
from chaincode.contract.payment_messages import (
    BankExceptionResolved,
    ExceptionList,
    ExceptionsRequest,
    ReportPayment,
    ResolveException,
)
from chaincode.contract.settlements import load_payment, save_payment
from chaincode.errors import Conflict
from chaincode.model.base import changed
from chaincode.model.fund import BookAccount
from chaincode.model.payment import (
    BankException,
    BankReport,
    ExceptionResolution,
    Fit,
    Payment,
    ReportContent,
    ReportStatus,
)
from chaincode.model.statement import BankLine, LineFate, StatementLine
from chaincode.rules import payment as rule
from chaincode.rules.reconcile import judge_report
from chaincode.world import World

EXCEPTION_SUBJECT: Final = "bank-exception"

# --- Transactions ---


async def report_payment(world: World, call: Call, request: ReportPayment) -> Payment:
    """Take in the bank's answer to an order: accepted, rejected, settled, or returned later.

    The same report again gets the same answer. One that says what is known changes nothing; one
    that comes too late or does not fit becomes an exception, moves nothing, and is listed until
    the committee has resolved it. Refused if

    * 400: the amount (``report/amount``), the reason of a rejection (``report/reason-missing``)
      or the reference of a return (``report/entry-ref-missing``) is missing, or one too many;
    * 404: there is no such payment (``payment/unknown``);
    * 409: the report's id has another content (``report/exists-with-different-content``).
    """
    report = request.report
    payment = await load_payment(world, report.payment_id)
    key = keys.bank_report(world.community, report.report_id)
    existing = await world.find(key, BankReport)
    if existing is not None:
        if existing.content != report:
            raise Conflict("report/exists-with-different-content")
        return payment
    entry = await _find_entry(world, payment, report)
    judged = judge_report(report, payment, await settlements.held_fen(world, payment), entry)
    fit = judged if isinstance(judged, Fit) else Fit.EXCEPTION
    world.save(key, BankReport(content=report, fit=fit, at=call.now_ms, tx_id=call.tx_id))
    if not isinstance(judged, Fit):
        settlements.raise_exception(
            world,
            call,
            payment,
            judged,
            source=report.report_id,
            account_sha256=None,
            fen=report.amount_fen,
            message_sha256=report.message_sha256,
        )
        return payment
    if fit is Fit.KNOWN:
        return payment if entry is not None else _with_entry_ref(world, payment, report)
    return await _apply(world, call, payment, report)


async def resolve_exception(world: World, call: Call, request: ResolveException) -> BankException:
    """Close an exception with what the committee found; money moves only by ``resolve_line``.

    The same request again gets the same record. Refused if there is no such exception or decision
    (404 ``exception/unknown``, ``committee-decision/unknown``), it was resolved otherwise (409
    ``exception/resolved``), the decision is on something else (409
    ``committee-decision/other-content``, ``/other-term``) or not carried (422
    ``committee-decision/not-carried``).
    """
    asked = request.decision
    key = keys.bank_exception(world.community, asked.exception_id)
    exception = await world.load(key, BankException, "exception/unknown")
    if exception.resolution is not None:
        if (exception.resolution, exception.resolved_by) != (asked.resolution, request.decision_id):
            raise Conflict("exception/resolved")
        return exception
    await require_decided(
        world,
        request.decision_id,
        subject=EXCEPTION_SUBJECT,
        subject_id=asked.exception_id,
        content=asked,
    )
    return resolve(world, call, exception, asked.resolution, request.decision_id)


# --- Queries ---


async def bank_exceptions(world: World, _call: Call, request: ExceptionsRequest) -> ExceptionList:
    """The bank's answers that do not fit: open ones, or all."""
    found = [one for _, one in await _exceptions(world)]
    wanted = [one for one in found if request.with_resolved or one.resolution is None]
    return ExceptionList(exceptions=tuple(wanted))


# --- For other modules ---


def resolve(
    world: World,
    call: Call,
    exception: BankException,
    resolution: ExceptionResolution,
    decision_id: str,
) -> BankException:
    """Write an exception's resolution and announce it."""
    resolved = changed(
        exception, resolution=resolution, resolved_at=call.now_ms, resolved_by=decision_id
    )
    world.save(keys.bank_exception(world.community, exception.exception_id), resolved)
    world.emit(
        BankExceptionResolved(
            community=world.community,
            exception_id=resolved.exception_id,
            payment_id=resolved.payment_id,
            resolution=resolution,
        )
    )
    return resolved


async def resolve_by_line(
    world: World, call: Call, line: BankLine, resolution: ExceptionResolution, decision_id: str
) -> None:
    """Resolve the open exceptions that a statement line raised, now that the line is explained."""
    place = (line.account_sha256, line.line.line_id)
    for _, exception in await _exceptions(world):
        raised_by_line = (exception.account_sha256, exception.source) == place
        if raised_by_line and exception.resolution is None:
            resolve(world, call, exception, resolution, decision_id)


# --- Helpers ---


async def _exceptions(world: World) -> list[tuple[str, BankException]]:
    return await world.scan(keys.bank_exceptions(world.community), BankException)


async def _find_entry(world: World, payment: Payment, report: ReportContent) -> BankLine | None:
    if payment.account_sha256 is None or report.entry_ref is None:
        return None
    key = keys.bank_line(world.community, payment.account_sha256, report.entry_ref)
    return await world.find(key, BankLine)


async def _apply(world: World, call: Call, payment: Payment, report: ReportContent) -> Payment:
    """Write what the report brought."""
    after = await _after(world, call, payment, report)
    save_payment(world, after, report.amount_fen)
    return after


async def _after(world: World, call: Call, payment: Payment, report: ReportContent) -> Payment:
    """The payment with what the report brought; its money is moved."""
    fen = report.amount_fen
    if report.status is ReportStatus.ACCEPTED:
        return rule.accept(payment, call.now_ms)
    if report.status is ReportStatus.REJECTED:
        await settlements.release(world, call, payment)
        return rule.reject(payment, report.reason, call.now_ms)
    if report.status is ReportStatus.SETTLED:
        await settlements.settle(world, call, payment, fen, BookAccount.BANK)
        _announce(world, call, payment, report, -fen)
        return rule.settle(payment, fen, report.entry_ref, call.now_ms)
    assert report.status is ReportStatus.RETURNED, report.report_id
    await settlements.take_back(world, call, payment, fen)
    _announce(world, call, payment, report, fen)
    return rule.return_part(payment, fen)


def _with_entry_ref(world: World, payment: Payment, report: ReportContent) -> Payment:
    """A notice of what an order's status said before adds the entry's reference.

    Only for an entry told for the first time: another debit that waits must not take this place.
    """
    if report.status is not ReportStatus.SETTLED or payment.entry_ref is not None:
        return payment
    named = changed(payment, entry_ref=report.entry_ref)
    settlements.record_payment(world, named)
    return named


def _announce(world: World, call: Call, payment: Payment, report: ReportContent, fen: int) -> None:
    """Keep the entry that the bank told of before its statement, so that it counts once."""
    if report.entry_ref is None:
        return
    account_sha256 = payment.account_sha256
    assert account_sha256 is not None, payment.payment_id
    line = StatementLine(
        line_id=report.entry_ref,
        fen=fen,
        booked_at=call.now_ms,
        payment_id=payment.payment_id,
        is_return=fen > 0,
    )
    announced = BankLine(
        account_sha256=account_sha256,
        fund_id=payment.content.fund_id,
        line=line,
        fate=LineFate.ANNOUNCED,
    )
    world.save(keys.bank_line(world.community, account_sha256, report.entry_ref), announced)


HANDLERS: Final[Mapping[str, Handler]] = {
    "report_payment": Handler(request=ReportPayment, run=report_payment),
    "resolve_exception": Handler(request=ResolveException, run=resolve_exception),
    "bank_exceptions": Handler(request=ExceptionsRequest, run=bank_exceptions),
}
