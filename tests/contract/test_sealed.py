"""Sealed ballots: no trustee, clerk or voter can read early, change later, or lose one."""

from typing import Any

import pytest

from chaincode import codec
from chaincode.contract import opening
from chaincode.model.ballot import Ballot
from chaincode.model.base import Org
from chaincode.model.motion import Motion
from chaincode.model.result import UnopenedReason
from chaincode.rules import result as rules
from chaincode.rules.sealing import OPENING_MS, Plain
from tests.support.community import UNITS, Commons, Trustee, seal, seal_plain, without_reviews
from tests.support.people import b64
from tests.support.town import refusal

OPTIONS = ("for", "against", "abstain")
SALT = bytes(range(32))


class Sealed(Commons):
    """A town with an open sealed motion; `trustees` in the order of the publication."""

    trustees: dict[Org, Trustee]

    async def begun(self, **rule: Any) -> "Sealed":
        self.trustees = {Org.COMMITTEE: Trustee(), Org.REGULATOR: Trustee()}
        await self.settle(rules=[without_reviews(secrecy="sealed-then-named", **rule)])
        await self.drafted()
        for org, trustee in self.trustees.items():
            key = {"motion_id": "m1", "public_key": trustee.public_key}
            await self.done(org, "register_trustee_key", **key)
        self.ledger.now_ms = (await self.published())["publication"]["opens_at"]
        return self

    def sealed(self, unit: str, *choices: str, salt: bytes = SALT) -> dict[str, str]:
        return seal("m1", unit, OPTIONS, choices or ("for",), list(self.trustees.values()), salt)

    async def released(self, *orgs: Org) -> None:
        for org in orgs or tuple(self.trustees):
            key = {"motion_id": "m1", "private_key": self.trustees[org].private_key}
            await self.done(org, "release_trustee_key", **key)

    def opening(self, owner: str, unit: str, *choices: str, salt: bytes = SALT) -> bytes:
        said = {"motion_id": "m1", "unit_id": unit, "salt": b64(salt), "choices": list(choices)}
        return self.act(self.people[owner], "open_ballot", **said)

    async def reasons(self) -> list[tuple[str, str]]:
        result = await self.done(Org.BANK, "count_motion", motion_id="m1")
        assert result["tally"]["spoiled_count"] == len(result["unopened"])
        return [(one["unit_id"], one["reason"]) for one in result["unopened"]]


@pytest.fixture
async def town() -> Sealed:
    return await Sealed().begun()


async def test_an_open_choice_is_refused_where_ballots_are_sealed(town: Sealed) -> None:
    assert refusal(await town.cast("o1", UNITS[0])) == (400, "ballot/must-be-sealed")


async def test_keys_are_given_after_the_close_by_their_trustees(town: Sealed) -> None:
    key = {"motion_id": "m1", "private_key": town.trustees[Org.COMMITTEE].private_key}
    early = await town.call(Org.COMMITTEE, "release_trustee_key", **key)
    assert refusal(early) == (409, "motion/wrong-phase")
    await town.closed()
    unknown = await town.call(Org.COMMITTEE, "release_trustee_key", **{**key, "motion_id": "m9"})
    assert refusal(unknown) == (404, "motion/unknown")
    other = await town.call(Org.REGULATOR, "release_trustee_key", **key)
    assert refusal(other) == (422, "trustee/other-key")
    zero = await town.call(Org.REGULATOR, "release_trustee_key", **{**key, "private_key": "A" * 43})
    assert refusal(zero) == (400, "trustee/bad-key")
    first = await town.done(Org.COMMITTEE, "release_trustee_key", **key)
    assert await town.done(Org.COMMITTEE, "release_trustee_key", **key) == first
    await town.released(Org.REGULATOR)
    await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert await town.done(Org.COMMITTEE, "release_trustee_key", **key) == first


async def test_an_unsealed_motion_has_no_keys_to_give() -> None:
    town = await Commons().settle()
    await town.open_motion()
    await town.agreed(town.ballot("o1", UNITS[0]))
    await town.closed()
    key = {"motion_id": "m1", "private_key": Trustee().private_key}
    released = await town.call(Org.REGULATOR, "release_trustee_key", **key)
    assert refusal(released) == (422, "motion/not-sealed")
    said = {"motion_id": "m1", "unit_id": UNITS[0], "salt": b64(SALT), "choices": ["for"]}
    opened = await town.acted("o1", "open_ballot", **said)
    assert refusal(opened) == (422, "motion/not-sealed")


async def test_ballots_that_cannot_be_read_are_spoiled_and_listed(town: Sealed) -> None:
    strangers = [Trustee(), Trustee()]
    trustees = list(town.trustees.values())
    against_for = {
        **town.sealed(UNITS[1], "against"),
        "commitment": town.sealed(UNITS[1], "for")["commitment"],
    }
    swapped = town.sealed(UNITS[5], "for")
    ballots = {
        "o1": (UNITS[0], town.sealed(UNITS[0], "for")),
        "o2": (UNITS[1], against_for),
        "o3": (UNITS[2], seal("m1", UNITS[2], OPTIONS, ["for"], strangers, SALT)),
        "o4": (UNITS[3], seal_plain("m1", UNITS[3], Plain(salt=SALT, mask=8), trustees)),
        "o5": (UNITS[4], seal_plain("m1", UNITS[4], Plain(salt=SALT, mask=3), trustees)),
        "o6": (UNITS[5], swapped),
    }
    for owner, (unit, sealed) in ballots.items():
        await town.agreed(town.ballot(owner, unit, sealed=[sealed]))
    await town.closed()
    await town.released()
    assert await town.reasons() == [
        (UNITS[1], "unreadable"),
        (UNITS[2], "unreadable"),
        (UNITS[3], "invalid-choice"),
        (UNITS[4], "invalid-choice"),
    ]
    ballots_shown = (await town.ask("counted_ballots", motion_id="m1"))["ballots"]
    assert ballots_shown[0]["salt"] == b64(SALT)
    assert (ballots_shown[1]["salt"], ballots_shown[1]["spoiled"]) == (None, True)


async def test_a_copied_ballot_of_a_neighbour_does_not_open_for_another_unit(
    town: Sealed,
) -> None:
    copied = town.sealed(UNITS[0], "for")
    await town.agreed(town.ballot("o1", UNITS[0], sealed=[copied]))
    await town.agreed(town.ballot("o2", UNITS[1], sealed=[copied]))
    await town.closed()
    await town.released()
    assert await town.reasons() == [(UNITS[1], "unreadable")]


async def test_a_commitment_to_something_else_is_a_mismatch(town: Sealed) -> None:
    """Sealed and bound rightly, but the committed choice is another one."""
    trustees = list(town.trustees.values())
    honest = seal("m1", UNITS[0], OPTIONS, ["for"], trustees, SALT)

    await town.agreed(town.ballot("o1", UNITS[0], sealed=[honest]))
    ballots = read_ballots(town)
    motion = read_motion(town)
    keys = [trustee.private_key for trustee in trustees]
    opened = opening.open_all(ballots, keys)
    assert opened[UNITS[0]] == Plain(salt=SALT, mask=1)
    forged = {UNITS[0]: Plain(salt=SALT, mask=2)}
    assert rules.read_sealed(motion, ballots[0], forged) is UnopenedReason.MISMATCH


def read_ballots(town: Sealed) -> list[Ballot]:
    return [
        codec.decode(value, Ballot)
        for key, value in town.ledger.state().items()
        if key.startswith("fuzemen/ballot/")
    ]


def read_motion(town: Sealed) -> Motion:
    return codec.decode(town.ledger.state()["fuzemen/motion/m1"], Motion)


# --- The owner's own opening ---


async def test_a_missing_trustee_loses_no_ballot_that_its_owner_opens(town: Sealed) -> None:
    for number in (1, 2, 3):
        unit = UNITS[number - 1]
        await town.agreed(town.ballot(f"o{number}", unit, sealed=[town.sealed(unit)]))
    early = await town.carry(town.opening("o1", UNITS[0], "for"))
    assert refusal(early) == (409, "motion/wrong-phase")
    closed = await town.closed()
    await town.released(Org.COMMITTEE)
    await town.agreed(town.opening("o1", UNITS[0], "for"))
    waits = await town.call(Org.BANK, "count_motion", motion_id="m1")
    due_at = closed["closed"]["at"] + OPENING_MS
    assert waits.message == f'motion/not-opened-yet {{"due_at": {due_at}, "keys_missing": 1}}'
    town.ledger.now_ms += OPENING_MS - 1
    assert (await town.call(Org.BANK, "count_motion", motion_id="m1")).status == 409
    await town.agreed(town.opening("o2", UNITS[1], "for"))
    town.ledger.now_ms += 1
    assert await town.reasons() == [(UNITS[2], "key-missing")]
    late = await town.carry(town.opening("o3", UNITS[2], "for"))
    assert refusal(late) == (409, "motion/wrong-phase")


async def test_an_opening_is_the_voters_own_and_what_was_committed_to(town: Sealed) -> None:
    await town.agreed(town.ballot("o1", UNITS[0], sealed=[town.sealed(UNITS[0])]))
    await town.closed()
    for act, expected in (
        (town.opening("o1", UNITS[0], "maybe"), (400, "ballot/option-unknown")),
        (town.opening("o1", UNITS[0], "for", "for"), (400, "ballot/option-repeated")),
        (town.opening("o2", UNITS[0], "for"), (403, "ballot/not-yours")),
        (town.opening("o2", UNITS[1], "for"), (404, "ballot/unknown")),
        (town.opening("o1", UNITS[0], "against"), (422, "ballot/commitment-mismatch")),
        (town.opening("o1", UNITS[0], "for", salt=bytes(32)), (422, "ballot/commitment-mismatch")),
    ):
        assert refusal(await town.carry(act)) == expected
    await town.agreed(town.opening("o1", UNITS[0], "for"))
    again = await town.carry(town.opening("o1", UNITS[0], "for"))
    assert refusal(again) == (409, "ballot/opened-already")
    nowhere = town.act(
        town.people["o1"],
        "open_ballot",
        motion_id="m9",
        unit_id=UNITS[0],
        salt=b64(SALT),
        choices=["for"],
    )
    assert refusal(await town.carry(nowhere)) == (404, "motion/unknown")


async def test_paper_waits_for_the_end_of_a_sealed_vote() -> None:
    town = await Sealed().begun(channels={"paper": True})
    received = town.ledger.now_ms
    early = await town.carry(town.paper(UNITS[0], "o1"))
    assert refusal(early) == (409, "motion/wrong-phase")
    await town.ended()
    for clerk in ("clerk-a", "clerk-b"):
        await town.agreed(town.paper(UNITS[0], "o1", clerk=clerk, received_at=received))
    rows = (await town.ask("board", motion_id="m1"))["rows"]
    assert (rows[0]["state"], rows[0]["choices"]) == ("returned", [])
    await town.closed()
    await town.released()
    await town.agreed(*town.hand_counts(**{"for": 1}))
    assert await town.reasons() == []


async def test_one_act_seals_several_units_each_with_its_own_commitment(town: Sealed) -> None:
    await town.sell(UNITS[1], "o1")
    seals = [town.sealed(UNITS[0], "for"), town.sealed(UNITS[1], "against")]
    await town.agreed(town.ballot("o1", UNITS[0], UNITS[1], sealed=seals))
    await town.closed()
    await town.released()
    result = await town.done(Org.BANK, "count_motion", motion_id="m1")
    assert [one["cast"]["lots"] for one in result["tally"]["options"]] == [1, 1, 0]
