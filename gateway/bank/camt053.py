"""Reads camt.053.001.08: the end-of-day statement, believed only if it adds up."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from pyiso20022.camt.camt_053_001_08.camt_053_001_08 import Document

from gateway.bank.entries import Reader, step
from gateway.bank.types import Direction, Entry, Statement

NAMESPACE = Document.Meta.namespace
_ROOT = "BkToCstmrStmt"
_OPENING, _CLOSING = "OPBD", "CLBD"


def read_statements(document: Any, own_accounts: Collection[str]) -> tuple[Statement, ...]:
    """Every statement of the message, in its order, each with opening + entries = closing.

    Raises MessageRefused `camt.053/...`; then nothing of the message may be used.
    """
    reader = Reader("camt.053", own_accounts)
    body = document.bk_to_cstmr_stmt
    reader.single_page(body.grp_hdr.msg_pgntn, f"{_ROOT}/GrpHdr/MsgPgntn")
    statements = tuple(
        _statement(reader, item, step(_ROOT, "Stmt", index)) for index, item in enumerate(body.stmt)
    )
    _require_distinct(reader, statements)
    return statements


def _statement(reader: Reader, item: Any, path: str) -> Statement:
    account = reader.own_account(item.acct, f"{path}/Acct")
    reader.single_page(item.stmt_pgntn, f"{path}/StmtPgntn")
    opening_fen, opened_on = _balance(reader, item.bal, _OPENING, path)
    closing_fen, closed_on = _balance(reader, item.bal, _CLOSING, path)
    if opened_on > closed_on:
        reader.refuse("date", f"{path}/Bal", "opens after it closes")
    statement = Statement(
        account=account,
        statement_id=reader.identifier(item.id, f"{path}/Id"),
        sequence=_sequence(reader, item.elctrnc_seq_nb, path),
        opening_fen=opening_fen,
        closing_fen=closing_fen,
        opened_on=opened_on,
        closed_on=closed_on,
        entries=reader.entries(item.ntry, path),
    )
    _require_balance(reader, statement, path)
    _require_summary(reader, item.txs_summry, statement.entries, f"{path}/TxsSummry")
    return statement


def _sequence(reader: Reader, number: Any, path: str) -> int:
    if number is None or number != int(number) or number < 1:
        reader.refuse("sequence", f"{path}/ElctrncSeqNb", "missing, or not a number from 1")
    return int(number)


def _balance(reader: Reader, balances: list[Any], code: str, path: str) -> tuple[int, date]:
    """The signed balance in fen and its day; an overdrawn account is below zero."""
    found = [(index, item) for index, item in enumerate(balances) if item.tp.cd_or_prtry.cd == code]
    if len(found) != 1:
        reader.refuse("balance-missing", f"{path}/Bal", f"not exactly one {code}", count=len(found))
    index, item = found[0]
    place = step(path, "Bal", index)
    amount_fen = reader.fen(item.amt, f"{place}/Amt", least=0)
    sign = 1 if item.cdt_dbt_ind.value == "CRDT" else -1
    return sign * amount_fen, reader.day(item.dt, f"{place}/Dt")


def _require_balance(reader: Reader, statement: Statement, path: str) -> None:
    """Opening balance + credits - debits = closing balance."""
    reached_fen = statement.opening_fen + sum(entry.signed_fen for entry in statement.entries)
    if reached_fen != statement.closing_fen:
        reader.refuse(
            "balance",
            f"{path}/Bal",
            "opening balance + entries is not the closing balance",
            reached_fen=reached_fen,
            closing_fen=statement.closing_fen,
        )


def _require_summary(reader: Reader, summary: Any, entries: tuple[Entry, ...], path: str) -> None:
    """Whatever totals the bank states are the totals of the entries."""
    if summary is None:
        return
    credits_ = [entry for entry in entries if entry.direction is Direction.CREDIT]
    debits = [entry for entry in entries if entry.direction is Direction.DEBIT]
    _require_total(reader, summary.ttl_ntries, list(entries), f"{path}/TtlNtries")
    _require_total(reader, summary.ttl_cdt_ntries, credits_, f"{path}/TtlCdtNtries")
    _require_total(reader, summary.ttl_dbt_ntries, debits, f"{path}/TtlDbtNtries")


def _require_total(reader: Reader, stated: Any, entries: list[Entry], path: str) -> None:
    if stated is None:
        return
    if stated.nb_of_ntries is not None and int(stated.nb_of_ntries) != len(entries):
        reader.refuse("summary", f"{path}/NbOfNtries", "not the number of entries")
    if stated.sum is not None:
        total_fen = sum(entry.amount_fen for entry in entries)
        if reader.sum_fen(stated.sum, f"{path}/Sum") != total_fen:
            reader.refuse("summary", f"{path}/Sum", "not the sum of entries", total_fen=total_fen)


def _require_distinct(reader: Reader, statements: tuple[Statement, ...]) -> None:
    """No statement, sequence number or entry appears twice in one message."""
    seen: set[tuple[str, str, str]] = set()
    for statement in statements:
        keys = [("id", statement.statement_id), ("sequence", str(statement.sequence))]
        keys += [("entry", entry.entry_ref) for entry in statement.entries]
        for kind, value in keys:
            if (statement.account, kind, value) in seen:
                reader.refuse("duplicate", _ROOT, f"one {kind} twice", value=value)
            seen.add((statement.account, kind, value))
