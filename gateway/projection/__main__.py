"""`python -m gateway.projection rebuild --config FILE`: make the read model anew from block 0.

The tables that are not made from blocks (webhooks, attachments) stay. The gateway may keep
running: both apply each block once. Exit status 0 when done, 1 when the network or the database
fails, 2 for settings that cannot be used.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.__main__ import sections
from gateway.app import utc_ms
from gateway.database import Database
from gateway.errors import GatewayError
from gateway.fabric.errors import FabricError
from gateway.ledger import FabricLedger
from gateway.projection.part import ProjectionSection, projection
from gateway.projection.projector import BlockSource, FabricBlocks, Projector
from gateway.projection.schema import open_read_model_database
from gateway.settings import FabricSection, Settings, SettingsError, load_settings

FAILED: Final = 1
BAD_SETTINGS: Final = 2


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway.projection", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("rebuild", help="make the read model anew from block 0")
    command.add_argument("--config", type=Path, default=None, help="the gateway's TOML file")
    args = parser.parse_args(argv)
    return asyncio.run(rebuild_from(args.config, environ, print))


async def rebuild_from(
    file: Path | None, environ: Mapping[str, str], say: Callable[[str], object]
) -> int:
    """Rebuild as the gateway's settings say, and say what came of it; the exit status."""
    try:
        heights = await _run(load_settings(file, environ, sections()))
    except SettingsError as error:
        say(str(error))
        return BAD_SETTINGS
    except (GatewayError, FabricError) as error:
        say(str(error))
        return FAILED
    for channel, height in heights.items():
        say(f"{channel}: {height} blocks")
    return 0


async def rebuild(settings: Settings, source: BlockSource, database: Database) -> dict[str, int]:
    """Project every channel from block 0 to its present height; the heights.

    Raises FabricError, LedgerError, BlockUnreadable, DatabaseUnavailable; what was projected
    until then stays, and the gateway goes on from there.
    """
    into = projection(settings, database)
    projector = Projector(source, into, utc_ms)
    heights = {}
    for channel in source.channels:
        heights[channel] = await source.height(channel)
        await into.forget(channel)
        await projector.catch_up(channel, heights[channel])
    return heights


async def _run(settings: Settings) -> dict[str, int]:
    fabric = settings.of(FabricSection)
    database = await open_read_model_database(settings.of(ProjectionSection).database)
    try:
        async with FabricLedger(fabric) as ledger:
            if not ledger.channels:
                await ledger.require_ready()
            return await rebuild(settings, FabricBlocks(ledger, fabric.chaincode), database)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
