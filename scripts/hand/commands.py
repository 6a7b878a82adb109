"""The verb `act` of the `commonhold` command: one person's key, credential, acts and proofs.

Exit 0: done or accepted; 1: refused, with the code; 2: bad input, nothing sent; 3: not known.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from chaincode.model.base import Role
from gateway.identity.flows import Flow
from scripts.hand.acting import Accepted, look
from scripts.hand.certifying import WAIT_S, Applicant, Guide
from scripts.hand.errors import BadInput, HandError, Refused
from scripts.hand.forms import fetch_forms
from scripts.hand.gateways import LANGUAGES, PATIENCE_S, Gateways
from scripts.hand.guides import AskingGuide, SandboxGuide
from scripts.hand.person import Person
from scripts.hand.telling import act_lines, form_lines, proof_lines

EXIT_OK: Final = 0
SECONDS_MAX: Final = 3_600.0


class Printer(Protocol):
    """Where the answer goes, line by line."""

    def print(self, text: str) -> None:
        """One line."""
        ...


Verb = Callable[[argparse.Namespace, Printer], Awaitable[int]]


def add_verbs(verbs: Any) -> None:
    """Add `act` with its actions to the command's verbs."""
    text = "a person's key, credential, signed acts and their proof"
    actions = verbs.add_parser("act", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    key = actions.add_parser("key", help="the private key").add_subparsers(
        required=True, metavar="ACTION"
    )
    new = key.add_parser("new", help="make a key in a folder of its own; it never leaves it")
    _add_output(new)
    _set(new, _new_key)
    _add_certify(actions)
    _add(actions, "login", _log_in, "log in, and say who the credential stands for")
    listed = _add(actions, "list", _list_forms, "the acts there are and their fields", folder=False)
    listed.add_argument("--community", required=True)
    send = _add(actions, "send", _send, "sign an act, send it, show the answer")
    send.add_argument("act", help="e.g. cast_ballot; `act list` shows all")
    send.add_argument(
        "--field", action="append", default=[], metavar="NAME=VALUE", help="JSON, or plain text"
    )
    send.add_argument("--fields", type=Path, metavar="FILE", help="a JSON object of fields")
    vote = _add(actions, "vote", _vote, "cast a ballot, sealed where the motion asks for it")
    vote.add_argument("motion")
    vote.add_argument("--unit", action="append", required=True, help="may be given again")
    vote.add_argument("--choice", action="append", required=True, help="e.g. for, against")
    opening = _add(actions, "open", _open, "open a sealed ballot of one's own after the close")
    opening.add_argument("nonce")
    again = _add(actions, "again", _send_again, "send the same bytes of an earlier act again")
    again.add_argument("nonce")
    asked = _add(actions, "look", _look, "what became of an earlier act, without sending it")
    asked.add_argument("nonce")
    show = _add(actions, "show", _show, "an act's proof; without a nonce, the acts in the folder")
    show.add_argument("nonce", nargs="?")
    reading = _add(actions, "read", _read, "read what the credential may, e.g. /motions")
    reading.add_argument("path", help="below the community's place, with / in front")


def _add_certify(actions: Any) -> None:
    parser = _add(actions, "certify", _certify, "ask for a credential for the folder's key")
    parser.set_defaults(seconds=WAIT_S)
    parser.add_argument("--community", required=True)
    parser.add_argument("--name", help="as on the roll; asked for when left out")
    parser.add_argument("--id-no", help="identity code; asked for when left out")
    parser.add_argument("--phone", required=True)
    parser.add_argument("--unit", help="the owner's unit; staff have none")
    parser.add_argument("--role", choices=[str(role) for role in Role], default=str(Role.OWNER))
    parser.add_argument("--flow", choices=[str(flow) for flow in Flow], default=str(Flow.COUNTER))
    parser.add_argument(
        "--sandbox", type=Path, help="a sandbox authority's folder: do there what people would"
    )


def _add(
    actions: Any, name: str, run: Verb, text: str, *, folder: bool = True
) -> argparse.ArgumentParser:
    """An action that needs a gateway."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument(
        "--gateway", action="append", required=True, metavar="URL", help="may be given again"
    )
    parser.add_argument("--roots", type=Path, help="trusted TLS roots, in place of the system's")
    parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0])
    parser.add_argument("--seconds", type=_seconds, default=PATIENCE_S, help="patience, in all")
    _add_output(parser, folder=folder)
    _set(parser, run)
    return parser


def _add_output(parser: argparse.ArgumentParser, *, folder: bool = True) -> None:
    if folder:
        parser.add_argument("--folder", type=Path, required=True, help="the key's own folder")
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _set(parser: argparse.ArgumentParser, run: Verb) -> None:
    """Let the parser run a verb, whose errors are one line and an exit status."""

    async def guarded(args: argparse.Namespace, out: Printer) -> int:
        try:
            return await run(args, out)
        except HandError as error:
            _tell_error(args, out, error)
            return error.exit_status

    parser.set_defaults(run=guarded)


def _tell_error(args: argparse.Namespace, out: Printer, error: HandError) -> None:
    if not args.json:
        sys.stderr.write(f"{error}\n")
        return
    said: dict[str, Any] = {"outcome": type(error).__name__, "says": str(error)}
    if isinstance(error, Refused):
        said |= {"code": error.code, "status": error.status, "details": error.details}
    _tell(args, out, said, [])


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"seconds, at most {SECONDS_MAX:.0f}")
    return found


def _tell(args: argparse.Namespace, out: Printer, said: Any, lines: list[str]) -> int:
    """The answer: to machines as one JSON object, to people line by line."""
    if args.json:
        text = json.dumps(msgspec.to_builtins(said), ensure_ascii=False, sort_keys=True)
        out.print(text)
        return EXIT_OK
    for line in lines:
        out.print(line)
    return EXIT_OK


def _gateways(args: argparse.Namespace) -> Gateways:
    return Gateways(args.gateway, language=args.language, roots=args.roots, patience_s=args.seconds)


# --- The actions ---


async def _new_key(args: argparse.Namespace, out: Printer) -> int:
    Person.create(args.folder)
    lines = [f"A key is in {args.folder}. It never leaves it; keep the folder to yourself."]
    return _tell(args, out, {"outcome": "Made", "folder": str(args.folder)}, lines)


async def _certify(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    applicant = Applicant(
        name=args.name or _asked("Name: "),
        id_no=args.id_no or getpass.getpass("Identity code: "),
        phone=args.phone,
        unit_id=args.unit,
        role=Role(args.role),
        flow=Flow(args.flow),
    )
    async with _gateways(args) as gateways, _guide(args) as guide:
        found = await person.certify(
            gateways, args.community, applicant, guide, wait_s=args.seconds
        )
    said = {"outcome": "Issued", "credential_id": found, "role": args.role}
    return _tell(args, out, said, [f"Issued: credential {found} ({args.role})."])


@asynccontextmanager
async def _guide(args: argparse.Namespace) -> AsyncIterator[Guide]:
    if args.sandbox is not None:
        async with SandboxGuide(args.sandbox) as sandbox:
            yield sandbox
        return
    async with AskingGuide(_say, _asked) as asking:
        yield asking


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _asked(question: str) -> str:
    """One line from the person; the question goes to the error output, apart from the answer."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = bytearray()
    while (byte := os.read(sys.stdin.fileno(), 1)) not in (b"", b"\n"):
        line += byte
    if not line:
        raise BadInput("nobody answers: give what is asked for as an option")
    return line.decode(errors="replace").strip()


async def _log_in(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    async with _gateways(args) as gateways:
        session = await person.log_in(gateways)
    said = {
        "outcome": "LoggedIn",
        "address": session.address,
        "community": session.community,
        "credential_id": session.credential_id,
        "holder_id": session.holder_id,
        "role": session.role,
    }
    line = f"{session.address} knows you as {session.role} {session.holder_id}."
    return _tell(args, out, said, [line])


async def _list_forms(args: argparse.Namespace, out: Printer) -> int:
    async with _gateways(args) as gateways:
        forms = await fetch_forms(gateways, args.community)
    said = {"channel": forms.channel, "community": forms.community, "acts": dict(forms.acts)}
    return _tell(args, out, said, form_lines(forms))


async def _send(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    async with _gateways(args) as gateways:
        given = (await person.forms(gateways)).parse(args.act, args.field)
        accepted = await person.send(gateways, args.act, {**_fields_of(args.fields), **given})
    return _tell_accepted(args, out, accepted)


def _fields_of(file: Path | None) -> dict[str, Any]:
    """The fields in a file. Raises BadInput."""
    if file is None:
        return {}
    try:
        fields = json.loads(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"{file} is not JSON") from None
    if not isinstance(fields, dict):
        raise BadInput(f"{file} is not a JSON object")
    return fields


async def _vote(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    async with _gateways(args) as gateways:
        accepted = await person.vote(gateways, args.motion, args.unit, args.choice)
    return _tell_accepted(args, out, accepted)


async def _open(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    async with _gateways(args) as gateways:
        opened = await person.open_ballot(gateways, args.nonce)
    said = {"outcome": "Accepted", "opened": [_plain(one) for one in opened]}
    return _tell(args, out, said, [f"Opened: transaction {one.tx_id}." for one in opened])


async def _send_again(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    async with _gateways(args) as gateways:
        return _tell_accepted(args, out, await person.send_again(gateways, args.nonce))


async def _look(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    signed = person.folder.act(args.nonce)
    async with _gateways(args) as gateways:
        return _tell_accepted(args, out, await look(person.folder, gateways, signed))


def _tell_accepted(args: argparse.Namespace, out: Printer, accepted: Accepted) -> int:
    block = "" if accepted.block_number is None else f", block {accepted.block_number}"
    lines = [
        f"Accepted: transaction {accepted.tx_id}{block}.",
        f"Its proof: act show {accepted.nonce}",
    ]
    return _tell(args, out, {"outcome": "Accepted", **_plain(accepted)}, lines)


async def _show(args: argparse.Namespace, out: Printer) -> int:
    person = Person.open(args.folder)
    if args.nonce is None:
        acts = person.folder.acts()
        said = {"acts": [_plain(one) for one in acts]}
        return _tell(args, out, said, [line for one in acts for line in act_lines(one)])
    async with _gateways(args) as gateways:
        found = await person.proof(gateways, args.nonce)
    return _tell(args, out, {"outcome": "Proven", **_plain(found)}, proof_lines(found))


async def _read(args: argparse.Namespace, out: Printer) -> int:
    if not args.path.startswith("/"):
        raise BadInput("a path begins with /, e.g. /motions")
    person = Person.open(args.folder)
    async with _gateways(args) as gateways:
        said = await person.read(gateways, args.path)
    text = json.dumps(said, ensure_ascii=False, indent=2)
    return _tell(args, out, said, text.splitlines())


def _plain(said: Any) -> dict[str, Any]:
    found = msgspec.to_builtins(said)
    assert isinstance(found, dict), "a record"
    return found
