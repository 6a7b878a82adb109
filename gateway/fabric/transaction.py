"""An endorsed transaction: submit it, or submit it and find out what became of it."""

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from gateway.fabric.commit import Commit
from gateway.fabric.context import Context, parse
from gateway.fabric.errors import MalformedMessage
from gateway.fabric.follower import CommitFollower
from gateway.fabric.identity import Signing
from gateway.fabric.rpc import Call
from gateway.fabric.submission import Committed, commit_transaction, resolve_transaction


class Transaction:
    """A transaction with its endorsements; signed once, so sending again sends the same bytes."""

    __slots__ = ("_context", "_payload", "_signing", "channel_name", "tx_id")

    def __init__(self, context: Context, signing: Signing) -> None:
        self._context = context
        self._signing = signing
        self._payload = parse(common_pb2.Payload, signing.message)
        header = parse(common_pb2.ChannelHeader, self._payload.header.channel_header)
        self.channel_name = str(header.channel_id)
        self.tx_id = str(header.tx_id)

    @classmethod
    def from_bytes(cls, context: Context, data: bytes, signature: bytes = b"") -> "Transaction":
        """Rebuild from `to_bytes`, with an outside signature if one is given."""
        envelope = parse(gateway_pb2.PreparedTransaction, data).envelope
        signing = Signing(envelope.payload, context.signer, envelope.signature)
        if signature:
            signing.accept(signature)
        return cls(context, signing)

    def to_bytes(self) -> bytes:
        """`gateway.PreparedTransaction`: to go on elsewhere with `transaction_from_bytes`."""
        message = gateway_pb2.PreparedTransaction(
            transaction_id=self.tx_id,
            envelope=common_pb2.Envelope(
                payload=self._signing.message, signature=self._signing.signature_if_any()
            ),
        )
        return bytes(message.SerializeToString())

    @property
    def digest(self) -> bytes:
        """SHA-256 to sign; give the signature to `accept`."""
        return self._signing.digest

    def accept(self, signature: bytes) -> None:
        """Take a DER signature over `digest` made elsewhere."""
        self._signing.accept(signature)

    def result(self) -> bytes:
        """What the chaincode answered while it endorsed. Raises MalformedMessage."""
        actions = parse(transaction_pb2.Transaction, self._payload.data).actions
        if not actions:
            raise MalformedMessage(f"transaction {self.tx_id} has no action")
        action = parse(transaction_pb2.ChaincodeActionPayload, actions[0].payload).action
        response = parse(
            proposal_response_pb2.ProposalResponsePayload, action.proposal_response_payload
        )
        return bytes(parse(proposal_pb2.ChaincodeAction, response.extension).response.payload)

    def require_same_header(self, proposal_bytes: bytes) -> None:
        """Refuse a transaction that is not the proposed one. Raises MalformedMessage.

        A peer could answer with any envelope; ours is signed only if it is the one proposed.
        """
        proposal = parse(proposal_pb2.Proposal, proposal_bytes)
        if parse(common_pb2.Header, proposal.header) != self._payload.header:
            raise MalformedMessage("the peer returned another transaction than the proposed one")

    async def submit(self, *, timeout_s: float | None = None) -> Commit:
        """Hand it to the orderers once and return before it is committed.

        Raises SubmitError (it may be ordered all the same), Throttled, NotSigned.
        """
        request = gateway_pb2.SubmitRequest(
            transaction_id=self.tx_id,
            channel_id=self.channel_name,
            prepared_transaction=common_pb2.Envelope(
                payload=self._signing.message, signature=self._signing.signature()
            ),
        )
        timeout_s = timeout_s or self._context.timeouts.submit_s
        await self._context.call(Call.SUBMIT, self.tx_id, request, timeout_s)
        return self.pending()

    def pending(self) -> Commit:
        """Its commit, for asking without submitting."""
        return Commit.of(self._context, self.channel_name, self.tx_id)

    async def commit(self, *, follower: CommitFollower | None = None) -> Committed:
        """Submit it and resolve its outcome; see `submission.commit_transaction` for errors."""
        return await commit_transaction(self, self._context, follower)

    async def resolve(self) -> Committed:
        """Find out what became of it after it was sent before; send it again only if not found.

        See `submission.resolve_transaction` for errors.
        """
        return await resolve_transaction(self, self._context)
