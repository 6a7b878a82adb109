"""Signing and sending: one act counts once, and what is not known is never guessed."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chaincode import acts
from gateway.identity.bindings import Bindings
from gateway.identity.signingrequest import credential_id, point
from scripts.hand.acting import look, send, sign
from scripts.hand.errors import BadInput, HandError, NotKnown, Refused, Unreachable
from scripts.hand.folder import Folder, KeptAct
from scripts.hand.forms import Forms, fetch_forms
from scripts.hand.gateways import Answer, Gateways, NoAnswer
from tests.hand.desks import OWNER, Desks
from tests.hand.stubs import Reply, problem, stub
from tests.support.ports import free_port

FORM = {"fields": {"properties": {"motion_id": {"type": "string"}}, "required": ["motion_id"]}}
FORMS = Forms("channel-1", "fuzemen", {"sign_petition": FORM}, {})
ME = Bindings(salt="0" * 32, device="0" * 64, account="0" * 64)
LOST = Reply(lost=True)
PENDING = Reply(202, {"state": "pending", "tx_id": ""})
UNKNOWN = problem(404, "act/unknown-nonce")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder.create(tmp_path / "me")
    made.keep(msgspec.structs.replace(made.kept(), community="fuzemen", bindings=ME))
    return made


@pytest.fixture
def signed(folder: Folder) -> KeptAct:
    return sign(folder, FORMS, "sign_petition", {"motion_id": "m1"})


def accepted(signed: KeptAct, **changes: Any) -> Reply:
    said = {"sha256": signed.sha256, "code": "accepted", "tx_id": "t1", "block_number": 7}
    return Reply(200, {**said, **changes})


# --- Signing ---


def test_what_is_signed_is_what_the_chaincode_reads(folder: Folder) -> None:
    signed = sign(folder, FORMS, "sign_petition", {"motion_id": "楼1"}, at=5, nonce="a" * 32)
    act = acts.parse(signed.jws.encode())
    acts.require_signature(act, point(folder.key.public_key()))
    assert act.sha256 == signed.sha256
    assert act.credential_id == credential_id("fuzemen", folder.kept().secret)
    assert json.loads(base64.urlsafe_b64decode(signed.jws.split(".")[1] + "==")) == {
        "act": "sign_petition",
        "channel": "channel-1",
        "community": "fuzemen",
        "nonce": "a" * 32,
        "at": 5,
        "motion_id": "楼1",
    }
    assert folder.act("a" * 32) == signed


@pytest.mark.parametrize(
    ("act", "fields", "says"),
    [
        ("dance", {}, "knows no act 'dance'"),
        ("sign_petition", {}, "needs motion_id"),
        ("sign_petition", {"motion_id": "m1", "choice": "for"}, "has no field choice"),
        ("sign_petition", {"motion_id": "m1", "nonce": "x"}, "has no field nonce"),
    ],
)
def test_what_is_no_act_is_not_signed(
    folder: Folder, act: str, fields: Mapping[str, Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        sign(folder, FORMS, act, fields)
    assert folder.acts() == []


def test_an_act_of_another_community_is_not_signed(folder: Folder) -> None:
    with pytest.raises(BadInput, match="no credential of elsewhere"):
        sign(folder, Forms("c", "elsewhere", FORMS.acts, {}), "sign_petition", {"motion_id": "m"})


# --- Fields as text ---

TYPED = {
    "fields": {
        "properties": {
            "text": {"type": "string"},
            "kind": {"$ref": "#/$defs/Kind"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "count": {"type": "integer"},
            "units": {"type": "array"},
        },
        "required": [],
    }
}
TYPES = Forms("c", "fuzemen", {"try": TYPED}, {"Kind": {"enum": ["a", "b"]}})


def test_fields_are_json_and_texts_may_stand_bare() -> None:
    given = ["text=3-1-502", "kind=a", "maybe=null", "count=3", 'units=["x"]']
    assert TYPES.parse("try", given) == {
        "text": "3-1-502", "kind": "a", "maybe": None, "count": 3, "units": ["x"],
    }  # fmt: skip
    assert TYPES.parse("try", ['text="12"', "maybe=12"]) == {"text": "12", "maybe": "12"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["text"], "name=value"),
        (["text=a", "text=b"], "give each field once"),
        (["colour=red"], "has no field colour"),
        (["count=many"], "count: 'many' is not JSON"),
        (["count=NaN"], "count: 'NaN' is not JSON"),
        (["units=[x]"], "is not JSON"),
        (['text="open'], "is not JSON"),
    ],
)
def test_fields_that_cannot_be_read(given: list[str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        TYPES.parse("try", given)


@pytest.mark.parametrize(
    "said", [{}, [], {"channel": "c", "community": "other", "acts": {}, "$defs": {}}]
)
async def test_what_is_no_answer_about_forms(said: Any) -> None:
    async with stub(Reply(200, said)) as one, Gateways([one.address]) as gateways:
        with pytest.raises(NotKnown, match="no gateway would"):
            await fetch_forms(gateways, "fuzemen")


# --- Sending, whatever happens on the way ---


async def outcome(
    folder: Folder, signed: KeptAct, *replies: Reply, patience_s: float = 20
) -> tuple[Any, list[str]]:
    """What became of a sending, and what was asked; only ever these bytes."""
    async with stub(*replies) as one, Gateways([one.address], patience_s=patience_s) as gateways:
        found: Any
        try:
            found = await send(folder, gateways, signed)
        except HandError as error:
            found = error
        bodies = {body for method, _, body in one.asked if method == "POST"}
        assert bodies == {signed.jws.encode()}
        return found, [method for method, _, _ in one.asked]


async def test_an_accepted_act_is_kept_with_its_answer(folder: Folder, signed: KeptAct) -> None:
    found, asked = await outcome(folder, signed, accepted(signed))
    assert (found.tx_id, found.block_number, asked) == ("t1", 7, ["POST"])
    assert (folder.act(signed.nonce).tx_id, folder.act(signed.nonce).block_number) == ("t1", 7)
    found, _ = await outcome(folder, signed, accepted(signed, block_number=None))
    assert folder.act(signed.nonce).block_number == 7


async def test_a_lost_answer_is_asked_for_with_the_same_bytes(
    folder: Folder, signed: KeptAct
) -> None:
    found, asked = await outcome(folder, signed, LOST, accepted(signed, block_number=None))
    assert (found.tx_id, asked) == ("t1", ["POST", "POST"])


async def test_an_outcome_not_known_yet_is_asked_for(folder: Folder, signed: KeptAct) -> None:
    found, asked = await outcome(folder, signed, PENDING, PENDING, accepted(signed))
    assert (found.tx_id, asked) == ("t1", ["POST", "GET", "GET"])


async def test_a_gateway_that_forgot_the_act_gets_it_again(folder: Folder, signed: KeptAct) -> None:
    found, asked = await outcome(folder, signed, PENDING, UNKNOWN, accepted(signed))
    assert (found.tx_id, asked) == ("t1", ["POST", "GET", "POST"])


@pytest.mark.parametrize("reply", [LOST, PENDING, problem(504, "gateway/timeout")])
async def test_what_stays_unknown_is_said_to_be_unknown(
    folder: Folder, signed: KeptAct, reply: Reply
) -> None:
    found, asked = await outcome(folder, signed, reply, patience_s=0.9)
    assert isinstance(found, NotKnown)
    assert f"act again {signed.nonce}" in str(found)
    assert found.exit_status == 3
    assert asked[-1] == "GET"
    assert folder.act(signed.nonce).tx_id == ""


@pytest.mark.parametrize(
    "code", ["gateway/full", "gateway/network-busy", "gateway/not-endorsed", "gateway/stopping"]
)
async def test_a_gateway_that_vouches_that_nothing_happened_is_believed(
    folder: Folder, signed: KeptAct, code: str
) -> None:
    found, asked = await outcome(folder, signed, problem(503, code), patience_s=0.9)
    assert isinstance(found, Refused)
    assert (found.code, found.exit_status) == (code, 1)
    assert set(asked) == {"POST"}


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refusal_is_final(folder: Folder, signed: KeptAct, status: int) -> None:
    found, asked = await outcome(folder, signed, problem(status, "motion/no"))
    assert isinstance(found, Refused)
    assert (found.status, found.code, asked) == (status, "motion/no", ["POST"])


async def test_a_refusal_after_the_outcome_was_open(folder: Folder, signed: KeptAct) -> None:
    found, asked = await outcome(folder, signed, PENDING, problem(409, "motion/closed"))
    assert isinstance(found, Refused)
    assert (found.code, asked) == ("motion/closed", ["POST", "GET", "GET"])


async def test_an_act_too_old_to_be_sent_again_may_have_been_accepted(
    folder: Folder, signed: KeptAct
) -> None:
    old = problem(400, "act/too-old")
    found, asked = await outcome(folder, signed, LOST, old, accepted(signed))
    assert (found.tx_id, asked) == ("t1", ["POST", "POST", "GET"])
    found, _ = await outcome(folder, signed, LOST, old, UNKNOWN)
    assert isinstance(found, Refused)
    assert found.code == "act/too-old"
    found, _ = await outcome(folder, signed, LOST, old, LOST)
    assert isinstance(found, NotKnown)


@pytest.mark.parametrize(
    "said", [{"sha256": "0" * 64}, {"sha256": None}, {"tx_id": "t1", "code": "accepted"}]
)
async def test_an_answer_about_another_act_is_not_taken(
    folder: Folder, signed: KeptAct, said: dict[str, Any]
) -> None:
    body = accepted(signed).body
    reply = Reply(200, {**body, **said} if "sha256" in said else said)
    found, _ = await outcome(folder, signed, reply)
    assert isinstance(found, NotKnown)


async def test_nobody_there(folder: Folder, signed: KeptAct) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with Gateways([nobody], patience_s=0.1) as gateways:
        with pytest.raises(Unreachable):
            await send(folder, gateways, signed)
        with pytest.raises(Unreachable):
            await look(folder, gateways, signed)


async def test_looking_sends_nothing(folder: Folder, signed: KeptAct) -> None:
    for reply, kind in ((UNKNOWN, Refused), (PENDING, NotKnown), (LOST, Unreachable)):
        async with stub(reply) as one, Gateways([one.address], patience_s=0.1) as gateways:
            with pytest.raises(kind):
                await look(folder, gateways, signed)
            assert {method for method, _, _ in one.asked} == {"GET"}
    async with (
        stub(UNKNOWN) as one,
        stub(accepted(signed, block_number=None)) as two,
        Gateways([one.address, two.address]) as gateways,
    ):
        found = await look(folder, gateways, signed)
        assert (found.tx_id, found.address) == ("t1", two.address)


# --- On the contract ---


class Losing(Gateways):
    """Loses the answers of the first `count` sendings."""

    count = 1

    async def ask(self, address: str, method: str, path: str, **more: Any) -> Answer:
        answer = await super().ask(address, method, path, **more)
        if method == "POST" and path.endswith("/acts") and self.count:
            self.count -= 1
            raise NoAnswer(address, "lost", was_sent=True)
        return answer


BALLOT = {"motion_id": "m1", "unit_ids": [OWNER.unit_id], "choices": ["for"]}


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_one_ballot_through_two_gateways_counts_once(desks: Desks, count: int) -> None:
    async with Losing(desks.both, patience_s=20) as gateways:
        gateways.count = 0
        person = await desks.certified(gateways)
        await desks.town.open_motion()
        gateways.count = count
        at = desks.town.ledger.now_ms
        found = await person.send(gateways, "cast_ballot", BALLOT, at=at)
        assert found.address == desks.both[count % 2]
        (ballot,) = (await person.proof(gateways, found.nonce)).ballots
        assert (ballot.is_this_act, ballot.earlier_count) == (True, 0)
        assert (await person.send_again(gateways, found.nonce)).tx_id == found.tx_id


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"motion_id": "none"}, (404, "motion/unknown")),
        ({"unit_ids": ["9-9-909"]}, (404, "unit/unknown")),
        ({"choices": ["perhaps"]}, (400, "ballot/option-unknown")),
        ({"choices": "for"}, (400, "input/malformed")),
        ({"unit_ids": ["3-1-503"]}, (403, "ballot/not-your-unit")),
    ],
)
async def test_the_ledger_refuses_with_its_code(
    desks: Desks, gateways: Gateways, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    person = await desks.certified(gateways)
    await desks.town.open_motion()
    at = desks.town.ledger.now_ms
    with pytest.raises(Refused) as refused:
        await person.send(gateways, "cast_ballot", {**BALLOT, **fields}, at=at)
    assert (refused.value.status, refused.value.code) == expected
    assert refused.value.sentence
    (kept,) = person.folder.acts()
    assert kept.tx_id == ""
