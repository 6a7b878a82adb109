"""Logs, figures and health: what operators see, and what nobody must find there."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.access import Who
from gateway.appkeys import READINESS
from gateway.errors import NotReady
from gateway.health import operations_app
from gateway.logs import JsonFormatter
from tests.support.api import Api, as_, serving
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.people import Person

MARKER = "zhangsan13812345678"


class Kept(logging.Handler):
    """Every record of the process as its line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Any:
    handler, root = Kept(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def ledger_of() -> list[ContractLedger]:
    return []


@pytest.fixture
async def api(ledger_of: list[ContractLedger]) -> AsyncIterator[Api]:
    town = await Commons().settle()
    await town.open_motion()
    ledger_of.append(ContractLedger(town))
    async with serving(town, ledger_of[0]) as api:
        yield api


async def test_nothing_that_somebody_sent_is_in_a_log(
    api: Api, kept: Kept, ledger_of: list[ContractLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = as_(Who.OWNER, MARKER)
    person = Person(MARKER, MARKER)
    act = api.town.act(person, "cast_ballot", motion_id=MARKER, unit_ids=[MARKER], choices=[MARKER])
    await api.act(act)
    await api.act(MARKER.encode() * 3)
    await api.act(api.town.ballot("o1", UNITS[0], motion_id=MARKER))
    await api.get(f"/motions/{MARKER}", owner)
    await api.get(f"/motions?{MARKER}={MARKER}", owner)
    await api.get(f"/{MARKER}", headers={"X-Forwarded-For": MARKER, "User-Agent": MARKER})
    await api.get("", headers={"Authorization": f"Bearer {MARKER}", "Cookie": f"a={MARKER}"})
    await api.request("PUT", "/words", as_(Who.OPERATOR), json={"words": [MARKER], MARKER: 1})

    async def breaks(*_: Any, **__: Any) -> bytes:
        raise RuntimeError(f"a defect that quotes {MARKER}")

    monkeypatch.setattr(ledger_of[0], "query", breaks)
    response = await api.get(f"/motions/{MARKER}", owner)
    assert response.status == 500
    text = "\n".join(kept.lines)
    assert '"error": "RuntimeError"' in text
    assert MARKER not in text
    assert MARKER not in await response.text()


async def test_a_request_is_logged_by_its_routes_name(api: Api, kept: Kept) -> None:
    response = await api.get("/motions/m1", as_(Who.OWNER, "o1"))
    (entry,) = [json.loads(line) for line in kept.lines if '"gateway.requests"' in line]
    assert (entry["route"], entry["method"], entry["status"]) == ("motion", "GET", 200)
    assert entry["request_id"] == response.headers["X-Request-Id"]
    assert entry["duration_ms"] >= 0


async def test_figures_are_counted_by_route(api: Api) -> None:
    await api.get("/motions/m1", as_(Who.OWNER, "o1"))
    await api.get("/motions/m9", as_(Who.OWNER, "o1"))
    await api.act(api.town.ballot("o1", UNITS[0]))
    async with TestClient(TestServer(operations_app(api.app))) as operator:
        text = await (await operator.get("/metrics")).text()
    assert 'gateway_requests_total{method="GET",route="motion",status="200"} 1.0' in text
    assert 'gateway_requests_total{method="GET",route="motion",status="404"} 1.0' in text
    assert 'gateway_acts_total{outcome="accepted"} 1.0' in text
    assert "gateway_acts_waiting 0.0" in text


async def test_the_service_is_alive_and_says_what_is_not_ready(api: Api) -> None:
    async def lost() -> None:
        raise NotReady("no peer answers")

    async with TestClient(TestServer(operations_app(api.app))) as operator:
        assert (await operator.get("/healthz")).status == 200
        assert await (await operator.get("/readyz")).json() == {"ready": True, "reasons": {}}
        api.app[READINESS]["ledger"] = lost
        response = await operator.get("/readyz")
        assert response.status == 503
        assert await response.json() == {"ready": False, "reasons": {"ledger": "no peer answers"}}
        assert (await operator.get("/healthz")).status == 200, "unready is not dead"


async def test_a_check_that_hangs_is_not_ready(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.health.CHECK_S_MAX", 0.05)

    async def hangs() -> None:
        await asyncio.Event().wait()

    api.app[READINESS]["peer"] = hangs
    async with TestClient(TestServer(operations_app(api.app))) as operator:
        response = await operator.get("/readyz")
        assert response.status == 503
        assert "peer" in (await response.json())["reasons"]


async def test_operations_are_not_on_the_public_address(api: Api) -> None:
    for path in ("/metrics", "/healthz", "/readyz"):
        assert (await api.client.get(path)).status == 404


async def test_answers_carry_safe_headers(api: Api) -> None:
    response = await api.get("")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Server"] == "commonhold"


async def test_a_failure_that_is_raised_by_hand_is_not_logged_as_a_defect(
    api: Api, kept: Kept
) -> None:
    await api.get("/motions/m9", as_(Who.OWNER, "o1"))
    assert not [line for line in kept.lines if '"level": "ERROR"' in line]


def test_the_formatter_keeps_types_and_places_only() -> None:
    with pytest.raises(ValueError, match=MARKER) as caught:
        int(MARKER)
    error = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "failed", (), error)
    entry = json.loads(JsonFormatter().format(record))
    assert entry["error"] == "ValueError"
    assert MARKER not in json.dumps(entry)
    assert entry["frames"]
