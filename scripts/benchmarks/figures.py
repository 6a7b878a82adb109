"""Figures: collected by name, told as soon as they are known."""

from collections.abc import Sequence
from statistics import quantiles
from typing import TextIO


class Figures:
    """A flat object of numbers."""

    def __init__(self, out: TextIO) -> None:
        self.found: dict[str, float] = {}
        self._out = out

    def add(self, name: str, value: float) -> None:
        """Record one figure and tell it."""
        self.found[name] = round(value, 3)
        print(f"{name:24} {self.found[name]:g}", file=self._out, flush=True)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent lie, 1 to 99. Raises StatisticsError below two."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]
