"""Bring the network up, open a community on it, and let every organisation read it back."""

import argparse
import asyncio
import time
from pathlib import Path

import msgspec
from rich.console import Console

from chaincode.contract.communities import OpenCommunity
from chaincode.contract.handlers import Request
from chaincode.model.base import Module
from chaincode.model.community import Community
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.errors import EvaluateError
from gateway.fabric.identity import load_identity
from network.home import Network, open_network
from network.places import NodeFiles, person_msp
from network.topology import Org
from network.up import bring_down, bring_up

COMMIT_S_MAX = 10
POLL_S = 0.05
CONFIG = Path(__file__).parents[1] / "network" / "network.yaml"


def main() -> int:
    """Run the demo; the exit code is 0 when the transaction is on every organisation's ledger."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--once", action="store_true", help="stop everything at the end")
    args = parser.parse_args()
    return asyncio.run(_run(args, Console()))


async def _run(args: argparse.Namespace, console: Console) -> int:
    network = open_network(args.config, args.home)
    started = time.monotonic()
    try:
        await bring_up(network, console)
        await _first_transaction(network, console)
        console.print(f"{time.monotonic() - started:.1f} s from start to here")
    finally:
        if args.once:
            await bring_down(network, wipe=False)
    if not args.once:
        console.print("The network is running. See it: uv run commonhold status")
        console.print("Stop it: uv run commonhold down")
    return 0


async def _first_transaction(network: Network, console: Console) -> None:
    channel = network.config.channels[0]
    community = channel.communities[0]
    request = OpenCommunity(
        community=community, modules=tuple(Module(name) for name in channel.modules)
    )
    orgs = network.topology().orgs
    async with _connect(orgs["regulator"]) as connection:
        contract = _contract(network, connection, orgs["regulator"])
        committed = await contract.submit("open_community", msgspec.json.encode(request))
    console.print(f"The regulator opened {community}: block {committed.block_number}")
    for org in orgs.values():
        async with _connect(org) as connection:
            contract = _contract(network, connection, org)
            query = msgspec.json.encode(Request(community=community))
            record = msgspec.json.decode(
                await contract.evaluate("community", query), type=Community
            )
        console.print(f"{org.msp_id} reads: {record.community}, {', '.join(record.modules)}")


async def _read_back(contract: Contract, community: str) -> Community:
    """The record at one org's peer, which may commit the block a moment after the others."""
    query = msgspec.json.encode(Request(community=community))
    deadline = time.monotonic() + COMMIT_S_MAX
    while True:
        try:
            answer = await contract.evaluate("community", query)
            return msgspec.json.decode(answer, type=Community)
        except EvaluateError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_S)


def _connect(org: Org) -> Connection:
    peers = [PeerAddress(peer.address()) for peer in org.peers]
    root = NodeFiles(org.peers[0].folder).tls_root.read_bytes()
    return Connection(peers, Tls(root_certificates=root))


def _contract(network: Network, connection: Connection, org: Org) -> Contract:
    msp = person_msp(org, "gateway")
    certificate = next((msp / "signcerts").iterdir())
    key = next((msp / "keystore").iterdir())
    client = FabricClient(connection, *load_identity(org.msp_id, certificate, key))
    return client.channel(network.config.channels[0].name).contract(network.config.chaincode.name)


if __name__ == "__main__":
    raise SystemExit(main())
