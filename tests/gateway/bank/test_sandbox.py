"""The sandbox as a program: its commands, its refusals, its determinism, its TLS."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.bank.errors import AdapterBusyError, MessageRefused, TransportError
from gateway.bank.http import HttpEndpoint, HttpTransport
from gateway.bank.pain001 import message_id, write_orders
from gateway.bank.sandbox.__main__ import main
from gateway.bank.sandbox.bank import Bank, CommandError, Credit, CreditLine, Taken
from gateway.bank.sandbox.behaviour import Action, Rule, Subject
from gateway.bank.sandbox.store import Store
from tests.support.bank import OPENING_FEN, OWN, Sandbox, order, running_sandbox
from tests.support.bank_tls import make_tls

LINE = CreditLine(amount_fen=1, payer_name="停车", payer_account="9001")


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    store = Store(tmp_path / "bank.db")
    made = Bank(store, first_day=date(2026, 1, 1), seed=1)
    made.open_account(OWN, OPENING_FEN)
    yield made
    store.close()


def test_the_same_seed_and_commands_give_the_same_bytes(tmp_path: Path) -> None:
    def told(seed: int, name: str) -> list[tuple[str, bytes]]:
        store = Store(tmp_path / name)
        bank = Bank(store, first_day=date(2026, 1, 1), seed=seed)
        bank.open_account(OWN, OPENING_FEN)
        bank.add_rule(Rule(action=Action.REORDER, count=8))
        for number in range(8):
            bank.take(write_orders([order(number)], "业主大会"))
        for _ in range(8):
            bank.step()
        bank.end_day()
        bank.step()
        found = bank.mail.undelivered()
        store.close()
        return found

    first = told(1, "a")
    assert first == told(1, "b")
    assert first != told(2, "c")
    assert sorted(data for _, data in first) != [data for _, data in first]


def test_a_message_id_is_taken_once_and_other_bytes_under_it_not_at_all(bank: Bank) -> None:
    data = write_orders([order()], "业主大会")
    assert bank.take(data) is Taken.NEW
    assert bank.take(data) is Taken.REPEATED
    assert bank.take(data.replace(b">8500.00<", b">9500.00<")) is Taken.CONFLICT
    for _ in range(3):
        bank.step()
    assert bank.state()["balances_fen"] == {
        OWN: OPENING_FEN - 8_500_00,
        "WORLD": 8_500_00 - OPENING_FEN,
    }


def test_an_announced_id_must_be_the_message_s(bank: Bank) -> None:
    data = write_orders([order()], "业主大会")
    with pytest.raises(CommandError):
        bank.take(data, "another")
    assert bank.state()["payments"] == []
    assert bank.take(data, message_id([order()])) is Taken.NEW


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'Ccy="CNY">8500.00', b'Ccy="USD">8500.00'),
        (b'Ccy="CNY">8500.00', b'Ccy="CNY">8500.001'),
        (b"pain.001.001.10", b"pain.001.001.09"),
        (b"<Othr><Id>62330000000002</Id></Othr>", b"<IBAN>NL26VAYB8060476890</IBAN>"),
        (b"<EndToEndId>pay-1</EndToEndId>", b""),
    ],
)
def test_orders_it_cannot_read_are_refused(bank: Bank, old: bytes, new: bytes) -> None:
    data = write_orders([order()], "业主大会")
    assert old in data
    with pytest.raises(MessageRefused):
        bank.take(data.replace(old, new))


@pytest.mark.parametrize(
    "rule",
    [
        {"action": Action.REJECT, "count": 0},
        {"action": Action.DELAY, "steps": 101},
        {"action": Action.REJECT, "reason": "toolong"},
        {"action": Action.REJECT, "subject": Subject.CREDIT},
        {"action": Action.RETURN, "subject": Subject.STATEMENT},
    ],
)
def test_senseless_rules_are_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"count|reason|only messages"):
        Rule(**rule)  # type: ignore[arg-type]


def test_senseless_commands_are_refused(bank: Bank) -> None:
    for number, opening_fen in [("WORLD", 0), ("a b", 0), ("1", -1), ("1" * 35, 0)]:
        with pytest.raises(CommandError):
            bank.open_account(number, opening_fen)
    for credit in [
        Credit(credit_id="c", account=OWN, lines=()),
        Credit(credit_id="c", account="none", lines=(LINE,)),
        Credit(credit_id="c", account="WORLD", lines=(LINE,)),
    ]:
        with pytest.raises(CommandError):
            bank.credit(credit)
    bank.credit(Credit(credit_id="c", account=OWN, lines=(LINE,)))
    with pytest.raises(CommandError):
        bank.credit(Credit(credit_id="c", account=OWN, lines=(LINE, LINE)))
    with pytest.raises(CommandError):
        bank.close_account("none")


def test_unbalanced_books_stop_the_transaction(bank: Bank) -> None:
    with pytest.raises(AssertionError), bank.store.transaction():
        bank.store.run("UPDATE account SET balance_fen = 1 WHERE number = ?", OWN)
    assert bank.state()["balances_fen"][OWN] == OPENING_FEN


def test_one_process_holds_the_books(bank: Bank, tmp_path: Path) -> None:
    with pytest.raises(AdapterBusyError):
        Store(tmp_path / "bank.db")


def cli(data: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a verb, run in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = main(["--data", str(data), *arguments])
    return status, output.getvalue()


def status_of(sandbox: Sandbox, path: str, token: str, body: bytes | None = None) -> int:
    request = urllib.request.Request(
        f"{sandbox.url}/{path}", data=body, headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_command_line_and_the_guarded_interface(tmp_path: Path) -> None:
    assert cli(tmp_path / "bank", "state")[0] == 1  # nothing runs yet
    with running_sandbox(tmp_path / "bank") as sandbox:
        data = sandbox.data
        income = ("credit", "c1", OWN, "500", "--payer-name", "停车", "--payer-account", "9001")
        assert cli(data, *income)[0] == 0
        assert cli(data, "credit", "c2", "none", *income[3:])[0] == 1
        assert cli(data, "rule", "reject", "--reason", "AC04")[0] == 0
        state = json.loads(cli(data, "end-of-day")[1])
        assert (state["day"], state["balances_fen"][OWN]) == (1, OPENING_FEN + 500)
        admin = (data / "admin.token").read_text()
        for token in ("", "wrong", sandbox.customer_token):
            assert status_of(sandbox, "admin/state", token) == 401
        assert status_of(sandbox, "v1/outbox", admin) == 401
        assert status_of(sandbox, "v1/outbox?limit=x", sandbox.customer_token) == 400
        assert status_of(sandbox, "v1/outbox/none", sandbox.customer_token) == 404
        assert status_of(sandbox, "admin/step", admin, b'{"count": 0}') == 400
        assert status_of(sandbox, "admin/rules", admin, b'{"action": "explode"}') == 400
        assert status_of(sandbox, "admin/rules", admin, b"{") == 400
        for name in ("admin.token", "customer.token", "bank.db"):
            assert (data / name).stat().st_mode & 0o077 == 0
        assert cli(data, "serve")[0] == 1  # the books are held
        assert sandbox.stop(signal.SIGTERM) == 0
        assert not (data / "sandbox.json").exists()


async def test_mutual_tls(tmp_path: Path) -> None:
    tls = make_tls(tmp_path)
    serving = (
        *("--cert-file", str(tls.server_cert), "--key-file", str(tls.server_key)),
        *("--client-ca-file", str(tls.ca)),
    )
    sandbox = Sandbox(tmp_path / "bank", arguments=serving)
    sandbox.data.mkdir()
    try:
        sandbox.start()
        common = {"base_url": sandbox.url, "token": sandbox.customer_token, "retry_wait_s": 0.001}
        known = HttpTransport(
            HttpEndpoint(
                ca_file=tls.ca, cert_file=tls.client_cert, key_file=tls.client_key, **common
            )
        )
        assert await known.receive(1) == []
        await known.close()
        for endpoint in (HttpEndpoint(**common), HttpEndpoint(ca_file=tls.ca, **common)):
            stranger = HttpTransport(endpoint)
            with pytest.raises(TransportError):
                await stranger.receive(1)
            await stranger.close()
    finally:
        sandbox.stop(signal.SIGKILL)
