"""The sandbox's half of the messages: reads pain.001, writes pain.002, camt.054 and camt.053."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

from pyiso20022.camt.camt_053_001_08 import camt_053_001_08 as camt053
from pyiso20022.camt.camt_054_001_08 import camt_054_001_08 as camt054
from pyiso20022.pain.pain_001_001_10 import pain_001_001_10 as pain001
from pyiso20022.pain.pain_002_001_11 import pain_002_001_11 as pain002
from xsdata.models.datatype import XmlDate, XmlDateTime

from gateway.bank import codec, money
from gateway.bank.errors import MessageRefused
from gateway.bank.types import Direction, Entry, EntryDetail, Party
from gateway.bank.xmlguard import parse_guarded

_ORDER_MESSAGE = "pain.001.001.10"
_CODES = {Direction.CREDIT: "CRDT", Direction.DEBIT: "DBIT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One payment as a customer ordered it."""

    payment_id: str
    order_id: str
    group_id: str
    amount_fen: int
    debtor: Party
    creditor: Party
    remittance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMessage:
    """A pain.001 as received."""

    message_id: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is reported of one payment: a status code, and the reason of a rejection."""

    payment_id: str
    order_id: str
    group_id: str
    code: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Id and time of a message, both counted rather than read from a clock."""

    message_id: str
    day: date
    step: int

    @property
    def moment(self) -> XmlDateTime:
        """The creation time: the bank's day, one second per step."""
        midnight = datetime.combine(self.day, datetime.min.time())
        return XmlDateTime.from_datetime(midnight + timedelta(seconds=self.step % 86_400))


def read_orders(data: bytes) -> OrderMessage:
    """A customer's orders. Raises MessageRefused."""
    root = parse_guarded(data)
    if root.tag != f"{{{pain001.Document.Meta.namespace}}}Document":
        raise MessageRefused("xml/namespace", "Document", "not a pain.001.001.10")
    body = codec.read(pain001.Document, root).cstmr_cdt_trf_initn
    return OrderMessage(
        message_id=body.grp_hdr.msg_id,
        instructions=tuple(
            _instruction(group, item) for group in body.pmt_inf for item in group.cdt_trf_tx_inf
        ),
    )


def report(
    stamp: Stamp, original_id: str, group_status: str | None, listed: Sequence[Verdict]
) -> bytes:
    """A pain.002 on `original_id` that lists some of its payments."""
    group_ids = sorted({verdict.group_id for verdict in listed})
    body = pain002.CustomerPaymentStatusReportV11(
        grp_hdr=pain002.GroupHeader86(msg_id=stamp.message_id, cre_dt_tm=stamp.moment),
        orgnl_grp_inf_and_sts=pain002.OriginalGroupHeader17(
            orgnl_msg_id=original_id, orgnl_msg_nm_id=_ORDER_MESSAGE, grp_sts=group_status
        ),
        orgnl_pmt_inf_and_sts=[
            pain002.OriginalPaymentInstruction38(
                orgnl_pmt_inf_id=group_id,
                tx_inf_and_sts=[_status(item) for item in listed if item.group_id == group_id],
            )
            for group_id in group_ids
        ],
    )
    return codec.write(pain002.Document(cstmr_pmt_sts_rpt=body), pain002.Document.Meta.namespace)


def notice(stamp: Stamp, account: str, entry: Entry) -> bytes:
    """A camt.054 that announces one entry."""
    body = camt054.BankToCustomerDebitCreditNotificationV08(
        grp_hdr=camt054.GroupHeader81(msg_id=stamp.message_id, cre_dt_tm=stamp.moment),
        ntfctn=[
            camt054.AccountNotification17(
                id=stamp.message_id,
                cre_dt_tm=stamp.moment,
                acct=_account(camt054, camt054.CashAccount39, account),
                ntry=[_entry(camt054, entry)],
            )
        ],
    )
    return codec.write(
        camt054.Document(bk_to_cstmr_dbt_cdt_ntfctn=body), camt054.Document.Meta.namespace
    )


def statement(
    stamp: Stamp, account: str, sequence: int, opening_fen: int, entries: Sequence[Entry]
) -> bytes:
    """A camt.053 for one day of one account."""
    closing_fen = opening_fen + sum(entry.signed_fen for entry in entries)
    body = camt053.BankToCustomerStatementV08(
        grp_hdr=camt053.GroupHeader81(msg_id=stamp.message_id, cre_dt_tm=stamp.moment),
        stmt=[
            camt053.AccountStatement9(
                id=stamp.message_id,
                elctrnc_seq_nb=Decimal(sequence),
                cre_dt_tm=stamp.moment,
                acct=_account(camt053, camt053.CashAccount39, account),
                bal=[
                    _balance("OPBD", opening_fen, stamp.day),
                    _balance("CLBD", closing_fen, stamp.day),
                ],
                ntry=[_entry(camt053, entry) for entry in entries],
            )
        ],
    )
    return codec.write(camt053.Document(bk_to_cstmr_stmt=body), camt053.Document.Meta.namespace)


def _instruction(group: Any, item: Any) -> Instruction:
    amount = item.amt.instd_amt
    if amount is None or amount.ccy != money.CURRENCY:
        raise MessageRefused("xml/schema", "Amt/InstdAmt", "not an amount in CNY")
    try:
        amount_fen = money.fen(amount.value)
        debtor = _party(group.dbtr, group.dbtr_acct, group.dbtr_agt)
        creditor = _party(item.cdtr, item.cdtr_acct, item.cdtr_agt)
    except (AttributeError, ValueError) as error:
        raise MessageRefused("xml/schema", "CdtTrfTxInf", "an unusable amount or party") from error
    return Instruction(
        payment_id=item.pmt_id.end_to_end_id,
        order_id=item.pmt_id.instr_id or item.pmt_id.end_to_end_id,
        group_id=group.pmt_inf_id,
        amount_fen=amount_fen,
        debtor=debtor,
        creditor=creditor,
        remittance=" ".join(item.rmt_inf.ustrd) if item.rmt_inf else "",
    )


def _party(party: Any, account: Any, agent: Any) -> Party:
    return Party(
        name=party.nm,
        account=account.id.othr.id,
        bank=agent.fin_instn_id.clr_sys_mmb_id.mmb_id,
    )


def _status(verdict: Verdict) -> Any:
    reasons = []
    if verdict.reason:
        code = pain002.StatusReason6Choice(cd=verdict.reason)
        reasons.append(pain002.StatusReasonInformation12(rsn=code))
    return pain002.PaymentTransaction126(
        orgnl_instr_id=verdict.order_id,
        orgnl_end_to_end_id=verdict.payment_id,
        tx_sts=verdict.code,
        sts_rsn_inf=reasons,
    )


def _balance(code: str, balance_fen: int, day: date) -> Any:
    sign = camt053.CreditDebitCode.CRDT if balance_fen >= 0 else camt053.CreditDebitCode.DBIT
    return camt053.CashBalance8(
        tp=camt053.BalanceType13(cd_or_prtry=camt053.BalanceType10Choice(cd=code)),
        amt=_amount(camt053, abs(balance_fen)),
        cdt_dbt_ind=sign,
        dt=_day(camt053, day),
    )


def _amount(schema: ModuleType, amount_fen: int) -> Any:
    return schema.ActiveOrHistoricCurrencyAndAmount(
        value=money.yuan(amount_fen), ccy=money.CURRENCY
    )


def _day(schema: ModuleType, day: date) -> Any:
    return schema.DateAndDateTime2Choice(dt=XmlDate.from_date(day))


def _account(schema: ModuleType, account_class: Any, number: str) -> Any:
    other = schema.GenericAccountIdentification1(id=number)
    return account_class(id=schema.AccountIdentification4Choice(othr=other))


def _entry(schema: ModuleType, entry: Entry) -> Any:
    family = "RCDT" if entry.direction is Direction.CREDIT else "ICDT"
    code = schema.BankTransactionCodeStructure6(cd=family, sub_fmly_cd="DMCT")
    domain = schema.BankTransactionCodeStructure5(cd="PMNT", fmly=code)
    details = [_detail(schema, detail) for detail in entry.details]
    return schema.ReportEntry10(
        amt=_amount(schema, entry.amount_fen),
        cdt_dbt_ind=schema.CreditDebitCode(_CODES[entry.direction]),
        rvsl_ind=True if entry.reversal else None,
        sts=schema.EntryStatus1Choice(cd="BOOK"),
        bookg_dt=_day(schema, entry.booked_on),
        val_dt=_day(schema, entry.valued_on),
        acct_svcr_ref=entry.entry_ref,
        bk_tx_cd=schema.BankTransactionCodeStructure4(domn=domain),
        ntry_dtls=[schema.EntryDetails9(tx_dtls=details)] if details else [],
    )


def _detail(schema: ModuleType, detail: EntryDetail) -> Any:
    returned = None
    if detail.return_reason:
        reason = schema.ReturnReason5Choice(cd=detail.return_reason)
        returned = schema.PaymentReturnReason5(rsn=reason)
    return schema.EntryTransaction10(
        refs=schema.TransactionReferences6(
            acct_svcr_ref=detail.bank_ref,
            instr_id=detail.order_id,
            end_to_end_id=detail.payment_id or "NOTPROVIDED",
        ),
        amt=_amount(schema, detail.amount_fen),
        cdt_dbt_ind=schema.CreditDebitCode(_CODES[detail.direction]),
        rltd_pties=_parties(schema, detail),
        rmt_inf=_remittance(schema, detail),
        rtr_inf=returned,
    )


def _parties(schema: ModuleType, detail: EntryDetail) -> Any:
    party = account = None
    if detail.counterparty_name:
        named = schema.PartyIdentification135(nm=detail.counterparty_name)
        party = schema.Party40Choice(pty=named)
    if detail.counterparty_account:
        account = _account(schema, schema.CashAccount38, detail.counterparty_account)
    if detail.direction is Direction.CREDIT:
        return schema.TransactionParties6(dbtr=party, dbtr_acct=account)
    return schema.TransactionParties6(cdtr=party, cdtr_acct=account)


def _remittance(schema: ModuleType, detail: EntryDetail) -> Any:
    structured = []
    if detail.reference:
        reference = schema.CreditorReferenceInformation2(ref=detail.reference)
        structured.append(schema.StructuredRemittanceInformation16(cdtr_ref_inf=reference))
    texts = [detail.remittance] if detail.remittance else []
    if not texts and not structured:
        return None
    return schema.RemittanceInformation16(ustrd=texts, strd=structured)
