"""Runs the sandbox: opens the books, serves HTTP on loopback, lets time pass, stops gracefully."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
from aiohttp import web

from gateway.bank.durable import write_file
from gateway.bank.sandbox.bank import Bank
from gateway.bank.sandbox.exchange import FolderExchange
from gateway.bank.sandbox.server import create_app
from gateway.bank.sandbox.store import Store

_HOST = "127.0.0.1"
READY_FILE = "sandbox.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run. `interval_s` 0 lets time pass only on command; `port` 0 takes a free one."""

    data: Path
    folder: Path | None
    port: int
    interval_s: float
    seed: int
    first_day: date
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None


class Ready(msgspec.Struct, frozen=True):
    """Content of sandbox.json in the data folder: written once the sandbox answers."""

    url: str
    pid: int


async def serve(settings: Settings, store: Store) -> None:
    """Serves until SIGTERM or SIGINT."""
    bank = Bank(store, first_day=settings.first_day, seed=settings.seed)
    exchange = FolderExchange(bank, settings.folder) if settings.folder else None

    def pump() -> None:
        if exchange:
            exchange.collect()
        bank.step()
        if exchange:
            exchange.deliver()

    app = create_app(
        bank,
        customer_token=token(settings.data, "customer"),
        admin_token=token(settings.data, "admin"),
        pump=pump,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, settings)
        await _pass_time(settings.interval_s, pump, stop)
    finally:
        await runner.cleanup()
        store.close()
        (settings.data / READY_FILE).unlink(missing_ok=True)


def token(data: Path, name: str) -> str:
    """The bearer token `name`, made on first use in a file that only its owner reads."""
    path = data / f"{name}.token"
    if not path.exists():
        write_file(path, secrets.token_urlsafe(32).encode())
    return path.read_text()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    context = _ssl_context(settings)
    site = web.TCPSite(runner, _HOST, settings.port, ssl_context=context)
    await site.start()
    host, port = runner.addresses[0][:2]
    ready = Ready(url=f"{'https' if context else 'http'}://{host}:{port}", pid=os.getpid())
    write_file(settings.data / READY_FILE, msgspec.json.encode(ready))


async def _pass_time(interval_s: float, pump: Callable[[], None], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), interval_s or None)
        except TimeoutError:
            pump()


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if settings.cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.cert_file, settings.key_file)
    if settings.client_ca_file:
        context.load_verify_locations(settings.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
