"""Ordered, repeatable steps: each knows whether it is done (`check`) and how to do it (`run`).

Steps wait only for those they need, so independent ones go on at the same time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Protocol

from network.ca.errors import CaError
from network.envelopes import MismatchError
from network.nodes import NodeDied, NodeError, NotReady
from network.ports import PortInUse
from network.rpc import CallFailed, NotCommitted

_EXPECTED = (
    NodeError, PortInUse, CaError, CallFailed, NotCommitted, MismatchError, OSError, TimeoutError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to be brought about. `node` is who it is about, `needs` names earlier steps."""

    name: str
    node: str
    needs: tuple[str, ...] = ()
    check: Callable[[], Awaitable[bool]]
    run: Callable[[], Awaitable[None]]


class StepFailed(Exception):
    """A step did not succeed: which, at which node, why, and the node's last log lines."""

    def __init__(self, step: str, node: str, reason: str, tail: Sequence[str] = ()) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.node = node
        self.reason = reason
        self.tail = tuple(tail)


class Progress(Protocol):
    """Hears what the steps do."""

    def begun(self, step: Step) -> None: ...

    def ended(self, step: Step, seconds: float, *, changed: bool) -> None: ...

    def failed(self, step: Step) -> None: ...


async def perform(steps: Sequence[Step], progress: Progress) -> list[str]:
    """Brings all steps about; answers the names of those that had to run.

    The first failure stops the rest and is raised as StepFailed.
    """
    _require_order(steps)
    done = {step.name: asyncio.Event() for step in steps}
    changed: list[str] = []

    async def follow(step: Step) -> None:
        for name in step.needs:
            await done[name].wait()
        if await _one(step, progress):
            changed.append(step.name)
        done[step.name].set()

    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(follow(step), name=step.name)
    except BaseExceptionGroup as errors:
        failures, others = errors.split(StepFailed)
        if others is not None or failures is None:
            raise
        raise _first(failures) from failures
    return changed


def _require_order(steps: Sequence[Step]) -> None:
    """Raises ValueError for a need that no step meets, CycleError when steps need each other."""
    needs = {step.name: step.needs for step in steps}
    if len(needs) != len(steps):
        raise ValueError("two steps have the same name")
    missing = {name for step in steps for name in step.needs} - needs.keys()
    if missing:
        raise ValueError(f"no step is named {', '.join(sorted(missing))}")
    TopologicalSorter(needs).prepare()


async def _one(step: Step, progress: Progress) -> bool:
    begun = time.monotonic()
    progress.begun(step)
    try:
        changed = not await step.check()
        if changed:
            await step.run()
    except (*_EXPECTED, ExceptionGroup) as error:
        progress.failed(step)
        leaf = _first(error)
        if not isinstance(leaf, _EXPECTED):
            raise
        raise _failure(step, leaf) from error
    progress.ended(step, time.monotonic() - begun, changed=changed)
    return changed


def _failure(step: Step, error: Exception) -> StepFailed:
    if isinstance(error, NodeDied | NotReady):
        reason = str(error).splitlines()[0].removesuffix("; its last log lines:")
        return StepFailed(step.name, error.node, reason, error.tail)
    if isinstance(error, CallFailed):
        return StepFailed(step.name, error.node, error.reason)
    if isinstance(error, OSError) and error.strerror:
        return StepFailed(step.name, step.node, f"{error.strerror}: {error.filename or ''}")
    return StepFailed(step.name, step.node, str(error) or type(error).__name__)


def _first(error: Exception) -> Exception:
    """The error itself, or the first one inside a group."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
