"""Command line of the sandbox: `python -m gateway.identity.sandbox --data FOLDER VERB ...`.

Every verb but `serve` talks to a running sandbox, found through its data folder.
"""

import argparse
import asyncio
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

import msgspec

from gateway.identity.protocol import Step
from gateway.identity.rollfile import BadRollFile
from gateway.identity.sandbox.behaviour import Action, Call
from gateway.identity.sandbox.people import read_people
from gateway.identity.sandbox.program import READY_FILE, Ready, Settings, serve, token

TIMEOUT_S: Final = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit status."""
    chosen = _parser().parse_args(arguments)
    chosen.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if chosen.verb == "serve":
            return _serve(chosen)
        answer = _command(chosen)
    except BadRollFile as bad:
        for fault in bad.faults:
            sys.stderr.write(f"line {fault.line}: {fault.reason}\n")
        return 2
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox authority: {error}\n")
        return 1
    sys.stdout.write(f"{answer}\n")
    return 0


def _serve(chosen: argparse.Namespace) -> int:
    settings = Settings(
        data=chosen.data,
        people=read_people(
            chosen.roll.read_bytes(), chosen.clerks.read_bytes() if chosen.clerks else b""
        ),
        port=chosen.port,
        seed=chosen.seed,
        provider_id=chosen.provider_id,
        steps=tuple(step for step in Step if step not in chosen.without),
    )
    asyncio.run(serve(settings))
    return 0


def _command(chosen: argparse.Namespace) -> str:
    """The answer of the running sandbox. Raises OSError; its refusal as ValueError."""
    given = {
        key: value
        for key, value in vars(chosen).items()
        if key not in ("verb", "data") and value is not None
    }
    path = {"rule": "rules"}.get(chosen.verb, chosen.verb)
    ready = msgspec.json.decode((chosen.data / READY_FILE).read_bytes(), type=Ready)
    request = urllib.request.Request(  # noqa: S310 - the address comes from our own file
        f"{ready.url}/admin/{path}",
        data=None if chosen.verb == "codes" else msgspec.json.encode(given),
        headers={"Authorization": f"Bearer {token(chosen.data, 'admin')}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            raise ValueError(error.read().decode()) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.identity.sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of records and tokens")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("serve", help="run the authority")
    verb.add_argument("--roll", type=Path, required=True, help="the people it knows (CSV)")
    verb.add_argument("--clerks", type=Path, help="offices' clerks (CSV)")
    verb.add_argument("--port", type=int, default=0, help="0 takes a free one")
    verb.add_argument("--seed", default="1")
    verb.add_argument("--provider-id", default="sandbox-authority")
    verb.add_argument("--without", type=Step, action="append", default=[], help="a step it lacks")
    verb = verbs.add_parser("rule", help="tell it what to do wrong")
    verb.add_argument("action", choices=[str(action) for action in Action])
    verb.add_argument("--call", choices=[str(call) for call in Call])
    verb.add_argument("--step", choices=[str(step) for step in Step])
    verb.add_argument("--count", type=int)
    verb.add_argument("--seconds", type=float)
    verb = verbs.add_parser("attend", help="a clerk at the counter reads a person's document")
    verb.add_argument("ticket")
    verb.add_argument("document_no")
    verb = verbs.add_parser("face", help="a person shows their face")
    verb.add_argument("ticket")
    verb.add_argument("--other", dest="is_own", action="store_false", help="another's face")
    verbs.add_parser("codes", help="the short messages that went out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
