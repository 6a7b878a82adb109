"""Votes: plain where choices are shown, sealed where they are not, and opened by their owner."""

import json
from typing import Any

import pytest

from chaincode.model.base import Org
from chaincode.rules.sealing import OPENING_MS
from scripts.hand.errors import BadInput, NotKnown, Refused, Unreachable
from scripts.hand.gateways import Gateways
from scripts.hand.person import Person
from tests.hand.desks import OWNER, Desks
from tests.hand.stubs import Reply, stub
from tests.hand.test_commands import run
from tests.support.community import Trustee, without_reviews
from tests.support.ports import free_port

assert OWNER.unit_id is not None
UNITS = [OWNER.unit_id]


async def sealed(desks: Desks) -> dict[Org, Trustee]:
    """A sealed motion is open; its trustees."""
    town = desks.town
    rule = without_reviews(secrecy="sealed-then-named")
    await town.done(Org.REGULATOR, "set_matter_rule", rule=rule)
    await town.drafted()
    trustees = {Org.COMMITTEE: Trustee(), Org.REGULATOR: Trustee()}
    for org, trustee in trustees.items():
        key = {"motion_id": "m1", "public_key": trustee.public_key}
        await town.done(org, "register_trustee_key", **key)
    await town.ledger.reach((await town.published())["publication"]["opens_at"])
    return trustees


async def vote(desks: Desks, gateways: Gateways, person: Person, *choices: str) -> str:
    at = desks.town.ledger.now_ms
    return (await person.vote(gateways, "m1", UNITS, choices, at=at)).nonce


async def test_an_open_ballot_is_cast_openly(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    await desks.town.open_motion()
    nonce = await vote(desks, gateways, person, "for")
    kept = person.folder.act(nonce)
    assert (kept.fields["choices"], kept.openings) == (["for"], {})
    with pytest.raises(BadInput, match="sealed no choice"):
        await person.open_ballot(gateways, nonce)


async def test_a_sealed_ballot_is_opened_with_the_trustees_keys(
    desks: Desks, gateways: Gateways
) -> None:
    person = await desks.certified(gateways)
    trustees = await sealed(desks)
    nonce = await vote(desks, gateways, person, "against")
    kept = person.folder.act(nonce)
    assert set(kept.fields) == {"motion_id", "unit_ids", "sealed"}
    opening = kept.openings[UNITS[0]]
    assert opening.choices == ("against",)
    assert opening.salt not in kept.jws
    (before,) = (await person.proof(gateways, nonce)).ballots
    assert (before.is_this_act, before.choices) == (True, ())
    await desks.town.closed()
    for org, trustee in trustees.items():
        key = {"motion_id": "m1", "private_key": trustee.private_key}
        await desks.town.done(org, "release_trustee_key", **key)
    await desks.town.done(Org.PROPERTY, "count_motion", motion_id="m1")
    (after,) = (await person.proof(gateways, nonce)).ballots
    assert (after.counted, after.place, after.is_recounted) == (True, 1, True)
    counted = await person.read(gateways, "/motions/m1/counted-ballots")
    assert [one["choices"] for one in counted["ballots"]] == [["against"]]


async def test_an_owner_opens_the_ballot_when_a_trustee_does_not(
    desks: Desks, gateways: Gateways
) -> None:
    person = await desks.certified(gateways)
    await sealed(desks)
    nonce = await vote(desks, gateways, person, "for")
    at = desks.town.ledger.now_ms
    with pytest.raises(Refused) as early:
        await person.open_ballot(gateways, nonce, at=at)
    assert early.value.code == "motion/wrong-phase"
    await desks.town.closed()
    at = desks.town.ledger.now_ms
    assert len(await person.open_ballot(gateways, nonce, at=at)) == 1
    desks.town.ledger.now_ms += OPENING_MS
    await desks.town.done(Org.PROPERTY, "count_motion", motion_id="m1")
    counted = await person.read(gateways, "/motions/m1/counted-ballots")
    assert [one["choices"] for one in counted["ballots"]] == [["for"]]


# --- Refusals ---


@pytest.mark.parametrize("choices", [(), ("perhaps",), ("for", "perhaps")])
async def test_what_is_no_answer_is_not_sealed(
    desks: Desks, gateways: Gateways, choices: tuple[str, ...]
) -> None:
    person = await desks.certified(gateways)
    await sealed(desks)
    with pytest.raises(BadInput, match="answered with for, against, abstain"):
        await vote(desks, gateways, person, *choices)
    assert person.folder.acts() == []


async def test_a_motion_without_a_notice(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    await desks.town.drafted()
    with pytest.raises(BadInput, match="no notice"):
        await vote(desks, gateways, person, "for")


async def test_no_motion(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    with pytest.raises(Refused) as refused:
        await vote(desks, gateways, person, "for")
    assert refused.value.code == "motion/unknown"


async def test_trustees_of_one_gateway_alone_are_not_believed(
    desks: Desks, gateways: Gateways
) -> None:
    person = await desks.certified(gateways)
    await sealed(desks)
    view = await person.read(gateways, "/motions/m1")
    view["motion"]["publication"]["trustees"][0]["public_key"] = Trustee().public_key
    for shown, says in ((view, "do not agree"), ({}, "no gateway would")):
        async with (
            stub(*_door(), Reply(200, shown)) as one,
            Gateways([desks.bank.address, one.address]) as two,
        ):
            with pytest.raises(NotKnown, match=says):
                await vote(desks, two, person, "for")
    assert person.folder.acts() == []


def _door() -> list[Reply]:
    session: dict[str, Any] = {
        "community": "fuzemen", "credential_id": "c", "holder_id": "o", "role": "owner",
        "until_at": 1, "token": "chs.x",
    }  # fmt: skip
    challenge = {"nonce": "0" * 32, "audience": "x", "until_at": 1}
    return [Reply(200, challenge), Reply(200, session)]


async def test_a_gateway_that_is_down_is_left_out(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    await desks.town.open_motion()
    nobody = f"http://127.0.0.1:{free_port()}"
    async with Gateways([nobody, desks.bank.address], patience_s=0.5) as two:
        await vote(desks, two, person, "for")
    async with Gateways([nobody], patience_s=0.5) as none:
        with pytest.raises(Unreachable):
            await vote(desks, none, person, "for")


async def test_the_command_votes(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    await desks.open_motion_now()
    at = ("--gateway", desks.both[0], "--folder", person.folder.path, "--json")
    ran = await run("vote", *at, "m1", "--unit", UNITS[0], "--choice", "for")
    assert ran.status == 0, ran
    nonce = json.loads(ran.out)["nonce"]
    ran = await run("open", *at, nonce)
    assert (ran.status, json.loads(ran.out)["outcome"]) == (2, "BadInput")
