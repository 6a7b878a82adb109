"""The whole way of the money over HTTP: four gateways, a real network, a real bank program.

Owners vote, a budget comes of it, the company asks, the committee approves, the bank's gateway
orders and records by itself, even killed half-way; the third payment is refused with its gap.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from chaincode.access import MSP_OF
from chaincode.model.base import Org, Role
from scripts.benchmarks.gateways import GatewayProcess, start_gateway
from scripts.clients import settings_text
from tests.scenarios.money import (
    ACCOUNT,
    BUDGET_FEN,
    FUND,
    book,
    budgeted,
    held,
    open_fund,
    phase,
    request,
)
from tests.support.bank import OPENING_FEN, OWN, Sandbox, running_sandbox
from tests.support.bank_desk import bank_settings, secret
from tests.support.community import UNITS, without_reviews
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import Treasury
from tests.support.http_town import ROUTES, HttpLedger, HttpTown, http_town
from tests.support.network import RunningNetwork, document, running_network
from tests.support.people import Person
from tests.support.readmodel import until
from tests.support.town import DAY_MS, refusal

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(600)]

COMMUNITY = "fuzemen"
ORGS = (Org.BANK, Org.COMMITTEE, Org.PROPERTY, Org.REGULATOR)
REQUIRED = [MSP_OF[org] for org in (Org.BANK, Org.COMMITTEE, Org.PROPERTY)]
TOKEN = "an operator's token of this test only"
FIRST_FEN, SECOND_FEN = 500_000, 300_000
LEFT_FEN = BUDGET_FEN - FIRST_FEN - SECOND_FEN
KILLS = 3
LIMITS = ("address_per_s", "address_burst", "credential_per_s", "credential_burst")


@dataclass
class Story:
    """The gateways, the bank and the community."""

    folder: Path
    town: HttpTown
    sandbox: Sandbox
    running: dict[Org, GatewayProcess] = field(default_factory=dict)

    async def restart_bank(self) -> None:
        """The bank's gateway is killed and started again."""
        self.running[Org.BANK].kill()
        await self.running[Org.BANK].process.wait()
        await self.start(Org.BANK)
        self.town.at(Org.BANK).url = self.running[Org.BANK].url
        self.town.at(Org.BANK).tokens.clear()

    async def start(self, org: Org) -> GatewayProcess:
        home = self.folder / org
        self.running[org] = await start_gateway(home / "gateway.toml", home / "log")
        return self.running[org]

    async def settled(self, payment_id: str) -> None:
        """The bank works, until the ledger says that the payment is settled."""

        async def is_settled() -> bool:
            self.sandbox.step()
            return await phase(self.town, payment_id) == "settled"

        await until(is_settled)

    async def get(self, org: Org, path: str, who: Person | None = None) -> tuple[int, Any]:
        """What somebody reads at an organisation's gateway."""
        place = f"/v1/communities/{COMMUNITY}{path}"
        status, found, _ = await self.town.at(org).ask("GET", place, who)
        return status, found


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    """Four organisations, of which three must endorse everything."""
    strict = {"require": ["bank", "committee", "property"]}
    written = document(("python", "-m", "chaincode"), endorsement=strict)
    with running_network(tmp_path_factory.mktemp("money"), written) as running:
        yield running


def configure(network: RunningNetwork, folder: Path, org: Org) -> None:
    """An organisation's settings: log-in, clock, operator; the bank's exchange at the bank."""
    home = folder / org
    home.mkdir()
    sections: dict[str, Mapping[str, Any]] = {
        "gateway": {"operator_token_file": str(secret(home / "token", TOKEN))},
        "fabric": {"communities": [COMMUNITY], "endorsers": REQUIRED},
        "login": {"audience": f"https://{org}.example", "database": str(home / "doors.db")},
        "clock": {"every_s": 1},
        "limits": dict.fromkeys(LIMITS, 1000),
    }
    if org is Org.BANK:
        bank = bank_settings(home / "bank", COMMUNITY)
        sections["bank"] = {
            name: str(value) if isinstance(value, Path) else value for name, value in bank.items()
        } | {"every_s": 0.2}
    text = settings_text(network.network, org, sections=sections)
    (home / "gateway.toml").write_text(text, encoding="utf-8")


@pytest.fixture
async def story(network: RunningNetwork, tmp_path: Path) -> AsyncIterator[Story]:
    """Everything runs; the community is not open yet."""
    async with AsyncExitStack() as stack:
        for org in ORGS:
            configure(network, tmp_path, org)
        exchange = tmp_path / Org.BANK / "bank" / "exchange" / COMMUNITY
        sandbox = stack.enter_context(running_sandbox(tmp_path / "sandbox", folder=exchange))
        running: dict[Org, GatewayProcess] = {}
        stack.push_async_callback(_stop, running, tmp_path)
        story = Story(tmp_path, None, sandbox, running)  # type: ignore[arg-type]
        for org in ORGS:
            await story.start(org)
        urls = {org: gateway.url for org, gateway in running.items()}
        story.town = await stack.enter_async_context(http_town(network, COMMUNITY, urls, TOKEN))
        yield story


async def _stop(running: dict[Org, GatewayProcess], folder: Path) -> None:
    for org, gateway in running.items():
        assert await gateway.stop() == 0, (folder / org / "log").read_text()[-2_000:]


async def test_from_the_owners_vote_to_the_bank_statement(story: Story) -> None:
    town = story.town
    await _settled(town)
    await budgeted(town)
    await _first_payment(story)
    await _second_payment_with_a_bank_gateway_that_is_killed(story)
    await _third_is_refused_with_its_gap(town)
    await _statement(story)
    await _each_role_sees_what_it_may(story)
    await _memory_agrees(town)


async def _settled(town: HttpTown) -> None:
    """Roll, credentials, committee, clerks, fund and payee, each by whose duty it is."""
    await (await town.settle(rules=[without_reviews()])).seated()
    town.speaks(Org.REGULATOR, Role.REGULATOR_CLERK, town.people["clerk-a"])
    clerk = await town.staff(Org.PROPERTY, Role.COMPANY_CLERK, "clerk")
    await town.staff(Org.BANK, Role.BANK_CLERK, "teller")
    assert clerk is town.people["clerk"]
    await open_fund(town)


async def _first_payment(story: Story) -> None:
    town = story.town
    early = await town.call(Org.BANK, "order_payment", payment_id="p1", order_id="by-hand")
    assert refusal(early) == (404, "payment/unknown")
    await town.agreed(request(town, "p1", FIRST_FEN))
    view = await town.ask("payment", payment_id="p1")
    own = {"payment_id": "p1", "content_sha256": view["content_sha256"], "verdict": "approve"}
    assert refusal(await town.acted("clerk", "answer_payment", **own)) == (403, "caller/role")
    early = await town.call(Org.BANK, "order_payment", payment_id="p1", order_id="by-hand")
    assert refusal(early) == (409, "payment/wrong-phase"), "nobody approved it"
    words = [town.act(town.people[f"o{n}"], "answer_payment", **own) for n in (1, 2, 3)]
    await town.agreed(*words)
    await story.settled("p1")
    found = await book(town)
    assert (found["bank"], found["held"]) == (OPENING_FEN - FIRST_FEN, 0)


async def _second_payment_with_a_bank_gateway_that_is_killed(story: Story) -> None:
    """Killed at random moments between approval and settlement; it pays once."""
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    await held(story.town, "p2", SECOND_FEN)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, 0.6))
        await story.restart_bank()
        story.sandbox.step()
    await story.settled("p2")
    state = story.sandbox.admin("state")
    assert [one["payment_id"] for one in state["payments"]] == ["p1", "p2"], seed
    assert state["balances_fen"][OWN] == OPENING_FEN - FIRST_FEN - SECOND_FEN, seed


async def _third_is_refused_with_its_gap(town: HttpTown) -> None:
    over = await town.carry(request(town, "p3", LEFT_FEN + 7))
    assert refusal(over) == (422, "budget/exceeded")
    assert '"gap_fen": 7' in over.message
    assert (await town.query("payment", payment_id="p3")).status == HTTPStatus.NOT_FOUND


async def _statement(story: Story) -> None:
    """The day's statement is matched line by line, and closes at the bank's own balance."""
    town = story.town
    story.sandbox.admin("end-of-day", {})

    async def is_recorded() -> bool:
        story.sandbox.step()
        return bool((await town.ask("statements", account_sha256=ACCOUNT))["statements"])

    await until(is_recorded)
    (statement,) = (await town.ask("statements", account_sha256=ACCOUNT))["statements"]
    assert statement["closing_fen"] == story.sandbox.admin("state")["balances_fen"][OWN]
    assert (await town.ask("waiting_lines", fund_id=FUND))["lines"] == []
    assert (await town.ask("bank_exceptions"))["exceptions"] == []
    units = [await town.ask("unit_account", fund_id=FUND, unit_id=unit) for unit in UNITS]
    assert sum(unit["account"]["balance_fen"] for unit in units) == statement["closing_fen"]


async def _each_role_sees_what_it_may(story: Story) -> None:
    """Owners, member, clerks, operator and nobody, each at a gateway of their own."""
    town = story.town
    member = Person("o2", "cred-member")
    within_term = town.ledger.now_ms + DAY_MS
    await town.issue(member, Role.COMMITTEE_MEMBER, valid_until_at=within_term)
    owner, clerk, teller = (town.people[name] for name in ("o1", "clerk", "teller"))
    payment, units = "/payments/p1", f"/funds/{FUND}/units/{UNITS[0]}"
    seen = {
        "owner": await story.get(Org.PROPERTY, payment, owner),
        "member": await story.get(Org.COMMITTEE, payment, member),
        "clerk": await story.get(Org.PROPERTY, payment, clerk),
        "teller": await story.get(Org.BANK, payment, teller),
        "regulator": await story.get(Org.REGULATOR, payment, town.people["clerk-b"]),
    }
    assert {name: (status, one["phase"]) for name, (status, one) in seen.items()} == dict.fromkeys(
        seen, (200, "settled")
    )
    nobody, stranger = await story.get(Org.BANK, payment), await story.get(Org.BANK, units, teller)
    assert code_of(nobody) == (401, "gateway/no-credential")
    assert code_of(stranger) == (403, "gateway/not-for-you")
    assert (await story.get(Org.BANK, units, owner))[0] == HTTPStatus.OK
    status, history = await story.get(Org.PROPERTY, "/history/payment/p2", owner)
    assert (status, len(history["versions"]) >= 4) == (200, True)
    place = ROUTES["order_payment"].path.format(community=COMMUNITY, payment_id="p1")
    order = {"order_id": "by-hand"}
    status, found, _ = await town.at(Org.COMMITTEE).ask("POST", place, teller, json=order)
    assert code_of((status, found)) == (403, "gateway/other-office")


def code_of(answer: tuple[int, Any]) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer[0], answer[1]["code"]


async def _memory_agrees(town: HttpTown) -> None:
    """The contract in memory does all of it again: the same records, and books that balance."""
    assert isinstance(town.ledger, HttpLedger)
    invalid = await town.ledger.catch_up(town.community)
    assert set(invalid) <= {"MVCC_READ_CONFLICT", "PHANTOM_READ_CONFLICT"}
    wanted = {"order_payment", "report_payment", "record_statement", "submit_acts"}
    assert wanted <= town.ledger.called
    check(Snapshot().read(Treasury(ledger=town.ledger)))
