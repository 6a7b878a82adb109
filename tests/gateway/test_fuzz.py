"""Requests made from the OpenAPI document, right and wrong: never a 500, always a known answer."""

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from chaincode.model.base import Org
from gateway.access import Who
from gateway.openapi import openapi
from gateway.problems import CODES
from scripts.spec import refusal_codes
from tests.support.api import WHO_HEADER, as_, core_parts, serving
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger

ROUTES = [route for part in core_parts() for route in part.routes]
EXAMPLES = int(os.environ.get("COMMONHOLD_FUZZ_EXAMPLES", "4"))
CLERK = Who.REGULATOR_CLERK
SETUP = {"open_community"}
KNOWN = set(CODES) | set(refusal_codes())
PREFIXES = ("act/", "attestation/", "provider/", "credential/")


@schemathesis.serializer("application/jose")
def compact_jws(_context: Any, value: Any) -> bytes:
    """Whatever was made up, as the bytes of a body."""
    return str(value).encode(errors="replace")


schema = schemathesis.openapi.from_dict(openapi(ROUTES))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A gateway of the regulator in a thread of its own, for the requests come from outside."""
    started = threading.Event()
    place: list[str] = []
    loop = asyncio.new_event_loop()
    over: asyncio.Event = asyncio.Event()

    async def serve() -> None:
        town = await Commons().settle()
        await town.open_motion()
        ledger = ContractLedger(town, org=Org.REGULATOR)
        async with serving(town, ledger, org=Org.REGULATOR) as api:
            place.append(str(api.client.make_url("")).rstrip("/"))
            started.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(60)
    yield place[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(60)
    assert not thread.is_alive()
    loop.close()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_endpoint_answers_what_it_says(case: "Case[Any]", url: str) -> None:
    who = Who.OPERATOR if case.operation.definition.raw["operationId"] in SETUP else CLERK
    response = case.call(base_url=url, headers={WHO_HEADER: as_(who, "o1")}, timeout=30)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"][0].startswith("application/problem+json")
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["code"] in KNOWN or problem["code"].startswith(PREFIXES), problem
    else:
        case.validate_response(response)


def test_the_document_is_valid() -> None:
    schema.validate()
