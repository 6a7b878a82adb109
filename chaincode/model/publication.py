"""What is published: the reports of each fund made from its book, and the company's disclosures.

Imported by the rules, the contract and the gateway.
"""

from enum import StrEnum

from chaincode.model.base import Count, Fen, Id, Org, PositiveFen, Record, Sha256, TimeMs
from chaincode.model.budget import BudgetSource
from chaincode.model.fund import BookAccount, Cause, FundKind, SignedFen
from chaincode.model.motion import Document


class Period(Record):
    """A quarter ("2026-Q4") or half year ("2026-H2") of the local calendar."""

    name: Id
    from_at: TimeMs
    until_at: TimeMs


class Balance(Record):
    """What stands on one account of the book."""

    account: BookAccount
    fen: SignedFen


class CauseFigures(Record):
    """All entries of one cause on one account: how many, what they added and took."""

    cause: Cause
    account: BookAccount
    entry_count: Count
    added_fen: Fen
    taken_fen: Fen


class BudgetFigures(Record):
    """What one budget took from the fund and gave back in the period, and what it paid."""

    budget_id: Id
    source: BudgetSource
    amount_fen: PositiveFen
    opened_fen: Fen
    closed_fen: Fen
    paid_fen: SignedFen


class PaymentFigures(Record):
    """What one payment took in the period; below zero where more came back than left."""

    payment_id: Id
    budget_id: Id | None
    payee_class: Id
    paid_fen: SignedFen


class ClassFigures(Record):
    """What was paid to payees of one class in the period."""

    payee_class: Id
    payment_count: Count
    paid_fen: SignedFen


class ReportFigures(Record):
    """A fund's period in figures, each computed from the book's entries.

    The period's entries are those after `entries_before` (their number in the book) and up to
    `entries_until`: closing = opening + what they changed, and it is the next period's opening.
    """

    fund_id: Id
    fund_kind: FundKind
    period: Period
    entries_before: Count
    entries_until: Count
    opening: tuple[Balance, ...]
    closing: tuple[Balance, ...]
    causes: tuple[CauseFigures, ...]
    classes: tuple[ClassFigures, ...]
    budgets: tuple[BudgetFigures, ...]
    payments: tuple[PaymentFigures, ...]


class FundReport(Record):
    """A fund's report as published; `figures_sha256` is over the figures' canonical bytes."""

    figures: ReportFigures
    figures_sha256: Sha256
    published_by: Org
    published_at: TimeMs
    published_tx: str


class DueReport(Record):
    """A report that could be published, and by when it must have been."""

    fund_id: Id
    period: Period
    due_at: TimeMs
    is_overdue: bool


class Topic(StrEnum):
    """What the company must make public (Civil Code Art. 943)."""

    SERVICES = "services"
    STAFF = "responsible-staff"
    QUALITY = "quality-requirements"
    FEES = "fees-and-standards"
    PERFORMANCE = "performance"
    FUND_USE = "maintenance-fund-use"
    COMMON_INCOME = "common-parts-and-income"


class Disclosure(Record):
    """A document that the company made public; the bytes are kept off the ledger."""

    disclosure_id: Id
    topic: Topic
    document: Document
    at: TimeMs
    tx_id: str


class TopicState(Record):
    """When a topic was last made public, and whether that is longer ago than it may be."""

    topic: Topic
    disclosure_id: Id | None
    at: TimeMs | None
    is_overdue: bool


class LowAccount(Record):
    """A maintenance fund, or a unit's part of one, that is to be refilled.

    Below 30 % of the first deposit: 住宅专项维修资金管理办法 (Order 165) and local rules.
    """

    fund_id: Id
    unit_id: Id | None
    balance_fen: SignedFen
    first_deposit_fen: Fen
