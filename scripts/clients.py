"""What a network's own operator has: settings for its gateways, and clients of its peers."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from chaincode.model.base import Org
from gateway.fabric.channel import Channel
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.errors import EvaluateError, chaincode_response
from gateway.fabric.identity import load_identity
from network.home import Network
from network.places import NodeFiles, person_msp

ANY_PORT = "127.0.0.1:0"

Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""A query's answer; None when there is no such thing."""


def settings_text(
    network: Network,
    org_id: str,
    *,
    port: int = 0,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The TOML settings of an org's gateway on this network; `sections` add to them."""
    org = network.topology().orgs[org_id]
    msp = person_msp(org, "gateway")
    tables: dict[str, dict[str, Any]] = {
        "gateway": {"org": org_id},
        "fabric": {
            "msp_id": org.msp_id,
            "peers": [peer.address() for peer in org.peers],
            "tls_roots_file": str(NodeFiles(org.peers[0].folder).tls_root),
            "certificate_file": str(next((msp / "signcerts").iterdir())),
            "key_file": str(next((msp / "keystore").iterdir())),
            "chaincode": network.config.chaincode.name,
        },
        "http": {"address": f"127.0.0.1:{port}", "operations_address": ANY_PORT},
    }
    for name, table in (sections or {}).items():
        tables.setdefault(name, {}).update(table)
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


@asynccontextmanager
async def contract_of(network: Network, org_id: str) -> AsyncIterator[Contract]:
    """The contract on the first channel, called as the org's gateway at the org's own peers."""
    async with channel_of(network, org_id) as channel:
        yield channel.contract(network.config.chaincode.name)


@asynccontextmanager
async def channel_of(network: Network, org_id: str) -> AsyncIterator[Channel]:
    """The first channel, as the org's gateway sees it at the org's own peers."""
    org = network.topology().orgs[org_id]
    root = NodeFiles(org.peers[0].folder).tls_root.read_bytes()
    peers = [PeerAddress(peer.address()) for peer in org.peers]
    msp = person_msp(org, "gateway")
    certificate, key = (next((msp / name).iterdir()) for name in ("signcerts", "keystore"))
    async with Connection(peers, Tls(root_certificates=root)) as connection:
        client = FabricClient(connection, *load_identity(org.msp_id, certificate, key))
        yield client.channel(network.config.channels[0].name)


@asynccontextmanager
async def asking(network: Network, org_id: str = Org.REGULATOR) -> AsyncIterator[Ask]:
    """Queries of one organisation's own peer, in the network's first community."""
    async with channel_of(network, org_id) as channel:
        yield asking_at(channel, network)


def asking_at(channel: Channel, network: Network) -> Ask:
    """The same on a channel that is open already."""
    community = network.config.channels[0].communities[0]
    contract = channel.contract(network.config.chaincode.name)

    async def ask(function: str, fields: dict[str, Any]) -> Any:
        request = json.dumps({"community": community, **fields})
        try:
            return json.loads(await contract.evaluate(function, request))
        except EvaluateError as error:
            status, _ = chaincode_response(error) or (0, "")
            if status == HTTPStatus.NOT_FOUND:
                return None
            raise

    return ask
