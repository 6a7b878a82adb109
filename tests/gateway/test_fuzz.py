"""Requests made from the OpenAPI document, right and wrong, by everybody: never a 500, always a
known answer, and nothing for whom the access table names nothing."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import ignored_auth

from chaincode.model.base import Org
from gateway.access import MATRIX, NOBODY_KNOWN, Reader, Who, may
from gateway.assembly import PARTS
from gateway.openapi import openapi
from gateway.problems import CODES
from scripts.spec import refusal_codes
from tests.support.api import WHO_HEADER, as_
from tests.support.whole import whole_service

ROUTES = {route.name: route for part in PARTS for route in part.routes}
EXAMPLES = int(os.environ.get("COMMONHOLD_FUZZ_EXAMPLES", "2"))
EVERYBODY = [who for who in Who if who is not Who.REPRESENTATIVE]
"""Representatives may what owners may."""
ENDLESS = "stream_events"
"""Its answer has no end; it has tests of its own."""
KNOWN = set(CODES) | set(refusal_codes())
PREFIXES = ("act/", "attestation/", "provider/", "credential/")


@schemathesis.serializer("application/jose")
def compact_jws(_context: Any, value: Any) -> bytes:
    """Whatever was made up, as the bytes of a body."""
    return str(value).encode(errors="replace")


schema = schemathesis.openapi.from_dict(openapi(list(ROUTES.values())))


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Org, str]]:
    """Every organisation's gateway."""
    with whole_service(tmp_path_factory.mktemp("whole")) as places:
        yield places


def org_of(name: str) -> Org:
    """At whose gateway an endpoint can be more than refused."""
    orgs = ROUTES[name].orgs
    return Org.REGULATOR if not orgs or Org.REGULATOR in orgs else orgs[0]


@schema.exclude(operation_id=ENDLESS).parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_endpoint_answers_what_it_says(case: "Case[Any]", urls: Mapping[Org, str]) -> None:
    name = case.operation.definition.raw["operationId"]
    for who in EVERYBODY:
        headers = {} if who is Who.ANYONE else {WHO_HEADER: as_(who, "o1")}
        response = case.call(base_url=urls[org_of(name)], headers=headers, timeout=30)
        require_known(case, response, name)
        reader = NOBODY_KNOWN if who is Who.ANYONE else Reader(who=who)
        assert response.status_code >= 400 or may(reader, name), who


def require_known(case: "Case[Any]", response: Any, name: str) -> None:
    """Fails for an answer that the document does not have."""
    assert response.status_code < 500, (name, response.text)
    if response.status_code >= 400:
        assert response.headers["content-type"][0].startswith("application/problem+json")
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["code"] in KNOWN or problem["code"].startswith(PREFIXES), problem
    else:
        # It looks for the proofs that the document names; here a header of the test is the proof.
        case.validate_response(response, excluded_checks=[ignored_auth])


def test_the_document_is_valid_and_names_every_endpoint() -> None:
    schema.validate()
    described = {one.ok().definition.raw["operationId"] for one in schema.get_all_operations()}
    assert described == {name for name, route in ROUTES.items() if not route.is_page}
    assert described <= set(MATRIX)
