"""A Fabric channel: its contracts, its events, its ledger."""

from typing import Any

from gateway.fabric.blocks import BlockEventsRequest, BlockFeed, BlockKind
from gateway.fabric.chaincode_events import (
    ChaincodeEvent,
    ChaincodeEventsRequest,
    ChaincodeFeed,
)
from gateway.fabric.checkpoint import Checkpoint, Position
from gateway.fabric.commit import Commit
from gateway.fabric.context import Context
from gateway.fabric.contract import Contract
from gateway.fabric.events import EventStream
from gateway.fabric.follower import CommitFollower
from gateway.fabric.ledger import Ledger


class Channel:
    """One channel, by its name.

    Events start at the `checkpoint` if it holds a position, else at `start_block`, else with the
    next block to be committed. Every stream resumes by itself and is closed by its reader.
    """

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self.name = name
        self.ledger = Ledger(context, name)

    def contract(self, chaincode_name: str) -> Contract:
        """The chaincode with this name."""
        return Contract(self._context, self.name, chaincode_name)

    def commit(self, tx_id: str) -> Commit:
        """The commit of any transaction of this channel, to ask for its status."""
        return Commit.of(self._context, self.name, tx_id)

    def follower(self) -> CommitFollower:
        """A follower of this channel's commits; open it with `async with`."""
        return CommitFollower(self.filtered_blocks())

    def chaincode_events(
        self,
        chaincode_name: str,
        *,
        start_block: int | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> EventStream[ChaincodeEvent]:
        """Events of the chaincode's valid transactions."""
        position = _position(start_block, checkpoint)
        feed = ChaincodeFeed(self._context, self.name, chaincode_name, position)
        return EventStream(self._context, feed)

    def blocks(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Any]:
        """Whole blocks (`common.Block`)."""
        return self._blocks(BlockKind.WHOLE, start_block, checkpoint)

    def filtered_blocks(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Any]:
        """Blocks without payloads (`protos.FilteredBlock`): ids, codes, event names."""
        return self._blocks(BlockKind.FILTERED, start_block, checkpoint)

    def blocks_with_private_data(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Any]:
        """Blocks and the private data the identity may see (`protos.BlockAndPrivateData`)."""
        return self._blocks(BlockKind.WITH_PRIVATE_DATA, start_block, checkpoint)

    def chaincode_events_request(
        self,
        chaincode_name: str,
        *,
        start_block: int | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> ChaincodeEventsRequest:
        """A request to be signed elsewhere; without a start it cannot be resumed."""
        position = _position(start_block, checkpoint)
        return ChaincodeEventsRequest.of(self._context, self.name, chaincode_name, position)

    def block_events_request(
        self,
        kind: BlockKind,
        *,
        start_block: int | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> BlockEventsRequest:
        """A request to be signed elsewhere; without a start it begins with the newest block and
        cannot be resumed."""
        position = _position(start_block, checkpoint)
        start = None if position is None else position.block_number
        return BlockEventsRequest.of(self._context, kind, self.name, start)

    def _blocks(
        self, kind: BlockKind, start_block: int | None, checkpoint: Checkpoint | None
    ) -> EventStream[Any]:
        position = _position(start_block, checkpoint)
        start = None if position is None else position.block_number
        return EventStream(self._context, BlockFeed(self._context, kind, self.name, start))


def _position(start_block: int | None, checkpoint: Checkpoint | None) -> Position | None:
    if checkpoint is not None and checkpoint.position is not None:
        return checkpoint.position
    return None if start_block is None else Position(start_block)
