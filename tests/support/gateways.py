"""Clients of a running network for tests: an org's gateway identity on the org's own peers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import transaction_pb2

from gateway.fabric.backoff import retry_conflicts
from gateway.fabric.channel import Channel
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, ConnectionOptions, PeerAddress, Tls
from gateway.fabric.contract import Contract
from gateway.fabric.errors import EndorseError, StepError, chaincode_response
from gateway.fabric.identity import Identity, Signer, load_identity
from gateway.fabric.submission import Committed
from network.places import person_msp
from tests.support.network import CHANNEL, OrgAccess, RunningNetwork

ENDORSING_S_MAX = 60.0
POLL_S = 0.1


def connection(org: OrgAccess, options: ConnectionOptions | None = None) -> Connection:
    """A connection to the org's own peers; use it as an async context manager."""
    peers = [PeerAddress(peer.address) for peer in org.peers]
    roots = b"".join(peer.tls_root for peer in org.peers)
    return Connection(peers, Tls(root_certificates=roots), options)


def credentials(org: OrgAccess, person: str = "gateway") -> tuple[Identity, Signer]:
    """One of the org's people: `admin`, `gateway` or `user`."""
    msp = person_msp(org.org, person)
    certificate, key = (next((msp / name).iterdir()) for name in ("signcerts", "keystore"))
    return load_identity(org.msp_id, certificate, key)


@dataclass(frozen=True, slots=True)
class Caller:
    """Short calls of the probe contract; `contract` and `channel` are the client's own."""

    client: FabricClient
    channel: Channel
    contract: Contract

    async def submit(self, function: str, *args: str, **more: Any) -> Committed:
        """A committed transaction; started anew while peers are a block apart."""
        return await retry_conflicts(lambda: self.contract.submit(function, *args, **more))

    async def query(self, function: str, *args: str, **more: Any) -> Any:
        """A query's answer, read as JSON."""
        return json.loads(await self.contract.evaluate(function, *args, **more))

    async def value(self, key: str) -> str | None:
        """What the ledger holds under a key."""
        (found,) = await self.query("get_many", key)
        return str(found) if found is not None else None

    async def refusal(self, function: str, *args: str, **more: Any) -> tuple[int, str]:
        """Status and message with which the chaincode refuses a query."""
        with pytest.raises(StepError) as refused:
            await self.contract.evaluate(function, *args, **more)
        response = chaincode_response(refused.value)
        assert response is not None, refused.value
        return response

    async def endorsers(self, tx_id: str) -> list[str]:
        """MSP ids of those who endorsed a committed transaction, as its block has them."""
        found = await self.channel.ledger.transaction(tx_id)
        assert found is not None
        payload = common_pb2.Payload.FromString(found.transactionEnvelope.payload)
        transaction = transaction_pb2.Transaction.FromString(payload.data)
        action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
        return sorted(
            identities_pb2.SerializedIdentity.FromString(endorsement.endorser).mspid
            for endorsement in action.action.endorsements
        )


@asynccontextmanager
async def calling(
    network: RunningNetwork,
    org_id: str = "bank",
    *,
    channel: str = CHANNEL,
    person: str = "gateway",
    options: ConnectionOptions | None = None,
    **more: Any,
) -> AsyncIterator[Caller]:
    """One org's view of the network."""
    org = network.org(org_id)
    async with connection(org, options) as over:
        found = FabricClient(over, *credentials(org, person), **more)
        on = found.channel(channel)
        yield Caller(found, on, on.contract(network.chaincode))


async def until_endorsing(network: RunningNetwork) -> None:
    """Repairs the network and returns when every org's gateway finds endorsers on every channel.

    Gossip takes a few seconds to believe in a peer that came back.
    """
    await network.up()
    async with asyncio.timeout(ENDORSING_S_MAX):
        for org_id in network.topology.orgs:
            for channel in network.channels:
                async with calling(network, org_id, channel=channel) as caller:
                    await _endorsed(caller)


async def _endorsed(caller: Caller) -> None:
    while True:
        try:
            await caller.contract.proposal("put", "ready", "v").endorse()
        except EndorseError:
            await asyncio.sleep(POLL_S)
        else:
            return


def msp_ids(network: RunningNetwork, orgs: Sequence[str]) -> list[str]:
    """The MSP ids of orgs, sorted as `Caller.endorsers` sorts them."""
    known: Mapping[str, str] = network.topology.msp_ids
    return sorted(known[org] for org in orgs)
