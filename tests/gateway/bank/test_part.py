"""The bank's desks as a part of the bank's gateway: they pay once, outlive what fails, say so."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Org
from gateway.appkeys import METRICS, READINESS
from gateway.bank import desk as desk_module
from gateway.bank.errors import AdapterBusyError
from gateway.bank.journal import Journal
from gateway.bank.part import BankSection
from gateway.bank.types import Party
from gateway.errors import Busy, LedgerError, NotReady
from tests.scenarios.money import (
    ACCOUNT,
    BUDGET_FEN,
    HASHER,
    book,
    budgeted,
    content,
    funded,
    held,
    phase,
)
from tests.support.api import Api
from tests.support.bank import CREDITOR, OPENING_FEN, OWN, Sandbox, running_sandbox
from tests.support.bank_desk import bank_gateway, bank_settings, directory_text, secret
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import Treasury
from tests.support.readmodel import until

PLUMBER = Party(name="水管维修部", account="62330000000077", bank="105100000017")


@pytest.fixture
async def town() -> Commons:
    town = await funded(Commons())
    await budgeted(town)
    return town


@pytest.fixture(params=["folder", "http"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(way: str, town: Commons, tmp_path: Path) -> Iterator[Sandbox]:
    folder = tmp_path / "gateway" / "exchange" / town.community if way == "folder" else None
    with running_sandbox(tmp_path / "bank", folder=folder) as started:
        yield started


@pytest.fixture
def section(way: str, town: Commons, sandbox: Sandbox, tmp_path: Path) -> BankSection:
    over = sandbox if way == "http" else None
    return BankSection(**bank_settings(tmp_path / "gateway", town.community, sandbox=over))


folder_only = pytest.mark.parametrize("way", ["folder"], indirect=True)
http_only = pytest.mark.parametrize("way", ["http"], indirect=True)


def ledger_of(town: Commons) -> ContractLedger:
    return ContractLedger(town=town, org=Org.BANK)


async def is_(town: Commons, wanted: str, payment_id: str = "p1") -> bool:
    return await phase(town, payment_id) == wanted


async def paid(town: Commons, sandbox: Sandbox, payment_id: str = "p1") -> None:
    """The bank works until it and the ledger agree that the payment is settled."""

    async def settled() -> bool:
        sandbox.step()
        return await is_(town, "settled", payment_id)

    await until(settled)


async def on_statement(town: Commons, sandbox: Sandbox) -> None:
    """The day ends; its statement is on the ledger."""
    sandbox.admin("end-of-day", {})

    async def stated() -> bool:
        sandbox.step()
        found = await town.ask("statements", account_sha256=ACCOUNT)
        return bool(found["statements"])

    await until(stated)


async def once(town: Commons, sandbox: Sandbox) -> None:
    """What is true after p1 was paid, once, at the bank and on the ledger."""
    state = sandbox.admin("state")
    assert state["balances_fen"][OWN] == OPENING_FEN - BUDGET_FEN
    assert [one["payment_id"] for one in state["payments"]] == ["p1"]
    assert (await book(town))["bank"] == OPENING_FEN - BUDGET_FEN
    assert (await town.ask("bank_exceptions"))["exceptions"] == []
    check(Snapshot().read(Treasury(ledger=town.ledger)))


async def unready(api: Api) -> str:
    """Why the bank's part says that it cannot serve; empty when it can."""
    try:
        await api.app[READINESS]["bank"]()
    except NotReady as error:
        return str(error)
    return ""


def figure(api: Api, name: str, **labels: str) -> float:
    found = api.app[METRICS].registry.get_sample_value(name, labels)
    return found or 0.0


async def test_what_is_held_is_paid_and_on_the_statement(
    town: Commons, sandbox: Sandbox, section: BankSection
) -> None:
    async with bank_gateway(town, ledger_of(town), section) as api:
        await held(town)
        await paid(town, sandbox)
        await on_statement(town, sandbox)
        assert await unready(api) == ""
        assert figure(api, "gateway_bank_events_total", community=town.community) >= 3
        assert figure(api, "gateway_bank_waiting", community=town.community) == 0
        rounds = {"community": town.community, "outcome": "done"}
        await until(lambda: figure(api, "gateway_bank_rounds_total", **rounds) >= 3)
    await once(town, sandbox)


async def test_a_gateway_that_is_started_again_pays_nothing_twice(
    town: Commons, sandbox: Sandbox, section: BankSection
) -> None:
    await held(town)
    for wanted in ("ordered", "accepted", "settled"):
        async with bank_gateway(town, ledger_of(town), section):

            async def reached(wanted: str = wanted) -> bool:
                return await is_(town, wanted) or await is_(town, "settled")

            await until(reached)
        sandbox.step()
    async with bank_gateway(town, ledger_of(town), section):
        await on_statement(town, sandbox)
    await once(town, sandbox)


class Blinking(ContractLedger):
    """Every other transaction is turned away or its outcome is lost."""

    count = 0

    async def transact(self, *args: Any, **more: Any) -> Any:
        self.count += 1
        if self.count % 2:
            raise Busy("RESOURCE_EXHAUSTED")
        return await super().transact(*args, **more)


@folder_only
async def test_a_ledger_that_blinks_pays_once(
    town: Commons, sandbox: Sandbox, section: BankSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.bank.bridge.PAUSE_MS", 0)
    async with bank_gateway(town, Blinking(town=town, org=Org.BANK), section):
        await held(town)
        await paid(town, sandbox)
        await on_statement(town, sandbox)
    await once(town, sandbox)


class Breaking(ContractLedger):
    """Cannot be asked while `is_away`; `defect` is a failure that nobody foresaw."""

    is_away = True
    defect: Exception = LedgerError("away")

    async def query(self, *args: Any) -> bytes:
        if self.is_away:
            raise self.defect
        return await super().query(*args)


@folder_only
@pytest.mark.parametrize("defect", [LedgerError("away"), ZeroDivisionError()], ids=["away", "bug"])
async def test_a_desk_outlives_whatever_ends_a_round(
    town: Commons,
    sandbox: Sandbox,
    section: BankSection,
    defect: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "UNHEARD_S_MAX", 0.0)
    monkeypatch.setattr(desk_module, "PAUSE_S_MAX", 0.1)
    ledger = Breaking(town=town, org=Org.BANK)
    ledger.defect = defect
    await held(town)
    async with bank_gateway(town, ledger, section) as api:
        reason = f"bank, {town.community}: {type(defect).__name__}"

        async def said() -> bool:
            return await unready(api) == reason

        await until(said)
        ledger.is_away = False
        await paid(town, sandbox)

        async def well() -> bool:
            return await unready(api) == ""

        await until(well)
    assert (await book(town))["bank"] == OPENING_FEN - BUDGET_FEN


@http_only
async def test_a_bank_that_is_away_is_waited_for(
    town: Commons, sandbox: Sandbox, section: BankSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "UNHEARD_S_MAX", 0.0)
    monkeypatch.setattr(desk_module, "PAUSE_S_MAX", 0.1)
    monkeypatch.setattr("gateway.bank.limits.HTTP_TRY_COUNT_MAX", 1)
    port = sandbox.url.rpartition(":")[2]
    assert sandbox.stop(signal.SIGTERM) == 0
    await held(town)
    async with bank_gateway(town, ledger_of(town), section) as api:

        async def said() -> bool:
            return await unready(api) == f"bank, {town.community}: TransportError"

        await until(said)
        assert await is_(town, "ordered"), "the ledger knows the order before the bank does"
        sandbox.arguments = ("--port", port)
        await asyncio.to_thread(sandbox.start)
        await paid(town, sandbox)
        await on_statement(town, sandbox)
    await once(town, sandbox)


@folder_only
async def test_a_journal_of_a_gateway_that_still_runs_is_waited_for(
    town: Commons, sandbox: Sandbox, section: BankSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "UNHEARD_S_MAX", 0.0)
    monkeypatch.setattr(desk_module, "PAUSE_S_MAX", 0.1)
    assert section.journal_folder is not None
    section.journal_folder.mkdir()
    other = Journal(section.journal_folder / f"{town.community}.sqlite3")
    await held(town)
    async with bank_gateway(town, ledger_of(town), section) as api:

        async def said() -> bool:
            return await unready(api) == f"bank, {town.community}: AdapterBusyError"

        await until(said)
        assert await is_(town, "held")
        other.close()
        await paid(town, sandbox)
    assert sandbox.admin("state")["balances_fen"][OWN] == OPENING_FEN - BUDGET_FEN


@folder_only
async def test_a_payee_is_known_as_soon_as_the_directory_says_so(
    town: Commons, sandbox: Sandbox, section: BankSection, caplog: pytest.LogCaptureFixture
) -> None:
    payee = {"payee_id": "plumber", "payee_sha256": HASHER.party(PLUMBER)}
    await town.done(Org.PROPERTY, "register_payee", payee_class="repair", **payee)
    await town.done(Org.BANK, "confirm_payee", **payee)
    asked = content("p1", 100, payee_id="plumber")
    await town.agreed(town.act(town.people["clerk"], "request_payment", payment=asked))
    view = await town.ask("payment", payment_id="p1")
    word = {"payment_id": "p1", "content_sha256": view["content_sha256"], "verdict": "approve"}
    for number in (1, 2, 3):
        await town.agreed(town.act(town.people[f"o{number}"], "answer_payment", **word))
    assert section.directory_file is not None
    async with bank_gateway(town, ledger_of(town), section) as api:
        place = {"community": town.community}
        await until(lambda: figure(api, "gateway_bank_waiting", **place) == 1)
        done = figure(api, "gateway_bank_rounds_total", outcome="done", **place)
        await until(
            lambda: figure(api, "gateway_bank_rounds_total", outcome="done", **place) > done + 2
        )
        waits = [one.message for one in caplog.records if "waits" in one.message]
        assert waits == ["p1 waits at the bank's desk: directory/unknown-payee"], "told once"
        assert await is_(town, "held")
        known = {"locksmith": CREDITOR, "plumber": PLUMBER}
        secret(section.directory_file, directory_text([town.community], known))
        await paid(town, sandbox)
        await until(lambda: figure(api, "gateway_bank_waiting", **place) == 0)


@folder_only
async def test_a_directory_that_cannot_be_used_stops_orders_and_is_said(
    town: Commons, sandbox: Sandbox, section: BankSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "PAUSE_S_MAX", 0.1)
    file = section.directory_file
    assert file is not None
    good = file.read_bytes()
    async with bank_gateway(town, ledger_of(town), section) as api:
        for broken, says in (
            (b"[", "bank: the directory is no TOML"),
            (b"\xff", "bank: the directory is not UTF-8"),
            (b"[fuzemen]\nname = 7", "bank: the directory: Expected `str`"),
        ):
            file.write_bytes(broken)

            async def said(says: str = says) -> bool:
                return (await unready(api)).startswith(says)

            await until(said)
        await held(town)
        file.write_bytes(good)
        file.chmod(0o644)

        async def others_may_read() -> bool:
            return "0600" in await unready(api)

        await until(others_may_read)
        assert await is_(town, "held")
        file.chmod(0o600)
        await paid(town, sandbox)


@folder_only
async def test_a_community_that_is_taken_out_is_served_no_more_and_again(
    town: Commons, sandbox: Sandbox, section: BankSection
) -> None:
    file, journals = section.directory_file, section.journal_folder
    assert file is not None
    assert journals is not None
    good = file.read_bytes()

    def is_free() -> bool:
        try:
            Journal(journals / f"{town.community}.sqlite3").close()
        except (AdapterBusyError, FileNotFoundError):
            return False
        return True

    async with bank_gateway(town, ledger_of(town), section) as api:
        place = {"community": town.community, "outcome": "done"}
        await until(lambda: figure(api, "gateway_bank_rounds_total", **place) >= 1)
        secret(file, directory_text(["elsewhere"]))
        await until(is_free)
        secret(file, good)
        await held(town)
        await paid(town, sandbox)
