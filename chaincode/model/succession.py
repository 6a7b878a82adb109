"""Hand-over (交接): an office changes, and what was open under the old one is confirmed or ends.

Imported by the rules, the contract and the gateway.
"""

from enum import StrEnum
from typing import Final

from chaincode.model.base import Id, PositiveFen, Record, Sha256, TimeMs
from chaincode.model.fund import Book, SignedFen
from chaincode.model.payment import PaymentPhase

HANDOVER_MS: Final = 15 * 24 * 60 * 60 * 1000
"""How long the committee has to confirm what was open (杭州市物业管理条例 Art. 57 gives the old
company 15 days to hand over)."""


class Office(StrEnum):
    """What was replaced."""

    COMPANY = "company"
    ACCOUNT = "account"
    COMMITTEE = "committee"


class Side(StrEnum):
    """Whose signature is under a hand-over statement."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class OpenPayment(Record):
    """A payment that was open when the office changed; it was REQUESTED or HELD."""

    payment_id: Id
    phase: PaymentPhase
    amount_fen: PositiveFen


class AccountBalance(Record):
    """What the newest statement of an account closed with."""

    account_sha256: Sha256
    fund_id: Id
    closing_fen: SignedFen


class HandoverFigures(Record):
    """The hand-over statement: every fund's book, accounts and open payments, by the ledger.

    `outgoing` and `incoming` are companies, numbers of committee terms, or hashes of accounts;
    `outgoing` is None where nobody was on record.
    """

    office: Office
    outgoing: Id | None
    incoming: Id
    books: tuple[Book, ...]
    accounts: tuple[AccountBalance, ...]
    payments: tuple[OpenPayment, ...]
    at: TimeMs


class Handover(Record):
    """One change of an office by the owners' decision `handover_id`.

    What was open is approved anew until `due_at`, or released. `notice_served_at` is when a
    dismissed company was told; `is_notice_short` says that it was told less than 60 days before
    (Civil Code Art. 946).
    """

    handover_id: Id
    figures: HandoverFigures
    figures_sha256: Sha256
    due_at: TimeMs
    tx_id: str
    notice_served_at: TimeMs | None = None
    is_notice_short: bool = False


class HandoverSignature(Record):
    """One side's signed word that the hand-over statement is right."""

    handover_id: Id
    side: Side
    holder_id: Id
    figures_sha256: Sha256
    act_sha256: Sha256
    at: TimeMs
