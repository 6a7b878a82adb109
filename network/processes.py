"""Facts about processes of this machine that the standard library does not give."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

Birth = str
"""When a process began, in a form that no other process with the same id can have."""

STAT_START_FIELD = 19
"""Index of `starttime` among the fields after the command's name (proc(5), field 22)."""


def birth_of(pid: int) -> Birth | None:
    """The process's birth, None when there is no such process.

    On Linux: clock ticks since boot, with the boot's id. The wall-clock start time moves when the
    machine's clock is set, which would make every running node a stranger.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _wall_clock_birth(pid)
    return f"{boot}/{stat.rpartition(')')[2].split()[STAT_START_FIELD]}"


def find_marked(key: str, value: str) -> int | None:
    """The session leader whose environment has this entry; None when there is none.

    A node leads its own session, so its children, which inherit the entry, are not taken for it.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(key) == value and os.getsid(process.pid) == process.pid:
                return process.pid
    return None


@contextmanager
def no_core_files() -> Iterator[None]:
    """Processes started inside leave no core file, which would hold private keys."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def _wall_clock_birth(pid: int) -> Birth | None:
    with suppress(psutil.Error):
        return str(psutil.Process(pid).create_time())
    return None
