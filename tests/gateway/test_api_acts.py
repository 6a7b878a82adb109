"""Sending acts over HTTP: what each caller hears, and when."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse

from chaincode.model.base import Org
from gateway.batcher import BatchSection
from gateway.errors import Busy, NotApplied, NotEndorsed
from gateway.limits import LimitsSection
from tests.support.api import Api, serving
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger, Lost
from tests.support.people import Person


@pytest.fixture
async def town() -> Commons:
    town = await Commons().settle()
    await town.open_motion()
    return town


@pytest.fixture
def ledger(town: Commons) -> ContractLedger:
    return ContractLedger(town)


@pytest.fixture
async def api(town: Commons, ledger: ContractLedger) -> AsyncIterator[Api]:
    async with serving(town, ledger) as api:
        yield api


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.carrier.RETRY_FIRST_S", 0.001)
    monkeypatch.setattr("gateway.carrier.RESOLVE_PAUSE_S", 0.001)


async def problem(response: ClientResponse) -> tuple[int, str]:
    assert response.content_type == "application/problem+json", await response.text()
    document = await response.json()
    assert document["status"] == response.status
    assert document["type"] == f"/v1/problems/{document['code']}"
    return response.status, document["code"]


async def test_an_accepted_act_is_answered_with_its_transaction(api: Api, town: Commons) -> None:
    response = await api.act(town.ballot("o1", UNITS[0]))
    answer = await response.json()
    assert response.status == 200
    assert answer["code"] == "accepted"
    assert answer["block_number"] == 1
    receipt = await town.ask("ballot_receipt", motion_id="m1", unit_id=UNITS[0])
    assert (receipt["tx_id"], receipt["act_sha256"]) == (answer["tx_id"], answer["sha256"])


async def test_the_same_act_again_gets_the_same_transaction(api: Api, town: Commons) -> None:
    act = town.ballot("o1", UNITS[0])
    first = await (await api.act(act)).json()
    again = await (await api.act(act)).json()
    assert again["tx_id"] == first["tx_id"]
    assert again["block_number"] is None


REFUSED: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "other channel": ({"channel": "other"}, (400, "act/other-channel")),
    "other community": ({"community": "other"}, (400, "act/other-community")),
    "too old": ({"at": 1}, (400, "act/too-old")),
    "from the future": ({"at": 2_790_000_000_000}, (400, "act/from-the-future")),
    "no such motion": ({"motion_id": "m9"}, (404, "motion/unknown")),
    "no such choice": ({"choices": ["maybe"]}, (400, "ballot/option-unknown")),
    "not one's unit": ({"unit_ids": [UNITS[1]]}, (403, "ballot/not-your-unit")),
    "a nonce that is none": ({"nonce": "1"}, (400, "input/malformed")),
    "no such act": ({"act": "cast_ballots"}, (400, "act/unknown")),
    "an unknown field": ({"colour": "red"}, (400, "input/malformed")),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_refusal_keeps_its_status_and_code(api: Api, town: Commons, case: str) -> None:
    fields, expected = REFUSED[case]
    body = {"motion_id": "m1", "unit_ids": [UNITS[0]], "choices": ["for"], **fields}
    name = body.pop("act", "cast_ballot")
    assert await problem(await api.act(town.act(town.people["o1"], name, **body))) == expected


async def test_details_reach_the_caller_unchanged(api: Api, town: Commons) -> None:
    response = await api.act(town.ballot("o1", UNITS[1]))
    assert (await response.json())["details"] == {"unit": UNITS[1]}


@pytest.mark.parametrize(
    "lies",
    [{"alg": "none"}, {"alg": "HS256"}, {"typ": "jwt"}, {"crit": ["exp"]}, {"jwk": {}}],
    ids=str,
)
async def test_other_headers_are_refused_before_they_cost_a_transaction(
    api: Api, town: Commons, ledger: ContractLedger, lies: dict[str, Any]
) -> None:
    person = town.people["o1"]
    _header, payload, signature = town.ballot("o1", UNITS[0]).split(b".")
    forged = {"alg": "ES256", "typ": "commonhold-act+jws", "kid": person.credential_id, **lies}
    encoded = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=")
    response = await api.act(b".".join((encoded, payload, signature)))
    assert response.status == 400
    assert ledger.batches == []


async def test_a_forged_act_costs_no_transaction(
    api: Api, town: Commons, ledger: ContractLedger
) -> None:
    stranger = Person("stranger", town.people["o1"].credential_id)
    forged = town.act(stranger, "cast_ballot", motion_id="m1", unit_ids=[UNITS[0]], choices=["for"])
    assert await problem(await api.act(forged)) == (403, "act/forged")
    assert ledger.batches == []


async def test_an_unknown_credential_costs_no_transaction(
    api: Api, town: Commons, ledger: ContractLedger
) -> None:
    stranger = Person("stranger", "nobody")
    act = town.act(stranger, "cast_ballot", motion_id="m1", unit_ids=[UNITS[0]], choices=["for"])
    assert await problem(await api.act(act)) == (403, "credential/unknown")
    assert ledger.batches == []


async def test_a_revoked_credential_is_the_chaincodes_to_refuse(api: Api, town: Commons) -> None:
    """Its key is still remembered; whether it is in force is asked every time."""
    assert (await api.act(town.ballot("o1", UNITS[0]))).status == 200
    await town.done(
        Org.REGULATOR, "revoke_credential", credential_id="cred-o1", reason="device-lost"
    )
    town.ledger.now_ms += 1
    assert await problem(await api.act(town.ballot("o1", UNITS[0]))) == (403, "credential/revoked")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "act/malformed"),
        (b"a.b", "act/malformed"),
        (b"!.!.!", "act/malformed"),
        (b"e30.e30.e30", "input/malformed"),
        (b"\xff\xfe.\x00.\x01", "act/malformed"),
        (b"a" * 70_000, "gateway/body-too-large"),
    ],
)
async def test_what_is_no_act_is_refused(api: Api, body: bytes, code: str) -> None:
    status, found = await problem(await api.act(body))
    assert (status, found) == (413 if code.startswith("gateway") else 400, code)


async def test_another_media_type_is_refused(api: Api, town: Commons) -> None:
    response = await api.act(
        town.ballot("o1", UNITS[0]), headers={"Content-Type": "application/json"}
    )
    assert await problem(response) == (415, "gateway/media-type")


async def test_another_community_is_not_found(api: Api, town: Commons) -> None:
    act = town.ballot("o1", UNITS[0], community="elsewhere")
    response = await api.request(
        "POST",
        "/v1/communities/elsewhere/acts",
        data=act,
        headers={"Content-Type": "application/jose"},
    )
    assert await problem(response) == (404, "community/unknown")


@pytest.mark.parametrize(
    ("trouble", "expected", "retry_after"),
    [
        (NotEndorsed("EndorseError"), (502, "gateway/not-endorsed"), None),
        (NotEndorsed("EndorseError", is_defect=True), (502, "gateway/contract-failed"), None),
        (Busy("RESOURCE_EXHAUSTED"), (503, "gateway/network-busy"), "1"),
        (NotApplied("tx9", "MVCC_READ_CONFLICT", retryable=True), (409, "gateway/conflict"), None),
        (
            NotApplied("tx9", "ENDORSEMENT_POLICY_FAILURE", retryable=False),
            (409, "gateway/conflict"),
            None,
        ),
    ],
    ids=str,
)
async def test_each_failing_step_has_its_answer(
    api: Api,
    town: Commons,
    ledger: ContractLedger,
    trouble: Any,
    expected: tuple[int, str],
    retry_after: str | None,
) -> None:
    stays = deque([trouble] * 50)
    if isinstance(trouble, NotApplied):
        ledger.commit_trouble = stays
    else:
        ledger.endorse_trouble = stays
    response = await api.act(town.ballot("o1", UNITS[0]))
    assert await problem(response) == expected
    assert response.headers.get("Retry-After") == retry_after


async def test_an_unknown_outcome_is_202_with_a_place_to_ask(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.gate.clear()
    act = town.ballot("o1", UNITS[0])
    async with serving(town, ledger, BatchSection(window_s=0, answer_s=0.05)) as api:
        response = await api.act(act)
        assert response.status == 202
        place = response.headers["Location"]
        assert (await api.get(place)).status == 202
        ledger.gate.set()
        answer = await _until_known(api, place)
        assert answer["code"] == "accepted"
        again = await (await api.act(act)).json()
        assert again["tx_id"] == answer["tx_id"]


async def test_a_refusal_that_came_late_is_told_at_that_place(
    town: Commons, ledger: ContractLedger
) -> None:
    ledger.gate.clear()
    async with serving(town, ledger, BatchSection(window_s=0.02, answer_s=0.05)) as api:
        late, good = await asyncio.gather(
            api.act(town.ballot("o1", UNITS[1])), api.act(town.ballot("o3", UNITS[2]))
        )
        assert (late.status, good.status) == (202, 202)
        ledger.gate.set()
        await _until_known(api, good.headers["Location"])
        told = await api.get(late.headers["Location"])
        assert await problem(told) == (403, "ballot/not-your-unit")


async def test_what_stays_unknown_stays_202(town: Commons, ledger: ContractLedger) -> None:
    ledger.commit_trouble = deque([Lost(is_applied=False, unknown_count=1_000)])
    async with serving(town, ledger) as api:
        response = await api.act(town.ballot("o1", UNITS[0]))
        assert response.status == 202
        assert (await api.get(response.headers["Location"])).status == 202


async def test_an_act_nobody_sent_is_not_found(api: Api) -> None:
    response = await api.get(f"/acts/cred-o1/{'0' * 32}")
    assert await problem(response) == (404, "act/unknown-nonce")


async def test_an_act_is_found_after_a_restart(town: Commons, ledger: ContractLedger) -> None:
    act = town.ballot("o1", UNITS[0], nonce="7" * 32)
    async with serving(town, ledger) as api:
        accepted = await (await api.act(act)).json()
    async with serving(town, ledger) as api:
        found = await (await api.get(f"/acts/cred-o1/{'7' * 32}")).json()
        assert found["tx_id"] == accepted["tx_id"]


async def test_a_full_gateway_says_when_to_come_back(town: Commons, ledger: ContractLedger) -> None:
    ledger.gate.clear()
    async with serving(town, ledger, BatchSection(window_s=0, answer_s=1, waiting_max=1)) as api:
        first = asyncio.create_task(api.act(town.ballot("o1", UNITS[0])))
        async with asyncio.timeout(5):
            while not ledger.in_flight:
                await asyncio.sleep(0.001)
        response = await api.act(town.ballot("o2", UNITS[1]))
        assert await problem(response) == (503, "gateway/full")
        assert response.headers["Retry-After"] == "2"
        ledger.gate.set()
        assert (await first).status == 200


async def test_one_credential_cannot_flood(town: Commons, ledger: ContractLedger) -> None:
    limits = LimitsSection(credential_per_s=0.001, credential_burst=2)
    async with serving(town, ledger, limits) as api:
        statuses = [(await api.act(town.ballot("o1", UNITS[1]))).status for _ in range(3)]
        assert statuses == [403, 403, 429]
        assert (await api.act(town.ballot("o2", UNITS[1]))).status == 200


async def test_one_address_cannot_flood(town: Commons, ledger: ContractLedger) -> None:
    limits = LimitsSection(address_per_s=0.5, address_burst=2)
    async with serving(town, ledger, limits) as api:
        responses = [await api.get("") for _ in range(3)]
        assert [response.status for response in responses] == [200, 200, 429]
        assert await problem(responses[2]) == (429, "gateway/too-many-requests")
        assert responses[2].headers["Retry-After"] == "2"


async def test_a_stop_answers_what_was_accepted(town: Commons, ledger: ContractLedger) -> None:
    ledger.gate.clear()
    async with serving(town, ledger) as api:
        waiting = asyncio.create_task(api.act(town.ballot("o1", UNITS[0])))
        async with asyncio.timeout(5):
            while not ledger.in_flight:
                await asyncio.sleep(0.001)
        closing = asyncio.create_task(api.client.server.close())
        await asyncio.sleep(0.01)
        ledger.gate.set()
        assert (await waiting).status == 200
        await closing


async def _until_known(api: Api, place: str) -> Any:
    async with asyncio.timeout(5):
        while (response := await api.get(place)).status == 202:
            await asyncio.sleep(0.005)
    assert response.status == 200, await response.text()
    return await response.json()
