"""The way in: a connection and an identity make a client; a client gives channels."""

import os
import time
from collections.abc import Callable

from fabric_protos.peer import query_pb2

from gateway.fabric.blocks import BlockEventsRequest, BlockKind
from gateway.fabric.chaincode_events import ChaincodeEventsRequest
from gateway.fabric.channel import Channel
from gateway.fabric.commit import Commit
from gateway.fabric.connection import Connection
from gateway.fabric.context import NONCE_BYTES, Context, parse
from gateway.fabric.identity import Identity, Signer
from gateway.fabric.proposal import Proposal, build_proposal
from gateway.fabric.timeouts import Reconnect, Resolution, Timeouts
from gateway.fabric.transaction import Transaction


def random_nonce() -> bytes:
    """A fresh nonce; with the creator it makes the transaction id."""
    return os.urandom(NONCE_BYTES)


class FabricClient:
    """What one identity does over one connection; several clients may share a connection.

    Without a `signer` every step takes a signature made elsewhere: a step's `to_bytes` and `digest`
    go out, and the `..._from_bytes` methods take the bytes and the signature back.
    """

    def __init__(
        self,
        connection: Connection,
        identity: Identity,
        signer: Signer | None = None,
        *,
        timeouts: Timeouts | None = None,
        resolution: Resolution | None = None,
        reconnect: Reconnect | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        new_nonce: Callable[[], bytes] = random_nonce,
    ) -> None:
        self._context = Context(
            connection=connection,
            identity=identity,
            creator=identity.creator(),
            signer=signer,
            timeouts=timeouts or Timeouts(),
            resolution=resolution or Resolution(),
            reconnect=reconnect or Reconnect(),
            now_ns=now_ns,
            new_nonce=new_nonce,
        )

    def channel(self, name: str) -> Channel:
        """The channel with this name; nothing is asked of the network."""
        return Channel(self._context, name)

    async def joined_channels(self) -> tuple[str, ...]:
        """The channels that the connected peer has joined, sorted; only members of the peer's own
        organisation may ask. Raises EvaluateError, Throttled, MalformedMessage."""
        answer = await build_proposal(self._context, "", "cscc", ("GetChannels",)).ask_peer()
        found = parse(query_pb2.ChannelQueryResponse, answer)
        return tuple(sorted(channel.channel_id for channel in found.channels))

    def proposal_from_bytes(self, data: bytes, signature: bytes = b"") -> Proposal:
        """Raises MalformedMessage, BadIdentity (for the signature), like the four below."""
        return Proposal.from_bytes(self._context, data, signature)

    def transaction_from_bytes(self, data: bytes, signature: bytes = b"") -> Transaction:
        """From `Transaction.to_bytes` or `OutcomeUnknown.transaction`."""
        return Transaction.from_bytes(self._context, data, signature)

    def commit_from_bytes(self, data: bytes, signature: bytes = b"") -> Commit:
        """From `Commit.to_bytes`."""
        return Commit.from_bytes(self._context, data, signature)

    def chaincode_events_from_bytes(
        self, data: bytes, signature: bytes = b""
    ) -> ChaincodeEventsRequest:
        """From `ChaincodeEventsRequest.to_bytes`."""
        return ChaincodeEventsRequest.from_bytes(self._context, data, signature)

    def block_events_from_bytes(
        self, kind: BlockKind, data: bytes, signature: bytes = b""
    ) -> BlockEventsRequest:
        """From `BlockEventsRequest.to_bytes`; the bytes do not say which kind of block."""
        return BlockEventsRequest.from_bytes(self._context, kind, data, signature)
