"""Runs the sandbox authority on the loopback until it is told to stop."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from gateway.identity.protocol import Step
from gateway.identity.sandbox.authority import Authority
from gateway.identity.sandbox.people import Known
from gateway.identity.sandbox.server import create_app
from gateway.identity.sandbox.store import Store

HOST: Final = "127.0.0.1"
READY_FILE: Final = "sandbox.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run; `port` 0 takes a free one."""

    data: Path
    people: Mapping[str, Known]
    port: int
    seed: str
    provider_id: str
    steps: tuple[Step, ...]


class Ready(msgspec.Struct, frozen=True):
    """Content of sandbox.json in the data folder, there once the sandbox answers."""

    url: str
    pid: int
    provider_id: str
    public_key: str
    """What the regulator registers on the ledger."""


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    store = Store(settings.data / "authority.db")
    authority = Authority(
        store,
        settings.people,
        provider_id=settings.provider_id,
        seed=settings.seed,
        clock_ms=lambda: time.time_ns() // 1_000_000,
        steps=settings.steps,
    )
    tokens = {name: token(settings.data, name) for name in ("gateway", "admin")}
    app = create_app(authority, token=tokens["gateway"], admin_token=tokens["admin"])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, settings.port).start()
        authority.url = f"http://{HOST}:{runner.addresses[0][1]}"
        info = authority.info()
        ready = Ready(authority.url, os.getpid(), info.provider_id, info.public_key)
        _write(settings.data / READY_FILE, msgspec.json.encode(ready))
        await stop.wait()
    finally:
        await runner.cleanup()
        store.close()
        (settings.data / READY_FILE).unlink(missing_ok=True)


def token(data: Path, name: str) -> str:
    """The bearer token `name`, made on first use in a file that only its owner reads."""
    path = data / f"{name}.token"
    if not path.exists():
        _write(path, secrets.token_urlsafe(32).encode())
    return path.read_text()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, mode 0600."""
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)
