"""Events that a chaincode set in its valid transactions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2

from gateway.fabric.checkpoint import Position
from gateway.fabric.connection import Peer
from gateway.fabric.context import Context, parse
from gateway.fabric.errors import StepError, chaincode_response
from gateway.fabric.events import EventStream
from gateway.fabric.identity import Signing
from gateway.fabric.ledger import Ledger
from gateway.fabric.rpc import RpcFailure


@dataclass(frozen=True, slots=True)
class ChaincodeEvent:
    """One event; its payload is left out of its text."""

    block_number: int
    tx_id: str
    chaincode_name: str
    event_name: str
    payload: bytes

    def __repr__(self) -> str:
        return f"ChaincodeEvent({self.block_number}, {self.tx_id}, {self.event_name})"


class ChaincodeEventsRequest:
    """A signed request for the events of a chaincode from a position on."""

    __slots__ = ("_context", "_signing", "channel_name", "position")

    def __init__(self, context: Context, signing: Signing) -> None:
        message = parse(gateway_pb2.ChaincodeEventsRequest, signing.message)
        self._context = context
        self._signing = signing
        self.channel_name = str(message.channel_id)
        start = message.start_position
        is_specified = start.WhichOneof("Type") == "specified"
        self.position = (
            Position(start.specified.number, message.after_transaction_id) if is_specified else None
        )

    @classmethod
    def of(
        cls, context: Context, channel_name: str, chaincode_name: str, position: Position | None
    ) -> "ChaincodeEventsRequest":
        """From `position` on, or from the next block on."""
        if position is None:
            start = ab_pb2.SeekPosition(next_commit=ab_pb2.SeekNextCommit())
        else:
            seek = ab_pb2.SeekSpecified(number=position.block_number)
            start = ab_pb2.SeekPosition(specified=seek)
        message = gateway_pb2.ChaincodeEventsRequest(
            channel_id=channel_name,
            chaincode_id=chaincode_name,
            identity=context.creator,
            start_position=start,
            after_transaction_id="" if position is None else position.tx_id,
        )
        return cls(context, Signing(message.SerializeToString(), context.signer))

    @classmethod
    def from_bytes(
        cls, context: Context, data: bytes, signature: bytes = b""
    ) -> "ChaincodeEventsRequest":
        """Rebuild from `to_bytes`, with an outside signature if one is given."""
        signed = parse(gateway_pb2.SignedChaincodeEventsRequest, data)
        signing = Signing(signed.request, context.signer, signed.signature)
        if signature:
            signing.accept(signature)
        return cls(context, signing)

    def to_bytes(self) -> bytes:
        """`gateway.SignedChaincodeEventsRequest`: for `chaincode_events_from_bytes`."""
        message = gateway_pb2.SignedChaincodeEventsRequest(
            request=self._signing.message, signature=self._signing.signature_if_any()
        )
        return bytes(message.SerializeToString())

    @property
    def digest(self) -> bytes:
        """SHA-256 to sign; give the signature to `accept`."""
        return self._signing.digest

    def accept(self, signature: bytes) -> None:
        """Take a DER signature over `digest` made elsewhere."""
        self._signing.accept(signature)

    def signed(self) -> gateway_pb2.SignedChaincodeEventsRequest:
        """The signed message. Raises NotSigned."""
        return gateway_pb2.SignedChaincodeEventsRequest(
            request=self._signing.message, signature=self._signing.signature()
        )

    def events(self) -> EventStream[ChaincodeEvent]:
        """The stream; this very request is sent again after a loss, and known events dropped."""
        name = parse(gateway_pb2.ChaincodeEventsRequest, self._signing.message).chaincode_id
        feed = ChaincodeFeed(self._context, self.channel_name, name, self.position, self)
        return EventStream(self._context, feed)


class ChaincodeFeed:
    """The events of one chaincode, block by block.

    Without a position it begins at the height of the ledger, asked for once, so that a stream lost
    before its first event loses nothing either. The peer sends all matching events of a block in
    one message, so the part of a block that is done is dropped here: a peer told to start after a
    transaction would wait for ever when that transaction had no event.
    """

    def __init__(
        self,
        context: Context,
        channel_name: str,
        chaincode_name: str,
        position: Position | None,
        request: ChaincodeEventsRequest | None = None,
    ) -> None:
        self.channel_name = channel_name
        self._context = context
        self._chaincode_name = chaincode_name
        self._position = position
        self._request = request

    @property
    def is_positioned(self) -> bool:
        """Whether the block of the next event is known, at least from below."""
        return self._position is not None

    @property
    def is_resumable(self) -> bool:
        """A request made here can always be made again; one from outside needs its start block."""
        return self._request is None or self._request.position is not None

    async def open(self, peer: Peer) -> Any:
        """Ask for events from the position on."""
        return peer.gateway.ChaincodeEvents((await self._next_request()).signed())

    def accept(self, message: Any) -> Iterable[ChaincodeEvent]:
        """The events of one block that are not done yet."""
        number = int(message.block_number)
        done = self._position or Position(number)
        if number < done.block_number:
            return ()
        self._position = Position(number + 1)
        events = [
            ChaincodeEvent(number, event.tx_id, event.chaincode_id, event.event_name, event.payload)
            for event in message.events
        ]
        return _after(done.tx_id, events) if number == done.block_number else events

    async def _next_request(self) -> ChaincodeEventsRequest:
        if self._request is not None:
            return self._request
        if self._position is None:
            self._position = Position(await self._height())
        start = Position(self._position.block_number)
        return ChaincodeEventsRequest.of(
            self._context, self.channel_name, self._chaincode_name, start
        )

    async def _height(self) -> int:
        try:
            return await Ledger(self._context, self.channel_name).height()
        except StepError as error:
            if chaincode_response(error) is None:
                raise error.failure from error
            words = f"the height of the ledger was refused: {error.message}"
            raise RpcFailure(grpc.StatusCode.PERMISSION_DENIED, words) from error


def _after(tx_id: str, events: list[ChaincodeEvent]) -> list[ChaincodeEvent]:
    """What follows the events of `tx_id`; everything when it has none in this block."""
    last = max((at for at, event in enumerate(events) if event.tx_id == tx_id), default=-1)
    return events[last + 1 :]
