"""Which company's clerks may act: those of the company in office, from the block that put it there.

Dismissal and succession: Civil Code Art. 946 (60 days' notice) and 949 (hand-over duties).
"""

from collections.abc import Iterable

from chaincode.errors import Conflict, NotAllowed
from chaincode.model.company import DISMISSAL_NOTICE_MS, Company, DismissalNotice
from chaincode.model.credential import Credential

# --- Guards ---


def require_in_office(company: Company | None, clerk: Credential) -> None:
    """Refuse (NotAllowed ``caller/other-company``) a clerk of a company that is not in office.

    Before a company is on record, every clerk whom the property organisation vouches for is its.
    """
    if company is not None and clerk.company_id != company.company_id:
        raise NotAllowed("caller/other-company")


# --- Acts ---


def replace(
    company: Company | None,
    company_id: str,
    contract_sha256: str,
    decided_by: str,
    *,
    now_ms: int,
    tx_id: str,
) -> Company:
    """The company that owners chose, in office at once.

    Refused (Conflict ``company/in-office``) if it is in office already.
    """
    if company is not None and company.company_id == company_id:
        raise Conflict("company/in-office")
    return Company(
        company_id=company_id,
        contract_sha256=contract_sha256,
        since_at=now_ms,
        since_tx=tx_id,
        decided_by=decided_by,
    )


# --- Derivations ---


def first_notice(company: Company, notices: Iterable[DismissalNotice]) -> DismissalNotice | None:
    """The notice that was served first since the company took office, or None."""
    since = [notice for notice in notices if notice.served_at >= company.since_at]
    return min(since, key=lambda notice: (notice.served_at, notice.notice_sha256), default=None)


def is_notice_short(notice: DismissalNotice | None, ended_at: int) -> bool:
    """Whether the company was told less than 60 days before its end, or not at all."""
    return notice is None or ended_at - notice.served_at < DISMISSAL_NOTICE_MS
