"""Long lists come in pages: each names the next, none is lost or told twice, and what is no page
is refused.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from chaincode.contract.registry import HANDLERS
from chaincode.model.base import Org
from gateway.access import Who
from gateway.api import money, public, statements, voting
from gateway.api.paging import PER_PAGE, PER_PAGE_MAX
from gateway.api.statements import STATEMENTS_PER_PAGE_MAX
from tests.scenarios.money import FUND, budgeted, funded, request
from tests.support.api import Api, as_, serving
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger

CLERK = as_(Who.REGULATOR_CLERK, "clerk-a")
HASH = "ab" * 32

WHOLE = {
    "payments": ("/funds/f/payments", "payments", "payment.content.payment_id"),
    "fund_budgets": ("/funds/f/budgets", "budgets", "budget_id"),
    "unratified_budgets": ("/funds/f/unratified-budgets", "budgets", "budget_id"),
    "bank_exceptions": ("/bank-exceptions", "exceptions", "exception_id"),
    "objections": ("/motions/m/objections", "objections", "holder_id"),
    "handovers": ("/handovers", "handovers", "handover_id"),
    "disclosures": ("/disclosures", "disclosures", "disclosure_id"),
    "fund_reports": ("/funds/f/reports", "reports", "figures.period.name"),
    "waiting_lines": ("/funds/f/waiting-lines", "lines", "line.line_id"),
}
"""Lists that the peer gives whole: place, field, and what `after` names in a row."""
CUT = {
    "disputes": ("/disputes", "disputes", "dispute_id"),
    "freezes": ("/freezes", "freezes", "freeze.freeze_id"),
    "bulletins": ("/bulletins", "bulletins", "bulletin.bulletin_id"),
}
"""Lists that the peer cuts without a word on whether there is more."""
TELLING = {
    "board": ("/motions/m/board", "rows", "unit_id"),
    "counted_ballots": ("/motions/m/counted-ballots", "ballots", "unit_id"),
    "fund_entries": ("/funds/f/entries", "entries", "entry_id"),
}
"""Lists that the peer cuts and says `next_after` of."""
PAGED = {**WHOLE, **CUT, **TELLING}
ROUTES = {
    route.name: route
    for route in (*money.ROUTES, *public.ROUTES, *statements.ROUTES, *voting.ROUTES)
}


@dataclass
class Shelf(ContractLedger):
    """Answers a query with what a test put there; cuts where the chaincode does."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    async def query(self, community: str, function: str, fields: Mapping[str, Any]) -> bytes:
        self.calls.append((function, dict(fields)))
        _, rows, key = PAGED.get(function, ("", "statements", "sequence"))
        if function not in WHOLE:
            return msgspec.json.encode(self._cut(rows, key, fields))
        return msgspec.json.encode({rows: self.rows, **self.more})

    def _cut(self, rows: str, key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        behind = [row for row in self.rows if _is_behind(at(row, key), fields.get("after"))]
        page = behind[: fields.get("limit", PER_PAGE)]
        following = at(page[-1], key) if len(behind) > len(page) else None
        return {rows: page, "next_after": following}


def _is_behind(key: Any, after: Any) -> bool:
    return after is None or bool(key > after)


def at(row: Any, place: str) -> Any:
    for name in place.split("."):
        row = row[name]
    return row


def row_of(place: str, key: Any, **more: Any) -> dict[str, Any]:
    for name in reversed(place.split(".")):
        key = {name: key}
    return {**key, **more}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Commons(), org=Org.REGULATOR)


@pytest.fixture
async def api(shelf: Shelf) -> AsyncIterator[Api]:
    async with serving(shelf.town, shelf, org=Org.REGULATOR) as api:
        yield api


async def walked(api: Api, path: str, rows: str) -> list[list[Any]]:
    """Every page, as the Link headers lead."""
    pages = []
    while path:
        response = await api.get(path, CLERK)
        assert response.status == 200, await response.text()
        pages.append((await response.json())[rows])
        path = response.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return pages


@pytest.mark.parametrize("name", PAGED)
async def test_every_page_leads_to_the_next(api: Api, shelf: Shelf, name: str) -> None:
    path, rows, key = PAGED[name]
    shelf.rows = [row_of(key, f"x{n}", account_sha256=HASH) for n in range(5)]
    pages = await walked(api, f"{path}?limit=2", rows)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row for page in pages for row in page] == shelf.rows


@pytest.mark.parametrize("name", PAGED)
async def test_a_page_that_holds_all_leads_nowhere(api: Api, shelf: Shelf, name: str) -> None:
    path, rows, key = PAGED[name]
    shelf.rows = [row_of(key, f"x{n}", account_sha256=HASH) for n in range(2)]
    assert await walked(api, f"{path}?limit=2", rows) == [shelf.rows]
    shelf.rows = []
    assert await walked(api, path, rows) == [[]]


@pytest.mark.parametrize("name", PAGED)
def test_the_key_is_in_the_answers_type(name: str) -> None:
    """Rows and their keys are where the table says, of the route and of the chaincode's answer."""
    _, rows, key = PAGED[name]
    assert ROUTES[name].is_paged
    (schema,), components = msgspec.json.schema_components([ROUTES[name].answer])
    place = _node(schema, components)["properties"][rows]["items"]
    for part in key.split("."):
        place = _node(place, components)["properties"][part]
    assert name in HANDLERS


def _node(schema: Any, components: Any) -> Any:
    while "$ref" in schema:
        schema = components[schema["$ref"].rsplit("/", 1)[1]]
    return schema


@pytest.mark.parametrize("name", PAGED)
@pytest.mark.parametrize(
    "wrong",
    [
        "limit=0",
        "limit=-1",
        f"limit={PER_PAGE_MAX + 1}",
        "limit=many",
        "limit=",
        "limit=1&limit=2",
        "after=",
        "after=-x",
        "after=a%20b",
        "after=%00",
        f"after={'x' * 200}",
        "after=x1&after=x2",
        "before=x1",
    ],
)
async def test_what_is_no_page_is_refused(api: Api, shelf: Shelf, name: str, wrong: str) -> None:
    response = await api.get(f"{PAGED[name][0]}?{wrong}", CLERK)
    assert (response.status, (await response.json())["code"]) == (400, "gateway/bad-parameter")
    assert not shelf.calls


async def test_without_a_limit_a_page_is_short(api: Api, shelf: Shelf) -> None:
    shelf.rows = [row_of("handover_id", f"x{n:04}") for n in range(PER_PAGE + 1)]
    first, last = await walked(api, "/handovers", "handovers")
    assert (len(first), len(last)) == (PER_PAGE, 1)
    (page, rest) = await walked(api, f"/handovers?limit={PER_PAGE}", "handovers")
    assert (page, rest) == (first, last)


async def test_what_is_beside_the_list_is_on_every_page(api: Api, shelf: Shelf) -> None:
    shelf.rows = [row_of("disclosure_id", f"x{n}") for n in range(3)]
    shelf.more = {"topics": [{"topic": "budget"}]}
    for path in ("/disclosures?limit=1", "/disclosures?limit=1&after=x1"):
        answer = await (await api.get(path, CLERK)).json()
        assert (len(answer["disclosures"]), answer["topics"]) == (1, shelf.more["topics"])


async def test_a_row_that_went_takes_no_other_with_it(api: Api, shelf: Shelf) -> None:
    shelf.rows = [row_of("handover_id", name) for name in ("a", "c", "d")]
    assert await walked(api, "/handovers?after=b", "handovers") == [shelf.rows[1:]]
    assert await walked(api, "/handovers?after=z", "handovers") == [[]]


async def test_lines_of_two_accounts_are_told_apart(api: Api, shelf: Shelf) -> None:
    lines = [("aa" * 32, "x2"), ("bb" * 32, "x1"), ("bb" * 32, "x2")]
    shelf.rows = [row_of("line.line_id", line, account_sha256=account) for account, line in lines]
    pages = await walked(api, "/funds/f/waiting-lines?limit=1", "lines")
    assert [row for page in pages for row in page] == shelf.rows
    refused = await api.get("/funds/f/waiting-lines?after=x2", CLERK)
    assert refused.status == 400


async def test_statements_are_paged_by_their_number(api: Api, shelf: Shelf) -> None:
    shelf.rows = [{"sequence": number} for number in range(8, 13)]
    path = f"/accounts/{HASH}/statements"
    pages = await walked(api, f"{path}?limit=2", "statements")
    assert [row["sequence"] for page in pages for row in page] == [8, 9, 10, 11, 12]
    for wrong in ("after=x1", "after=1.5", "limit=0", f"limit={STATEMENTS_PER_PAGE_MAX + 1}"):
        assert (await api.get(f"{path}?{wrong}", CLERK)).status == 400


async def test_a_link_keeps_what_was_asked(api: Api, shelf: Shelf) -> None:
    shelf.rows = [row_of("dispute_id", f"x{n}") for n in range(3)]
    response = await api.get("/disputes?is_open=false&limit=1", CLERK)
    link = response.headers["Link"]
    assert link == f'<{api.root}/disputes?is_open=false&limit=1&after=x0>; rel="next"'
    assert shelf.calls[-1] == ("disputes", {"is_open": False, "limit": 2})


@pytest.mark.parametrize("path", ["?limit=1&after=hedge", "?limit=1"])
async def test_the_communities_are_paged(
    api: Api, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def named(_: Shelf) -> tuple[str, ...]:
        return ("north", "garden", "avenue")

    monkeypatch.setattr(Shelf, "communities", named)
    pages = await walked(api, f"/v1/communities{path}", "communities")
    wanted = ["avenue", "garden", "north"]
    assert [name for page in pages for name in page] == (wanted[2:] if "after" in path else wanted)
    for wrong in ("limit=0", "after=a b", "x=1"):
        assert (await api.get(f"/v1/communities?{wrong}")).status == 400


async def test_payments_of_one_phase() -> None:
    town = await funded(Commons())
    await budgeted(town)
    for number in range(3):
        await town.agreed(request(town, f"p{number}", 10_000))
    withdrawn = town.act(town.people["clerk"], "withdraw_payment", payment_id="p1")
    await town.agreed(withdrawn)
    async with serving(town, ContractLedger(town, org=Org.REGULATOR), org=Org.REGULATOR) as api:
        place = f"/funds/{FUND}/payments"
        requested = await walked(api, f"{place}?phase=requested&limit=1", "payments")
        assert [
            [row["payment"]["content"]["payment_id"] for row in page] for page in requested
        ] == [
            ["p0"],
            ["p2"],
        ]
        gone = await walked(api, f"{place}?phase=withdrawn&budget_id=m1", "payments")
        assert [row["phase"] for row in gone[0]] == ["withdrawn"]
        for wrong in ("phase=lost", "phase=", "phase=held&phase=held", "budget_id=*"):
            assert (await api.get(f"{place}?{wrong}", CLERK)).status == 400
        assert (await api.get("/funds/none/payments?phase=held", CLERK)).status == 404
