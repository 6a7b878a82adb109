"""Webhooks: in order, signed, until taken, never lost, and never to the inside."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.access import Who
from gateway.errors import Problem
from gateway.live import webhooks as webhooks_module
from gateway.live.outside import Outside
from gateway.live.part import LIVE, LiveSection
from gateway.live.webhooks import ATTEMPTS_MAX, BACKOFF_MAX_MS, backoff_ms
from gateway.projection.readmodel import BEGINNING
from tests.gateway.live.conftest import Subscriber
from tests.support.api import as_
from tests.support.chain import recorded_town
from tests.support.community import UNITS
from tests.support.readmodel import Desk, desk, until

OPERATOR = as_(Who.OPERATOR)


async def subscribe(at: Desk, url: str, *events: str) -> dict[str, Any]:
    answer = await at.api.post("/webhooks", OPERATOR, json={"url": url, "events": list(events)})
    assert answer.status == 200, await answer.text()
    made: dict[str, Any] = await answer.json()
    return made


async def drafted(at: Desk, *motions: str) -> None:
    for motion in motions:
        await at.town.drafted(motion)
    await at.catch_up(per_block=1)


async def test_deliveries_come_in_order_signed_and_filtered(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber
) -> None:
    async with desk(tmp_path, live_section) as at:
        made = await subscribe(at, subscriber.url, "MotionDrafted")
        await drafted(at, "m1")
        await at.town.published("m1")
        await drafted(at, "m2", "m3")
        await until(lambda: len(subscriber.got) == 3)
        assert [body["data"]["motion_id"] for body in subscriber.bodies] == ["m1", "m2", "m3"]
        assert {body["type"] for body in subscriber.bodies} == {"MotionDrafted"}
        assert len(set(subscriber.ids)) == 3
        key = base64.b64decode(made["secret"].removeprefix("whsec_"))
        for headers, body in subscriber.got:
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            assert headers["webhook-signature"] == f"v1,{mac}"


async def test_a_channel_that_comes_late_is_delivered_from_then_on(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber
) -> None:
    async with desk(tmp_path, live_section) as at:
        live = at.app[LIVE]
        tails = live.tails
        assert isinstance(tails, dict)
        tail = tails.pop("fuzemen")
        answer = await at.api.get("/events", as_(Who.OWNER, "o1"))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        await subscribe(at, subscriber.url, "MotionDrafted")
        await drafted(at, "m1")
        tails["fuzemen"] = tail
        assert live.dispatcher is not None
        live.dispatcher.look()
        await until(lambda: len(subscriber.got) == 1)


async def test_a_final_result_brings_the_package_and_a_message(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber
) -> None:
    async with desk(tmp_path, live_section) as at:
        await subscribe(at, subscriber.url, "ResultFinal")
        await at.town.open_motion()
        await at.town.agreed(*(at.town.ballot(f"o{i + 1}", u) for i, u in enumerate(UNITS)))
        await at.town.final()
        await at.catch_up()
        await until(lambda: len(subscriber.got) == 1)
        (body,) = subscriber.bodies
        stored = at.town.ledger.state()["fuzemen/certificate/m1"]
        package = body["package"]
        assert package["certificate_sha256"] == hashlib.sha256(stored).hexdigest()
        assert package["hashes"]["ballots_sha256"] == package["certificate"]["ballots_sha256"]
        content = package["certificate"]["motion"]["content"]
        assert [one["sha256"] for one in package["documents"]] == [content["text"]["sha256"]]
        assert body["message"]["zh"] == "《Repair the gate》的表决结果已生效。"
        answer = await at.api.get("/motions/m1/package", as_(Who.REGULATOR_CLERK))
        assert await answer.json() == package
        assert (await at.api.get("/motions/m2/package", OPERATOR)).status == 404


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of a millisecond on the town's clock."""
    monkeypatch.setattr(webhooks_module, "BACKOFF_FIRST_MS", 1)
    monkeypatch.setattr(webhooks_module, "BACKOFF_MAX_MS", 1)


def passing_time(at: Desk) -> bool:
    at.town.ledger.now_ms += 10
    return True


@pytest.mark.usefixtures("quick")
async def test_what_is_refused_comes_again_with_the_same_id_and_holds_the_rest_back(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber
) -> None:
    subscriber.statuses += [500, 302, 404]
    async with desk(tmp_path, live_section) as at:
        await subscribe(at, subscriber.url, "MotionDrafted")
        await drafted(at, "m1", "m2")
        await until(lambda: passing_time(at) and len(subscriber.got) == 5)
        motions = [body["data"]["motion_id"] for body in subscriber.bodies]
        assert motions == ["m1", "m1", "m1", "m1", "m2"]
        assert len(set(subscriber.ids[:4])) == 1


@pytest.mark.usefixtures("quick")
async def test_what_is_never_taken_is_given_up_kept_and_can_be_sent_again(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber, either_database: str
) -> None:
    subscriber.statuses += [503] * ATTEMPTS_MAX
    async with desk(tmp_path, live_section, database=either_database) as at:
        hook = (await subscribe(at, subscriber.url, "MotionDrafted"))["webhook"]["id"]
        await drafted(at, "m1", "m2")
        await until(lambda: passing_time(at) and len(subscriber.got) == ATTEMPTS_MAX + 1)
        assert subscriber.bodies[-1]["data"]["motion_id"] == "m2"
        letters = await (await at.api.get(f"/webhooks/{hook}/dead-letters", OPERATOR)).json()
        assert [(one["attempts"], one["reason"]) for one in letters] == [
            (ATTEMPTS_MAX, "status 503")
        ]
        place = letters[0]["position"]
        behind = f"{place['block']}:{place['tx_index']}:{place['event_index']}"
        path = f"/webhooks/{hook}/dead-letters"
        assert await (await at.api.get(f"{path}?after={behind}", OPERATOR)).json() == []
        for wrong in ("after=1:2", "after=m1", "limit=0", "limit=1001", "before=1:0:0"):
            assert (await at.api.get(f"{path}?{wrong}", OPERATOR)).status == 400
        again = f"/webhooks/{hook}/dead-letters/{letters[0]['delivery_id']}/redelivery"
        subscriber.statuses += [500]
        refused = await at.api.post(again, OPERATOR)
        assert (refused.status, (await refused.json())["code"]) == (502, "webhook/refused")
        assert (await at.api.post(again, OPERATOR)).status == 200
        assert subscriber.bodies[-1]["data"]["motion_id"] == "m1"
        assert subscriber.ids[-1] == subscriber.ids[0]
        assert (await at.api.post(again, OPERATOR)).status == 404


async def test_a_replay_sends_everything_again_under_the_same_ids(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber, either_database: str
) -> None:
    async with desk(tmp_path, live_section, database=either_database) as at:
        hook = (await subscribe(at, subscriber.url))["webhook"]["id"]
        await drafted(at, "m1")
        await until(lambda: len(subscriber.got) == 1)
        answer = await at.api.post(f"/webhooks/{hook}/replay", OPERATOR, json={"from_block": 0})
        assert answer.status == 200
        every = await at.model.events("fuzemen", BEGINNING, limit=1000)
        await until(lambda: len(subscriber.got) == 1 + len(every))
        assert [body["type"] for body in subscriber.bodies[1:]] == [one.name for one in every]
        assert subscriber.ids[-1] == subscriber.ids[0]


async def test_what_happened_while_the_gateway_was_down_is_delivered(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber
) -> None:
    town = await recorded_town().settle()
    async with desk(tmp_path, live_section, town=town) as at:
        await subscribe(at, subscriber.url, "MotionDrafted")
    await town.drafted("m1")
    async with desk(tmp_path, live_section, town=town, chain=at.source.chain):
        await until(lambda: len(subscriber.got) == 1)


async def test_an_ended_subscription_gets_nothing(
    tmp_path: Path, live_section: LiveSection, subscriber: Subscriber
) -> None:
    async with desk(tmp_path, live_section) as at:
        ended = (await subscribe(at, subscriber.url))["webhook"]["id"]
        assert (await at.api.request("DELETE", f"/webhooks/{ended}", OPERATOR)).status == 200
        await subscribe(at, subscriber.url, "MotionDrafted")
        await drafted(at, "m1")
        await until(lambda: len(subscriber.got) == 1)
        listed = await (await at.api.get("/webhooks", OPERATOR)).json()
        assert [one["id"] for one in listed] != [ended]
        for method, place in (("DELETE", ""), ("GET", "/dead-letters")):
            gone = await at.api.request(method, f"/webhooks/{ended}{place}", OPERATOR)
            assert (await gone.json())["code"] == "webhook/unknown"


async def test_without_a_key_there_are_no_webhooks(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        answer = await at.api.post("/webhooks", OPERATOR, json={"url": "https://example.org/"})
        assert (answer.status, (await answer.json())["code"]) == (503, "webhook/no-key")


@pytest.mark.parametrize("who", [Who.OWNER, Who.REGULATOR_CLERK, Who.COMPANY_CLERK])
async def test_only_the_operator_subscribes(tmp_path: Path, who: Who) -> None:
    async with desk(tmp_path) as at:
        answer = await at.api.post("/webhooks", as_(who), json={"url": "https://example.org/"})
        assert (answer.status, (await answer.json())["code"]) == (403, "gateway/not-for-you")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://192.168.0.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://user:password@example.org/",
        "https://example.org/#x",
        "https://",
        "example.org",
        "https://example.org/" + "x" * 500,
    ],
)
def test_addresses_inside_are_refused(url: str) -> None:
    with pytest.raises(Problem) as refused:
        Outside([], plain_http=False).require_url(url)
    assert (refused.value.status, refused.value.code) == (422, "webhook/bad-address")


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1"])
async def test_a_name_that_leads_inside_is_not_connected_to(
    host: str, subscriber: Subscriber
) -> None:
    port = subscriber.url.rpartition(":")[2].partition("/")[0]
    outside = Outside([], plain_http=True)
    async with outside.session() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"http://{host}:{port}/hook")
    assert subscriber.got == []
    allowed = Outside([ipaddress.ip_network("127.0.0.0/8")], plain_http=True)
    async with allowed.session() as session, asyncio.timeout(60):
        assert (await session.post(f"http://127.0.0.1:{port}/hook")).status == 200


def test_the_waits_double_up_to_an_hour() -> None:
    assert [backoff_ms(count) for count in (1, 2, 3)] == [1_000, 2_000, 4_000]
    assert backoff_ms(ATTEMPTS_MAX * 5) == BACKOFF_MAX_MS
