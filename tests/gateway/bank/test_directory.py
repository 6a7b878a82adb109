"""The settings of the bank's desks, the directory, and the verbs: what is wrong is named."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Org
from gateway.appkeys import READINESS
from gateway.bank import commands
from gateway.bank.directory import CustomerDirectory, DirectoryBroken, DirectoryFile
from gateway.bank.part import PART, BankSection, stays_here
from gateway.settings import SettingsError
from tests.scenarios.money import ACCOUNT, HASHER
from tests.support.api import serving
from tests.support.bank import CREDITOR, DEBTOR, OWN
from tests.support.bank_desk import bank_gateway, bank_settings, directory_text, secret
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger


def ledger_of(town: Commons) -> ContractLedger:
    return ContractLedger(town=town, org=Org.BANK)


async def test_only_the_bank_has_a_desk(tmp_path: Path) -> None:
    town, section = Commons(), BankSection(**bank_settings(tmp_path, "fuzemen"))
    with pytest.raises(SettingsError, match="belongs to the bank's gateway"):
        async with serving(town, ledger_of(town), section, org=Org.PROPERTY, parts=[PART]):
            pass


async def test_without_settings_there_is_no_desk() -> None:
    town = Commons()
    async with bank_gateway(town, ledger_of(town), BankSection()) as api:
        assert "bank" not in api.app[READINESS]


def settings_fields(folder: Path) -> dict[str, Any]:
    return bank_settings(folder, "fuzemen")


CHANGES: list[tuple[Callable[[dict[str, Any], Path], dict[str, Any]], str]] = [
    (lambda fields, _: {**fields, "directory_file": None}, "directory_file is missing"),
    (lambda fields, _: {**fields, "salt_file": None}, "salt_file is missing"),
    (lambda fields, _: {**fields, "journal_folder": None}, "journal_folder is missing"),
    (lambda fields, _: {**fields, "exchange_folder": None}, "either exchange_folder or url"),
    (
        lambda fields, folder: {
            **fields, "url": "https://bank.example", "token_file": secret(folder / "t", "x"),
        },
        "either exchange_folder or url",
    ),
    (
        lambda fields, _: {**fields, "exchange_folder": None, "url": "https://bank.example"},
        "url and token_file belong together",
    ),
    (
        lambda fields, folder: {
            **fields, "exchange_folder": None, "url": "http://bank.example",
            "token_file": secret(folder / "t", "x"),
        },
        "url is not https",
    ),
    (
        lambda fields, folder: {**fields, "key_file": secret(folder / "k", "x")},
        "certificate_file and key_file belong together",
    ),
    (lambda fields, folder: {**fields, "roots_file": folder / "none"}, "roots_file is not a file"),
    (lambda fields, folder: {**fields, "salt_file": folder / "none"}, "salt_file is not a file"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_settings_that_cannot_work_are_named(
    tmp_path: Path, change: Callable[[dict[str, Any], Path], dict[str, Any]], says: str
) -> None:
    folder = tmp_path / "gateway"
    (finding,) = BankSection(**change(settings_fields(folder), folder)).findings()
    assert finding.startswith(says)


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    fields = settings_fields(tmp_path)
    assert BankSection(**fields).findings() == []
    for name in ("directory_file", "salt_file"):
        fields[name].chmod(0o640)
    found = BankSection(**fields).findings()
    assert [finding.partition(" ")[0] for finding in found] == ["directory_file", "salt_file"]


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost/{community}", True),
        ("http://[::1]:80/", True),
        ("http://localhost:80@bank.example/", False),
        ("http://localhost.bank.example", False),
        ("http://bank.example", False),
        ("ftp://localhost", False),
    ],
)
def test_plain_http_is_for_this_machine_alone(url: str, stays: bool) -> None:
    assert stays_here(url) is stays


async def test_a_short_salt_is_refused(tmp_path: Path) -> None:
    town = Commons()
    fields = settings_fields(tmp_path)
    fields["salt_file"].write_bytes(b"short\n")
    with pytest.raises(SettingsError, match="16 bytes"):
        async with bank_gateway(town, ledger_of(town), BankSection(**fields)):
            pass


def test_one_address_serves_one_community(tmp_path: Path) -> None:
    """Two desks at one outbox would each confirm the other's messages, and lose them."""
    fields = settings_fields(tmp_path) | {"exchange_folder": None}
    one = BankSection(**fields, url="https://bank.example")
    many = BankSection(**fields, url="https://bank.example/{community}")
    assert (one.communities_max, many.communities_max) == (1, None)
    file = secret(tmp_path / "directory.toml", directory_text(["a", "b"]))
    with pytest.raises(DirectoryBroken, match="more communities than"):
        DirectoryFile(file, one.communities_max).customers()
    assert list(DirectoryFile(file, many.communities_max).customers()) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[a]\nname = "x"\naccounts = []\n', "Expected `array` of length >= 1"),
        ('["../a"]\nname = "x"\n', "matching regex"),
        (directory_text(["a"]) + "colour = 1\n", "unknown field `colour`"),
        (directory_text(["a"]).replace(DEBTOR.bank, "123"), "matching regex"),
        (directory_text(["a"]).replace(DEBTOR.account, "12 34"), "matching regex"),
        (directory_text(["a"]) + directory_text(["b"]), "names one account twice"),
        (directory_text(["a"]) + directory_text(["a"]).partition("\n[[")[2].join(["[[", ""]),
         "names one payee of a twice"),
    ],
)  # fmt: skip
def test_a_directory_that_is_wrong_is_refused_without_its_names(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(DirectoryBroken, match=says) as broken:
        DirectoryFile(secret(tmp_path / "directory.toml", text)).customers()
    for name in (DEBTOR.name, DEBTOR.account, CREDITOR.name, CREDITOR.account):
        assert name not in str(broken.value)


async def test_the_directory_knows_by_hash(tmp_path: Path) -> None:
    file = DirectoryFile(secret(tmp_path / "directory.toml", directory_text(["a"])))
    known = CustomerDirectory(file.customers()["a"], HASHER)
    assert await known.own(ACCOUNT) == DEBTOR
    assert await known.payee("locksmith") == CREDITOR
    with pytest.raises(Exception, match="directory/unknown-account"):
        await known.own("0" * 64)
    with pytest.raises(Exception, match="directory/unknown-payee"):
        await known.payee("plumber")


# --- The verbs ---


class Lines(list[str]):
    """What a verb printed."""

    def print(self, text: str) -> None:
        self.append(text)


async def test_the_salt_is_made_once(tmp_path: Path) -> None:
    file, out = tmp_path / "salt", Lines()
    args = argparse.Namespace(file=file)
    assert await commands.make_salt(args, out) == 0
    made = file.read_bytes()
    assert (len(made), file.stat().st_mode & 0o777) == (64, 0o600)
    assert await commands.make_salt(args, out) == 1
    assert file.read_bytes() == made


async def test_the_hashes_are_those_of_the_ledger(tmp_path: Path) -> None:
    fields = settings_fields(tmp_path)
    args = argparse.Namespace(
        directory_file=fields["directory_file"], salt_file=fields["salt_file"]
    )
    out = Lines()
    assert await commands.list_hashes(args, out) == 0
    assert out == [
        f"fuzemen account {OWN} {ACCOUNT}",
        f"fuzemen payee locksmith {HASHER.party(CREDITOR)}",
    ]
    for file in (fields["salt_file"], fields["directory_file"]):
        file.chmod(0o644)
        out.clear()
        assert await commands.list_hashes(args, out) == 2
        assert "0600" in out[0]
        file.chmod(0o600)
