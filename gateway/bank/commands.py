"""The bank's verbs of the `commonhold` command: the salt, and the hashes that the others need."""

import argparse
import secrets
from pathlib import Path
from typing import Any, Final

from gateway.bank.directory import DirectoryBroken, DirectoryFile
from gateway.bank.durable import write_file
from gateway.bank.part import load_hasher
from gateway.identity.commands import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_OK, Printer
from gateway.settings import SettingsError

SALT_BYTES: Final = 32


def add_verbs(verbs: Any) -> None:
    """Add `bank` with its actions to the command's verbs."""
    bank = verbs.add_parser("bank", help="the bank's directory").add_subparsers(
        required=True, metavar="ACTION"
    )
    salt = bank.add_parser("salt", help="make the salt of the hashes on the ledger")
    salt.add_argument("file", type=Path)
    salt.set_defaults(run=make_salt)
    hashes = bank.add_parser("hashes", help="the hashes of the directory's accounts and payees")
    hashes.add_argument("--directory-file", type=Path, required=True)
    hashes.add_argument("--salt-file", type=Path, required=True)
    hashes.set_defaults(run=list_hashes)


async def make_salt(args: argparse.Namespace, out: Printer) -> int:
    """Make the salt file, mode 0600; one that is there is never replaced."""
    if args.file.exists():
        out.print(f"{args.file} is there, and the ledger knows accounts by it")
        return EXIT_FAILED
    write_file(args.file, secrets.token_hex(SALT_BYTES).encode())
    return EXIT_OK


async def list_hashes(args: argparse.Namespace, out: Printer) -> int:
    """One line per account and payee: what `open_fund` and `register_payee` ask for."""
    try:
        hasher = load_hasher(args.salt_file)
        customers = DirectoryFile(args.directory_file).customers()
    except (SettingsError, DirectoryBroken) as error:
        out.print(str(error))
        return EXIT_BAD_INPUT
    for community, customer in customers.items():
        for account in customer.accounts:
            out.print(f"{community} account {account.number} {hasher.account(account.number)}")
        for payee in customer.payees:
            out.print(f"{community} payee {payee.payee_id} {hasher.party(payee.party)}")
    return EXIT_OK
