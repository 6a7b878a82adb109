"""What became of a submitted transaction."""

from dataclasses import dataclass

from fabric_protos.gateway import gateway_pb2

from gateway.fabric.context import Context, parse
from gateway.fabric.errors import VALID, CommitError, code_name
from gateway.fabric.identity import Signing
from gateway.fabric.rpc import Call


@dataclass(frozen=True, slots=True)
class Status:
    """Where a transaction landed: its block and Fabric's validation code."""

    tx_id: str
    code: int
    block_number: int

    @property
    def is_valid(self) -> bool:
        """Whether the transaction was applied."""
        return self.code == VALID

    @property
    def code_name(self) -> str:
        """Fabric's name of the code, as `MVCC_READ_CONFLICT`."""
        return code_name(self.code)

    def require_valid(self) -> None:
        """Raise CommitError unless the transaction was applied."""
        if not self.is_valid:
            raise CommitError(self.tx_id, self.code, self.block_number)


class Commit:
    """A signed question for the status of one transaction."""

    __slots__ = ("_context", "_signing", "channel_name", "tx_id")

    def __init__(self, context: Context, signing: Signing) -> None:
        request = parse(gateway_pb2.CommitStatusRequest, signing.message)
        self._context = context
        self._signing = signing
        self.channel_name = str(request.channel_id)
        self.tx_id = str(request.transaction_id)

    @classmethod
    def of(cls, context: Context, channel_name: str, tx_id: str) -> "Commit":
        """The question for any transaction of the channel, by its id."""
        request = gateway_pb2.CommitStatusRequest(
            transaction_id=tx_id, channel_id=channel_name, identity=context.creator
        )
        return cls(context, Signing(request.SerializeToString(), context.signer))

    @classmethod
    def from_bytes(cls, context: Context, data: bytes, signature: bytes = b"") -> "Commit":
        """Rebuild from `to_bytes`, with an outside signature if one is given."""
        signed = parse(gateway_pb2.SignedCommitStatusRequest, data)
        signing = Signing(signed.request, context.signer, signed.signature)
        if signature:
            signing.accept(signature)
        return cls(context, signing)

    def to_bytes(self) -> bytes:
        """`gateway.SignedCommitStatusRequest`: to go on elsewhere with `commit_from_bytes`."""
        message = gateway_pb2.SignedCommitStatusRequest(
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

    async def status(self, *, timeout_s: float | None = None) -> Status:
        """Wait until the transaction is in a block, valid or not, and say so.

        Raises CommitStatusError (DEADLINE_EXCEEDED: not yet), Throttled, NotSigned.
        """
        request = gateway_pb2.SignedCommitStatusRequest(
            request=self._signing.message, signature=self._signing.signature()
        )
        timeout_s = timeout_s or self._context.timeouts.commit_status_s
        response = await self._context.call(Call.COMMIT_STATUS, self.tx_id, request, timeout_s)
        return Status(self.tx_id, int(response.result), int(response.block_number))
