"""Files that are whole or absent: written aside, flushed to disk, then renamed."""

from __future__ import annotations

import os
from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Puts `data` at `path` in one step, readable by its owner only.

    The unfinished file has a leading dot and the ending .part, which readers skip.
    """
    part = path.with_name(f".{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def move_file(source: Path, target: Path) -> None:
    """Moves a file within a file system; nothing happens where it was moved before."""
    try:
        source.replace(target)
    except FileNotFoundError:
        return
    sync_folder(source.parent)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Flushes the names in `folder` to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
