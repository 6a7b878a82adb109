"""What funds are asked and told, what they answer, and the events they announce."""

from chaincode.contract.handlers import Request
from chaincode.errors import BadInput
from chaincode.model.base import Count, Fen, Id, Record, Sha256, TimeMs
from chaincode.model.effect import BasisPoints
from chaincode.model.fund import (
    BankAccount,
    Book,
    EmergencyTerms,
    Entry,
    Fund,
    FundKind,
    SignedFen,
)
from chaincode.model.unitaccount import UnitAccount

ENTRIES_PER_PAGE_MAX = 1_000


class UnitOpening(Record):
    """A unit's part of the fund on the day it is opened here."""

    unit_id: Id
    balance_fen: SignedFen
    first_deposit_fen: Fen = 0


class OpenFund(Request):
    """Open a fund with its bank account and what is on it.

    `opening_fen` is what the bank holds that day; `units` say whose it is in a maintenance fund,
    and it is shared by area when they are left out. `company_rate_bp` is the company's part of
    each income (10,000 under the contract system).
    """

    fund_id: Id
    kind: FundKind
    account_sha256: Sha256
    opening_fen: Fen
    resolution_id: Id
    resolution_sha256: Sha256
    emergency: EmergencyTerms
    approvals_required: Count = 0
    company_rate_bp: BasisPoints = 0
    first_deposit_fen: Fen = 0
    units: tuple[UnitOpening, ...] = ()

    def __post_init__(self) -> None:
        if len({unit.unit_id for unit in self.units}) < len(self.units):
            raise BadInput("fund/unit-twice")


class SetEmergencyTerms(Request):
    """State the local rule for emergencies anew; open budgets keep their terms."""

    fund_id: Id
    emergency: EmergencyTerms
    resolution_sha256: Sha256


class FundRequest(Request):
    """Name a fund."""

    fund_id: Id


class RegisterPayee(Request):
    """Name somebody who may be paid; the hash is of name and account, salted."""

    payee_id: Id
    payee_class: Id
    payee_sha256: Sha256


class ConfirmPayee(Request):
    """Confirm that the payee's account exists in this name."""

    payee_id: Id
    payee_sha256: Sha256


class PayeeRequest(Request):
    """Name a payee."""

    payee_id: Id


class EntriesRequest(Request):
    """Ask for the entries of a fund after the one named, oldest first."""

    fund_id: Id
    after: str = ""
    limit: Count = ENTRIES_PER_PAGE_MAX


class UnitAccountRequest(Request):
    """Name a unit's account."""

    fund_id: Id
    unit_id: Id


class FundOverview(Record):
    """A fund as owners see it.

    `spent_fen` is what left for payments less what came back, since local new year. `unbooked_fen`
    is what the bank has reported and no statement shows yet.
    """

    fund: Fund
    account: BankAccount
    book: Book
    company_rate_bp: BasisPoints
    spent_fen: SignedFen
    unbooked_fen: SignedFen
    waiting_count: Count
    awaiting_ratification_count: Count
    needs_refill: bool


class Funds(Record):
    """The funds of the community."""

    funds: tuple[Fund, ...]


class EntryPage(Record):
    """Entries of a fund's book, and the id to ask after for more."""

    entries: tuple[Entry, ...]
    next_after: str | None


class PostingView(Record):
    """One posting of a unit's account, and when."""

    entry_id: str
    fen: SignedFen
    balance_fen: SignedFen
    tx_id: str
    at: TimeMs


class UnitAccountView(Record):
    """A unit's account with every posting, newest first."""

    account: UnitAccount
    postings: tuple[PostingView, ...]


class FundOpened(Record):
    """Event: a fund is open."""

    community: str
    fund_id: str
    fund_kind: FundKind
    opening_fen: SignedFen
    event: str = "FundOpened"


class EmergencyTermsSet(Record):
    """Event: the local rule for emergencies was stated anew."""

    community: str
    fund_id: str
    resolution_sha256: str
    event: str = "EmergencyTermsSet"


class RateAdopted(Record):
    """Event: owners adopted the company's pay rate."""

    community: str
    fund_id: str
    basis_points: int
    decided_by: str
    event: str = "RateAdopted"


class RefillNeeded(Record):
    """Event: a maintenance fund, or a unit's part of one, has fallen below 30 % of the first
    deposit."""

    community: str
    fund_id: str
    unit_id: str | None
    balance_fen: SignedFen
    first_deposit_fen: Fen
    event: str = "RefillNeeded"
