"""Blocks as they are committed: whole, filtered, or with the private data the caller may see."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2

from gateway.fabric.connection import Peer
from gateway.fabric.context import Context, parse
from gateway.fabric.events import EventStream
from gateway.fabric.identity import Signing
from gateway.fabric.proposal import timestamp
from gateway.fabric.rpc import RpcFailure

BLOCK_NUMBER_MAX = 2**64 - 1

_CODE_OF_STATUS = {
    common_pb2.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    common_pb2.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    common_pb2.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
}


class BlockKind(StrEnum):
    """The three calls of the peer's Deliver service, by their names on the wire."""

    WHOLE = "Deliver"
    FILTERED = "DeliverFiltered"
    WITH_PRIVATE_DATA = "DeliverWithPrivateData"


class BlockEventsRequest:
    """A signed request for the blocks of a channel from a start position on."""

    __slots__ = ("_context", "_signing", "channel_name", "kind", "start_block")

    def __init__(self, context: Context, kind: BlockKind, signing: Signing) -> None:
        payload = parse(common_pb2.Payload, signing.message)
        header = parse(common_pb2.ChannelHeader, payload.header.channel_header)
        self._context = context
        self._signing = signing
        self.kind = kind
        self.channel_name = str(header.channel_id)
        start = parse(ab_pb2.SeekInfo, payload.data).start
        is_specified = start.WhichOneof("Type") == "specified"
        self.start_block: int | None = start.specified.number if is_specified else None

    @classmethod
    def of(
        cls, context: Context, kind: BlockKind, channel_name: str, start_block: int | None
    ) -> "BlockEventsRequest":
        """From `start_block` on; with None the newest block comes first, whatever it is."""
        payload = seek_payload(context, channel_name, start_block)
        return cls(context, kind, Signing(payload, context.signer))

    @classmethod
    def from_bytes(
        cls, context: Context, kind: BlockKind, data: bytes, signature: bytes = b""
    ) -> "BlockEventsRequest":
        """Rebuild from `to_bytes`, with an outside signature if one is given."""
        envelope = parse(common_pb2.Envelope, data)
        signing = Signing(envelope.payload, context.signer, envelope.signature)
        if signature:
            signing.accept(signature)
        return cls(context, kind, signing)

    def to_bytes(self) -> bytes:
        """`common.Envelope`: to go on elsewhere with `block_events_from_bytes`."""
        envelope = common_pb2.Envelope(
            payload=self._signing.message, signature=self._signing.signature_if_any()
        )
        return bytes(envelope.SerializeToString())

    @property
    def digest(self) -> bytes:
        """SHA-256 to sign; give the signature to `accept`."""
        return self._signing.digest

    def accept(self, signature: bytes) -> None:
        """Take a DER signature over `digest` made elsewhere."""
        self._signing.accept(signature)

    def envelope(self) -> common_pb2.Envelope:
        """The signed message. Raises NotSigned."""
        return common_pb2.Envelope(
            payload=self._signing.message, signature=self._signing.signature()
        )

    def events(self) -> EventStream[Any]:
        """The stream; this very request is sent again after a loss, and known blocks dropped."""
        feed = BlockFeed(self._context, self.kind, self.channel_name, self.start_block, self)
        return EventStream(self._context, feed)


class BlockFeed:
    """Consecutive blocks. Without a start block it begins after the newest one."""

    def __init__(
        self,
        context: Context,
        kind: BlockKind,
        channel_name: str,
        start_block: int | None,
        request: BlockEventsRequest | None = None,
    ) -> None:
        self.channel_name = channel_name
        self._context = context
        self._kind = kind
        self._next_block = start_block
        self._request = request

    @property
    def is_positioned(self) -> bool:
        """Whether the number of the next block is known."""
        return self._next_block is not None

    @property
    def is_resumable(self) -> bool:
        """A request made here can always be made again; one from outside needs its start block."""
        return self._request is None or self._request.start_block is not None

    async def open(self, peer: Peer) -> Any:
        """Ask for blocks from the position on."""
        request = self._request or BlockEventsRequest.of(
            self._context, self._kind, self.channel_name, self._next_block
        )
        call = getattr(peer.deliver, self._kind.value)()
        await call.write(request.envelope())
        return call

    def accept(self, message: Any) -> Iterable[Any]:
        """The block of a DeliverResponse unless it is known already."""
        kind = message.WhichOneof("Type")
        if kind == "status":
            raise _status_failure(message.status)
        number, block = _numbered(message, kind)
        if self._next_block is None:
            return self._begin(number, block)
        if number > self._next_block:
            words = f"block {number} came where {self._next_block} was due"
            raise RpcFailure(grpc.StatusCode.DATA_LOSS, words)
        if number < self._next_block:
            return ()
        self._next_block = number + 1
        return (block,)

    def _begin(self, number: int, block: Any) -> Iterable[Any]:
        """Our own request starts with the newest block only to learn its number."""
        self._next_block = number + 1
        return () if self._request is None else (block,)


def seek_payload(context: Context, channel_name: str, start_block: int | None) -> bytes:
    """The `common.Payload` that asks a peer for blocks (common/deliver/deliver.go)."""
    if start_block is None:
        start = ab_pb2.SeekPosition(newest=ab_pb2.SeekNewest())
    else:
        start = ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=start_block))
    stop = ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=BLOCK_NUMBER_MAX))
    header = common_pb2.Header(
        channel_header=common_pb2.ChannelHeader(
            type=common_pb2.DELIVER_SEEK_INFO,
            timestamp=timestamp(context.now_ns()),
            channel_id=channel_name,
            tls_cert_hash=context.connection.tls_certificate_hash,
        ).SerializeToString(),
        signature_header=common_pb2.SignatureHeader(creator=context.creator).SerializeToString(),
    )
    seek = ab_pb2.SeekInfo(start=start, stop=stop)
    payload = common_pb2.Payload(header=header, data=seek.SerializeToString())
    return bytes(payload.SerializeToString())


def _status_failure(status: int) -> RpcFailure:
    code = _CODE_OF_STATUS.get(status, grpc.StatusCode.UNAVAILABLE)
    return RpcFailure(code, f"deliver status {common_pb2.Status.Name(status)}")


def _numbered(message: Any, kind: str | None) -> tuple[int, Any]:
    match kind:
        case "filtered_block":
            return int(message.filtered_block.number), message.filtered_block
        case "block":
            return int(message.block.header.number), message.block
        case "block_and_private_data":
            both = message.block_and_private_data
            return int(both.block.header.number), both
        case _:
            raise RpcFailure(grpc.StatusCode.UNIMPLEMENTED, "a deliver response of unknown kind")
