"""The bank's own records of who is behind the hashes on the ledger: one TOML file, mode 0600.

    [fuzemen]                              # a community, as the ledger names it
    name = "幸福里小区业主大会"              # who holds its accounts
    accounts = [{number = "6222...", bank = "102100099996", opening_fen = 10000000}]
    payees = [{payee_id = "locksmith", name = "...", account = "...", bank = "..."}]

`bank` is the CNAPS code (大额支付行号). The first statement of an account has the number
`first_sequence` (1) and opens with `opening_fen`, or whatever it says where that is left out.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from chaincode.model.base import Id
from gateway.bank import limits
from gateway.bank.errors import BankError, UnknownParty
from gateway.bank.facts import Hasher
from gateway.bank.types import OwnAccount, Party
from gateway.settings import secret_file_findings

FILE_BYTES_MAX: Final = 16 * 1024 * 1024

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.NAME_CHARS_MAX)]
AccountNumber = Annotated[
    str, msgspec.Meta(pattern=rf"\A[A-Za-z0-9]{{1,{limits.ACCOUNT_CHARS_MAX}}}\Z")
]
BankCode = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{12}\Z")]


class DirectoryBroken(BankError):
    """The directory's file cannot be used; the text says why, and repeats nothing of it."""


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account of a community."""

    number: AccountNumber
    bank: BankCode
    first_sequence: Annotated[int, msgspec.Meta(ge=1)] = 1
    opening_fen: Annotated[int, msgspec.Meta(ge=0)] | None = None


class KnownPayee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may be paid, as the bank confirmed them."""

    payee_id: Id
    name: Name
    account: AccountNumber
    bank: BankCode

    @property
    def party(self) -> Party:
        """Name, account and bank."""
        return Party(name=self.name, account=self.account, bank=self.bank)


class Customer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A community as the bank knows it."""

    name: Name
    accounts: Annotated[tuple[Account, ...], msgspec.Meta(min_length=1)]
    payees: tuple[KnownPayee, ...] = ()

    @property
    def own_accounts(self) -> tuple[OwnAccount, ...]:
        """What the adapter has to know of the accounts."""
        return tuple(
            OwnAccount(
                number=account.number,
                first_sequence=account.first_sequence,
                opening_fen=account.opening_fen,
            )
            for account in self.accounts
        )


@dataclass(frozen=True, slots=True)
class CustomerDirectory:
    """A customer's part of the file as the bridge asks it (`bridge.Directory`)."""

    customer: Customer
    hasher: Hasher

    async def own(self, account_sha256: str) -> Party:
        """Who holds an account of the community. Raises UnknownParty."""
        for account in self.customer.accounts:
            if self.hasher.account(account.number) == account_sha256:
                return Party(name=self.customer.name, account=account.number, bank=account.bank)
        raise UnknownParty("directory/unknown-account")

    async def payee(self, payee_id: str) -> Party:
        """A payee whose account and name were confirmed. Raises UnknownParty."""
        for payee in self.customer.payees:
            if payee.payee_id == payee_id:
                return payee.party
        raise UnknownParty("directory/unknown-payee")


class DirectoryFile:
    """The file, read again when it has changed: a new payee needs no restart."""

    def __init__(self, path: Path, communities_max: int | None = None) -> None:
        """`communities_max` limits how many it may name."""
        self._path = path
        self._communities_max = communities_max
        self._read: tuple[tuple[int, ...], Mapping[str, Customer]] | None = None

    def customers(self) -> Mapping[str, Customer]:
        """All customers by community. Raises DirectoryBroken."""
        found = secret_file_findings("the directory", self._path)
        if found:
            raise DirectoryBroken(found[0])
        stat = self._path.stat()
        version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if self._read is None or self._read[0] != version:
            self._read = (version, _parsed(self._path))
        customers = self._read[1]
        if self._communities_max is not None and len(customers) > self._communities_max:
            raise DirectoryBroken("the directory names more communities than the address serves")
        return customers


def _parsed(path: Path) -> Mapping[str, Customer]:
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise DirectoryBroken(f"the directory is longer than {FILE_BYTES_MAX} bytes")
    try:
        tables = tomllib.loads(data.decode())
        customers = msgspec.convert(tables, type=dict[Id, Customer])
    except tomllib.TOMLDecodeError as error:
        raise DirectoryBroken(f"the directory is no TOML: {error}") from None
    except UnicodeDecodeError:
        raise DirectoryBroken("the directory is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise DirectoryBroken(f"the directory: {error}") from None
    _require_once(
        "account", [account.number for one in customers.values() for account in one.accounts]
    )
    for community, customer in customers.items():
        _require_once(f"payee of {community}", [payee.payee_id for payee in customer.payees])
    return customers


def _require_once(what: str, values: list[str]) -> None:
    if any(count > 1 for count in Counter(values).values()):
        raise DirectoryBroken(f"the directory names one {what} twice")
