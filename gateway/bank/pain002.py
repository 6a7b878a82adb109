"""Reads pain.002.001.11: what the bank says became of a message of ours.

A status may stand on three levels. The lowest that is given counts: on the order, on its payment
instruction, on the whole message. PART says that something below was rejected; an order under PART
that is not listed is *inferred* accepted, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pyiso20022.pain.pain_002_001_11.pain_002_001_11 import Document

from gateway.bank import pain001
from gateway.bank.entries import Reader, step
from gateway.bank.pain001 import OrderGroup
from gateway.bank.types import OrderState, OrderStatus, PaymentOrder

NAMESPACE = Document.Meta.namespace
_ROOT = "CstmrPmtStsRpt"
_PARTLY = "PART"
_STATES = {
    "ACTC": OrderState.ACCEPTED,
    "ACCP": OrderState.ACCEPTED,
    "ACSP": OrderState.ACCEPTED,
    "PDNG": OrderState.ACCEPTED,
    "ACSC": OrderState.SETTLED,
    "RJCT": OrderState.REJECTED,
}
# "We have this one already": no verdict on the first, which may well be paid (ISO external codes).
_DUPLICATE_REASONS = frozenset({"AM05", "DU01", "DU02", "DU03", "DU04", "DU05"})

SentOrders = Callable[[str], tuple[PaymentOrder, ...]]
"""The orders of a message of ours by its MsgId; empty for one that we never sent."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A status on some level: the bank's code, its reason for a rejection, and where it stands."""

    code: str
    reason: str | None
    path: str


def read_statuses(document: Any, sent_orders: SentOrders) -> tuple[OrderStatus, ...]:
    """The state of every order that the report speaks of, in the order of our message.

    Raises MessageRefused `pain.002/...`; then nothing of the report may be used.
    """
    return _Report(document.cstmr_pmt_sts_rpt, sent_orders).statuses()


class _Report:
    def __init__(self, body: Any, sent_orders: SentOrders) -> None:
        self._body = body
        self._reader = Reader("pain.002", ())
        self._header = body.orgnl_grp_inf_and_sts
        self._message_id = self._header.orgnl_msg_id
        path = f"{_ROOT}/OrgnlGrpInfAndSts"
        orders = sent_orders(self._message_id)
        if not orders or self._header.orgnl_msg_nm_id != pain001.MESSAGE_NAME:
            self._reader.refuse("unknown-message", f"{path}/OrgnlMsgId", "not a message of ours")
        self._groups = {group.group_id: group for group in pain001.order_groups(orders)}
        self._require_totals(self._header, orders, path)

    def statuses(self) -> tuple[OrderStatus, ...]:
        whole = self._verdict(self._header, "grp_sts", "GrpSts", f"{_ROOT}/OrgnlGrpInfAndSts")
        spoken_of = self._spoken_of(whole)
        if not spoken_of and whole is None:
            self._reader.refuse("status", f"{_ROOT}/OrgnlGrpInfAndSts", "no status at all")
        found: list[OrderStatus] = []
        for group in self._groups.values():
            listed, above = spoken_of.get(group.group_id, ({}, whole))
            of_group = list(self._group_statuses(group, listed, above))
            if above is not whole:
                self._require_partly(above, of_group)
            found += of_group
        self._require_partly(whole, found)
        return tuple(found)

    def _spoken_of(
        self, whole: _Verdict | None
    ) -> dict[str, tuple[dict[str, _Verdict], _Verdict | None]]:
        """Per payment instruction in the report: its listed orders, and the verdict on the rest."""
        spoken: dict[str, tuple[dict[str, _Verdict], _Verdict | None]] = {}
        for index, item in enumerate(self._body.orgnl_pmt_inf_and_sts):
            path = step(_ROOT, "OrgnlPmtInfAndSts", index)
            group = self._groups.get(item.orgnl_pmt_inf_id)
            if group is None:
                self._reader.refuse("unknown-order", f"{path}/OrgnlPmtInfId", "not in that message")
            if group.group_id in spoken:
                self._reader.refuse("duplicate", f"{path}/OrgnlPmtInfId", "reported twice")
            self._require_totals(item, group.orders, path)
            above = self._verdict(item, "pmt_inf_sts", "PmtInfSts", path)
            self._require_agreement(whole, above)
            above = _with_reason_of(above, whole) if above else whole
            spoken[group.group_id] = (self._listed(item, group, above, path), above)
        return spoken

    def _listed(
        self, item: Any, group: OrderGroup, above: _Verdict | None, path: str
    ) -> dict[str, _Verdict]:
        ordered = {order.payment_id: order for order in group.orders}
        listed: dict[str, _Verdict] = {}
        for index, entry in enumerate(item.tx_inf_and_sts):
            place = step(path, "TxInfAndSts", index)
            order = ordered.get(entry.orgnl_end_to_end_id or "")
            if order is None or entry.orgnl_instr_id not in (None, order.order_id):
                self._reader.refuse("unknown-order", place, "not in that message")
            if order.payment_id in listed:
                self._reader.refuse("duplicate", place, "reported twice")
            self._require_amount(entry, order, place)
            verdict = self._verdict(entry, "tx_sts", "TxSts", place)
            if verdict is None or verdict.code == _PARTLY:
                self._reader.refuse("status", f"{place}/TxSts", "an order without a status")
            self._require_agreement(above, verdict)
            listed[order.payment_id] = _with_reason_of(verdict, above)
        return listed

    def _group_statuses(
        self, group: OrderGroup, listed: dict[str, _Verdict], above: _Verdict | None
    ) -> Iterator[OrderStatus]:
        for order in group.orders:
            verdict = listed.get(order.payment_id)
            if verdict is not None:
                yield self._status(order, verdict)
            elif above is not None and above.code == _PARTLY:
                yield OrderStatus(
                    order_id=order.order_id,
                    payment_id=order.payment_id,
                    message_id=self._message_id,
                    state=OrderState.ACCEPTED,
                    bank_status=_PARTLY,
                    inferred=True,
                )
            elif above is not None:
                yield self._status(order, above)

    def _status(self, order: PaymentOrder, verdict: _Verdict) -> OrderStatus:
        state = _STATES[verdict.code]
        if state is OrderState.REJECTED and verdict.reason is None:
            self._reader.refuse("reason-missing", verdict.path, "a rejection without its reason")
        if state is OrderState.REJECTED and verdict.reason in _DUPLICATE_REASONS:
            state = OrderState.DUPLICATE
        return OrderStatus(
            order_id=order.order_id,
            payment_id=order.payment_id,
            message_id=self._message_id,
            state=state,
            bank_status=verdict.code,
            reason=verdict.reason,
        )

    def _verdict(self, item: Any, field: str, tag: str, path: str) -> _Verdict | None:
        code = getattr(item, field)
        if code is None:
            return None
        if code not in _STATES and code != _PARTLY:
            self._reader.refuse("status", f"{path}/{tag}", "not a status we know")
        reasons = [info.rsn for info in item.sts_rsn_inf if info.rsn]
        reason = str(reasons[0].cd or reasons[0].prtry) if reasons and code == "RJCT" else None
        return _Verdict(code, reason, f"{path}/{tag}")

    def _require_agreement(self, above: _Verdict | None, below: _Verdict | None) -> None:
        """Above PART anything may stand below; else all below share the outcome above."""
        if above is None or below is None or above.code == _PARTLY:
            return
        if below.code == _PARTLY or _STATES[below.code] is not _STATES[above.code]:
            self._reader.refuse("status-conflict", below.path, f"contradicts {above.path}")

    def _require_partly(self, above: _Verdict | None, found: list[OrderStatus]) -> None:
        """Whoever says PART lists what was not accepted; else nothing can be inferred."""
        inferred = any(status.inferred for status in found)
        if inferred and all(status.state is OrderState.ACCEPTED for status in found):
            path = above.path if above else _ROOT
            self._reader.refuse("status-conflict", path, "partly accepted, yet no exception listed")

    def _require_totals(self, item: Any, orders: tuple[PaymentOrder, ...], path: str) -> None:
        count, total = item.orgnl_nb_of_txs, item.orgnl_ctrl_sum
        if count is not None and int(count) != len(orders):
            self._reader.refuse("amount", f"{path}/OrgnlNbOfTxs", "not the number ordered")
        if total is not None:
            ordered_fen = sum(order.amount_fen for order in orders)
            if self._reader.sum_fen(total, f"{path}/OrgnlCtrlSum") != ordered_fen:
                self._reader.refuse("amount", f"{path}/OrgnlCtrlSum", "not the sum ordered")

    def _require_amount(self, entry: Any, order: PaymentOrder, path: str) -> None:
        original = entry.orgnl_tx_ref
        stated = original.amt.instd_amt if original and original.amt else None
        if stated is not None:
            place = f"{path}/OrgnlTxRef/Amt/InstdAmt"
            if self._reader.fen(stated, place) != order.amount_fen:
                self._reader.refuse("amount", place, "not the amount ordered")


def _with_reason_of(below: _Verdict, above: _Verdict | None) -> _Verdict:
    """A rejection without a reason of its own has the one given above it."""
    if below.code != "RJCT" or below.reason is not None or above is None:
        return below
    return replace(below, reason=above.reason)
