"""Node processes: detached, found again, never mistaken, never left behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from network import nodes
from network.nodes import (
    NativeSupervisor,
    NodeDied,
    NodeSpec,
    NotReady,
    NotStarted,
    NotStopped,
    start_ready,
)
from network.ports import PortInUse, listener_of
from network.processes import birth_of, find_marked

SERVE = """
import time
print("hello", flush=True)
time.sleep(1000)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(1000)
"""
DIE = """
import sys
print("first line"); print("no space left on device"); sys.exit(7)
"""
REPORT = """
import json, os, resource, sys, time
print(json.dumps({
    "env": dict(os.environ), "cwd": os.getcwd(), "umask": os.umask(0),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    "stdin": sys.stdin.read(), "leads": os.getsid(0) == os.getpid(),
}), flush=True)
time.sleep(1000)
"""


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[NativeSupervisor]:
    made = NativeSupervisor(tmp_path)
    yield made
    for pid_file in (tmp_path / "run").glob("*.pid"):
        await made.stop(pid_file.stem, grace_s=0)


def node(
    home: Path, code: str = SERVE, *, name: str = "n", ports: tuple[int, ...] = ()
) -> NodeSpec:
    return NodeSpec(
        name=name, command=(sys.executable, "-c", code), cwd=home, env={"LANG": "C"}, ports=ports
    )


def said(supervisor: NativeSupervisor, words: str) -> nodes.Check:
    async def check() -> bool:
        return any(words in line for line in supervisor.tail("n"))

    return check


async def never() -> bool:
    return False


async def test_a_node_outlives_its_supervisor_and_is_found_again(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    assert await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    pid = supervisor.pid("n")
    assert pid is not None
    later = NativeSupervisor(tmp_path)
    assert later.is_running("n")
    assert later.pid("n") == pid
    assert not await later.start(node(tmp_path))
    assert later.pid("n") == pid
    assert await later.stop("n")
    assert not supervisor.is_running("n")
    assert not await later.stop("n")


async def test_what_a_node_is_given(supervisor: NativeSupervisor, tmp_path: Path) -> None:
    await start_ready(supervisor, node(tmp_path, REPORT), said(supervisor, "umask"), 10)
    given = json.loads(supervisor.tail("n")[0])
    env = given.pop("env")
    assert env.pop(nodes.MARK) == str(tmp_path / "run" / "n.pid")
    assert {name for name in env if not name.startswith("LC_")} == {"LANG"}
    assert given == {
        "cwd": str(tmp_path),
        "core": 0,
        "stdin": "",
        "leads": True,
        "umask": 0o077,
    }
    assert (tmp_path / "run" / "n.pid").stat().st_mode & 0o777 == 0o600


async def test_a_node_that_dies_at_start_is_told_at_once(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    began = time.monotonic()
    with pytest.raises(NodeDied) as died:
        await start_ready(supervisor, node(tmp_path, DIE), never, 60)
    assert time.monotonic() - began < 30
    assert (died.value.node, died.value.exit_code) == ("n", 7)
    assert died.value.tail == ["first line", "no space left on device"]
    assert "n ended with exit code 7" in str(died.value)
    assert "no space left on device" in str(died.value)


async def test_a_node_killed_while_waited_for_is_told(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    pid = supervisor.pid("n")
    assert pid is not None
    waiting = asyncio.create_task(supervisor.wait_ready("n", never, 60))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(NodeDied) as died:
        await waiting
    assert died.value.exit_code == -signal.SIGKILL


async def test_a_node_of_another_run_that_died_has_no_exit_code(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    later = NativeSupervisor(tmp_path)
    await supervisor.stop("n")
    with pytest.raises(NodeDied) as died:
        await later.wait_ready("n", never, 60)
    assert died.value.exit_code is None


async def test_a_check_answered_by_a_stranger_is_no_readiness(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)

    async def stranger() -> bool:
        await supervisor.stop("n")
        return True

    with pytest.raises(NodeDied):
        await supervisor.wait_ready("n", stranger, 10)


async def test_a_node_restarted_by_another_run_is_seen(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    with pytest.raises(NodeDied):
        await start_ready(supervisor, node(tmp_path, DIE), never, 60)
    later = NativeSupervisor(tmp_path)
    await start_ready(later, node(tmp_path), said(later, "hello"), 10)
    assert supervisor.pid("n") == later.pid("n") is not None


async def test_a_node_that_is_never_ready_is_stopped(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    with pytest.raises(NotReady) as late:
        await start_ready(supervisor, node(tmp_path), never, 0.3)
    assert (late.value.node, late.value.waited_s >= 0.3) == ("n", True)
    assert not supervisor.is_running("n")


async def test_a_check_that_hangs_is_cut_off(supervisor: NativeSupervisor, tmp_path: Path) -> None:
    async def hang() -> bool:
        await asyncio.Event().wait()
        return True

    with pytest.raises(NotReady):
        await start_ready(supervisor, node(tmp_path), hang, 0.2)


async def test_an_error_of_the_check_is_passed_on(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    async def fail() -> bool:
        raise ValueError("wrong root")

    with pytest.raises(ValueError, match="wrong root"):
        await start_ready(supervisor, node(tmp_path), fail, 10)
    assert not supervisor.is_running("n")


async def test_cancelling_a_start_leaves_no_orphan(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    starting = asyncio.create_task(start_ready(supervisor, node(tmp_path), never, 60))
    await _until(lambda: supervisor.pid("n") is not None)
    pid = supervisor.pid("n")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_a_node_that_ran_before_survives_a_failed_wait(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    with pytest.raises(NotReady):
        await start_ready(supervisor, node(tmp_path), never, 0.1)
    assert supervisor.is_running("n")


async def test_a_failed_pid_file_leaves_no_orphan(
    supervisor: NativeSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nodes, "write_atomic", full)
    with pytest.raises(NotStarted, match="n could not be started: No space left on device"):
        await supervisor.start(node(tmp_path))
    assert find_marked(nodes.MARK, str(tmp_path / "run" / "n.pid")) is None


async def test_a_run_killed_before_the_pid_file_is_resumed(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    pid = supervisor.pid("n")
    (tmp_path / "run" / "n.pid").unlink()
    later = NativeSupervisor(tmp_path)
    assert not await later.start(node(tmp_path))
    assert later.pid("n") == pid
    assert (tmp_path / "run" / "n.pid").is_file()


async def test_sigterm_ignored_means_killed(supervisor: NativeSupervisor, tmp_path: Path) -> None:
    await start_ready(supervisor, node(tmp_path, DEAF), said(supervisor, "deaf"), 10)
    pid = supervisor.pid("n")
    assert await supervisor.stop("n", grace_s=0.2)
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert not (tmp_path / "run" / "n.pid").exists()


async def test_a_process_nothing_ends_is_named(
    supervisor: NativeSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    pid = supervisor.pid("n")
    with monkeypatch.context() as patch:
        patch.setattr(nodes, "KILL_WAIT_S", 0.1)
        patch.setattr(psutil.Process, "send_signal", lambda *_: None)
        with pytest.raises(NotStopped) as stuck:
            await supervisor.stop("n", grace_s=0.1)
    assert (stuck.value.node, stuck.value.pid) == ("n", pid)
    assert supervisor.is_running("n")


async def test_a_reused_pid_is_never_ours(supervisor: NativeSupervisor, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.DEVNULL) as stranger:
        try:
            record = {"pid": stranger.pid, "birth": "another boot/1"}
            (tmp_path / "run" / "n.pid").write_text(json.dumps(record))
            assert not supervisor.is_running("n")
            assert not await supervisor.stop("n")
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("content", ["", "12", "[]", '{"pid": "x"}', '{"pid": 1}', "{"])
async def test_a_damaged_pid_file_is_no_process(
    supervisor: NativeSupervisor, tmp_path: Path, content: str
) -> None:
    (tmp_path / "run" / "n.pid").write_text(content)
    assert not supervisor.is_running("n")
    assert await supervisor.start(node(tmp_path))


async def test_a_child_of_a_node_is_not_taken_for_it(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    mark = str(tmp_path / "run" / "n.pid")
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE], env={nodes.MARK: mark}, stdout=subprocess.DEVNULL
    )
    with child:
        try:
            assert not supervisor.is_running("n")
        finally:
            child.kill()


async def test_a_missing_program_is_named(supervisor: NativeSupervisor, tmp_path: Path) -> None:
    missing = NodeSpec(name="n", command=(str(tmp_path / "peer"),), cwd=tmp_path)
    with pytest.raises(NotStarted, match="No such file or directory") as failed:
        await supervisor.start(missing)
    assert str(failed.value).endswith(str(tmp_path / "peer"))
    assert not supervisor.is_running("n")


async def test_a_port_in_use_names_its_holder(supervisor: NativeSupervisor, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortInUse) as taken:
            await supervisor.start(node(tmp_path, ports=(port,)))
    assert (taken.value.node, taken.value.port, taken.value.pid) == ("n", port, os.getpid())
    assert f"port {port} on 127.0.0.1, but pid {os.getpid()}" in str(taken.value)
    assert not supervisor.is_running("n")
    assert listener_of(port) is None


async def test_a_port_that_was_just_closed_is_free(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            accepted.close()
    assert await supervisor.start(node(tmp_path, ports=(port,)))


async def test_a_host_that_is_not_here_is_refused(
    supervisor: NativeSupervisor, tmp_path: Path
) -> None:
    elsewhere = NodeSpec(
        name="n", command=(sys.executable,), cwd=tmp_path, host="192.0.2.1", ports=(7051,)
    )
    with pytest.raises(NotStarted, match="n could not be started: Cannot assign requested"):
        await supervisor.start(elsewhere)


async def test_a_long_log_is_set_aside_at_start(
    supervisor: NativeSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "LOG_BYTES_MAX", 100)
    log = supervisor.log_file("n")
    log.write_text("kept\n" * 20)
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    await supervisor.stop("n")
    assert log.read_text() == "kept\n" * 20 + "hello\n"
    await start_ready(supervisor, node(tmp_path), said(supervisor, "hello"), 10)
    assert log.read_text() == "hello\n"
    assert log.with_name("n.log.1").read_text() == "kept\n" * 20 + "hello\n"


def test_tail_reads_only_the_end(tmp_path: Path) -> None:
    supervisor = NativeSupervisor(tmp_path)
    assert supervisor.tail("n") == []
    lines = [f"line {number}" for number in range(100_000)]
    supervisor.log_file("n").write_bytes("\n".join([*lines, "last \xff"]).encode("latin-1"))
    assert supervisor.tail("n", 3) == ["line 99998", "line 99999", "last �"]


def test_the_birth_of_a_process_is_its_own() -> None:
    assert birth_of(os.getpid()) == birth_of(os.getpid())
    assert birth_of(os.getpid()) != birth_of(1)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert birth_of(ended.pid) is None


async def _until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
