"""Proofs: what a lying or missing gateway changes, and what it cannot."""

import json
from typing import Any

import pytest

from chaincode.codec import encode
from chaincode.model.result import Channel, CountedBallot
from chaincode.rules import certificate
from scripts.hand.errors import Refused, Unreachable
from scripts.hand.gateways import Gateways
from scripts.hand.person import Person
from scripts.hand.proof import Proof, ballots_sha256, prove, witnessed
from scripts.hand.session import Reader
from scripts.hand.telling import proof_lines
from tests.hand.desks import NEIGHBOUR, OWNER, Desks
from tests.hand.stubs import Reply, problem, stub

BALLOT = {"motion_id": "m1", "unit_ids": [OWNER.unit_id], "choices": ["for"]}
BALLOTS = (
    CountedBallot(
        unit_id="1-1-2", channel=Channel.PAPER, act_sha256="b+c", choices=(), spoiled=True
    ),
    CountedBallot(
        unit_id="1-1-1", channel=Channel.ONLINE, act_sha256="a", choices=("for", "x"), spoiled=False
    ),
    CountedBallot(
        unit_id="1-1-3",
        channel=Channel.PROXY,
        act_sha256="d",
        choices=("against",),
        spoiled=False,
        commitment="e" * 64,
    ),
)


def test_the_hash_over_all_ballots_is_the_chaincodes() -> None:
    shown = [json.loads(encode(ballot)) for ballot in BALLOTS]
    ordered = sorted(BALLOTS, key=lambda one: one.unit_id)
    assert ballots_sha256(shown) == certificate.ballots_sha256(ordered)
    assert ballots_sha256(shown[:2]) != ballots_sha256(shown)


class Tampering(Reader):
    """A gateway that changes what it shows at places that end so."""

    place = ""
    changes: dict[str, Any]
    drops = False

    async def read(self, path: str) -> Any:
        said = await super().read(path)
        if self.place and self.place in path:
            if self.drops:
                said["ballots"] = said["ballots"][:-1]
            else:
                said = {**said, **self.changes}
        return said


async def voted(desks: Desks, gateways: Gateways) -> tuple[Person, str]:
    """Two owners voted and the motion was counted; one of them, and their act."""
    owner = await desks.certified(gateways)
    other = await desks.certified(gateways, "neighbour", NEIGHBOUR)
    await desks.town.open_motion()
    at = desks.town.ledger.now_ms
    found = await owner.send(gateways, "cast_ballot", BALLOT, at=at)
    theirs = {**BALLOT, "unit_ids": [NEIGHBOUR.unit_id]}
    await other.send(gateways, "cast_ballot", theirs, at=at)
    await desks.town.counted()
    return owner, found.nonce


async def proof_by(person: Person, gateways: Gateways, nonce: str, **ways: Any) -> Proof:
    reader = Tampering(person.folder, gateways)
    for name, value in ways.items():
        setattr(reader, name, value)
    return await prove(person.folder, reader, person.folder.act(nonce))


async def test_a_gateway_cannot_hide_what_was_counted(desks: Desks, gateways: Gateways) -> None:
    person, nonce = await voted(desks, gateways)
    (honest,) = (await proof_by(person, gateways, nonce)).ballots
    assert (honest.counted, honest.place, honest.is_recounted) == (True, 1, True)
    lies: list[dict[str, Any]] = [
        {"place": "counted-ballots", "drops": True},
        {"place": "counted-ballots", "changes": {"ballots": []}},
        {"place": "/ballots/", "changes": {"place": 2}},
        {"place": "/ballots/", "changes": {"place": 99}},
        {"place": "/ballots/", "changes": {"ballots_sha256": "0" * 64}},
    ]
    for lie in lies:
        proof = await proof_by(person, gateways, nonce, **lie)
        assert proof.ballots[0].is_recounted is False, lie
        assert "DOES NOT AGREE" in "\n".join(proof_lines(proof))


async def test_a_ballot_that_was_not_counted_is_said_to_be_so(
    desks: Desks, gateways: Gateways
) -> None:
    person, nonce = await voted(desks, gateways)
    way = {"counted": False, "place": None}
    proof = await proof_by(person, gateways, nonce, place="/ballots/", changes=way)
    assert (proof.ballots[0].counted, proof.ballots[0].is_recounted) == (False, None)
    assert "NOT counted" in "\n".join(proof_lines(proof))


async def test_a_ballot_of_another_act_is_not_this_one(desks: Desks, gateways: Gateways) -> None:
    person, nonce = await voted(desks, gateways)
    proof = await proof_by(
        person, gateways, nonce, place="/ballots/", changes={"act_sha256": "0" * 64}
    )
    assert (proof.ballots[0].is_this_act, proof.ballots[0].is_recounted) == (False, False)
    assert "a later act" in "\n".join(proof_lines(proof))


async def test_an_act_that_was_never_sent_has_no_proof(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    signed = await person.sign(gateways, "cast_ballot", BALLOT)
    with pytest.raises(Refused) as refused:
        await person.proof(gateways, signed.nonce)
    assert (refused.value.status, refused.value.code) == (404, "act/unknown-nonce")


async def test_every_gateway_is_asked(desks: Desks, gateways: Gateways) -> None:
    person, nonce = await voted(desks, gateways)
    signed = person.folder.act(nonce)
    other = {"sha256": "0" * 64, "tx_id": "t", "code": "accepted", "block_number": None}
    for reply, code in (
        (Reply(lost=True), "http/no-answer"),
        (Reply(202, {}), "act/not-known-yet"),
        (problem(404, "act/unknown-nonce"), "act/unknown-nonce"),
        (Reply(200, other), "act/other-act"),
        (Reply(200, []), "http/no-gateway"),
        (Reply(200, text="hello"), "http/no-gateway"),
    ):
        async with stub(reply) as one, Gateways([desks.bank.address, one.address]) as two:
            second, first = await witnessed(person.folder, two, signed)
            assert (first.tx_id, first.code) == ("", code)
            assert (second.tx_id, second.code) == (signed.tx_id, "accepted")
            text = "\n".join(proof_lines(await proof_by(person, two, nonce)))
            assert f"{one.address} says: {code}" in text


async def test_no_gateway_answers(desks: Desks, gateways: Gateways) -> None:
    person, nonce = await voted(desks, gateways)
    async with stub(Reply(lost=True)) as one, Gateways([one.address], patience_s=0.1) as nobody:
        with pytest.raises(Unreachable):
            await person.proof(nobody, nonce)
