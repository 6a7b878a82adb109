"""One process at a time: a lock that the system frees when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.bank.errors import AdapterBusyError


class ProcessLock:
    """An exclusive lock on `path`, held until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Takes the lock at once. Raises AdapterBusyError where another holds it."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise AdapterBusyError(f"{path.name} is held by another process") from error

    def release(self) -> None:
        """Frees the lock; calling it again does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
