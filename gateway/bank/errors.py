"""Typed errors of the bank's side, and the one table of their codes (README.md lists the same).

    BankError
    +- MessageRefused     a message from the bank that we do not believe
    +- OrderRefused       an order that we do not send
    +- TransportError     the bank could not be reached, or broke the protocol
    +- UnknownParty       nobody, or somebody else, is behind a hash on the ledger
    +- AdapterBusyError   another process already works on this journal or folder
    +- JournalError       the journal on disk is of another version

Codes are stable: programs and people look them up.
"""

from __future__ import annotations

REFUSAL_CODES: dict[str, str] = {
    "xml/too-large": "the message is longer than 4 MiB",
    "xml/encoding": "the message is not UTF-8, or declares another encoding",
    "xml/forbidden": "a DTD, an entity or a processing instruction",
    "xml/malformed": "not well-formed XML",
    "xml/too-deep": "elements nested deeper than 32",
    "xml/too-many-elements": "more than 100,000 elements",
    "xml/namespace": "not one of the message versions that are spoken here",
    "xml/schema": "an element, attribute or value that the message's schema does not allow there",
    "pain.002/unknown-message": "a report about a message that we never sent",
    "pain.002/unknown-order": "a report about an order that was not in that message",
    "pain.002/status": "a status that we do not know, or none at all",
    "pain.002/status-conflict": "statuses of the message and of its orders contradict each other",
    "pain.002/reason-missing": "a rejection without its reason code",
    "pain.002/duplicate": "one order reported twice in one message",
    "pain.002/currency": "an amount not in CNY",
    "pain.002/amount": "an amount, sum or count that differs from what was ordered",
    "camt.054/currency": "an amount not in CNY",
    "camt.054/amount": "an amount of zero, below a fen or above the limit",
    "camt.054/account": "an account that is not ours, or not named clearly",
    "camt.054/status": "an entry that is not booked",
    "camt.054/date": "an entry without its booking or value date",
    "camt.054/reference": "an entry without the bank's reference, or an unusable reference",
    "camt.054/details": "the parts of a batch entry do not add up to it",
    "camt.054/duplicate": "one entry reference twice in one message",
    "camt.054/pages": "a page of a longer message, which is not taken in parts",
    "camt.054/entry-changed": "an entry reference seen before with other content",
    "camt.053/currency": "an amount not in CNY",
    "camt.053/amount": "an amount of zero, below a fen or above the limit",
    "camt.053/account": "an account that is not ours, or not named clearly",
    "camt.053/status": "an entry that is not booked",
    "camt.053/date": "an entry without its booking or value date, or balances out of order",
    "camt.053/reference": "an entry without the bank's reference, or an unusable reference",
    "camt.053/details": "the parts of a batch entry do not add up to it",
    "camt.053/duplicate": "one entry, statement or sequence number twice in one message",
    "camt.053/pages": "a page of a longer statement, which is not taken in parts",
    "camt.053/entry-repeated": "an entry that is already on another statement",
    "camt.053/balance-missing": "not exactly one opening and one closing booked balance",
    "camt.053/balance": "opening balance + entries is not the closing balance",
    "camt.053/summary": "the totals in the statement differ from its entries",
    "camt.053/sequence": "no usable electronic sequence number, or one from before the first",
    "camt.053/sequence-changed": "a sequence number or statement id seen before, now different",
    "camt.053/opening": "the opening balance is not the previous statement's closing balance",
    "order/id": "an id not of 1 to 35 letters, digits and . _ : -",
    "order/amount": "an amount of zero or less, or above the limit",
    "order/currency": "a currency other than CNY",
    "order/date": "a creation time outside the years 1970 to 9999",
    "order/party": "a name, account or bank code that cannot be written",
    "order/remittance": "a remittance text that is too long or has control characters",
    "order/count": "no order, or more than 500, in one message",
    "order/duplicate": "one order or payment id twice in one call",
    "order/foreign-account": "the debtor's account is not one of ours",
    "order/changed": "an order id sent before with other content",
    "order/payment-ordered": "the payment was ordered before under another order id",
    "order/unknown": "an order that was never sent",
}


class BankError(Exception):
    """Base of everything that the bank's side raises on purpose."""


class _RefusalError(BankError):
    """A refusal: `code` from REFUSAL_CODES, `path` of the element or field, `reason` in words.

    `details` holds ids and numbers only, never names: it may be logged.
    """

    def __init__(self, code: str, path: str, reason: str, **details: str | int) -> None:
        assert code in REFUSAL_CODES, code
        super().__init__(f"{code} at {path or '/'}: {reason}")
        self.code = code
        self.path = path
        self.reason = reason
        self.details = details


class MessageRefused(_RefusalError):
    """A message from the bank is refused whole: nothing in it was taken."""


class OrderRefused(_RefusalError):
    """An order is not sent, and neither are the others of the same call."""


class TransportError(BankError):
    """The bank was not reached within the tries allowed, or answered outside the protocol.

    The outcome is unknown; the same bytes are sent again by the next `flush` or `poll`.
    """


class UnknownParty(BankError):
    """The directory does not know an account or payee, or knows another than the ledger."""


class AdapterBusyError(BankError):
    """Another process holds the lock of this journal or folder; it is freed when that one ends."""


class JournalError(BankError):
    """The journal's file has a layout that this version cannot read."""
