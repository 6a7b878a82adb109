"""From the bank's bytes to typed records: guard, strict schema, then the rules of each message."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from pyiso20022.camt.camt_053_001_08.camt_053_001_08 import Document as StatementDocument
from pyiso20022.camt.camt_054_001_08.camt_054_001_08 import Document as NoticeDocument
from pyiso20022.pain.pain_002_001_11.pain_002_001_11 import Document as ReportDocument

from gateway.bank import camt053, camt054, codec, pain002
from gateway.bank.errors import MessageRefused
from gateway.bank.pain002 import SentOrders
from gateway.bank.types import EntryNotice, OrderStatus, Statement
from gateway.bank.xmlguard import parse_guarded

Content = OrderStatus | EntryNotice | Statement
_Read = Callable[[Any, Collection[str], SentOrders], tuple[Content, ...]]


def read_message(
    data: bytes, own_accounts: Collection[str], sent_orders: SentOrders
) -> tuple[Content, ...]:
    """Everything the message says, in its order. Raises MessageRefused; nothing else.

    `own_accounts` are the account numbers that the bank may speak about; `sent_orders` finds the
    orders of a message of ours.
    """
    root = parse_guarded(data)
    for namespace, document_class, read in _readers():
        if root.tag == f"{{{namespace}}}Document":
            return read(codec.read(document_class, root), own_accounts, sent_orders)
    raise MessageRefused("xml/namespace", "Document", "not a message that is spoken here")


def _readers() -> tuple[tuple[str, type[Any], _Read], ...]:
    return (
        (
            pain002.NAMESPACE,
            ReportDocument,
            lambda document, _, sent: pain002.read_statuses(document, sent),
        ),
        (
            camt054.NAMESPACE,
            NoticeDocument,
            lambda document, own, _: camt054.read_notices(document, own),
        ),
        (
            camt053.NAMESPACE,
            StatementDocument,
            lambda document, own, _: camt053.read_statements(document, own),
        ),
    )
