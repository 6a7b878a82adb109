"""`scripts/demo`: the Fuzemen community repairs its gate, from an empty machine to the record.

A run that was stopped goes on where it was: every step asks the ledger whether it has been done.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from network.commands import EXIT_FAILED, EXIT_OK, execute
from scripts.hand.errors import HandError
from scripts.story.clock import TooLate
from scripts.story.demo import Demo
from scripts.story.motions import StoryStuck


def main() -> int:
    """Play, or stop; 0 when everything went as it must, 1 when not, 2 for bad input."""
    args = _parser().parse_args()
    args.run = _run
    return execute(args)


async def _run(args: argparse.Namespace, _: Console) -> int:
    console = Console(soft_wrap=True)
    demo = Demo.open(args.home, args.ports, console)
    try:
        if args.stop:
            await demo.stop(wipe=False)
            console.print("Everything is stopped. The ledger stays; scripts/demo goes on with it.")
        else:
            await demo.run(fresh=args.fresh, once=args.once, file=args.json)
    except (StoryStuck, TooLate, HandError) as error:
        console.print(f"The story cannot go on: {error}", style="red", markup=False)
        return EXIT_FAILED
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop everything at the end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a summary with figures")
    parser.add_argument("--fresh", action="store_true", help="delete what is there and start anew")
    parser.add_argument("--stop", action="store_true", help="stop what runs; the ledger stays")
    parser.add_argument("--home", type=Path, help="where everything is kept")
    parser.add_argument(
        "--ports",
        choices=("fixed", "auto"),
        default="fixed",
        help="fixed: network from 7000, gateways from 7400; auto: free ones, for a home of its own",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
