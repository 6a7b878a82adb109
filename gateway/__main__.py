"""`python -m gateway --config FILE`: serve until told to stop.

Exit status 0 after a stop that answered what was accepted, 2 for settings that cannot be used,
each finding on a line of its own.
"""

import argparse
import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from gateway.app import CORE_SECTIONS, make_app
from gateway.assembly import PARTS
from gateway.health import operations_app
from gateway.logs import configure_logs
from gateway.settings import HttpSection, Section, Settings, SettingsError, load_settings

BAD_SETTINGS: Final = 2
KEEPALIVE_S: Final = 75.0


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run the service; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="a TOML file")
    args = parser.parse_args(argv)
    configure_logs()
    try:
        settings = load_settings(args.config, environ, sections())
        uvloop.run(serve(settings))
    except SettingsError as error:
        print(*error.findings, sep="\n", file=sys.stderr)  # noqa: T201 - for the operator
        return BAD_SETTINGS
    return 0


def sections() -> tuple[type[Section], ...]:
    """Every part's sections and the core's."""
    return CORE_SECTIONS + tuple(kind for part in PARTS for kind in part.sections)


async def serve(settings: Settings) -> None:
    """Listen on both addresses until SIGTERM or SIGINT, then answer what was accepted."""
    http = settings.of(HttpSection)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = make_app(settings, PARTS)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(
            service, access_log=None, shutdown_timeout=http.stop_s, keepalive_timeout=KEEPALIVE_S
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        operations = web.AppRunner(operations_app(service), access_log=None)
        await operations.setup()
        stack.push_async_callback(operations.cleanup)
        inside = await _listen(operations, http.operations_address, None)
        outside = await _listen(runner, http.address, _tls(http))
        print(f"serving {outside} {inside}", flush=True)  # noqa: T201 - says which ports were given
        await stop.wait()


async def _listen(runner: web.AppRunner, address: str, tls: ssl.SSLContext | None) -> str:
    host, _, port = address.rpartition(":")
    site = web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=tls)
    await site.start()
    return ":".join(map(str, runner.addresses[0][:2]))


def _tls(http: HttpSection) -> ssl.SSLContext | None:
    if http.tls_certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(http.tls_certificate_file, http.tls_key_file)
    return context


if __name__ == "__main__":
    sys.exit(main())
