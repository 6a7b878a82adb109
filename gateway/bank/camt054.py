"""Reads camt.054.001.08: the bank's notice that entries were booked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyiso20022.camt.camt_054_001_08.camt_054_001_08 import Document

from gateway.bank.entries import Reader, step
from gateway.bank.types import EntryNotice

NAMESPACE = Document.Meta.namespace
_ROOT = "BkToCstmrDbtCdtNtfctn"


def read_notices(document: Any, own_accounts: Collection[str]) -> tuple[EntryNotice, ...]:
    """One notice per booked entry, in message order.

    Raises MessageRefused `camt.054/...`; then nothing of the message may be used.
    """
    reader = Reader("camt.054", own_accounts)
    body = document.bk_to_cstmr_dbt_cdt_ntfctn
    reader.single_page(body.grp_hdr.msg_pgntn, f"{_ROOT}/GrpHdr/MsgPgntn")
    notices = [
        notice
        for index, item in enumerate(body.ntfctn)
        for notice in _notices(reader, item, step(_ROOT, "Ntfctn", index))
    ]
    seen: set[tuple[str, str]] = set()
    for notice in notices:
        key = (notice.account, notice.entry.entry_ref)
        if key in seen:
            reader.refuse("duplicate", _ROOT, "a reference twice", ref=notice.entry.entry_ref)
        seen.add(key)
    return tuple(notices)


def _notices(reader: Reader, item: Any, path: str) -> list[EntryNotice]:
    account = reader.own_account(item.acct, f"{path}/Acct")
    reader.single_page(item.ntfctn_pgntn, f"{path}/NtfctnPgntn")
    notice_id = reader.identifier(item.id, f"{path}/Id")
    return [
        EntryNotice(account=account, notice_id=notice_id, entry=entry)
        for entry in reader.entries(item.ntry, path)
    ]
