"""Calls peers and orderers over gRPC with TLS: endorse, broadcast to every orderer, watch commits.

One `Client` serves one bring-up; it keeps a connection per node and closes them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import grpc
import grpc.aio
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2, ab_pb2_grpc
from fabric_protos.peer import (
    events_pb2,
    events_pb2_grpc,
    peer_pb2_grpc,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)

from network.envelopes import Proposal, Signer, build_seek, build_transaction, is_success

MESSAGE_BYTES_MAX = 100 << 20
BROADCAST_TRIES = 20
BROADCAST_PAUSE_S = 0.25
_TAKEN_BEFORE = ("request already exists", "request already processed")
"""How SmartBFT refuses an envelope that it took when it was sent the first time."""
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A node as a client sees it: its name for people, `host:port`, and the roots it trusts."""

    node: str
    address: str
    tls_roots: bytes


class CallFailed(Exception):
    """A node refused a call or could not be reached; `reason` is its own words."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"{node}: {reason}")
        self.node = node
        self.reason = reason


class NotCommitted(Exception):
    """A transaction was ordered and found invalid; `code` is Fabric's validation code."""

    def __init__(self, tx_id: str, code: str) -> None:
        super().__init__(f"transaction {tx_id} was not valid: {code}")
        self.code = code


def acks_needed(orderer_type: str, orderers: int) -> int:
    """How many orderers must take an envelope before it is safely on its way.

    BFT: ceil((n + f + 1) / 2) with f = (n - 1) // 3, as Fabric's own gateway waits for.
    """
    if orderer_type != "bft":
        return 1
    faulty = (orderers - 1) // 3
    return (orderers + faulty + 2) // 2


@dataclass(slots=True)
class Client:
    """Signed calls to the network's nodes. Use as an async context manager."""

    timeout_s: float
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    def channel(self, endpoint: Endpoint) -> grpc.aio.Channel:
        """The connection to a node, made at the first call."""
        if endpoint.address not in self._channels:
            credentials = grpc.ssl_channel_credentials(endpoint.tls_roots)
            self._channels[endpoint.address] = grpc.aio.secure_channel(
                endpoint.address, credentials, options=_OPTIONS
            )
        return self._channels[endpoint.address]

    async def reach(self, endpoint: Endpoint) -> None:
        """Makes a TLS connection. Raises CallFailed when there is none within the timeout."""
        try:
            async with asyncio.timeout(self.timeout_s):
                await self.channel(endpoint).channel_ready()
        except TimeoutError as error:
            raise CallFailed(endpoint.node, f"no TLS connection to {endpoint.address}") from error

    async def endorse(
        self, endpoint: Endpoint, signed: proposal_pb2.SignedProposal
    ) -> proposal_response_pb2.ProposalResponse:
        """One peer's endorsement. Raises CallFailed with the peer's words when it refuses."""
        stub = peer_pb2_grpc.EndorserStub(self.channel(endpoint))
        try:
            response = await stub.ProcessProposal(
                signed, timeout=self.timeout_s, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            raise CallFailed(endpoint.node, error.details() or str(error.code())) from error
        if not is_success(response):
            raise CallFailed(endpoint.node, response.response.message)
        return response

    async def submit(
        self,
        signer: Signer,
        channel: str,
        proposal: Proposal,
        *,
        endorsers: Sequence[Endpoint],
        orderers: Sequence[Endpoint],
        observers: Sequence[Endpoint],
        acks: int,
    ) -> None:
        """Endorses, orders, and waits until every observer has committed the transaction.

        Raises CallFailed or NotCommitted; TimeoutError when the outcome is not known in time.
        """
        responses = await asyncio.gather(*(self.endorse(e, proposal.signed) for e in endorsers))
        envelope = build_transaction(signer, proposal, responses)
        async with asyncio.timeout(self.timeout_s), AsyncExitStack() as stack:
            watches = [
                await stack.enter_async_context(self._watch(o, signer, channel)) for o in observers
            ]
            await self._broadcast(orderers, envelope, acks)
            await asyncio.gather(*(_committed(watch, proposal.tx_id) for watch in watches))

    async def _broadcast(
        self, orderers: Sequence[Endpoint], envelope: common_pb2.Envelope, acks: int
    ) -> None:
        """Sends one envelope to all orderers until enough took it.

        The same envelope again is harmless: its transaction id counts once.
        """
        refusals: list[str] = []
        for _ in range(BROADCAST_TRIES):
            answers = await asyncio.gather(*(self._send(o, envelope) for o in orderers))
            refusals = [answer for answer in answers if answer]
            if len(orderers) - len(refusals) >= acks:
                return
            await asyncio.sleep(BROADCAST_PAUSE_S)
        raise CallFailed("orderers", "; ".join(refusals))

    async def _send(self, orderer: Endpoint, envelope: common_pb2.Envelope) -> str:
        """The orderer's refusal, or an empty string when it took the envelope."""
        call = ab_pb2_grpc.AtomicBroadcastStub(self.channel(orderer)).Broadcast(
            timeout=self.timeout_s
        )
        try:
            await call.write(envelope)
            answer = await call.read()
        except grpc.aio.AioRpcError as error:
            return f"{orderer.node}: {error.details()}"
        finally:
            call.cancel()
        if not isinstance(answer, ab_pb2.BroadcastResponse):
            return f"{orderer.node}: the stream ended"
        if answer.status == common_pb2.SUCCESS or answer.info.endswith(_TAKEN_BEFORE):
            return ""
        return f"{orderer.node}: {common_pb2.Status.Name(answer.status)} {answer.info}"

    @asynccontextmanager
    async def _watch(
        self, peer: Endpoint, signer: Signer, channel: str
    ) -> AsyncIterator[grpc.aio.StreamStreamCall[common_pb2.Envelope, events_pb2.DeliverResponse]]:
        """A stream of the peer's filtered blocks that is already flowing when this answers."""
        call = events_pb2_grpc.DeliverStub(self.channel(peer)).DeliverFiltered(
            timeout=self.timeout_s
        )
        try:
            await call.write(build_seek(signer, channel))
            first = await call.read()
            if not isinstance(first, events_pb2.DeliverResponse) or not first.HasField(
                "filtered_block"
            ):
                raise CallFailed(peer.node, f"sends no blocks of {channel}")
            yield call
        except grpc.aio.AioRpcError as error:
            raise CallFailed(peer.node, error.details() or str(error.code())) from error
        finally:
            call.cancel()


async def _committed(
    watch: grpc.aio.StreamStreamCall[common_pb2.Envelope, events_pb2.DeliverResponse], tx_id: str
) -> None:
    while isinstance(response := await watch.read(), events_pb2.DeliverResponse):
        for tx in response.filtered_block.filtered_transactions:
            if tx.txid != tx_id:
                continue
            if tx.tx_validation_code != transaction_pb2.VALID:
                code = transaction_pb2.TxValidationCode.Name(tx.tx_validation_code)
                raise NotCommitted(tx_id, code)
            return
    raise CallFailed("peer", f"ended its block stream before {tx_id}")
