"""Limits of the bank's side, with units. Every one is enforced and tested at its edge."""

from __future__ import annotations

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
XML_DEPTH_MAX = 32
XML_ELEMENT_COUNT_MAX = 100_000

ID_CHARS_MAX = 35  # Max35Text: MsgId, EndToEndId, InstrId, entry references
ACCOUNT_CHARS_MAX = 34  # Max34Text: account number without an IBAN
NAME_CHARS_MAX = 140
REMITTANCE_CHARS_MAX = 140
AMOUNT_FEN_MAX = 10**15 - 1  # below 18 digits of yuan and fen, and exact in every JSON reader
ORDER_COUNT_MAX = 500  # orders in one pain.001

POLL_MESSAGE_COUNT_MAX = 100  # messages taken in one poll
EVENT_COUNT_MAX = 1_000  # events returned by one poll
HTTP_TIMEOUT_S = 10.0
HTTP_TRY_COUNT_MAX = 4
HTTP_RETRY_WAIT_S = 0.2  # doubled after each try
