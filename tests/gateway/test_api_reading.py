"""Reading and stating over HTTP: the chaincode's own bytes, validators, pages, filters."""

import json
import typing
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse

from chaincode.contract.registry import HANDLERS
from chaincode.model.act import ACT_BYTES_MAX
from chaincode.model.base import Org
from gateway.access import Who
from gateway.api import ledger as ledger_rows
from gateway.api import money, people, public, statements, voting
from gateway.api.people import ROLL_BYTES_MAX
from gateway.errors import NotApplied, NotEndorsed, OutcomeUnknown
from gateway.routes import BODY_BYTES_MAX, Route
from tests.support.api import Api, as_, serving
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.town import unit_row

OWNER = as_(Who.OWNER, "o1")
CLERK = as_(Who.REGULATOR_CLERK, "clerk-a")


@pytest.fixture
async def town() -> Commons:
    return await Commons().settle()


@pytest.fixture
def ledger(town: Commons) -> ContractLedger:
    return ContractLedger(town, org=Org.REGULATOR)


@pytest.fixture
async def api(town: Commons, ledger: ContractLedger) -> AsyncIterator[Api]:
    async with serving(town, ledger, org=Org.REGULATOR) as api:
        yield api


async def code(response: ClientResponse) -> tuple[int, str]:
    return response.status, str((await response.json())["code"])


async def test_an_answer_is_the_peers_own_bytes(api: Api, town: Commons) -> None:
    response = await api.get(f"/units/{UNITS[0]}", OWNER)
    outcome = await town.query("unit", unit_id=UNITS[0])
    assert await response.read() == outcome.payload


async def test_who_has_the_answer_already_gets_304(api: Api, town: Commons) -> None:
    first = await api.get(f"/units/{UNITS[0]}", OWNER)
    etag = first.headers["ETag"]
    again = await api.get(f"/units/{UNITS[0]}", OWNER, headers={"If-None-Match": etag})
    assert (again.status, await again.read()) == (304, b"")
    await town.sell(UNITS[0], "buyer")
    changed = await api.get(f"/units/{UNITS[0]}", OWNER, headers={"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


async def test_private_answers_are_not_for_shared_caches(api: Api) -> None:
    assert (await api.get("/committee", OWNER)).headers["Cache-Control"].startswith(("no", "priv"))
    response = await api.get(f"/units/{UNITS[0]}", OWNER)
    assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/motions/m9", (404, "motion/unknown")),
        ("/units/9-9-9", (404, "unit/unknown")),
        ("/motions/m9/certificate", (404, "certificate/unknown")),
        ("/credentials/none", (404, "credential/not-found")),
        ("/committee", (404, "committee/none")),
        ("/motions/bad id", (400, "input/bad-id")),
        ("/motions/%2e%2e%2fm1", (400, "input/bad-id")),
        ("/committees/minus", (400, "input/bad-id")),
        ("/committees/-1", (400, "input/bad-id")),
        ("/motions?colour=red", (400, "gateway/bad-parameter")),
        ("/motions?limit=many", (400, "gateway/bad-parameter")),
        ("/motions?limit=1&limit=2", (400, "gateway/bad-parameter")),
        ("/motions?phase=gone", (400, "gateway/bad-parameter")),
        (f"/units/{UNITS[0]}?x=1", (400, "gateway/bad-parameter")),
        ("/nothing", (404, "gateway/no-such-resource")),
        ("/transactions/none", (404, "gateway/no-such-transaction")),
    ],
)
async def test_a_reader_hears_why_not(api: Api, path: str, expected: tuple[int, str]) -> None:
    assert await code(await api.get(path, OWNER)) == expected


async def test_another_method_is_refused(api: Api) -> None:
    response = await api.request("DELETE", "/motions/m1", OWNER)
    assert await code(response) == (405, "gateway/method-not-allowed")


async def test_motions_come_in_pages_and_by_phase(api: Api, town: Commons) -> None:
    for number in range(5):
        await town.drafted(f"m{number}")
    await town.published("m3")
    found, path = [], "/motions?limit=2"
    while path:
        response = await api.get(path, OWNER)
        found += [one["motion"]["motion_id"] for one in (await response.json())["motions"]]
        link = response.headers.get("Link", "")
        path = link.partition("<")[2].partition(">")[0]
    assert found == ["m0", "m1", "m2", "m3", "m4"]
    drafts = await (await api.get("/motions?phase=notice", OWNER)).json()
    assert [one["motion"]["motion_id"] for one in drafts["motions"]] == ["m3"]


async def test_a_statement_is_made_for_the_organisation(api: Api, town: Commons) -> None:
    content = town.content()
    response = await api.request("PUT", "/motions/m1", CLERK, json={"content": content})
    assert response.status == 200
    assert response.headers["X-Block-Number"] == "1"
    view = await (await api.get("/motions/m1", OWNER)).json()
    assert view["motion"]["drafted"]["initiator"] == "regulator"


async def test_the_same_statement_again_gets_the_same_answer(api: Api) -> None:
    words = {"words": ["scheme"]}
    answers = [await (await api.request("PUT", "/words", CLERK, json=words)).json() for _ in "12"]
    assert answers[0]["words"] == answers[1]["words"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"json": {}}, (400, "input/malformed")),
        ({"json": {"words": ["a"], "more": 1}}, (400, "input/malformed")),
        ({"json": {"words": "a"}}, (400, "input/malformed")),
        ({"json": {"words": [1.5]}}, (400, "input/malformed")),
        ({"data": b'{"words":[],"words":["a"]}', "headers": {"Content-Type": "application/json"}},
         (400, "input/duplicate-field")),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, (400, "input/malformed")),
        ({"data": b"\xff", "headers": {"Content-Type": "application/json"}},
         (400, "input/malformed")),
        ({"data": b"words=a"}, (415, "gateway/media-type")),
        ({"json": {"words": ["x" * 70_000]}}, (413, "gateway/body-too-large")),
    ],
)  # fmt: skip
async def test_a_bad_body_never_reaches_the_ledger(
    api: Api, ledger: ContractLedger, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert await code(await api.request("PUT", "/words", CLERK, **body)) == expected
    assert not ledger.calls


async def test_a_body_without_a_length_is_cut_at_the_limit(api: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 65_536

    response = await api.request(
        "PUT", "/words", CLERK, data=chunks(), headers={"Content-Type": "application/json"}
    )
    assert await code(response) == (413, "gateway/body-too-large")


@pytest.mark.parametrize(
    ("method", "path", "media_type", "bytes_max"),
    [
        ("PUT", "/words", "application/json", BODY_BYTES_MAX),
        ("POST", "/acts", "application/jose", ACT_BYTES_MAX),
        ("POST", "/roll/preview", "application/json", ROLL_BYTES_MAX),
    ],
)
async def test_each_route_has_a_limit_of_its_own(
    api: Api, method: str, path: str, media_type: str, bytes_max: int
) -> None:
    """Also for what announces no length: the first byte too many is refused, the last one is
    read and found to be nonsense."""

    async def chunks(bytes_count: int) -> AsyncIterator[bytes]:
        for start in range(0, bytes_count, 65_536):
            yield b"x" * min(65_536, bytes_count - start)

    headers = {"Content-Type": media_type}
    for over, status in ((0, 400), (1, 413)):
        response = await api.request(
            method, path, CLERK, data=chunks(bytes_max + over), headers=headers
        )
        assert response.status == status, await response.text()


async def test_a_body_where_none_belongs_is_refused(api: Api) -> None:
    response = await api.post("/roll/freezes", CLERK, json={"x": 1})
    assert await code(response) == (400, "input/malformed")


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (NotEndorsed("EndorseError"), (502, "gateway/not-endorsed")),
        (NotApplied("tx1", "ENDORSEMENT_POLICY_FAILURE", retryable=False),
         (409, "gateway/conflict")),
    ],
)  # fmt: skip
async def test_a_statement_that_fails_says_how(
    api: Api, ledger: ContractLedger, trouble: Any, expected: tuple[int, str]
) -> None:
    ledger.commit_trouble = deque([trouble])
    assert await code(await api.post("/roll/freezes", CLERK)) == expected


async def test_a_statement_of_unknown_outcome_says_where_to_ask(
    api: Api, ledger: ContractLedger
) -> None:
    ledger.commit_trouble = deque([OutcomeUnknown("tx77")])
    response = await api.post("/roll/freezes", CLERK)
    assert response.status == 202
    assert response.headers["Location"] == f"{api.root}/transactions/tx77"
    assert await code(await api.get(response.headers["Location"], CLERK)) == (
        404,
        "gateway/no-such-transaction",
    )


async def test_a_transaction_is_found_by_its_id(api: Api, town: Commons) -> None:
    await town.open_motion()
    sent = await (await api.act(town.ballot("o1", UNITS[0]))).json()
    found = await (await api.get(f"/transactions/{sent['tx_id']}", OWNER)).json()
    assert found == {"tx_id": sent["tx_id"], "code": "VALID", "is_applied": True}


async def test_a_roll_is_previewed_without_being_written(api: Api, town: Commons) -> None:
    before = town.ledger.state()
    rows = [unit_row("9-1-1", "new-owner")]
    response = await api.post("/roll/preview", CLERK, json={"units": rows})
    assert response.status == 200
    assert town.ledger.state() == before


async def test_a_community_is_opened_by_the_operator(town: Commons) -> None:
    town.community = "newtown"
    ledger = ContractLedger(town, org=Org.REGULATOR)
    async with serving(town, ledger, org=Org.REGULATOR) as api:
        operator = as_(Who.OPERATOR)
        body = {"channel": "fuzemen", "modules": ["voting"]}
        assert (await api.request("PUT", "", operator, json=body)).status == 200
        assert (await (await api.get("")).json())["modules"] == ["voting"]
        other = await api.request("PUT", "", operator, json={**body, "channel": "none"})
        assert await code(other) == (404, "gateway/no-such-resource")
        again = await api.request("PUT", "", operator, json={**body, "modules": ["funds"]})
        assert await code(again) == (409, "community/exists-with-different-modules")


async def test_the_communities_are_listed(api: Api) -> None:
    response = await api.get("/v1/communities")
    assert await response.json() == {"communities": ["fuzemen"]}


async def test_a_whole_vote_over_http(api: Api, town: Commons) -> None:
    """From the draft to the certificate, each step by who may."""
    made = await api.request("PUT", "/motions/m1", CLERK, json={"content": town.content()})
    assert made.status == 200
    notice = {name: value for name, value in town.notice().items() if name != "motion_id"}
    assert (await api.post("/motions/m1/publication", CLERK, json=notice)).status == 200
    town.ledger.now_ms = notice["opens_at"]
    for number, unit in enumerate(UNITS, start=1):
        assert (await api.act(town.ballot(f"o{number}", unit))).status == 200
    assert await code(await api.post("/motions/m1/close", CLERK)) == (409, "motion/wrong-phase")
    town.ledger.now_ms = notice["closes_at"]
    assert (await api.post("/motions/m1/close", CLERK)).status == 200
    result = await (await api.post("/motions/m1/count", CLERK)).json()
    assert result["decision"]["outcome"] == "carried"
    late = await api.act(town.ballot("o1", UNITS[0]))
    assert (await code(late))[0] == 409
    town.ledger.now_ms += 30 * 24 * 60 * 60 * 1000
    assert (await api.post("/motions/m1/finalisation", CLERK)).status == 200
    certificate = await (await api.get("/motions/m1/certificate")).json()
    assert certificate["decision"]["outcome"] == "carried"
    board = await (await api.get("/motions/m1/board?limit=2", OWNER)).json()
    assert [row["unit_id"] for row in board["rows"]] == sorted(UNITS)[:2]


STATED = [
    route
    for route in (
        *people.ROUTES,
        *voting.ROUTES,
        *money.ROUTES,
        *statements.ROUTES,
        *public.ROUTES,
        *ledger_rows.ROUTES,
    )
    if route.name in HANDLERS
]


@pytest.mark.parametrize("route", STATED, ids=lambda route: route.name)
def test_a_row_has_the_fields_of_its_call(route: Route) -> None:
    """Path, parameters and body together are exactly what the chaincode asks."""
    asked = {
        field.name: field.type
        for field in msgspec.structs.fields(HANDLERS[route.name].request)
        if field.name != "community"
    }
    given = {name: route.path_kind(name) for name in route.path_names if name != "community"}
    given |= {parameter.name: parameter.kind for parameter in route.parameters}
    body = msgspec.structs.fields(route.body) if route.body is not None else ()
    given |= {field.name: field.type for field in body}
    assert set(asked) <= set(given)
    assert set(given) - set(asked) <= {"channel", "phase", "after", "limit"}
    for name in asked:
        if route.body is not None and name not in route.path_names:
            assert _shape(given[name]) == _shape(asked[name]), name


def _shape(kind: Any) -> Any:
    """A record's fields and their shapes, whatever it is called."""
    (schema,), components = msgspec.json.schema_components([kind])

    def expand(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return expand(components[node["$ref"].rsplit("/", 1)[1]])
            left_out = ("title", "description")
            return {key: expand(value) for key, value in node.items() if key not in left_out}
        return [expand(item) for item in node] if isinstance(node, list | tuple) else node

    return expand(schema)


@pytest.mark.parametrize("route", STATED, ids=lambda route: route.name)
def test_a_row_has_the_answer_of_its_call(route: Route) -> None:
    promised = typing.get_type_hints(HANDLERS[route.name].run)["return"]
    if route.name == "accepted_act":
        return
    own, theirs = _shape(route.answer), _shape(promised)
    assert own["properties"].keys() == theirs["properties"].keys()
    assert _loosely(own) == _loosely(theirs)


def _loosely(shape: Any) -> str:
    """Names and types; whether unknown fields are refused is the reader's business."""
    text = json.dumps(shape, sort_keys=True)
    return text.replace(', "additionalProperties": false', "").replace(
        '"additionalProperties": false, ', ""
    )
