"""A PostgreSQL server of its own for tests: temporary, on a Unix socket, stopped by its pid.

PostgreSQL refuses to run as root, so root starts it as the user that Debian's package makes.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

USER = "commonhold"
DEADLINE_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server, reached through a socket in its folder."""

    folder: Path

    def address(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    async def new_database(self) -> str:
        """The address of an empty database."""
        name = f"test_{uuid.uuid4().hex}"
        connection = await asyncpg.connect(self.address())
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.address(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole test session; fails where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.fail("PostgreSQL's server programs are missing: run scripts/system")
    with running_postgres(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
async def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind; import `postgres_server` beside it."""
    if request.param == "sqlite":
        return str(tmp_path / "empty.sqlite3")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return await server.new_database()


@contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """A server below a temporary folder that only its user can read."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        prefix = _as_other_user(folder)
        data = folder / "data"
        made = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"]
        _run([*prefix, *made, "--locale=C", "--no-sync"])
        server = PostgresServer(folder)
        with (folder / "log").open("wb") as log:
            command = [*prefix, programs / "postgres", "-D", data, "-k", folder, "-F"]
            process = subprocess.Popen(
                [*command, "-c", "listen_addresses="], stdout=log, stderr=log, cwd="/"
            )
        try:
            _wait_until_ready(programs, folder, process)
            yield server
        finally:
            process.terminate()
            process.wait(DEADLINE_S)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


def _as_other_user(folder: Path) -> list[str]:
    if os.getuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _wait_until_ready(programs: Path, folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    ask = [programs / "pg_isready", "-q", "-h", folder]
    while subprocess.run(ask, check=False).returncode != 0:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(POLL_S)


def _run(command: list[Path | str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
