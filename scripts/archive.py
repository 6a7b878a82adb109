"""Export a channel as one file that can be verified anywhere: `commonhold export CHANNEL FILE`.

The file is described in `scripts/verify.md`. It holds every block as a peer keeps it, and nothing
else that counts: certificates of organisations and orderers are in the configuration blocks.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

from fabric_protos.common import common_pb2

from gateway.fabric.channel import Channel
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.errors import FabricError
from gateway.fabric.identity import load_identity
from network.home import Network, open_network
from network.places import NodeFiles, person_msp
from network.topology import Org

MAGIC: Final = b"commonhold-archive-1\n"
LENGTH_BYTES: Final = 4
BLOCK_S_MAX: Final = 30.0
"""How long a peer may take for the next block."""
READABLE: Final = 0o644
EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT = 0, 1, 2


class ExportRefused(Exception):
    """What was asked for cannot be: the channel is unknown, or the file exists."""


class ExportFailed(Exception):
    """No peer gave the blocks; nothing was written."""


class Printer(Protocol):
    """Where the answer goes, line by line."""

    def print(self, text: str) -> None:
        """One line."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `tip` is the hash of the last block's header (hex)."""

    height: int
    tip: str
    size_bytes: int


def add_verbs(actions: Any) -> None:
    """Add `export channel CHANNEL FILE` to the actions of `export`."""
    text = "every block of a channel, for scripts/verify; `export CHANNEL FILE` for short"
    parser = actions.add_parser("channel", help=text, description=text)
    parser.add_argument("channel")
    parser.add_argument("file", type=Path)
    parser.add_argument("--org", help="whose peers are asked (default: any, one after the other)")
    parser.set_defaults(run=export_verb)


def spelled_out(arguments: list[str], actions: Any) -> list[str]:
    """`export CHANNEL FILE` written as `export channel CHANNEL FILE`; all else as it is."""
    for place, word in enumerate(arguments[:-1]):
        is_value = place > 0 and arguments[place - 1] in ("--config", "--home")
        following = arguments[place + 1]
        if word == "export" and not is_value:
            if following in actions.choices or following.startswith("-"):
                return arguments
            return [*arguments[: place + 1], "channel", *arguments[place + 1 :]]
    return arguments


async def export_verb(args: argparse.Namespace, console: Printer) -> int:
    """`export channel`: 0 when the file is written, 1 when no peer answers, 2 for bad input."""
    network = open_network(args.config, args.home)
    try:
        done = await export(network, args.channel, args.file, org=args.org)
    except ExportRefused as refused:
        console.print(str(refused))
        return EXIT_BAD_INPUT
    except ExportFailed as failed:
        console.print(str(failed))
        return EXIT_FAILED
    console.print(f"{args.file}: {done.height} blocks, {done.size_bytes} bytes, tip {done.tip}")
    return EXIT_OK


async def export(network: Network, channel: str, file: Path, *, org: str | None = None) -> Exported:
    """Write all blocks of a channel of a running network to a new file, whole or not at all.

    Each organisation's gateway identity asks its own peers, one organisation after the other until
    one gives every block. Raises ExportRefused (channel or org unknown, file there), ExportFailed
    (nobody answers), OSError, HomeError.
    """
    orgs = _asked(network, channel, file, org)
    told = []
    for one in orgs:
        try:
            async with _open(one, channel) as found:
                return await _write(found, file)
        except (FabricError, TimeoutError) as error:
            told.append(f"{one.id}: {str(error) or 'no block in time'}")
    raise ExportFailed("no peer gave the channel's blocks; " + "; ".join(told))


def _asked(network: Network, channel: str, file: Path, org: str | None) -> list[Org]:
    """Whose peers to ask; refuses what cannot be."""
    orgs = network.topology().orgs
    if channel not in {known.name for known in network.config.channels}:
        raise ExportRefused(f"there is no channel {channel}")
    if org is not None and org not in orgs:
        raise ExportRefused(f"there is no org {org} (known: {', '.join(orgs)})")
    if file.exists():
        raise ExportRefused(f"{file} is there already")
    return [one for one in orgs.values() if one.peers and org in (None, one.id)]


@asynccontextmanager
async def _open(org: Org, channel: str) -> AsyncIterator[Channel]:
    msp = person_msp(org, "gateway")
    certificate, key = (next((msp / name).iterdir()) for name in ("signcerts", "keystore"))
    roots = b"".join(NodeFiles(peer.folder).tls_root.read_bytes() for peer in org.peers)
    peers = [PeerAddress(peer.address()) for peer in org.peers]
    async with Connection(peers, Tls(root_certificates=roots)) as connection:
        client = FabricClient(connection, *load_identity(org.msp_id, certificate, key))
        yield client.channel(channel)


async def _write(channel: Channel, file: Path) -> Exported:
    info = await channel.ledger.chain_info()
    head = {"channel": channel.name, "height": info.height, "tip": info.current_hash.hex()}
    with _new_file(file) as out:
        out.write(MAGIC)
        out.write(json.dumps(head, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        await _write_blocks(channel, info.height, out)
        size_bytes = out.tell()
    return Exported(info.height, info.current_hash.hex(), size_bytes)


@contextmanager
def _new_file(file: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when all is written and safe on disk, or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(READABLE)
        file.hardlink_to(temporary)  # never over a file that has come meanwhile
    except FileExistsError:
        raise ExportRefused(f"{file} is there already") from None
    finally:
        temporary.unlink()


async def _write_blocks(channel: Channel, height: int, out: IO[bytes]) -> None:
    async with channel.blocks(start_block=0) as blocks:
        for _ in range(height):
            async with asyncio.timeout(BLOCK_S_MAX):
                block = await anext(blocks)
            _write_block(block, out)


def _write_block(block: common_pb2.Block, out: IO[bytes]) -> None:
    data = block.SerializeToString(deterministic=True)
    out.write(len(data).to_bytes(LENGTH_BYTES, "big"))
    out.write(data)
