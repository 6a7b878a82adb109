"""The regulator's verbs of the `commonhold` command: the roll file and the identity database."""

import argparse
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.app import utc_ms
from gateway.database import DatabaseUnavailable, open_tables
from gateway.identity.rollfile import BadRollFile, read_roll
from gateway.identity.rollimport import prepare_import, request_bytes
from gateway.identity.seal import SealBroken, load_key_file, make_key_file
from gateway.identity.vault import SCHEMA, Vault

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2


class Printer(Protocol):
    """Where the answer goes, line by line."""

    def print(self, text: str) -> None:
        """One line."""
        ...


def add_verbs(verbs: Any) -> None:
    """Add `roll` and `identity` with their actions to the command's verbs."""
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
    _add_database(taken)
    taken.add_argument("--out", type=Path, required=True, help="the request, which names nobody")
    taken.set_defaults(run=import_roll)
    identity = verbs.add_parser("identity", help="the identity database").add_subparsers(
        required=True, metavar="ACTION"
    )
    key = identity.add_parser("key", help="make the key file that unwraps the database's key")
    key.add_argument("file", type=Path)
    key.set_defaults(run=make_key)
    change = identity.add_parser("change-key", help="wrap the database's key with another file's")
    _add_database(change)
    change.add_argument("--new-key-file", type=Path, required=True)
    change.set_defaults(run=change_key)
    reads = identity.add_parser("reads", help="who read a person's data, when and why")
    _add_database(reads)
    reads.add_argument("holder_id")
    reads.set_defaults(run=list_reads)


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", required=True, help="as in [identity] of the gateway")
    parser.add_argument("--key-file", type=Path, required=True)


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

    async def take_in(opened: Vault) -> int:
        try:
            data = args.file.read_bytes()
            request = await prepare_import(args.community, data, opened)
        except BadRollFile as bad:
            return _name_faults(bad, out)
        args.out.write_bytes(request_bytes(request))
        out.print(f"{len(request.units)} units in {args.out}: have the gateway send `import_roll`")
        return EXIT_OK

    return await _with_vault(args, out, take_in)


async def change_key(args: argparse.Namespace, out: Printer) -> int:
    """Wrap the database's key with another key file's; the old file opens nothing any more."""

    async def change(opened: Vault) -> int:
        await opened.change_key_file(load_key_file(args.new_key_file))
        out.print(f"{args.key_file} opens nothing any more; start the gateway with the new one")
        return EXIT_OK

    return await _with_vault(args, out, change)


async def list_reads(args: argparse.Namespace, out: Printer) -> int:
    """List every reading of a person, oldest first; names nobody."""

    async def read(opened: Vault) -> int:
        for record in await opened.access_records(args.holder_id):
            at = datetime.fromtimestamp(record.at / 1000, UTC).isoformat(timespec="seconds")
            out.print(f"{at} {record.purpose} {record.reader}")
        return EXIT_OK

    return await _with_vault(args, out, read)


async def make_key(args: argparse.Namespace, out: Printer) -> int:
    """Make the key file, mode 0600; one that is there stays as it is."""
    try:
        make_key_file(args.file)
    except SealBroken as error:
        out.print(str(error))
        return EXIT_FAILED
    out.print(f"{args.file}: keep a copy apart from the database; without it nobody can be read")
    return EXIT_OK


async def _with_vault(
    args: argparse.Namespace, out: Printer, work: Callable[[Vault], Awaitable[int]]
) -> int:
    """Do the work on the opened vault. What fails is printed, and nothing of it happened."""
    try:
        key = load_key_file(args.key_file)
        database = await open_tables(args.database, SCHEMA)
        try:
            return await work(await Vault.open(database, key, utc_ms))
        finally:
            await database.close()
    except DatabaseUnavailable as error:
        out.print(f"the identity database does not answer: {error.reason}")
    except SealBroken as error:
        out.print(str(error))
    return EXIT_FAILED


def _name_faults(bad: BadRollFile, out: Printer) -> int:
    for fault in bad.faults:
        out.print(f"line {fault.line}: {fault.reason}")
    return EXIT_BAD_INPUT
