"""Reading the ledger itself: height, blocks, transactions and configuration of a channel.

The peer's system chaincodes qscc and cscc answer through Evaluate, from the own organisation first.
"""

from dataclasses import dataclass
from typing import Any

from fabric_protos.common import common_pb2, configtx_pb2, ledger_pb2
from fabric_protos.peer import transaction_pb2

from gateway.fabric.context import Context, parse
from gateway.fabric.errors import EvaluateError, chaincode_response
from gateway.fabric.proposal import build_proposal

_NO_SUCH_TRANSACTION = "no such transaction ID"
"""The words of the block index (common/ledger/blkstorage/blockindex.go)."""


@dataclass(frozen=True, slots=True)
class ChainInfo:
    """Height (blocks so far, the number of the next one) and the hashes of the last two."""

    height: int
    current_hash: bytes
    previous_hash: bytes


class Ledger:
    """Queries on one channel's ledger. Every method raises EvaluateError and Throttled."""

    def __init__(self, context: Context, channel_name: str) -> None:
        self._context = context
        self._channel_name = channel_name

    async def chain_info(self) -> ChainInfo:
        """Height and last hashes."""
        info = parse(ledger_pb2.BlockchainInfo, await self._ask("qscc", "GetChainInfo"))
        return ChainInfo(int(info.height), info.currentBlockHash, info.previousBlockHash)

    async def height(self) -> int:
        """How many blocks the peer has."""
        return (await self.chain_info()).height

    async def block(self, number: int) -> Any:
        """The `common.Block` with this number."""
        return parse(common_pb2.Block, await self._ask("qscc", "GetBlockByNumber", str(number)))

    async def block_of(self, tx_id: str) -> Any:
        """The `common.Block` that holds this transaction."""
        return parse(common_pb2.Block, await self._ask("qscc", "GetBlockByTxID", tx_id))

    async def transaction(self, tx_id: str) -> Any | None:
        """The `protos.ProcessedTransaction` with its validation code, or None when not found."""
        try:
            answer = await self._ask("qscc", "GetTransactionByID", tx_id)
        except EvaluateError as error:
            _, words = chaincode_response(error) or (0, "")
            if _NO_SUCH_TRANSACTION in words:
                return None
            raise
        return parse(transaction_pb2.ProcessedTransaction, answer)

    async def config(self) -> Any:
        """The channel's `common.Config`."""
        answer = await self._ask("cscc", "GetChannelConfig")
        return parse(configtx_pb2.Config, answer)

    async def config_block(self) -> Any:
        """The `common.Block` with the channel's last configuration."""
        return parse(common_pb2.Block, await self._ask("cscc", "GetConfigBlock"))

    async def _ask(self, chaincode_name: str, function: str, *args: str) -> bytes:
        proposal = build_proposal(
            self._context,
            self._channel_name,
            chaincode_name,
            (function, self._channel_name, *args),
        )
        return await proposal.evaluate()
