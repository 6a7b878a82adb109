"""A person's whole way through the gateways, and what stops it."""

from typing import Any

import pytest

from gateway.identity.flows import Flow
from scripts.hand.certifying import Applicant
from scripts.hand.gateways import Gateways
from tests.hand.desks import OWNER, Desks


@pytest.mark.parametrize("flow", list(Flow))
async def test_an_owner_certifies_votes_changes_the_mind_and_sees_the_proof(
    desks: Desks, gateways: Gateways, flow: Flow
) -> None:
    person = desks.person()
    who = Applicant(
        name=OWNER.name, id_no=OWNER.id_no, phone=OWNER.phone, unit_id=OWNER.unit_id, flow=flow
    )
    found = await person.certify(gateways, "fuzemen", who, desks.guide)
    assert found == person.credential_id
    await desks.town.open_motion()
    ballot: dict[str, Any] = {"motion_id": "m1", "unit_ids": [OWNER.unit_id], "choices": ["for"]}
    at = desks.town.ledger.now_ms
    first = await person.send(gateways, "cast_ballot", ballot, at=at)
    second = await person.send(
        gateways, "cast_ballot", {**ballot, "choices": ["against"]}, at=at + 1
    )
    before = await person.proof(gateways, first.nonce)
    assert [one.is_this_act for one in before.ballots] == [False]
    proof = await person.proof(gateways, second.nonce)
    assert (proof.tx_id, proof.validity) == (second.tx_id, "VALID")
    assert [one.tx_id for one in proof.witnesses] == [second.tx_id] * 2
    (shown,) = proof.ballots
    assert (shown.is_this_act, shown.choices, shown.earlier_count) == (True, ("against",), 1)
    assert (shown.counted, shown.is_recounted) == (None, None)
    await desks.town.counted()
    (counted,) = (await person.proof(gateways, second.nonce)).ballots
    assert (counted.counted, counted.place, counted.is_recounted) == (True, 1, True)
