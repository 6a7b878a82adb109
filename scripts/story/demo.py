"""One demo on this machine: its network, its services, and the story played on them."""

import asyncio
import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import yaml
from rich.console import Console

from network.files import PRIVATE_FILE, private_folder, write_atomic
from network.home import HOMES, Network, open_network
from network.nodes import NativeSupervisor
from network.up import bring_down, bring_up
from scripts.story import finish
from scripts.story.places import PortChoice, open_places
from scripts.story.progress import MemoryWatch, Teller
from scripts.story.services import Services
from scripts.story.story import SCENES
from scripts.story.world import World, open_world

CONFIG: Final = Path(__file__).parents[2] / "network" / "network.yaml"
FIGURES: Final = "figures.json"
AFTERWARDS: Final = "Everything is stopped now. Run it again without --once to look around."


class Kept(msgspec.Struct):
    """What earlier runs of the same story found and took."""

    seconds: float = 0.0
    figures: dict[str, Any] = {}
    took: list[dict[str, Any]] = []


@dataclass(slots=True)
class Demo:
    """A demo in its home; `ports` says which ports it takes when it is made."""

    home: Path
    ports: PortChoice
    console: Console

    @classmethod
    def open(cls, home: Path | None, ports: PortChoice, console: Console) -> Self:
        """The demo of this home: that of the shipped network unless another is named."""
        written = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        return cls((home or HOMES / str(written["name"])).resolve(), ports, console)

    async def run(self, *, fresh: bool, once: bool, file: Path | None) -> None:
        """Play what has not been played. Raises StoryStuck, and what the network's `up` raises."""
        if fresh:
            await self.stop(wipe=True)
        try:
            await self._play(file, once=once)
        finally:
            if once:
                await asyncio.shield(self.stop(wipe=False))

    async def stop(self, *, wipe: bool) -> None:
        """End every process of the demo; with `wipe` delete all that it kept."""
        network = self._network()
        if (self.home / "story").is_dir():
            await Services(network, open_places(self.home, self.ports)).down()
        await bring_down(network, wipe=wipe)
        if wipe:
            shutil.rmtree(self.home, ignore_errors=True)

    def _network(self) -> Network:
        """The shipped network; with free ports it has a configuration of its own."""
        if self.ports == "fixed":
            return open_network(CONFIG, self.home)
        file = private_folder(self.home) / "network.yaml"
        if not file.is_file():
            written = yaml.safe_load(CONFIG.read_text(encoding="utf-8")) | {"ports": "auto"}
            write_atomic(file, yaml.safe_dump(written, sort_keys=False).encode(), PRIVATE_FILE)
        return open_network(file, self.home)

    async def _play(self, file: Path | None, *, once: bool) -> None:
        began_s = time.monotonic()
        network = self._network()
        places = open_places(self.home, self.ports)
        services = Services(network, places)
        kept_file = places.kept / FIGURES
        kept = _load(kept_file)
        teller = Teller(self.console, MemoryWatch(lambda: _pids(network, services)), kept.took)
        with teller.memory:
            with teller.step("network", "Four organisations bring up their network"):
                await bring_up(network, self.console)
            with teller.step("services", "Gateways, a sandbox bank and a sandbox authority start"):
                await services.up()
            async with open_world(network, places, teller) as world:
                world.figures.update(kept.figures)

                def keep() -> float:
                    seconds = kept.seconds + time.monotonic() - began_s
                    content = Kept(seconds, world.figures, teller.took)
                    write_atomic(kept_file, msgspec.json.encode(content), PRIVATE_FILE)
                    return seconds

                await self._scenes(world, keep)
                seconds = keep()
                if file is not None:
                    finish.save(file, finish.summary(world, seconds))
                most_mb = finish.summary(world, seconds)["rss_max_mb"]
                self.console.print(f"\n{seconds:.0f} s, at most {most_mb} MB.\n")
                ending = [AFTERWARDS] if once else finish.where_to_look(world)
                for line in ending:
                    self.console.print(line, highlight=False, markup=False)

    async def _scenes(self, world: World, keep: Any) -> None:
        for scene in SCENES:
            if await scene.is_done(world):
                self.console.print(f"\n[dim]{scene.title}: done before[/dim]", highlight=False)
                continue
            with world.teller.step(scene.name, scene.title):
                await scene.play(world)
            keep()


def _load(file: Path) -> Kept:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=Kept)
    return Kept()


def _pids(network: Network, services: Services) -> list[int]:
    supervisor = NativeSupervisor(network.home)
    nodes = network.topology().nodes if network.state else ()
    running = (supervisor.pid(node.name) for node in nodes)
    return [os.getpid(), *services.pids(), *(pid for pid in running if pid is not None)]
