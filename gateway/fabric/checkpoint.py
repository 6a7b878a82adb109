"""Where a reader of events has got to, kept in memory or in a file."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.fabric.errors import CheckpointCorrupt


@dataclass(frozen=True, slots=True)
class Position:
    """The block in which the next event is expected and, when part of that block is done, the
    last transaction of it that was."""

    block_number: int
    tx_id: str = ""


class Event(Protocol):
    """What `checkpoint_event` needs of an event."""

    @property
    def block_number(self) -> int: ...
    @property
    def tx_id(self) -> str: ...


class Checkpoint(Protocol):
    """Where to resume; None means nowhere yet."""

    @property
    def position(self) -> Position | None: ...


class Checkpointer:
    """A checkpoint in memory or, with a `path`, in a JSON file of the form the Fabric SDKs use.

    Each checkpoint replaces the file as a whole and is on disk when the call returns, so a crash
    leaves the previous one or this one. One process writes a file.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read the file if there is one. Raises CheckpointCorrupt, OSError."""
        self._path = path
        self._position = None if path is None else _read(path)
        self._writing = asyncio.Lock()

    @property
    def position(self) -> Position | None:
        """Where to resume; None before the first checkpoint."""
        return self._position

    async def checkpoint_block(self, block_number: int) -> None:
        """The whole block is done. Raises OSError, like the two below."""
        await self._move(Position(block_number + 1))

    async def checkpoint_transaction(self, block_number: int, tx_id: str) -> None:
        """The block is done up to and including this transaction."""
        await self._move(Position(block_number, tx_id))

    async def checkpoint_event(self, event: Event) -> None:
        """Events are done up to and including this one."""
        await self.checkpoint_transaction(event.block_number, event.tx_id)

    async def _move(self, position: Position) -> None:
        async with self._writing:
            if self._path is not None:
                await asyncio.to_thread(_write, self._path, position)
            self._position = position


def _read(path: Path) -> Position | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(content)
        position = Position(fields["blockNumber"], fields["transactionId"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointCorrupt(f"{path} holds no checkpoint") from error
    is_number = type(position.block_number) is int and position.block_number >= 0
    if not is_number or not isinstance(position.tx_id, str):
        raise CheckpointCorrupt(f"{path} holds no checkpoint")
    return position


def _write(path: Path, position: Position) -> None:
    content = json.dumps({"blockNumber": position.block_number, "transactionId": position.tx_id})
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Without it the new name itself could be lost with the power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
