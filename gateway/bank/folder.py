"""BankTransport over a shared folder (README.md: folder protocol)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Container
from pathlib import Path

from gateway.bank.durable import move_file, write_file
from gateway.bank.errors import TransportError
from gateway.bank.limits import MESSAGE_BYTES_MAX
from gateway.bank.locks import ProcessLock
from gateway.bank.transport import Delivery

OUTBOX, INBOX, TAKEN, ARCHIVE = "outbox", "inbox", "taken", "archive"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.xml")


class FolderTransport:
    """Our files go to outbox/; the bank's come in inbox/, are ours in taken/, end in archive/."""

    def __init__(self, root: Path) -> None:
        """Makes the folders and takes the lock. Raises AdapterBusyError."""
        for name in (OUTBOX, INBOX, TAKEN, ARCHIVE):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = root
        self._lock = ProcessLock(root / "adapter.lock")

    async def send(self, message_id: str, data: bytes) -> None:
        """Leaves outbox/<message_id>.xml for the bank."""
        await asyncio.to_thread(write_file, self._root / OUTBOX / f"{message_id}.xml", data)

    async def receive(self, count_max: int, resting: Container[str] = ()) -> list[Delivery]:
        """The first files by name, out of the bank's reach before they are read."""
        return await asyncio.to_thread(self._receive, count_max, resting)

    async def confirm(self, delivery: Delivery) -> None:
        """Moves the file to archive/, named by its content so that no two collide."""
        digest = hashlib.sha256(delivery.data).hexdigest()[:16]
        source = self._root / TAKEN / delivery.delivery_id
        target = self._root / ARCHIVE / f"{digest}-{delivery.delivery_id}"
        await asyncio.to_thread(move_file, source, target)

    def close(self) -> None:
        """Frees the folder for another process."""
        self._lock.release()

    def _receive(self, count_max: int, resting: Container[str]) -> list[Delivery]:
        taken = self._root / TAKEN
        for path in message_files(self._root / INBOX)[:count_max]:
            if not (taken / path.name).exists():  # a name used again waits for its first use
                move_file(path, taken / path.name)
        return [_delivery(path) for path in message_files(taken) if path.name not in resting]


def message_files(folder: Path) -> list[Path]:
    """Finished message files in `folder` by name: no links, no unfinished files."""
    with os.scandir(folder) as found:
        names = sorted(
            entry.name
            for entry in found
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        )
    return [folder / name for name in names]


def _delivery(path: Path) -> Delivery:
    try:
        return Delivery(path.name, _read_bounded(path))
    except OSError as error:
        return Delivery(path.name, b"", TransportError(f"unreadable: {type(error).__name__}"))


def _read_bounded(path: Path) -> bytes:
    """The file, or one byte more than a message may have: enough to refuse it."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read(MESSAGE_BYTES_MAX + 1)
