"""What tests of freezes, disputes and successions share: owners, refusals, events."""

import json
from typing import Any

import pytest

from chaincode import keys
from chaincode.errors import Refusal
from chaincode.model.base import Org
from chaincode.model.freeze import FreezeOrder, FreezeReason, Frozen
from chaincode.model.roll import OwnerUnit
from tests.support.funds import AREAS, COMMUNITY, DAY_MS, Treasury, sha, treasury

OWNERS = {unit_id: f"owner-{unit_id}" for unit_id in AREAS}


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
