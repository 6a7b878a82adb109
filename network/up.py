"""Bringing a network up, down and further: the verbs that change what runs."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from network.bringup import Bringup
from network.build import ensure_binaries
from network.home import Network
from network.launch import CHECKOUT, Launcher
from network.nodes import NativeSupervisor
from network.portplan import plan_ports
from network.progress import StepDisplay
from network.rpc import Client
from network.state import HomeError, locked, write_state
from network.steps import Step, perform
from network.topology import Topology, extend

FREE_BYTES_MIN = 256 << 20  # several times what a fresh network writes in its first hour


@dataclass(frozen=True, slots=True)
class Outcome:
    """The steps that had to run, empty when all was done already; and the nodes that run with an
    older configuration."""

    changed: tuple[str, ...]
    outdated: tuple[str, ...] = ()


async def bring_up(network: Network, console: Console) -> Outcome:
    """Runs the whole network. Raises StepFailed, BuildError, HomeError, OSError.

    A failure stops the nodes that this run had started: no process is left behind half made.
    """
    with locked(network.home):
        _require_space(network.home)
        topology = network.prepare()
        async with open_bringup(topology, console) as bringup:
            try:
                outcome = await _perform("up", bringup.everything(), console)
            except BaseException:
                await asyncio.shield(_stop_all(bringup))
                raise
            return _with_outdated(outcome, bringup)


async def bring_down(network: Network, *, wipe: bool) -> list[str]:
    """Stops every node of the home, also those the YAML no longer names; keeps the ledgers.

    With `wipe` the home folder is removed as well. Raises NotStopped, HomeError.
    """
    if network.state is None:
        return []
    with locked(network.home):
        supervisor = NativeSupervisor(network.home)
        names = {pid.stem for pid in (network.home / "run").glob("*.pid")} | {*network.state.ports}
        stopped = await asyncio.gather(*(_stop(supervisor, name) for name in sorted(names)))
        if wipe:
            shutil.rmtree(network.home)
    return [name for name in stopped if name]


async def _stop(supervisor: NativeSupervisor, name: str) -> str:
    return name if await supervisor.stop(name) else ""


async def add_community(network: Network, channel: dict[str, Any], console: Console) -> Outcome:
    """A new channel for a community over all nodes of the running network.

    It is recorded first, so that `up` finishes what a killed run began. Raises ConfigErrors,
    StepFailed, HomeError.
    """
    with locked(network.home):
        _require_running(network)
        network.record_channel(channel)
        topology = network.topology()
        async with open_bringup(topology, console) as bringup:
            steps = bringup.channel_steps(topology.channel(channel["name"]))
            outcome = await _perform("community", _only(list(steps)), console)
            return _with_outdated(outcome, bringup)


async def renew_nodes(network: Network, console: Console) -> Outcome:
    """Restarts, one after the other, the nodes that run with an older configuration.

    The next is stopped when everything is ready again as `up` wants it, so that never more than one
    is away. One that does not come back ends it. Raises StepFailed, BuildError, HomeError.
    """
    with locked(network.home):
        _require_running(network)
        async with open_bringup(network.topology(), console) as bringup:
            changed: tuple[str, ...] = ()
            for node in bringup.outdated():
                await bringup.supervisor.stop(node.name)
                steps = bringup.everything()
                changed += (await _perform(f"renew {node.name}", steps, console)).changed
            return Outcome(changed)


async def upgrade_chaincode(network: Network, console: Console) -> Outcome:
    """Moves every channel to the YAML's chaincode version and endorsement.

    The new services run beside the old ones until every channel has moved. A failure leaves them
    running, because some channels may need them already; the same command goes on from there.
    Raises StepFailed, HomeError.
    """
    with locked(network.home):
        _require_running(network)
        state = network.founded()
        old, version = network.topology(), network.config.chaincode.version
        state.ports = plan_ports(network.config, version, state.ports)
        write_state(network.home, state)
        topology = extend(network.config, network.home, version, state.ports)
        async with open_bringup(topology, console) as bringup:
            steps = [step for org in topology.orgs.values() for step in bringup.org_steps(org)]
            steps += bringup.upgrade_steps()
            outcome = await _perform("chaincode upgrade", steps, console)
            await _retire(network, old, topology, bringup)
        return outcome


async def _retire(network: Network, old: Topology, new: Topology, bringup: Bringup) -> None:
    """Records the new version, then stops the services of the old one and frees their ports."""
    state, kept = network.founded(), {node.name for node in new.nodes}
    state.version = new.version
    gone = [node.name for node in old.nodes if node.name not in kept]
    write_state(network.home, state)
    await asyncio.gather(*(bringup.supervisor.stop(name) for name in gone))
    state.ports = {name: ports for name, ports in state.ports.items() if name not in gone}
    write_state(network.home, state)


def _require_space(home: Path) -> None:
    """Refuses a full disk beforehand: a node on one cannot even log why it dies."""
    free = shutil.disk_usage(home).free
    if free < FREE_BYTES_MIN:
        need, has = FREE_BYTES_MIN >> 20, free >> 20
        raise OSError(
            errno.ENOSPC, f"the disk is full: {need} MB are needed, {has} are free at", str(home)
        )


def _require_running(network: Network) -> None:
    supervisor = NativeSupervisor(network.home)
    silent = [n.name for n in network.topology().nodes if not supervisor.is_running(n.name)]
    if silent:
        raise HomeError(f"not running: {', '.join(silent)}; run `commonhold up` first")


def _with_outdated(outcome: Outcome, bringup: Bringup) -> Outcome:
    return replace(outcome, outdated=tuple(node.name for node in bringup.outdated()))


def _only(steps: list[Step]) -> list[Step]:
    """The steps by themselves: what they need of others is known to be done."""
    names = {step.name for step in steps}
    return [replace(s, needs=tuple(n for n in s.needs if n in names)) for s in steps]


async def open_launcher(topology: Topology, console: Console) -> Launcher:
    """The launcher of a topology; builds Fabric when that was not done yet. Raises BuildError."""
    report: Callable[[str], None] = console.print
    return Launcher(topology, await asyncio.to_thread(ensure_binaries, CHECKOUT, report))


@asynccontextmanager
async def open_bringup(topology: Topology, console: Console) -> AsyncIterator[Bringup]:
    """Everything a topology's steps need. Raises BuildError."""
    launcher = await open_launcher(topology, console)
    async with Client(topology.config.timing.transaction / 1000) as client:
        yield Bringup(
            topology=topology,
            launcher=launcher,
            supervisor=NativeSupervisor(topology.home),
            client=client,
            started=[],
        )


async def _perform(title: str, steps: Sequence[Step], console: Console) -> Outcome:
    with StepDisplay(title, len(steps), console) as display:
        return Outcome(tuple(await perform(steps, display)))


async def _stop_all(bringup: Bringup) -> None:
    await asyncio.gather(*(bringup.supervisor.stop(name) for name in bringup.started))
