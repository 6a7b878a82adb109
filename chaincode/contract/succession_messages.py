"""What hand-overs are asked and told, their answers, and their events."""

from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.model.base import Count, Id, Record, Sha256
from chaincode.model.succession import Handover, HandoverSignature, Office, Side


class SignHandover(ActBody):
    """Sign the hand-over statement for one side."""

    handover_id: Id
    side: Side
    figures_sha256: Sha256


class HandoverRequest(Request):
    """Name one hand-over: the motion or resolution that replaced the office."""

    handover_id: Id


class HandoverView(Record):
    """A hand-over, who signed, and what still waits to be approved anew."""

    handover: Handover
    signatures: tuple[HandoverSignature, ...]
    awaiting_payment_ids: tuple[Id, ...]


class HandoverList(Record):
    """The community's hand-overs by id."""

    handovers: tuple[Handover, ...]


class AccountReplaced(Record):
    """Event: a fund lies in another account; the old one receives late items only."""

    community: str
    fund_id: str
    account_sha256: str
    replaces: str
    event: str = "AccountReplaced"


class OfficeHandedOver(Record):
    """Event: an office changed; what was open is listed and waits to be approved anew."""

    community: str
    handover_id: str
    office: Office
    payments_count: Count
    due_at: int
    event: str = "OfficeHandedOver"


class HandoverSigned(Record):
    """Event: one side signed the hand-over statement."""

    community: str
    handover_id: str
    side: Side
    event: str = "HandoverSigned"
