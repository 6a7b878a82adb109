"""Files that appear whole or not at all: used wherever a key, certificate or state is written."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
PRIVATE_FOLDER = 0o700


def private_folder(folder: Path) -> Path:
    """Make `folder` (and its parents) and let nobody but its owner in."""
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    folder.chmod(PRIVATE_FOLDER)
    return folder


def write_atomic(path: Path, content: bytes, mode: int = PUBLIC_FILE) -> bool:
    """Give `path` this content and mode; True when something changed.

    A reader sees the old or the new content, never a part, also when the machine stops midway.
    An equal file keeps its modification time. Raises OSError (full disk, no permission).
    """
    if path.is_file() and path.read_bytes() == content:
        return _set_mode(path, mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def sync_folder(folder: Path, contents: Mapping[str, bytes], mode: int = PUBLIC_FILE) -> bool:
    """Let `folder` hold exactly these files; True when something changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = [write_atomic(folder / name, content, mode) for name, content in contents.items()]
    strays = [entry for entry in folder.iterdir() if entry.name not in contents]
    for stray in strays:
        shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
    return any(changed) or bool(strays)


def _set_mode(path: Path, mode: int) -> bool:
    if path.stat().st_mode & 0o777 == mode:
        return False
    path.chmod(mode)
    return True
