"""What tests of freezes, disputes and successions share: owners, refusals, events."""

import json
from typing import Any

import pytest

from chaincode import keys
from chaincode.errors import Refusal
from chaincode.model.base import Org
from chaincode.model.budget import Elected
from chaincode.model.effect import ReplaceAccount, ReplaceCompany, SeatCommittee
from chaincode.model.freeze import FreezeOrder, FreezeReason, Frozen
from chaincode.model.roll import OwnerUnit
from tests.support.funds import (
    AREAS,
    COMMUNITY,
    DAY_MS,
    MAINTENANCE,
    YEAR_MS,
    Treasury,
    sha,
    treasury,
)

NEW_ACCOUNT = sha("new account")
OWNERS = {unit_id: f"owner-{unit_id}" for unit_id in AREAS}
NEW_MEMBERS = tuple(OWNERS.values())
"""Members of the committee that a succession seats."""


def settled_town(*modules: str) -> Treasury:
    """A treasury whose owners are found by the units they own."""
    town = treasury(*modules)
    for unit_id, owner_id in OWNERS.items():
        town.put(keys.owner_unit(COMMUNITY, owner_id, unit_id), OwnerUnit(unit_id=unit_id))
    return town


def refused(town: Treasury, name: str, by: str | Org = Org.REGULATOR, **fields: Any) -> str:
    """Run what must be refused; status and code, as ``409 payment/frozen``. Nothing is written."""
    before = town.ledger.state()
    with pytest.raises(Refusal) as caught:
        town.run(name, by, **fields)
    assert town.ledger.state() == before
    return f"{caught.value.status} {caught.value.code}"


def events(town: Treasury, name: str) -> list[dict[str, Any]]:
    """The announced facts of one name, oldest first."""
    found = [fact for _, _, payload in town.ledger.events for fact in json.loads(payload)]
    return [fact for fact in found if fact["event"] == name]


def freeze_order(town: Treasury, frozen: str, subject_id: str, **fields: Any) -> FreezeOrder:
    """An order to freeze for ten days."""
    given = {
        "reason": FreezeReason.DOCUMENTS_DOUBTED,
        "evidence_sha256": sha("evidence"),
        "until_at": town.now_ms + 10 * DAY_MS,
        **fields,
    }
    return FreezeOrder(frozen=Frozen(frozen), subject_id=subject_id, **given)


def resolve(town: Treasury, effect: Any, **fields: Any) -> str:
    """Bring an effect about by a resolution; its id."""
    decision_id = town.next_id("resolution")
    town.run(
        "record_resolution",
        resolution_id=decision_id,
        resolution_sha256=sha(decision_id),
        effect=effect,
        **fields,
    )
    return decision_id


def company(town: Treasury, company_id: str = "new", **fields: Any) -> ReplaceCompany:
    return ReplaceCompany(
        company_id=company_id, contract_sha256=sha("contract"), from_at=town.now_ms, **fields
    )


def account(town: Treasury, account_sha256: str = NEW_ACCOUNT) -> ReplaceAccount:
    """The maintenance fund in another account, from now on."""
    return ReplaceAccount(fund_id=MAINTENANCE, account_sha256=account_sha256, from_at=town.now_ms)


def committee(town: Treasury) -> tuple[SeatCommittee, Elected]:
    term = SeatCommittee(term_from_at=town.now_ms, term_until_at=town.now_ms + YEAR_MS)
    return term, Elected(members=NEW_MEMBERS, seat_count=5)


def succeed(town: Treasury, office: str) -> str:
    """Replace an office by a resolution; the hand-over's id."""
    if office == "committee":
        effect, elected = committee(town)
        return resolve(town, effect, elected=elected)
    return resolve(town, company(town) if office == "company" else account(town))
