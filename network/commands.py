"""The network's verbs of the `commonhold` command: arguments in, text and an exit code out."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from network.build import BuildError
from network.config import MODULES
from network.doctor import Doctor
from network.home import Network, open_network
from network.identity import IdentityBroken
from network.look import open_inspector, status
from network.nodes import NativeSupervisor, NodeError
from network.plan import plan
from network.profile import connection_profile
from network.schema import ConfigErrors
from network.state import HomeError
from network.steps import StepFailed
from network.up import (
    Outcome,
    add_community,
    bring_down,
    bring_up,
    open_launcher,
    renew_nodes,
    upgrade_chaincode,
)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
LOG_LINES_MAX = 10_000
DEFAULT_FILE = Path(__file__).parent / "network.yaml"

Verb = Callable[[argparse.Namespace, Console], Awaitable[int]]


class Verbs(NamedTuple):
    """The lists that others may add to: all verbs, and what `export` writes."""

    all: Any
    export: Any


def add_verbs(parser: argparse.ArgumentParser) -> Verbs:
    """Adds the network's options and verbs to the command's parser; gives the lists of verbs, for
    others to add theirs: `run(args, console)`, a coroutine function that answers an exit code.
    """
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="the network's YAML")
    parser.add_argument("--home", type=Path, help="its data (default .commonhold/<name>)")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _verb(verbs, "up", _up, "start the network, or what is missing of it")
    down = _verb(verbs, "down", _down, "stop every node; ledgers stay")
    down.add_argument("--wipe", action="store_true", help="also delete all its data")
    status = _verb(verbs, "status", _status, "nodes, ledger heights, chaincode package ids")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    _verb(verbs, "doctor", _doctor, "look for what will hurt")
    _verb(verbs, "plan", _plan, "what `up` would change")
    _verb(verbs, "renew", _renew, "restart one by one what runs with an older configuration")
    logs = _verb(verbs, "logs", _logs, "the last log lines of a node")
    logs.add_argument("node", help="as `status` names it, e.g. peer0.bank")
    logs.add_argument("--lines", type=_line_count, default=200)
    return Verbs(verbs, _nested(verbs))


def _nested(verbs: Any) -> Any:
    """Verbs with actions of their own; gives those of `export`."""
    community = verbs.add_parser("community", help="communities of a running network")
    actions = community.add_subparsers(required=True, metavar="ACTION")
    add = _verb(actions, "add", _community_add, "a new channel for a community")
    add.add_argument("id", help="the community, and its channel's name")
    add.add_argument("--modules", default=",".join(MODULES), help="comma-separated")
    export = verbs.add_parser("export", help="files for other programs")
    exports = export.add_subparsers(required=True, metavar="WHAT")
    profile = _verb(exports, "profile", _export_profile, "a connection profile (JSON)")
    profile.add_argument("--org", required=True)
    profile.add_argument("--scheme", action="store_true", help="write grpcs:// before addresses")
    chaincode = verbs.add_parser("chaincode", help="the rules that all orgs run")
    actions = chaincode.add_subparsers(required=True, metavar="ACTION")
    _verb(actions, "upgrade", _chaincode_upgrade, "move every channel to the YAML's version")
    return exports


def _verb(verbs: Any, name: str, run: Verb, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _line_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LOG_LINES_MAX:
        raise argparse.ArgumentTypeError(f"must be 1 to {LOG_LINES_MAX}")
    return int(text)


def execute(args: argparse.Namespace) -> int:
    """Runs a verb; answers 0, 1 when a step failed, 2 for bad input."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    try:
        return asyncio.run(_interruptible(args.run(args, console)))
    except ConfigErrors as error:
        errors.print(f"{len(error.findings)} finding(s) in the configuration:")
        for finding in error.findings:
            errors.print(f"  {finding}")
        return EXIT_BAD_INPUT
    except HomeError as error:
        errors.print(str(error))
        return EXIT_BAD_INPUT
    except StepFailed as error:
        _report_failure(error, errors)
    except OSError as error:
        errors.print(": ".join(str(part) for part in (error.strerror, error.filename) if part))
    except (BuildError, NodeError, IdentityBroken) as error:
        errors.print(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        errors.print("stopped; run the same command again to go on")
    return EXIT_FAILED


def _report_failure(error: StepFailed, errors: Console) -> None:
    errors.print(f"{error.node}: {error.reason}\n  while at: {error.step}")
    if error.tail:
        errors.print(f"  last log lines of {error.node}:")
        for line in error.tail:
            errors.print(f"    {line}")


async def _interruptible(verb: Coroutine[Any, Any, int]) -> int:
    """A SIGTERM ends a verb as Ctrl-C does: it may clean up."""
    task = asyncio.ensure_future(verb)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _open(args: argparse.Namespace) -> Network:
    return open_network(args.config, args.home)


async def _up(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    outcome = await bring_up(network, console)
    console.print(f"{network.config.name} is up ({_done(outcome)}); data in {network.home}")
    _tell_outdated(outcome, console)
    return EXIT_OK


def _done(outcome: Outcome) -> str:
    return f"{len(outcome.changed)} steps" if outcome.changed else "nothing to do"


def _tell_outdated(outcome: Outcome, console: Console) -> None:
    if outcome.outdated:
        names = ", ".join(outcome.outdated)
        console.print(f"{names}: older configuration; `commonhold renew` restarts one by one")


async def _renew(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    outcome = await renew_nodes(network, console)
    console.print(f"every node of {network.config.name} runs as written ({_done(outcome)})")
    return EXIT_OK


async def _down(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    stopped = await bring_down(network, wipe=args.wipe)
    wiped = "; its data is deleted" if args.wipe else ""
    console.print(f"{network.config.name} is down ({len(stopped)} nodes stopped){wiped}")
    return EXIT_OK


async def _logs(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    if args.node not in network.founded().ports:
        known = ", ".join(network.founded().ports)
        raise HomeError(f"there is no node {args.node} (known: {known})")
    for line in NativeSupervisor(network.home).tail(args.node, args.lines):
        sys.stdout.write(f"{line}\n")
    return EXIT_OK


async def _status(args: argparse.Namespace, console: Console) -> int:
    async with open_inspector(_open(args)) as inspector:
        found = await status(inspector)
    if args.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return EXIT_OK
    for node in found["nodes"]:
        state = "serving" if node["serving"] else "running" if node["pid"] else "stopped"
        console.print(f"{node['name']:24} {state:8} {node['address']:22} pid {node['pid'] or '-'}")
    for channel in found["channels"]:
        heights = ", ".join(f"{name} {height}" for name, height in channel["heights"].items())
        console.print(f"{channel['name']}: {heights}")
        console.print(f"  {_chaincode_words(channel['chaincode'])}")
    return EXIT_OK


def _chaincode_words(chaincode: dict[str, Any] | None) -> str:
    if chaincode is None:
        return "no chaincode is committed"
    packages = {package or "none" for package in chaincode["package_ids"].values()}
    version = f"{chaincode['name']} {chaincode['version']}, sequence {chaincode['sequence']}"
    return f"{version}, package {', '.join(sorted(packages))}"


async def _doctor(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    async with open_inspector(network) as inspector:
        launcher = await open_launcher(inspector.topology, console)
        found = await Doctor(inspector, launcher).examine()
    for diagnosis in found:
        mark = "ok  " if diagnosis.well else "BAD "
        console.print(f"{mark} {diagnosis.check:12} {diagnosis.subject}: {diagnosis.words}")
    bad = sum(not diagnosis.well for diagnosis in found)
    console.print(f"{len(found)} checks, {bad} bad")
    return EXIT_FAILED if bad else EXIT_OK


async def _plan(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    changes = await plan(network, await open_launcher(network.preview(), console))
    for change in changes:
        console.print(str(change))
    if not changes:
        console.print("nothing to change")
    return EXIT_OK


async def _export_profile(args: argparse.Namespace, console: Console) -> int:
    topology = _open(args).topology()
    if args.org not in topology.orgs:
        raise HomeError(f"there is no org {args.org} (known: {', '.join(topology.orgs)})")
    profile = connection_profile(topology, topology.orgs[args.org], scheme=args.scheme)
    sys.stdout.write(json.dumps(profile, indent=2) + "\n")
    return EXIT_OK


async def _community_add(args: argparse.Namespace, console: Console) -> int:
    channel = {
        "name": args.id,
        "communities": [args.id],
        "modules": [word for word in args.modules.split(",") if word],
    }
    outcome = await add_community(_open(args), channel, console)
    console.print(f"{args.id} has its channel on every node")
    _tell_outdated(outcome, console)
    return EXIT_OK


async def _chaincode_upgrade(args: argparse.Namespace, console: Console) -> int:
    network = _open(args)
    outcome = await upgrade_chaincode(network, console)
    version = network.config.chaincode.version
    state = "moved to" if outcome.changed else "already at"
    console.print(f"every channel is {state} {network.config.chaincode.name} {version}")
    return EXIT_OK
