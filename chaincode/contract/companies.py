"""The property company in office, and the notice to one that is dismissed."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.errors import BadInput, Conflict
from chaincode.model.base import Id, Record, Role, Sha256, TimeMs, changed
from chaincode.model.company import Company, DismissalNotice
from chaincode.model.credential import Credential
from chaincode.rules import company as rule
from chaincode.world import World

# --- Requests, answers, events ---


class RecordCompany(Request):
    """Record the company that serves the community already, by its contract's filing (备案)."""

    company_id: Id
    contract_sha256: Sha256
    evidence_sha256: Sha256


class RecordDismissalNotice(Request):
    """Record that a company was told in writing of its dismissal."""

    company_id: Id
    notice_sha256: Sha256
    served_at: TimeMs


class CompanyIdRequest(Request):
    """Name a company."""

    company_id: Id


class DismissalNotices(Record):
    """The notices of dismissal to a company."""

    notices: tuple[DismissalNotice, ...]


class CompanySeated(Record):
    """Event: a property company took office; the clerks of the one before may do nothing more."""

    community: str
    company_id: str
    replaces: str | None
    decided_by: str | None
    event: str = "CompanySeated"


class DismissalNoticeRecorded(Record):
    """Event: a company's notice of dismissal is on record."""

    community: str
    company_id: str
    served_at: int
    event: str = "DismissalNoticeRecorded"


# --- Transactions ---


async def record_company(world: World, call: Call, request: RecordCompany) -> Company:
    """Record the first company; later ones are chosen by owners.

    The same request again gets the same record. Refused (409 ``company/exists``) if another is on
    record.
    """
    existing = await company_now(world)
    company = Company(
        company_id=request.company_id,
        contract_sha256=request.contract_sha256,
        since_at=call.now_ms,
        since_tx=call.tx_id,
        evidence_sha256=request.evidence_sha256,
    )
    if existing is not None:
        same = changed(company, since_at=existing.since_at, since_tx=existing.since_tx) == existing
        if not same:
            raise Conflict("company/exists")
        return existing
    save_company(world, company, None)
    return company


async def record_dismissal_notice(
    world: World, call: Call, request: RecordDismissalNotice
) -> DismissalNotice:
    """Record the written notice of dismissal (Civil Code Art. 946): 60 days before, or as agreed.

    The same request again gets the same record. Refused if it is said to be served in the future
    (400 ``notice/from-the-future``), or on record with another time (409 ``notice/exists``).
    """
    if request.served_at > call.now_ms:
        raise BadInput("notice/from-the-future")
    key = keys.dismissal_notice(world.community, request.company_id, request.notice_sha256)
    existing = await world.find(key, DismissalNotice)
    if existing is not None:
        if existing.served_at != request.served_at:
            raise Conflict("notice/exists")
        return existing
    notice = DismissalNotice(
        company_id=request.company_id,
        notice_sha256=request.notice_sha256,
        served_at=request.served_at,
        recorded_by=call.org,
        recorded_at=call.now_ms,
        recorded_tx=call.tx_id,
    )
    world.save(key, notice)
    world.emit(
        DismissalNoticeRecorded(
            community=world.community,
            company_id=notice.company_id,
            served_at=notice.served_at,
        )
    )
    return notice


# --- Queries ---


async def company(world: World, _call: Call, _request: Request) -> Company:
    """The company in office; 404 ``company/none``."""
    return await world.load(keys.company(world.community), Company, "company/none")


async def dismissal_notices(
    world: World, _call: Call, request: CompanyIdRequest
) -> DismissalNotices:
    """The notices of dismissal to a company; none if there are none."""
    return DismissalNotices(notices=tuple(await notices_to(world, request.company_id)))


# --- For other modules ---


async def company_now(world: World) -> Company | None:
    """The company in office, or None where none is on record."""
    return await world.find(keys.company(world.community), Company)


async def notices_to(world: World, company_id: str) -> list[DismissalNotice]:
    """The notices of dismissal to a company."""
    prefix = keys.dismissal_notices(world.community, company_id)
    return [notice for _, notice in await world.scan(prefix, DismissalNotice)]


async def require_in_office(world: World, credential: Credential) -> None:
    """Refuse (403 ``caller/other-company``) the act of a clerk whose company is not in office.

    A clerk's act reads the record that a succession writes: one endorsed before the succession
    and sent after it dies when the peers compare versions.
    """
    if credential.role is Role.COMPANY_CLERK:
        rule.require_in_office(await company_now(world), credential)


def save_company(world: World, seated: Company, replaced: Company | None) -> None:
    """Write the company in office and announce it."""
    world.save(keys.company(world.community), seated)
    world.emit(
        CompanySeated(
            community=world.community,
            company_id=seated.company_id,
            replaces=None if replaced is None else replaced.company_id,
            decided_by=seated.decided_by,
        )
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "record_company": Handler(request=RecordCompany, run=record_company),
    "record_dismissal_notice": Handler(request=RecordDismissalNotice, run=record_dismissal_notice),
    "company": Handler(request=Request, run=company),
    "dismissal_notices": Handler(request=CompanyIdRequest, run=dismissal_notices),
}
