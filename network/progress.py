"""Shows steps as they go: a live display on a terminal, plain lines anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from network.steps import Step


class StepDisplay:
    """A `steps.Progress` for people. Use as a context manager around `perform`."""

    def __init__(self, title: str, total: int, console: Console) -> None:
        self._console = console
        self._running: dict[str, None] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn(), TextColumn("{task.fields[now]}"))  # fmt: skip
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._task = self._bar.add_task(title, total=total, now="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begun(self, step: Step) -> None:
        self._running[step.name] = None
        self._show()

    def ended(self, step: Step, seconds: float, *, changed: bool) -> None:
        self._running.pop(step.name, None)
        self._bar.advance(self._task)
        self._show()
        if changed:
            self._console.print(f"{seconds:6.2f} s  {step.name}", highlight=False, markup=False)

    def failed(self, step: Step) -> None:
        self._running.pop(step.name, None)
        self._console.print(f"failed    {step.name}", highlight=False, markup=False)

    def _show(self) -> None:
        self._bar.update(self._task, now=next(iter(self._running), ""))
