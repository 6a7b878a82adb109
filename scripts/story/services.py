"""The demo's services beside the network: two sandboxes and the gateways of all organisations.

Each is a process known by pid and birth, so that a later run finds it, repairs what is missing,
and stops exactly what belongs to the demo.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp

from gateway.bank.facts import day_of
from network.files import private_folder
from network.home import Network
from network.nodes import Check, NativeSupervisor, NodeSpec, start_ready
from scripts.story.bankfiles import exchange_folder
from scripts.story.clock import now_ms
from scripts.story.places import CLERKS, HOST, ORGS, READY_FILE, ROLL, Places
from scripts.story.settings import write_gateway_settings

CHECKOUT: Final = Path(__file__).parents[2]
READY_S_MAX: Final = 90.0
STOP_S_MAX: Final = 40.0
CHECK_S: Final = 2.0
AUTHORITY: Final = "authority"
BANK: Final = "sandbox-bank"
BANK_STEP_S: Final = 0.5
"""How soon the sandbox bank takes, settles and reports."""
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""Of the environment: fonts are looked for with it, nothing else needs it."""


@dataclass(slots=True)
class Services:
    """The services of one demo."""

    network: Network
    places: Places

    @property
    def supervisor(self) -> NativeSupervisor:
        """Who knows their processes."""
        return NativeSupervisor(self.places.root)

    async def up(self) -> bool:
        """Start what does not run; whether anything had to be started. Raises NodeError."""
        started = await asyncio.gather(
            self._start(self._authority(), self._is_sandbox_up(self.places.authority)),
            self._start(self._bank(), self._is_sandbox_up(self.places.bank)),
        )
        for org in ORGS:
            write_gateway_settings(self.network, self.places, org)
        gateways = await asyncio.gather(
            *(self._start(self._gateway(org), self._is_ready(org)) for org in ORGS)
        )
        return any((*started, *gateways))

    async def down(self) -> None:
        """Stop all of them; what they keep stays. Raises NodeError."""
        names = {file.stem for file in (self.places.root / "run").glob("*.pid")}
        await asyncio.gather(*(self.supervisor.stop(name, STOP_S_MAX) for name in names))

    def pids(self) -> list[int]:
        """The processes that run now."""
        supervisor = self.supervisor
        names = {file.stem for file in (self.places.root / "run").glob("*.pid")}
        return [pid for name in names if (pid := supervisor.pid(name)) is not None]

    async def _start(self, node: NodeSpec, check: Check) -> bool:
        return await start_ready(self.supervisor, node, check, READY_S_MAX)

    def _authority(self) -> NodeSpec:
        return self._node(
            AUTHORITY,
            self.places.authority,
            (self.places.ports.authority,),
            *("-m", "gateway.identity.sandbox", "--data", str(self.places.authority), "serve"),
            *("--roll", str(ROLL), "--clerks", str(CLERKS)),
            *("--port", str(self.places.ports.authority)),
        )

    def _bank(self) -> NodeSpec:
        exchange = exchange_folder(self.places, self.community)
        return self._node(
            BANK,
            self.places.bank,
            (self.places.ports.bank,),
            *("-m", "gateway.bank.sandbox", "--data", str(self.places.bank), "serve"),
            *("--folder", str(exchange), "--port", str(self.places.ports.bank)),
            *("--interval-s", str(BANK_STEP_S), "--first-day", str(day_of(now_ms()))),
        )

    def _gateway(self, org: str) -> NodeSpec:
        ports = (self.places.ports.gateways[org], self.places.ports.operations[org])
        folder = self.places.gateway(org)
        return self._node(
            f"gateway-{org}", folder, ports, "-m", "gateway", "--config", "gateway.toml"
        )

    def _node(self, name: str, folder: Path, ports: tuple[int, ...], *command: str) -> NodeSpec:
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return NodeSpec(
            name=name,
            command=(sys.executable, *command),
            cwd=private_folder(folder),
            env={**kept, "PYTHONPATH": str(CHECKOUT)},
            host=HOST,
            ports=ports,
        )

    @property
    def community(self) -> str:
        """The community that the demo is about."""
        return self.network.config.channels[0].communities[0]

    def _is_sandbox_up(self, data: Path) -> Check:
        async def check() -> bool:
            return (data / READY_FILE).is_file()

        return check

    def _is_ready(self, org: str) -> Check:
        url = f"http://{HOST}:{self.places.ports.operations[org]}/readyz"

        async def check() -> bool:
            timeout = aiohttp.ClientTimeout(total=CHECK_S)
            try:
                async with (
                    aiohttp.ClientSession(timeout=timeout) as session,
                    session.get(url) as it,
                ):
                    return it.status == HTTPStatus.OK
            except (aiohttp.ClientError, TimeoutError):
                return False

        return check
