"""Command line of the sandbox bank: `python -m gateway.bank.sandbox --data FOLDER VERB ...`.

Every verb but `serve` talks to a running sandbox, found through its data folder.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from gateway.bank.errors import BankError
from gateway.bank.sandbox.behaviour import Action, Subject
from gateway.bank.sandbox.program import READY_FILE, Ready, Settings, serve, token
from gateway.bank.sandbox.store import Store

_TIMEOUT_S = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; the exit status."""
    chosen = _parser().parse_args(arguments)
    chosen.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if chosen.verb == "serve":
            return _serve(chosen)
        answer = _command(chosen.data, *_request(chosen))
    except (BankError, OSError, ValueError) as error:
        sys.stderr.write(f"sandbox bank: {error}\n")
        return 1
    sys.stdout.write(f"{answer}\n")
    return 0


def _serve(chosen: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.WARNING)
    settings = Settings(
        data=chosen.data,
        folder=chosen.folder,
        port=chosen.port,
        interval_s=chosen.interval_s,
        seed=chosen.seed,
        first_day=chosen.first_day,
        cert_file=chosen.cert_file,
        key_file=chosen.key_file,
        client_ca_file=chosen.client_ca_file,
    )
    asyncio.run(serve(settings, Store(chosen.data / "bank.db")))
    return 0


def _request(chosen: argparse.Namespace) -> tuple[str, dict[str, Any] | None]:
    """The admin path and body of a verb."""
    given = {
        key: value
        for key, value in vars(chosen).items()
        if key not in ("verb", "data") and value is not None
    }
    match chosen.verb:
        case "open":
            return "accounts", given
        case "close":
            return "close", given
        case "credit":
            head = {key: given.pop(key) for key in ("credit_id", "account")}
            return "credits", {**head, "lines": [given]}
        case "rule":
            return "rules", given
        case "state":
            return "state", None
        case verb:
            return verb, given


def _command(data: Path, path: str, body: dict[str, Any] | None) -> str:
    """The answer of the running sandbox. Raises OSError, CommandError's words as ValueError."""
    ready = msgspec.json.decode((data / READY_FILE).read_bytes(), type=Ready)
    request = urllib.request.Request(  # noqa: S310 - the address comes from our own file
        f"{ready.url}/admin/{path}",
        data=None if body is None else msgspec.json.encode(body),
        headers={"Authorization": f"Bearer {token(data, 'admin')}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            raise ValueError(error.read().decode()) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.bank.sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the books and tokens")
    verbs = parser.add_subparsers(dest="verb", required=True)
    _add_serve(verbs.add_parser("serve", help="run the bank"))
    verb = verbs.add_parser("open", help="open an account")
    verb.add_argument("number")
    verb.add_argument("--opening-fen", type=int, default=0)
    verbs.add_parser("close", help="close an account").add_argument("number")
    verb = verbs.add_parser("credit", help="let money come in")
    verb.add_argument("credit_id")
    verb.add_argument("account")
    verb.add_argument("amount_fen", type=int)
    verb.add_argument("--payer-name", required=True)
    verb.add_argument("--payer-account", required=True)
    verb.add_argument("--reference")
    verb.add_argument("--remittance")
    _add_rule(verbs.add_parser("rule", help="tell the bank how to treat what comes"))
    verbs.add_parser("step", help="let time pass").add_argument("--count", type=int, default=1)
    verbs.add_parser("end-of-day", help="write statements, begin a new day")
    verbs.add_parser("state", help="show the books")
    return parser


def _add_serve(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--folder", type=Path, help="shared folder to exchange messages in")
    verb.add_argument("--port", type=int, default=0, help="0 takes a free one")
    verb.add_argument("--interval-s", type=float, default=1.0, help="0: only on command")
    verb.add_argument("--seed", type=int, default=1)
    verb.add_argument("--first-day", type=date.fromisoformat, default=date(2026, 1, 1))
    for name in ("--cert-file", "--key-file", "--client-ca-file"):
        verb.add_argument(name, type=Path)


def _add_rule(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("action", choices=[str(action) for action in Action])
    verb.add_argument("--subject", choices=[str(subject) for subject in Subject])
    verb.add_argument("--subject-id")
    verb.add_argument("--amount-fen", type=int)
    verb.add_argument("--count", type=int)
    verb.add_argument("--reason")
    verb.add_argument("--steps", type=int)


if __name__ == "__main__":
    sys.exit(main())
