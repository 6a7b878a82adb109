"""`scripts/bench ballots`."""

import argparse

from scripts.benchmarks.figures import Figures


async def measure(args: argparse.Namespace, figures: Figures) -> None:
    """All figures."""
