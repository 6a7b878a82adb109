"""The regulator's verbs of the `commonhold` command: the roll file and the identity database."""

import argparse
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.app import utc_ms
from gateway.database import DatabaseUnavailable
from gateway.identity import vault
from gateway.identity.database import open_tables
from gateway.identity.rollfile import BadRollFile, read_roll
from gateway.identity.rollimport import prepare_import, request_bytes
from gateway.identity.seal import SealBroken, load_key_file, make_key_file

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2


class Printer(Protocol):
    """Where the answer goes, line by line."""

    def print(self, text: str) -> None:
        """One line."""
        ...


def add_verbs(verbs: Any) -> None:
    """Add `roll check`, `roll import` and `identity key` to the command's verbs."""
    roll = verbs.add_parser("roll", help="the housing bureau's roll file").add_subparsers(
        required=True, metavar="ACTION"
    )
    check = roll.add_parser("check", help="name every fault of a roll file, line by line")
    check.add_argument("file", type=Path)
    check.set_defaults(run=check_roll)
    taken = roll.add_parser(
        "import", help="give owners their random ids, and write the request for `import_roll`"
    )
    taken.add_argument("file", type=Path)
    taken.add_argument("--community", required=True)
    taken.add_argument("--database", required=True, help="as in [identity] of the gateway")
    taken.add_argument("--key-file", type=Path, required=True)
    taken.add_argument("--out", type=Path, required=True, help="the request, which names nobody")
    taken.set_defaults(run=import_roll)
    identity = verbs.add_parser("identity", help="the identity database").add_subparsers(
        required=True, metavar="ACTION"
    )
    key = identity.add_parser("key", help="make the key file that unwraps the database's key")
    key.add_argument("file", type=Path)
    key.set_defaults(run=make_key)


async def check_roll(args: argparse.Namespace, out: Printer) -> int:
    """Read a roll file and say what it holds. Raises OSError."""
    try:
        units = read_roll(args.file.read_bytes())
    except BadRollFile as bad:
        return _name_faults(bad, out)
    owners = {line.owner.id_no for unit in units for line in unit}
    out.print(f"{len(units)} units, {len(owners)} owners, no fault")
    return EXIT_OK


async def import_roll(args: argparse.Namespace, out: Printer) -> int:
    """Take a roll file's owners into the identity database; repeating it changes nothing.

    Raises OSError.
    """
    try:
        key = load_key_file(args.key_file)
        database = await open_tables(args.database, vault.SCHEMA)
    except (SealBroken, DatabaseUnavailable) as error:
        out.print(f"the identity database cannot be opened: {error}")
        return EXIT_FAILED
    try:
        opened = await vault.Vault.open(database, key, utc_ms)
        request = await prepare_import(args.community, args.file.read_bytes(), opened)
    except BadRollFile as bad:
        return _name_faults(bad, out)
    except (SealBroken, DatabaseUnavailable) as error:
        out.print(f"nothing was taken in: {error}")
        return EXIT_FAILED
    finally:
        await database.close()
    args.out.write_bytes(request_bytes(request))
    out.print(f"{len(request.units)} units in {args.out}: have the gateway send `import_roll`")
    return EXIT_OK


async def make_key(args: argparse.Namespace, out: Printer) -> int:
    """Make the key file, mode 0600; one that is there stays as it is."""
    try:
        make_key_file(args.file)
    except SealBroken as error:
        out.print(str(error))
        return EXIT_FAILED
    out.print(f"{args.file}: keep a copy apart from the database; without it nobody can be read")
    return EXIT_OK


def _name_faults(bad: BadRollFile, out: Printer) -> int:
    for fault in bad.faults:
        out.print(f"line {fault.line}: {fault.reason}")
    return EXIT_BAD_INPUT
