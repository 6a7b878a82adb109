"""A real server that speaks S3 (versitygw) for tests: built on demand, stopped by its pid.

Its version is pinned in s3/go.mod; the program is kept in .build/.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
MODULE = Path(__file__).parent / "s3"
PROGRAM = ROOT / ".build" / "versitygw"
BUILD_S_MAX = 900.0
DEADLINE_S = 60.0
POLL_S = 0.05
ACCESS_KEY_ID = "commonhold"
SECRET_KEY = "s3-secret-of-the-tests"
BUCKET = "attachments"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server with one bucket; `folder` is where it keeps the bucket's files."""

    endpoint: str
    folder: Path


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for the whole test session; skips without a Go toolchain."""
    folder = tmp_path_factory.mktemp("s3")
    (folder / "data" / BUCKET).mkdir(parents=True)
    port = free_port()
    command = [_built(), "--access", ACCESS_KEY_ID, "--secret", SECRET_KEY, "--port"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"127.0.0.1:{port}", "posix", "--nometa", folder / "data"],
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_listening(port, process, folder / "log")
        yield S3Server(f"http://127.0.0.1:{port}", folder / "data" / BUCKET)
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _built() -> Path:
    if not PROGRAM.is_file():
        go = shutil.which("go")
        if go is None:
            pytest.skip("no Go toolchain to build the S3 server with")
        PROGRAM.parent.mkdir(exist_ok=True)
        beside = PROGRAM.with_name(f"versitygw.{os.getpid()}")
        package = "github.com/versity/versitygw/cmd/versitygw"
        subprocess.run(
            [go, "build", "-o", beside, package], cwd=MODULE, check=True, timeout=BUILD_S_MAX
        )
        beside.replace(PROGRAM)
    return PROGRAM


def _wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        assert process.poll() is None, log.read_text()
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(POLL_S)
