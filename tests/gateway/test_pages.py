"""Lists by pages: every row once, in the order of ids, and a header that leads on."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest

from chaincode.model.base import Org
from gateway.access import Who
from gateway.api import money, statements, voting
from gateway.api.pages import ROWS_PER_PAGE, ROWS_PER_PAGE_MAX, Listed, named_next
from gateway.errors import Problem
from tests.scenarios.money import FUND, budgeted, funded, request
from tests.support.api import Api, as_, serving
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger

PAYMENTS = ("p3", "p1", "p4", "p2", "p5")
CLERK = as_(Who.COMPANY_CLERK, "clerk")
LISTED = Listed("rows", ("a.id", "b"))
PAGED = ("payments", "fund_budgets", "unratified_budgets", "bank_exceptions", "waiting_lines",
         "objections")  # fmt: skip


def rows(count: int) -> list[dict[str, Any]]:
    return [{"a": {"id": f"{number:04d}"}, "b": "x"} for number in range(count)]


def page(found: list[dict[str, Any]], **given: Any) -> tuple[list[str], str | None]:
    answer, after = LISTED.page(msgspec.json.encode({"more": 1, "rows": found}), given)
    document = msgspec.json.decode(answer)
    assert document["more"] == 1
    return [row["a"]["id"] for row in document["rows"]], after


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_is_refused(limit: int) -> None:
    with pytest.raises(Problem) as refused:
        page(rows(3), limit=limit)
    assert (refused.value.status, refused.value.code) == (400, "gateway/bad-parameter")


@pytest.mark.parametrize(
    ("count", "given", "length", "more"),
    [
        (0, {}, 0, False),
        (ROWS_PER_PAGE, {}, ROWS_PER_PAGE, False),
        (ROWS_PER_PAGE + 1, {}, ROWS_PER_PAGE, True),
        (ROWS_PER_PAGE_MAX, {"limit": ROWS_PER_PAGE_MAX + 1}, ROWS_PER_PAGE_MAX, False),
        (ROWS_PER_PAGE_MAX + 1, {"limit": ROWS_PER_PAGE_MAX + 1}, ROWS_PER_PAGE_MAX, True),
        (3, {"limit": 3}, 3, False),
        (3, {"limit": 2}, 2, True),
    ],
)
def test_a_page_is_bounded(count: int, given: Mapping[str, Any], length: int, more: bool) -> None:
    found, after = page(rows(count), **given)
    assert (len(found), after) == (length, f"{found[-1]}/x" if more else None)


def test_pages_hold_every_row_once_although_one_went_in_between() -> None:
    all_rows = rows(5)
    first, after = page(all_rows, limit=2)
    del all_rows[1]  # the one that `after` names
    second, _ = page(all_rows, limit=9, after=after)
    assert first + second == ["0000", "0001", "0002", "0003", "0004"]


def test_behind_the_last_row_is_nothing() -> None:
    assert page(rows(2), after="9") == ([], None)


@pytest.mark.parametrize(
    ("answer", "after"), [(b'{"rows":[]}', None), (b'{"next_after":"m2","rows":[{}]}', "m2")]
)
def test_the_chaincodes_own_pages_name_the_next(answer: bytes, after: str | None) -> None:
    assert named_next(answer) == after


def test_lists_that_grow_have_pages() -> None:
    routes = {one.name: one for one in (*money.ROUTES, *statements.ROUTES, *voting.ROUTES)}
    for name in PAGED:
        assert {"after", "limit"} <= {one.name for one in routes[name].parameters}, name


@pytest.fixture
async def town() -> Commons:
    return await funded(Commons())


@pytest.fixture
async def api(town: Commons) -> AsyncIterator[Api]:
    async with serving(town, ContractLedger(town, org=Org.PROPERTY), org=Org.PROPERTY) as api:
        yield api


async def walked(api: Api, path: str, name: str) -> list[Any]:
    """All rows, page by page."""
    found: list[Any] = []
    while path:
        response = await api.get(path, CLERK)
        assert response.status == 200, await response.text()
        found += (await response.json())[name]
        path = response.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return found


async def test_payments_come_in_pages_of_one_budget_too(town: Commons, api: Api) -> None:
    await budgeted(town)
    await town.agreed(*(request(town, payment_id, 100) for payment_id in PAYMENTS))
    found = await walked(api, f"/funds/{FUND}/payments?limit=2", "payments")
    assert [row["payment"]["content"]["payment_id"] for row in found] == sorted(PAYMENTS)
    assert found == await walked(api, f"/funds/{FUND}/payments?budget_id=m1&limit=1", "payments")
    assert await walked(api, f"/funds/{FUND}/payments?budget_id=none&limit=1", "payments") == []


async def test_budgets_come_in_pages(town: Commons, api: Api) -> None:
    for motion_id in ("m2", "m1", "m3"):
        await budgeted(town, motion_id, 1_000)
    found = await walked(api, f"/funds/{FUND}/budgets?limit=1", "budgets")
    assert [row["budget_id"] for row in found] == ["m1", "m2", "m3"]


async def test_the_chaincodes_own_pages_lead_on(town: Commons, api: Api) -> None:
    for motion_id in ("m1", "m2"):
        await budgeted(town, motion_id, 1_000)
    found = await walked(api, f"/funds/{FUND}/entries?limit=1", "entries")
    assert [row["cause"] for row in found] == ["opening", "budget-opened", "budget-opened"]


@pytest.mark.parametrize("wrong", ["limit=0", "limit=-1", "limit=many", "after=a&after=b", "at=1"])
async def test_a_wrong_page_is_refused(api: Api, wrong: str) -> None:
    response = await api.get(f"/funds/{FUND}/payments?{wrong}", CLERK)
    assert (response.status, (await response.json())["code"]) == (400, "gateway/bad-parameter")
