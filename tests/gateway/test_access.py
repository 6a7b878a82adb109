"""The access table, cell by cell: every endpoint asked by everybody it could be asked by."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from chaincode.access import BY_NAME, Kind
from chaincode.model.base import Org
from gateway.access import MATRIX, STAFF_OF, Reader, Who, may, speaks_for
from gateway.api import acts, documents, forms, ledger, money, people, public, statements, voting
from gateway.app import make_app
from gateway.assembly import PARTS
from gateway.parts import Part
from gateway.routes import Route
from gateway.settings import GatewaySection, SettingsError
from tests.support.api import Api, as_, serving
from tests.support.community import UNITS, Commons
from tests.support.contract_ledger import ContractLedger

ALL_ROUTES = [route for part in PARTS for route in part.routes]
OWN = [
    *documents.PART.routes,
    *acts.PART.routes,
    *forms.PART.routes,
    *ledger.ROUTES,
    *people.ROUTES,
    *voting.ROUTES,
    *money.ROUTES,
    *statements.ROUTES,
    *public.ROUTES,
]
NO_CALLS = {
    "read_openapi",
    "read_documentation",
    "read_problem",
    "communities",
    "transaction",
    "act_forms",
}
"""Endpoints of the gateway's own, which no call of the chaincode stands behind."""
PATH = {
    "community": "fuzemen",
    "unit_id": UNITS[0],
    "holder_id": "o1",
    "owner_id": "o1",
    "motion_id": "m1",
    "roll_id": "0" * 64,
    "nonce": "0" * 32,
    "term": "1",
    "account_sha256": "0" * 64,
    "noun": "motion",
    "condition": "unknown",
}
REFUSED = {"gateway/no-credential", "gateway/not-for-you", "gateway/other-office"}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    town = await Commons().settle()
    async with serving(town, ContractLedger(town, org=Org.REGULATOR), org=Org.REGULATOR) as api:
        yield api


def place(route: Route) -> str:
    return route.path.format(**{name: PATH.get(name, "x1") for name in route.path_names})


async def asked(api: Api, route: Route, who: Who) -> str:
    """The code with which the gate refuses, or an empty string when it lets pass."""
    header = "" if who is Who.ANYONE else as_(who, "o1")
    response = await api.request(route.method, place(route), header)
    if response.status < 400:
        return ""
    code = str((await response.json())["code"])
    return code if code in REFUSED else ""


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {route.name for route in ALL_ROUTES} == set(MATRIX)


async def test_every_cell(api: Api) -> None:
    wrong = []
    for route in OWN:
        for who in Who:
            found = await asked(api, route, who)
            is_allowed = who in MATRIX[route.name]
            if route.orgs and is_allowed:
                is_allowed = Org.REGULATOR in route.orgs and who in STAFF_OF[Org.REGULATOR]
            if is_allowed == bool(found):
                wrong.append((route.name, who, found))
    assert not wrong


@pytest.mark.parametrize("route", [r for r in OWN if not may(Reader(who=Who.ANYONE), r.name)],
                         ids=lambda route: route.name)  # fmt: skip
async def test_without_a_credential_only_what_is_public(api: Api, route: Route) -> None:
    response = await api.request(route.method, place(route))
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await response.json())["code"] == "gateway/no-credential"


@pytest.mark.parametrize("route", [r for r in OWN if not may(Reader(who=Who.ANYONE), r.name)],
                         ids=lambda route: route.name)  # fmt: skip
async def test_a_credential_of_another_community_opens_nothing_here(api: Api, route: Route) -> None:
    who = next(iter(MATRIX[route.name] - {Who.OPERATOR}), None)
    if who is None:
        return
    response = await api.request(route.method, place(route), as_(who, "o1", community="elsewhere"))
    assert response.status == 403
    assert (await response.json())["code"] == "gateway/other-community"


def test_the_offices_of_a_transaction_are_those_of_the_chaincode() -> None:
    for route in OWN:
        row = BY_NAME.get(route.name)
        if row is None or row.kind is not Kind.TRANSACTION or route.name == "submit_acts":
            continue
        assert set(route.orgs) == set(row.orgs), route.name


def test_who_may_state_is_staff_of_an_office_that_may() -> None:
    for route in OWN:
        if route.orgs:
            staff = frozenset[Who]().union(*(STAFF_OF[org] for org in route.orgs))
            assert MATRIX[route.name] <= staff, route.name


def test_every_call_of_the_chaincode_is_an_endpoint() -> None:
    calls = {row.name for row in BY_NAME.values() if row.kind is not Kind.ACT}
    routes = {route.name for route in ALL_ROUTES}
    assert calls <= routes
    own_names = {route.name for route in OWN}
    assert own_names - calls == NO_CALLS


@pytest.mark.parametrize("org", Org)
def test_each_office_has_its_own_staff(org: Org) -> None:
    speakers = {who for who in Who if speaks_for(Reader(who=who), org)}
    assert Who.OPERATOR in speakers
    assert len(speakers) <= 2
    assert not speakers & {Who.ANYONE, Who.OWNER, Who.REPRESENTATIVE}


async def test_an_office_makes_only_its_own_transactions() -> None:
    town = await Commons().settle()
    async with serving(town, ContractLedger(town, org=Org.PROPERTY), org=Org.PROPERTY) as api:
        response = await api.post("/roll/freezes", as_(Who.REGULATOR_CLERK))
        assert (response.status, (await response.json())["code"]) == (403, "gateway/other-office")


async def test_the_committee_speaks_through_those_seated_now() -> None:
    town = await Commons().settle()
    ledger_ = ContractLedger(town, org=Org.COMMITTEE)
    async with serving(town, ledger_, org=Org.COMMITTEE) as api:

        async def extend(holder_id: str) -> tuple[int, str]:
            header = as_(Who.COMMITTEE_MEMBER, holder_id)
            response = await api.post("/motions/m1/extensions", header)
            return response.status, (await response.json())["code"]

        assert await extend("o1") == (403, "caller/not-seated"), "there is no committee yet"
        await town.seated("o1", "o2", "o3", "o4", "o5")
        assert await extend("o1") == (404, "motion/unknown")
        assert await extend("o6") == (403, "caller/not-seated")
        await town.done(
            Org.REGULATOR,
            "end_seat",
            holder_id="o1",
            reason="resigned",
            evidence_sha256="0" * 64,
        )
        assert await extend("o1") == (403, "caller/not-seated")


@pytest.mark.parametrize("path", ["/holders/o2/credentials", "/owners/o2/units"])
async def test_owners_ask_about_themselves_alone(api: Api, path: str) -> None:
    response = await api.get(path, as_(Who.OWNER, "o1"))
    assert (response.status, (await response.json())["code"]) == (403, "gateway/not-for-you")
    assert (await api.get(path, as_(Who.OWNER, "o2"))).status == 200
    assert (await api.get(path, as_(Who.REGULATOR_CLERK, "clerk-a"))).status == 200


async def test_a_ballot_is_shown_to_the_units_owner_alone(api: Api) -> None:
    await api.town.open_motion()
    await api.town.cast("o1", UNITS[0])
    path = f"/motions/m1/ballots/{UNITS[0]}"
    mine = await api.get(path, as_(Who.OWNER, "o1"))
    assert (await mine.json())["choices"] == ["for"]
    theirs = await api.get(path, as_(Who.OWNER, "o2"))
    assert (theirs.status, (await theirs.json())["code"]) == (403, "gateway/not-for-you")


async def test_a_token_nobody_knows_is_refused(api: Api) -> None:
    response = await api.get("", headers={"Authorization": "Bearer wrong"})
    assert (response.status, (await response.json())["code"]) == (401, "gateway/bad-token")


async def test_the_operator_is_known_by_the_token_in_the_file(tmp_path: Path) -> None:
    token = "t" * 40
    (tmp_path / "token").write_text(token + "\n")
    section = GatewaySection(org=Org.REGULATOR, operator_token_file=tmp_path / "token")
    town = await Commons().settle()
    ledger_ = ContractLedger(town, org=Org.REGULATOR)
    async with serving(town, ledger_, section, org=Org.REGULATOR) as api:
        body = {"words": ["scheme"]}
        for given, status in ((token, 200), (token[:-1], 401), (token + "t", 401), ("", 401)):
            headers = {"Authorization": f"Bearer {given}"}
            response = await api.request("PUT", "/words", json=body, headers=headers)
            assert response.status == status, given


async def test_a_short_operator_token_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("short")
    section = GatewaySection(org=Org.REGULATOR, operator_token_file=tmp_path / "token")
    town = Commons()
    with pytest.raises(SettingsError, match="too short"):
        async with serving(town, ContractLedger(town), section):
            pass


def test_a_route_without_a_row_lets_nobody_in() -> None:
    assert not any(may(Reader(who=who), "no_such_route") for who in Who)


async def test_a_route_without_a_row_does_not_start() -> None:

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response()

    stray = Route(
        name="stray", method="GET", path="/stray", says="-", tag="-", handler=handler, answer=str
    )
    with pytest.raises(ValueError, match="stray"):
        make_app(None, [Part(name="stray", routes=(stray,))])  # type: ignore[arg-type]
