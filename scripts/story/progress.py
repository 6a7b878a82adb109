"""Telling people what goes on, and measuring it: seconds and memory of each step."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import psutil
from rich.console import Console
from rich.progress import Progress

SAMPLE_S: Final = 2.0
BYTES_PER_MB: Final = 1_000_000


@dataclass(slots=True)
class Teller:
    """Says in plain words what is done, and notes what it took."""

    console: Console
    memory: "MemoryWatch"
    took: list[dict[str, Any]] = field(default_factory=list)
    """Of each step: name, seconds, the most memory while it ran."""

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Announce a step, and measure it."""
        self.console.print(f"\n[bold]{title}[/bold]", highlight=False)
        began_s = time.monotonic()
        self.memory.begin()
        yield
        seconds = round(time.monotonic() - began_s, 1)
        rss_mb = self.memory.end()
        self.took[:] = [one for one in self.took if one["step"] != name]
        self.took.append({"step": name, "seconds": seconds, "rss_max_mb": rss_mb})
        self.console.print(f"  [dim]{seconds:.1f} s, {rss_mb} MB[/dim]", highlight=False)

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(f"  {text}", highlight=False, markup=False)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """Progress of many things of one kind: a bar on a terminal, one line elsewhere."""
        with Progress(
            console=self.console, transient=True, disable=not self.console.is_terminal
        ) as bar:
            task = bar.add_task(f"  {what}", total=total)
            yield lambda: bar.advance(task)


class MemoryWatch:
    """Resident memory of the demo's processes and their children, all together.

    A page that several of them share, such as a library's code, is counted once.
    """

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._step_bytes = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def begin(self) -> None:
        """A step begins."""
        with self._lock:
            self._step_bytes = 0

    def end(self) -> int:
        """A step ends; the most memory since it began, in MB."""
        self._look()
        with self._lock:
            return self._step_bytes // BYTES_PER_MB

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        pids: set[int] = set()
        for pid in self._pids():
            pids |= _with_children(pid)
        found = sum(_resident(pid) for pid in pids)
        with self._lock:
            self._step_bytes = max(self._step_bytes, found)


def _with_children(pid: int) -> set[int]:
    with suppress(psutil.Error):
        return {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
    return set()


def _resident(pid: int) -> int:
    """A process's part of the memory (Linux: PSS); elsewhere all that it maps (RSS)."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        found = process.memory_full_info()
        return int(getattr(found, "pss", found.rss))
    return 0
