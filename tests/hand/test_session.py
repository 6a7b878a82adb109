"""Logging in and reading: at the right door, with the right proof, elsewhere when one is closed."""

import base64
import json
from typing import Any

import pytest

from chaincode.model.base import Org
from scripts.hand.errors import BadInput, NotKnown, Refused, Unreachable
from scripts.hand.gateways import Gateways
from scripts.hand.session import Reader
from tests.hand.desks import OWNER, Desks
from tests.hand.stubs import Reply, problem, stub
from tests.support.ports import free_port

HOUR_MS = 3_600_000


async def test_a_token_for_programs(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    session = await person.log_in(gateways)
    assert (session.address, session.role) == (desks.regulator.address, "owner")
    assert (session.holder_id, session.community) == (desks.bureau.holder_id, "fuzemen")
    answer = await gateways.ask(session.address, "GET", "/v1/session", headers=session.headers)
    assert answer.json()["credential_id"] == person.credential_id
    assert "chs." not in repr(session)


async def test_a_cookie_as_a_browser_has_it(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    session = await person.log_in(gateways, wanted="cookie")
    without = {name: text for name, text in session.headers.items() if name != "X-CSRF-Token"}
    refused = await gateways.ask(session.address, "DELETE", "/v1/session", headers=without)
    assert (refused.status, refused.refusal().code) == (403, "session/no-csrf-token")
    done = await gateways.ask(session.address, "DELETE", "/v1/session", headers=session.headers)
    assert done.status == 204


async def test_nobody_logs_in_without_a_credential(desks: Desks, gateways: Gateways) -> None:
    with pytest.raises(BadInput, match="act certify"):
        await desks.person().log_in(gateways)


async def test_a_revoked_credential_opens_no_door(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    await desks.town.done(
        Org.REGULATOR,
        "revoke_credential",
        credential_id=person.credential_id,
        reason="device-lost",
    )
    with pytest.raises(Refused) as refused:
        await person.log_in(gateways)
    assert (refused.value.status, refused.value.code) == (403, "login/not-active")


async def test_another_key_opens_no_door(desks: Desks, gateways: Gateways) -> None:
    person, other = await desks.certified(gateways), desks.person("other")
    other.folder.keep(person.folder.kept())
    with pytest.raises(Refused) as refused:
        await other.log_in(gateways)
    assert refused.value.code == "login/forged"


async def test_a_gateway_by_another_name_than_its_own(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    by_name = desks.bank.address.replace("127.0.0.1", "localhost")
    async with Gateways([by_name]) as one:
        with pytest.raises(Refused) as refused:
            await person.log_in(one)
        assert refused.value.code == "login/other-audience"
    async with Gateways([by_name, desks.regulator.address]) as two:
        assert (await person.log_in(two)).address == desks.regulator.address


async def test_the_statement_names_who_was_asked_whatever_they_say(
    desks: Desks, gateways: Gateways
) -> None:
    person = await desks.certified(gateways)
    challenge = {"nonce": "0" * 32, "audience": desks.regulator.address, "until_at": 1}
    async with stub(Reply(200, challenge), problem(403, "login/x")) as one:
        async with Gateways([one.address]) as evil:
            with pytest.raises(Refused):
                await person.log_in(evil)
        statement = json.loads(one.asked[1][2])["statement"]
        said = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "=="))
        assert said["audience"] == one.address


@pytest.mark.parametrize("said", [{}, {"token": "chs.x"}, []])
async def test_what_is_no_session(desks: Desks, gateways: Gateways, said: Any) -> None:
    person = await desks.certified(gateways)
    challenge = {"nonce": "0" * 32, "audience": "x", "until_at": 1}
    async with (
        stub(Reply(200, challenge), Reply(200, said)) as one,
        Gateways([one.address]) as strange,
    ):
        with pytest.raises(NotKnown):
            await person.log_in(strange)


@pytest.mark.parametrize("said", [{}, []])
async def test_what_is_no_challenge(desks: Desks, gateways: Gateways, said: Any) -> None:
    person = await desks.certified(gateways)
    async with stub(Reply(200, said)) as one, Gateways([one.address]) as strange:
        with pytest.raises(NotKnown):
            await person.log_in(strange)


async def test_a_busy_door_is_tried_again(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    async with stub(problem(503, "gateway/network-busy")) as busy:
        async with Gateways([busy.address, desks.bank.address]) as two:
            assert (await person.log_in(two)).address == desks.bank.address
        async with Gateways([busy.address], patience_s=0.6) as one:
            with pytest.raises(Refused) as refused:
                await person.log_in(one)
        assert refused.value.code == "gateway/network-busy"
    async with Gateways([f"http://127.0.0.1:{free_port()}"], patience_s=0.1) as nobody:
        with pytest.raises(Unreachable):
            await person.log_in(nobody)


# --- Reading ---


async def test_reading_logs_in_again_when_the_session_is_over(
    desks: Desks, gateways: Gateways
) -> None:
    person = await desks.certified(gateways)
    place = f"/units/{OWNER.unit_id}"
    assert (await person.read(gateways, place))["unit_id"] == OWNER.unit_id
    desks.town.ledger.now_ms += 24 * HOUR_MS
    assert (await person.read(gateways, place))["unit_id"] == OWNER.unit_id


async def test_reading_goes_on_elsewhere(desks: Desks) -> None:
    async with Gateways([desks.bank.address, desks.regulator.address]) as gateways:
        person = await desks.certified(gateways)
        reader = Reader(person.folder, gateways)
        assert await reader.read("/motions") == {"motions": []}
        await desks.bank.server.close()
        assert await reader.read("/motions") == {"motions": []}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/motions/none", (404, "motion/unknown")),
        ("/nowhere", (404, "gateway/no-such-resource")),
        ("/owners/somebody/units", (403, "gateway/not-for-you")),
        ("/motions?colour=red", (400, "gateway/bad-parameter")),
    ],
)
async def test_what_is_not_for_reading(
    desks: Desks, gateways: Gateways, place: str, expected: tuple[int, str]
) -> None:
    person = await desks.certified(gateways)
    with pytest.raises(Refused) as refused:
        await person.read(gateways, place)
    assert (refused.value.status, refused.value.code) == expected


async def test_a_door_that_opens_and_never_knows_one(desks: Desks, gateways: Gateways) -> None:
    person = await desks.certified(gateways)
    session = {
        "community": "fuzemen", "credential_id": "c", "holder_id": "o", "role": "owner",
        "until_at": 1, "token": "chs.x",
    }  # fmt: skip
    turn = [
        Reply(200, {"nonce": "0" * 32, "audience": "x", "until_at": 1}),
        Reply(200, session),
        problem(401, "gateway/bad-token"),
    ]
    async with stub(*turn, *turn) as one, Gateways([one.address], patience_s=0.6) as strange:
        with pytest.raises(Refused) as refused:
            await Reader(person.folder, strange).read("/motions")
        assert refused.value.code == "gateway/bad-token"
