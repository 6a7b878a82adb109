"""Node processes: detached, known by pid and birth, stopped by pid only.

`Supervisor` is what the bring-up needs from whatever runs the nodes; `NativeSupervisor` runs them
as processes of this machine. Every node leaves `run/<name>.pid` and `logs/<name>.log` in its home.
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from network.files import PRIVATE_FILE, private_folder, write_atomic
from network.ports import PortInUse, require_free_port
from network.processes import Birth, birth_of, find_marked, no_core_files

STOP_GRACE_S = 10.0
"""How long a node may take to end after SIGTERM before it is killed."""
KILL_WAIT_S = 5.0
"""How long the kernel may take to end a killed process."""
PORT_RELEASE_S = 2.0
"""How long a port may stay taken by a process that was killed."""
LOG_BYTES_MAX = 32 * 1024 * 1024
"""A log longer than this is set aside as `<name>.log.1` at the next start."""
TAIL_LINES = 20
TAIL_BYTES_MAX = 64 * 1024
PRIVATE_UMASK = 0o077
"""Keys and databases that a node writes are its owner's alone."""
POLL_S = 0.03
MARK = "COMMONHOLD_NODE"
"""Environment entry by which a node is found again when its pid file was never written."""

Check = Callable[[], Awaitable[bool]]


class NodeError(Exception):
    """A node could not be started, kept running or stopped."""


class NodeDied(NodeError):
    """The process ended by itself; `exit_code` is None when another run had started it."""

    def __init__(self, node: str, exit_code: int | None, tail: list[str]) -> None:
        self.node, self.exit_code, self.tail = node, exit_code, tail
        code = "" if exit_code is None else f" with exit code {exit_code}"
        super().__init__("\n".join([f"{node} ended{code}; its last log lines:", *tail]))


class NotReady(NodeError):
    """The process runs but its check did not pass in time."""

    def __init__(self, node: str, waited_s: float, tail: list[str]) -> None:
        self.node, self.waited_s, self.tail = node, waited_s, tail
        super().__init__(
            "\n".join([f"{node} is not ready after {waited_s:.1f} s; its last log lines:", *tail])
        )


class NotStarted(NodeError):
    """The process could not be made or remembered (no program, full disk, not permitted)."""

    def __init__(self, node: str, reason: str) -> None:
        self.node, self.reason = node, reason
        super().__init__(f"{node} could not be started: {reason}")


class NotStopped(NodeError):
    """The process outlived SIGKILL (stuck in the kernel)."""

    def __init__(self, node: str, pid: int) -> None:
        self.node, self.pid = node, pid
        super().__init__(f"{node} (pid {pid}) does not end")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """What to run. `env` is the whole environment: nothing is inherited."""

    name: str
    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    """Ports it will listen on at `host`; they must be free before it starts."""


class Supervisor(Protocol):
    """Runs named nodes, natively or in containers."""

    async def start(self, node: NodeSpec) -> bool:
        """Start the node; False when it runs already. Raises NotStarted, PortInUse."""

    async def stop(self, name: str, grace_s: float = STOP_GRACE_S) -> bool:
        """End the node; False when it was not running. Raises NotStopped."""

    def is_running(self, name: str) -> bool:
        """Whether the very process that was started as `name` is alive."""

    def tail(self, name: str, lines: int = TAIL_LINES) -> list[str]:
        """The node's last log lines, oldest first; empty when it never ran."""

    async def wait_ready(self, name: str, check: Check, deadline_s: float) -> None:
        """Return once `check` answers true. Raises NodeDied at once, NotReady at the deadline."""


async def start_ready(
    supervisor: Supervisor, node: NodeSpec, check: Check, deadline_s: float
) -> bool:
    """Start a node and wait for it; a node started here is stopped again if that fails.

    Returns False when it ran already. Raises what `start` and `wait_ready` raise.
    """
    started = await supervisor.start(node)
    try:
        await supervisor.wait_ready(node.name, check, deadline_s)
    except BaseException:
        if started:
            await asyncio.shield(supervisor.stop(node.name))
        raise
    return started


class NativeSupervisor:
    """Runs nodes as detached processes of this machine, remembered under `home`."""

    def __init__(self, home: Path) -> None:
        self._run = private_folder(home / "run")
        self._logs = private_folder(home / "logs")
        self._children: dict[str, int] = {}
        self._exit_codes: dict[str, int] = {}

    async def start(self, node: NodeSpec) -> bool:
        """See Supervisor.start."""
        if self._process(node.name) is not None:
            return False
        self._exit_codes.pop(node.name, None)
        with _reported(node.name):
            for port in node.ports:
                await _wait_free(node, port)
            self._rotate(node.name)
            self._launch(node)
        return True

    async def stop(self, name: str, grace_s: float = STOP_GRACE_S) -> bool:
        """See Supervisor.stop."""
        process = self._process(name)
        if process is not None:
            await self._end(name, process, grace_s)
        self._pid_file(name).unlink(missing_ok=True)
        return process is not None

    def is_running(self, name: str) -> bool:
        """See Supervisor.is_running."""
        return self._process(name) is not None

    def pid(self, name: str) -> int | None:
        """The node's process id, None when it does not run."""
        process = self._process(name)
        return None if process is None else process.pid

    def environment(self, name: str) -> dict[str, str]:
        """What the node's process was started with; empty when it does not run."""
        process = self._process(name)
        with suppress(psutil.Error):
            return {} if process is None else process.environ()
        return {}

    def tail(self, name: str, lines: int = TAIL_LINES) -> list[str]:
        """See Supervisor.tail; at most TAIL_BYTES_MAX are read."""
        path = self.log_file(name)
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES_MAX))
            return file.read().decode(errors="replace").splitlines()[-lines:]

    def log_file(self, name: str) -> Path:
        """Where the node's output goes."""
        return self._logs / f"{name}.log"

    async def wait_ready(self, name: str, check: Check, deadline_s: float) -> None:
        """See Supervisor.wait_ready; the check itself is cut off at the deadline too."""
        began = time.monotonic()
        asking = asyncio.ensure_future(_until_true(check))
        try:
            while not asking.done():
                self._require_alive(name)
                waited_s = time.monotonic() - began
                if waited_s >= deadline_s:
                    raise NotReady(name, waited_s, self.tail(name))
                await asyncio.wait([asking], timeout=min(POLL_S, deadline_s - waited_s))
            asking.result()
            self._require_alive(name)  # else a stranger answered the check
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def _require_alive(self, name: str) -> None:
        if self._process(name) is None:
            raise NodeDied(name, self._exit_codes.get(name), self.tail(name))

    def _launch(self, node: NodeSpec) -> None:
        with self.log_file(node.name).open("ab") as log, no_core_files():
            child = subprocess.Popen(
                node.command,
                cwd=node.cwd,
                env={**node.env, MARK: self._mark(node.name)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )
        try:
            self._remember(node.name, child.pid)
        except BaseException:
            child.kill()
            child.wait()
            raise
        child.returncode = 0  # it outlives this object; `_reap` asks the kernel itself
        self._children[node.name] = child.pid

    def _remember(self, name: str, pid: int) -> None:
        birth = birth_of(pid)
        content = json.dumps({"pid": pid, "birth": birth}).encode()
        write_atomic(self._pid_file(name), content, PRIVATE_FILE)

    def _process(self, name: str) -> psutil.Process | None:
        """The live process of this node: by pid file, else by its mark (a run died midway)."""
        self._reap(name)
        pid, birth = self._recorded(name)
        if pid is not None and birth is not None and birth_of(pid) == birth:
            return _alive(pid)
        stray = find_marked(MARK, self._mark(name))
        if stray is not None:
            self._remember(name, stray)
            return _alive(stray)
        return None

    def _recorded(self, name: str) -> tuple[int | None, Birth | None]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads(self._pid_file(name).read_bytes())
            return int(record["pid"]), str(record["birth"])
        return None, None

    async def _end(self, name: str, process: psutil.Process, grace_s: float) -> None:
        for signal_number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILL_WAIT_S)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal_number)
            deadline = time.monotonic() + wait_s
            while self._process(name) is not None and time.monotonic() < deadline:  # noqa: ASYNC110 - the kernel sends no event
                await asyncio.sleep(POLL_S)
            if self._process(name) is None:
                return
        raise NotStopped(name, process.pid)

    def _reap(self, name: str) -> None:
        """Take the exit code of a process that this object started, if it has ended."""
        if name not in self._children:
            return
        try:
            pid, status = os.waitpid(self._children[name], os.WNOHANG)
        except ChildProcessError:
            del self._children[name]  # somebody else took it
            return
        if pid:
            del self._children[name]
            self._exit_codes[name] = os.waitstatus_to_exitcode(status)

    def _rotate(self, name: str) -> None:
        log = self.log_file(name)
        if log.is_file() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_name(f"{name}.log.1"))

    def _pid_file(self, name: str) -> Path:
        return self._run / f"{name}.pid"

    def _mark(self, name: str) -> str:
        return str(self._pid_file(name).resolve())


async def _wait_free(node: NodeSpec, port: int) -> None:
    """Wait for a port whose holder cannot be seen: a killed process keeps its ports until its last
    thread is gone, a little after it counts as dead. Raises PortInUse.
    """
    deadline = time.monotonic() + PORT_RELEASE_S
    while True:
        try:
            return require_free_port(node.name, node.host, port)
        except PortInUse as held:
            if held.pid is not None or time.monotonic() >= deadline:
                raise
        await asyncio.sleep(POLL_S)


async def _until_true(check: Check) -> None:
    while not await check():  # noqa: ASYNC110 - a check asks a foreign process
        await asyncio.sleep(POLL_S)


def _alive(pid: int) -> psutil.Process | None:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    return None


@contextmanager
def _reported(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        raise NotStarted(name, f"{error.strerror}{place}") from error
