"""The wire side of one transaction: its requests to the peer, one at a time."""

import asyncio
from collections.abc import Callable
from typing import Any

from chaincode.shim.errors import PeerError, ProtocolError, ShimError
from chaincode.shim.messages import (
    ERROR,
    QUERY_STATE_CLOSE,
    RESPONSE,
    Batching,
    ChaincodeMessage,
    TransactionKey,
    require_size,
    type_name,
)
from chaincode.shim.metrics import Metrics


class PeerLink:
    """Sends the requests of one transaction and waits for their answers.

    A peer drops a request that arrives while another of the same transaction is pending (Fabric
    `handler.go` registerTxid), so requests made at the same time take turns here.
    """

    __slots__ = ("_answer", "_metrics", "_send", "_turn", "batching", "key", "open_queries")

    def __init__(
        self,
        key: TransactionKey,
        send: Callable[[Any], None],
        batching: Batching,
        metrics: Metrics,
    ) -> None:
        self.key = key
        self.batching = batching
        self.open_queries: dict[str, Any] = {}
        """Queries the peer holds open: id and the message that closes it."""
        self._send = send
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[Any] | None = None

    async def request(self, message_type: int, body: Any) -> bytes:
        """Send one request and return the payload of the peer's answer.

        Raises:
            PeerError: the peer answered ERROR.
            ProtocolError: the answer is of another type.
            MessageTooLargeError: the request was not sent.
            ShimError: an earlier request was cancelled, so its late answer could be taken for this.
        """
        payload = body.SerializeToString()
        require_size(len(payload))
        async with self._turn:
            if self._answer is not None:
                raise ShimError("an earlier request of this transaction was cancelled")
            self._answer = asyncio.get_running_loop().create_future()
            channel_id, tx_id = self.key
            self._metrics.count_request(message_type)
            self._send(
                ChaincodeMessage(
                    type=message_type, payload=payload, txid=tx_id, channel_id=channel_id
                )
            )
            answer = await self._answer
            self._answer = None
        return self._payload(message_type, answer)

    def receive(self, message: Any) -> bool:
        """Take the peer's answer; return whether this transaction was waiting for one."""
        if self._answer is None or self._answer.done():
            return False
        self._answer.set_result(message)
        return True

    async def close_queries(self) -> None:
        """Close every query that was left before its end."""
        while self.open_queries:
            await self.close_query(next(iter(self.open_queries)))

    async def close_query(self, query_id: str) -> None:
        """Close one query, unless it is closed already."""
        body = self.open_queries.pop(query_id, None)
        if body is not None:
            await self.request(QUERY_STATE_CLOSE, body)

    def _payload(self, request_type: int, answer: Any) -> bytes:
        if answer.type == RESPONSE:
            payload: bytes = answer.payload
            return payload
        if answer.type == ERROR:
            self._metrics.count_peer_error(request_type)
            raise PeerError(type_name(request_type), answer.payload.decode(errors="replace"))
        raise ProtocolError(f"{type_name(answer.type)} answers {type_name(request_type)}")
