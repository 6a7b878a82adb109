"""The interface as documents: complete, readable, and true of the service."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from chaincode.model.base import Org
from gateway.access import MATRIX, Who
from gateway.api import documents
from gateway.errors import Busy
from gateway.limits import LimitsSection
from gateway.openapi import HEADERS, openapi
from gateway.problems import CODES
from gateway.sentences import LANGUAGES, load_sentences, preferred_language
from gateway.settings import Section
from scripts.spec import refusal_codes
from tests.support.api import Api, as_, core_parts, serving
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.declared import Declared

ROUTES = [route for part in core_parts() for route in part.routes]
STANDINGS = ("revoked", "replaced", "suspended", "not-yet-valid", "expired")
READ_JWS = ("oversize", "algorithm", "type", "malformed")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    town = await Commons().settle()
    async with serving(town, ContractLedger(town)) as api:
        yield api


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(openapi(ROUTES)))  # type: ignore[no-any-return]


def test_every_route_is_in_it(document: dict[str, Any]) -> None:
    found = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert found == {route.name for route in ROUTES if not route.is_page}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert names == set(document["components"]["schemas"])


def test_patterns_are_those_of_json_schema(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "\\\\A" not in text
    assert "\\\\Z" not in text


def test_what_is_not_public_asks_for_a_credential(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            is_public = Who.ANYONE in MATRIX[operation["operationId"]]
            assert ("security" in operation) != is_public, operation["operationId"]


async def test_it_is_served_and_cached(api: Api) -> None:
    response = await api.get("/v1/openapi.json")
    assert (await response.json())["openapi"] == "3.1.0"
    again = await api.get("/v1/openapi.json", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status == 304


async def test_the_page_names_every_endpoint(api: Api) -> None:
    response = await api.get("/v1/documentation")
    text = await response.text()
    assert response.content_type == "text/html"
    for route in ROUTES:
        if not route.is_page:
            assert f"<code>{route.method} {route.path}</code>" in text


def test_the_page_and_the_document_are_routes_themselves() -> None:
    assert {route.name for route in documents.PART.routes} <= set(MATRIX)


# --- What is sent is declared (`serving` looks at every answer of every test) ---


@pytest.mark.parametrize("status", ["429", "503"])
def test_every_endpoint_may_ask_to_wait(document: dict[str, Any], status: str) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            name = operation["responses"][status]["$ref"].rsplit("/", 1)[1]
            answer = document["components"]["responses"][name]
            assert "Retry-After" in answer["headers"]
            assert list(answer["content"]) == ["application/problem+json"]


def test_every_header_is_one_of_the_components(document: dict[str, Any]) -> None:
    names = set(re.findall(r'"#/components/headers/([^"]+)"', json.dumps(document)))
    assert names == set(document["components"]["headers"]) == set(HEADERS)


@pytest.mark.parametrize(
    ("sections", "refused_after", "expected"),
    [
        ((LimitsSection(address_per_s=0.01, address_burst=2),), 2, 429),
        ((LimitsSection(credential_per_s=0.01, credential_burst=1),), 1, 429),
    ],
)
async def test_who_asks_too_often_hears_how_long_to_wait(
    sections: tuple[Section, ...], refused_after: int, expected: int
) -> None:
    town = await Commons().settle()
    async with serving(town, ContractLedger(town), *sections) as api:
        for _ in range(refused_after):
            assert (await api.get("/motions", as_(Who.OWNER, "o1"))).status == 200
        answer = await api.get("/motions", as_(Who.OWNER, "o1"))
        assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (expected, True)


async def test_a_busy_network_asks_to_wait() -> None:
    town = await Commons().settle()
    ledger = ContractLedger(town, org=Org.REGULATOR, commit_trouble=deque([Busy("UNAVAILABLE")]))
    async with serving(town, ledger, org=Org.REGULATOR) as api:
        answer = await api.post("/roll/freezes", as_(Who.REGULATOR_CLERK, "clerk-a"))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_an_act_names_its_transaction(api: Api) -> None:
    await api.town.open_motion()
    ballot = api.town.ballot("o1", UNITS[0])
    first, again = await api.act(ballot), await api.act(ballot)
    assert first.headers["X-Transaction-Id"] == (await first.json())["tx_id"]
    assert first.headers["X-Block-Number"] == str((await first.json())["block_number"])
    assert again.headers["X-Transaction-Id"] == first.headers["X-Transaction-Id"]
    assert "ETag" not in first.headers


class _Request:
    """As much of a request as is looked at."""

    def __init__(self, name: str) -> None:
        self.match_info = SimpleNamespace(route=SimpleNamespace(name=name))


@pytest.mark.parametrize(
    ("name", "status", "header", "expected"),
    [
        ("unit", 201, "", "unit: 201"),
        ("unit", 302, "Location", "unit: 302"),
        ("unit", 200, "Link", "unit: 200 with Link"),
        ("freeze_roll", 200, "ETag", "freeze_roll: 200 with ETag"),
        ("freeze_roll", 304, "", "freeze_roll: 304"),
        ("unit", 404, "Retry-After", "unit: 404 with Retry-After"),
    ],
)
async def test_what_is_not_declared_is_found(
    name: str, status: int, header: str, expected: str
) -> None:
    declared = Declared({route.name: route for route in ROUTES})
    response = web.Response(status=status, headers={header: "1"} if header else None)
    await declared.look(_Request(name), response)  # type: ignore[arg-type]
    assert declared.undeclared == [expected]


# --- Sentences ---


def codes() -> set[str]:
    """Every code a caller can meet; those made from a noun are spelled out."""
    found = set(refusal_codes()) | set(CODES)
    found |= {f"credential/{standing}" for standing in STANDINGS}
    found |= {f"{noun}/{end}" for noun in ("act", "attestation") for end in (*READ_JWS, "forged")}
    return {code for code in found if "…" not in code} | NOUN_CODES


NOUN_CODES = {"credential/bad-key", "provider/bad-key"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence_and_none_is_left_over(language: str) -> None:
    sentences = load_sentences().by_language[language]
    assert set(sentences) == codes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_sentences(language: str) -> None:
    for code, sentence in load_sentences().by_language[language].items():
        assert 6 <= len(sentence) <= 240, code
        assert sentence.endswith(("。", ".")), code
        assert re.search(r"[\u4e00-\u9fff]", sentence) is not None or language == "en", code
        assert re.search(r"[\u4e00-\u9fff]", sentence) is None or language == "zh", code


async def test_a_problem_speaks_the_language_that_was_asked_for(api: Api) -> None:
    for language in LANGUAGES:
        response = await api.get("/nowhere", headers={"Accept-Language": language})
        document = await response.json()
        assert response.headers["Content-Language"] == language
        assert document["detail"] == load_sentences().of("gateway/no-such-resource", language)


async def test_a_problems_type_leads_to_its_explanation(api: Api) -> None:
    problem = await (await api.get("/nowhere")).json()
    explained = await (await api.get(problem["type"])).json()
    assert explained["code"] == "gateway/no-such-resource"
    assert set(explained["sentences"]) == set(LANGUAGES)
    assert (await api.get("/v1/problems/none/such")).status == 404


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "zh"),
        ("en", "en"),
        ("en-GB,zh;q=0.5", "en"),
        ("zh-CN,en;q=0.9", "zh"),
        ("en;q=0.2, zh;q=0.8", "zh"),
        ("fr", "zh"),
        ("fr, en;q=0.1", "en"),
        ("en;q=oops", "zh"),
        (";;;,,,", "zh"),
    ],
)
def test_the_preferred_language(header: str, expected: str) -> None:
    assert preferred_language(header) == expected
