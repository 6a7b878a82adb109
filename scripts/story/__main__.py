"""`scripts/demo`: the gate of Fuzemen, from an empty machine to a complete record."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console

from network.home import open_network
from network.nodes import NativeSupervisor
from network.up import bring_up
from scripts.story.places import ROLL, open_places
from scripts.story.progress import MemoryWatch, Teller
from scripts.story.services import Services
from scripts.story.story import SCENES
from scripts.story.world import open_world

CONFIG = Path(__file__).parents[2] / "network" / "network.yaml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--config", type=Path, default=CONFIG)
    args = parser.parse_args()
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    console = Console()
    network = open_network(args.config, args.home)
    places = open_places(network.home, "fixed" if args.config == CONFIG else "auto")
    services = Services(network, places)

    def pids():
        sup = NativeSupervisor(network.home)
        nodes = network.topology().nodes if network.state else ()
        return [os.getpid(), *services.pids(), *(p for n in nodes if (p := sup.pid(n.name)))]

    memory = MemoryWatch(pids)
    teller = Teller(console, memory)
    memory.start()
    with teller.step("network", "network"):
        await bring_up(network, console)
    with teller.step("services", "services"):
        await services.up(ROLL)
    async with open_world(network, places, teller) as world:
        for scene in SCENES:
            if await scene.is_done(world):
                console.print(f"done: {scene.name}")
                continue
            with teller.step(scene.name, scene.title):
                await scene.play(world)
    memory.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
