"""Runs one benchmark and writes its figures: a flat JSON object, with the machine's load at both
ends, because figures of a busy machine say little."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import MappingProxyType

from scripts.benchmarks import ballots, gateway, network
from scripts.benchmarks.figures import Figures

Measure = Callable[[argparse.Namespace, Figures], Coroutine[None, None, None]]

BENCHMARKS: Mapping[str, Measure] = MappingProxyType(
    {"network": network.measure, "ballots": ballots.measure, "gateway": gateway.measure}
)


def main() -> int:
    """Measure, and print or write the figures as they come in."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog="\n".join(str(module.__doc__) for module in (network, ballots, gateway)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="where the figures go besides the screen")
    parser.add_argument(
        "--communities",
        type=int,
        default=1,
        help="network only: idle figures with so many communities, a longer run of its own",
    )
    args = parser.parse_args()
    figures = Figures(sys.stdout)
    figures.add("load_before", round(os.getloadavg()[0], 2))
    asyncio.run(_interruptible(BENCHMARKS[args.benchmark](args, figures)))
    figures.add("load_after", round(os.getloadavg()[0], 2))
    if args.json is not None:
        args.json.write_text(json.dumps(figures.found, indent=2) + "\n", "utf-8")
    return 0


async def _interruptible(measuring: Coroutine[None, None, None]) -> None:
    """A SIGTERM ends a benchmark as Ctrl-C does: the network is taken down."""
    task = asyncio.ensure_future(measuring)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


if __name__ == "__main__":
    raise SystemExit(main())
