"""Writes pain.001.001.10: orders to the bank. The bytes are a pure function of the orders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from pyiso20022.pain.pain_001_001_10 import pain_001_001_10 as schema
from xsdata.models.datatype import XmlDate, XmlDateTime

from gateway.bank import codec, limits, money
from gateway.bank.errors import OrderRefused
from gateway.bank.types import Party, PaymentOrder

NAMESPACE = schema.Document.Meta.namespace
MESSAGE_NAME = "pain.001.001.10"
_ID = re.compile(rf"[A-Za-z0-9._:-]{{1,{limits.ID_CHARS_MAX}}}")
_ACCOUNT = re.compile(rf"[A-Za-z0-9]{{1,{limits.ACCOUNT_CHARS_MAX}}}")
_CNAPS = re.compile(r"[0-9]{12}")
_CREATED_AT_MAX = 253_402_300_799_999  # end of year 9999, UTC ms


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """Orders of one message that share debtor and execution date: one payment instruction."""

    group_id: str
    orders: tuple[PaymentOrder, ...]


def message_id(orders: Iterable[PaymentOrder]) -> str:
    """The MsgId of a message with exactly these orders: 31 characters, leaving room for groups."""
    joined = "\n".join(sorted(order.order_id for order in orders))
    return "C" + hashlib.sha256(joined.encode()).hexdigest()[:30]


def order_groups(orders: Sequence[PaymentOrder]) -> tuple[OrderGroup, ...]:
    """The payment instructions of the message with these orders, in message order."""
    prefix = message_id(orders)
    ordered = sorted(orders, key=lambda order: (*_group_key(order), order.order_id))
    return tuple(
        OrderGroup(f"{prefix}.{index:03d}", tuple(members))
        for index, (_, members) in enumerate(groupby(ordered, key=_group_key))
    )


def require_orders(orders: Sequence[PaymentOrder]) -> None:
    """Refuses (OrderRefused) what cannot be written, or should not be written together."""
    if not 1 <= len(orders) <= limits.ORDER_COUNT_MAX:
        raise OrderRefused("order/count", "", "no order or too many", count=len(orders))
    for order in orders:
        _require_order(order)
    for field in ("order_id", "payment_id"):
        values = [getattr(order, field) for order in orders]
        if len(set(values)) != len(values):
            raise OrderRefused("order/duplicate", field, "given twice")


def write_orders(orders: Sequence[PaymentOrder], initiator: str) -> bytes:
    """One pain.001 with all `orders`; `initiator` names who sends it.

    Raises OrderRefused. Equal orders, in whatever sequence, give equal bytes.
    """
    require_orders(orders)
    created_at = max(order.created_at for order in orders)
    header = schema.GroupHeader95(
        msg_id=message_id(orders),
        cre_dt_tm=_moment(created_at),
        nb_of_txs=str(len(orders)),
        ctrl_sum=_sum(orders),
        initg_pty=_party(initiator),
    )
    initiation = schema.CustomerCreditTransferInitiationV10(
        grp_hdr=header, pmt_inf=[_instruction(group) for group in order_groups(orders)]
    )
    return codec.write(schema.Document(cstmr_cdt_trf_initn=initiation), NAMESPACE)


def _require_order(order: PaymentOrder) -> None:
    for field in ("order_id", "payment_id"):
        if not _ID.fullmatch(getattr(order, field)):
            raise OrderRefused("order/id", field, "not an id")
    if order.currency != money.CURRENCY:
        raise OrderRefused("order/currency", "currency", "not CNY")
    if not 0 < order.amount_fen <= limits.AMOUNT_FEN_MAX:
        raise OrderRefused(
            "order/amount", "amount_fen", "out of range", amount_fen=order.amount_fen
        )
    if not _is_text(order.remittance, limits.REMITTANCE_CHARS_MAX):
        raise OrderRefused("order/remittance", "remittance", "not a printable line")
    if not 0 <= order.created_at <= _CREATED_AT_MAX:
        raise OrderRefused("order/date", "created_at", "no such time")
    for field in ("debtor", "creditor"):
        _require_party(getattr(order, field), field)


def _require_party(party: Party, field: str) -> None:
    fits = {
        "name": _is_text(party.name, limits.NAME_CHARS_MAX),
        "account": bool(_ACCOUNT.fullmatch(party.account)),
        "bank": bool(_CNAPS.fullmatch(party.bank)),
    }
    for part, fit in fits.items():
        if not fit:
            raise OrderRefused("order/party", f"{field}.{part}", "cannot be written")


def _is_text(text: str, chars_max: int) -> bool:
    return 1 <= len(text) <= chars_max and text.isprintable() and text == text.strip()


def _group_key(order: PaymentOrder) -> tuple[str, str, str, date]:
    debtor = order.debtor
    return debtor.account, debtor.bank, debtor.name, order.execution_date


def _instruction(group: OrderGroup) -> Any:
    first = group.orders[0]
    return schema.PaymentInstruction34(
        pmt_inf_id=group.group_id,
        pmt_mtd=schema.PaymentMethod3Code.TRF,
        btch_bookg=False,  # every payment is booked, and so reconciled, by itself
        nb_of_txs=str(len(group.orders)),
        ctrl_sum=_sum(group.orders),
        reqd_exctn_dt=schema.DateAndDateTime2Choice(dt=XmlDate.from_date(first.execution_date)),
        dbtr=_party(first.debtor.name),
        dbtr_acct=_account(first.debtor),
        dbtr_agt=_bank(first.debtor),
        cdt_trf_tx_inf=[_transfer(order) for order in group.orders],
    )


def _transfer(order: PaymentOrder) -> Any:
    amount = schema.ActiveOrHistoricCurrencyAndAmount(
        value=money.yuan(order.amount_fen), ccy=order.currency
    )
    return schema.CreditTransferTransaction40(
        pmt_id=schema.PaymentIdentification6(
            instr_id=order.order_id, end_to_end_id=order.payment_id
        ),
        amt=schema.AmountType4Choice(instd_amt=amount),
        cdtr_agt=_bank(order.creditor),
        cdtr=_party(order.creditor.name),
        cdtr_acct=_account(order.creditor),
        rmt_inf=schema.RemittanceInformation16(ustrd=[order.remittance]),
    )


def _sum(orders: Iterable[PaymentOrder]) -> Any:
    return money.yuan(sum(order.amount_fen for order in orders))


def _moment(at_ms: int) -> XmlDateTime:
    return XmlDateTime.from_datetime(datetime.fromtimestamp(at_ms // 1000, UTC))


def _party(name: str) -> Any:
    return schema.PartyIdentification135(nm=name)


def _account(party: Party) -> Any:
    number = schema.GenericAccountIdentification1(id=party.account)
    return schema.CashAccount38(
        id=schema.AccountIdentification4Choice(othr=number), ccy=money.CURRENCY
    )


def _bank(party: Party) -> Any:
    """The bank by its code in the China National Advanced Payment System."""
    member = schema.ClearingSystemMemberIdentification2(
        clr_sys_id=schema.ClearingSystemIdentification2Choice(cd="CNAPS"), mmb_id=party.bank
    )
    institution = schema.FinancialInstitutionIdentification18(clr_sys_mmb_id=member)
    return schema.BranchAndFinancialInstitutionIdentification6(fin_instn_id=institution)
