"""The verbs of the `commonhold` command for every organisation's gateway."""

import argparse
import os
from pathlib import Path
from typing import Any

from gateway.identity.commands import Printer


def add_verbs(verbs: Any) -> None:
    """Add `rebuild` to the command's verbs."""
    rebuild = verbs.add_parser("rebuild", help="make a gateway's read model anew from block 0")
    rebuild.add_argument("settings", type=Path, help="the gateway's TOML file")
    rebuild.set_defaults(run=rebuild_read_model)


async def rebuild_read_model(args: argparse.Namespace, out: Printer) -> int:
    """Make the read model anew; the gateway may keep running."""
    # The whole service is loaded for this verb alone.
    from gateway.projection.__main__ import rebuild_from

    return await rebuild_from(args.settings, os.environ, out.print)
