"""What every step shares: the connection, who signs, the limits, the clock and the nonces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from gateway.fabric.connection import Connection
from gateway.fabric.errors import MalformedMessage, step_error
from gateway.fabric.identity import Identity, Signer
from gateway.fabric.rpc import Call, RpcFailure
from gateway.fabric.timeouts import Reconnect, Resolution, Timeouts

NONCE_BYTES = 24
NANOSECONDS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Made once per client. `creator` is the identity serialised once; `now_ns` is UTC."""

    connection: Connection
    identity: Identity
    creator: bytes
    signer: Signer | None
    timeouts: Timeouts
    resolution: Resolution
    reconnect: Reconnect
    now_ns: Callable[[], int]
    new_nonce: Callable[[], bytes]

    async def call(self, call: Call, tx_id: str, request: Any, timeout_s: float) -> Any:
        """Run one step; its failure carries the transaction id."""
        try:
            return await self.connection.call(call, request, timeout_s)
        except RpcFailure as failure:
            raise step_error(call, tx_id, failure) from failure


def parse(kind: Any, data: bytes) -> Any:
    """`data` as a protobuf message of type `kind`. Raises MalformedMessage."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(f"not a {kind.DESCRIPTOR.full_name}") from error
