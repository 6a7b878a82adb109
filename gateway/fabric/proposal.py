"""A transaction proposal: evaluate it, or have it endorsed."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.fabric.context import NANOSECONDS_PER_SECOND, Context, parse
from gateway.fabric.errors import step_error
from gateway.fabric.identity import Signing
from gateway.fabric.rpc import Call, RpcFailure
from gateway.fabric.transaction import Transaction

_OK = 200


class Proposal:
    """One call of a chaincode function, not yet endorsed."""

    __slots__ = ("_context", "_signing", "channel_name", "endorsing_orgs", "tx_id")

    def __init__(
        self,
        context: Context,
        channel_name: str,
        tx_id: str,
        signing: Signing,
        endorsing_orgs: Sequence[str],
    ) -> None:
        self._context = context
        self._signing = signing
        self.channel_name = channel_name
        self.tx_id = tx_id
        self.endorsing_orgs = tuple(endorsing_orgs)

    @classmethod
    def from_bytes(cls, context: Context, data: bytes, signature: bytes = b"") -> "Proposal":
        """Rebuild from `to_bytes`, with an outside signature if one is given."""
        message = parse(gateway_pb2.ProposedTransaction, data)
        signed = message.proposal
        signing = Signing(signed.proposal_bytes, context.signer, signed.signature)
        if signature:
            signing.accept(signature)
        channel_header = _channel_header(signed.proposal_bytes)
        orgs = message.endorsing_organizations
        return cls(context, channel_header.channel_id, channel_header.tx_id, signing, orgs)

    def to_bytes(self) -> bytes:
        """`gateway.ProposedTransaction`: enough to go on elsewhere with `proposal_from_bytes`."""
        message = gateway_pb2.ProposedTransaction(
            transaction_id=self.tx_id,
            proposal=proposal_pb2.SignedProposal(
                proposal_bytes=self._signing.message, signature=self._signing.signature_if_any()
            ),
            endorsing_organizations=self.endorsing_orgs,
        )
        return bytes(message.SerializeToString())

    @property
    def digest(self) -> bytes:
        """SHA-256 to sign; give the signature to `accept`."""
        return self._signing.digest

    def accept(self, signature: bytes) -> None:
        """Take a DER signature over `digest` made elsewhere."""
        self._signing.accept(signature)

    async def evaluate(self, *, timeout_s: float | None = None) -> bytes:
        """Ask one peer and return the chaincode's answer; nothing is written.

        Raises EvaluateError, Throttled, NotSigned.
        """
        request = gateway_pb2.EvaluateRequest(
            transaction_id=self.tx_id,
            channel_id=self.channel_name,
            proposed_transaction=self._signed_proposal(),
            target_organizations=self.endorsing_orgs,
        )
        timeout_s = timeout_s or self._context.timeouts.evaluate_s
        response = await self._context.call(Call.EVALUATE, self.tx_id, request, timeout_s)
        return bytes(response.result.payload)

    async def ask_peer(self) -> bytes:
        """Ask the connected peer itself and return the chaincode's answer; nothing is written.

        For what concerns the peer and no channel. Raises EvaluateError, Throttled, NotSigned.
        """
        call, timeout_s = Call.PROCESS_PROPOSAL, self._context.timeouts.evaluate_s
        answer = await self._context.call(call, self.tx_id, self._signed_proposal(), timeout_s)
        response = answer.response
        if response.status != _OK:
            words = f"chaincode response {response.status}, {response.message}"
            raise step_error(call, self.tx_id, RpcFailure(grpc.StatusCode.UNKNOWN, words))
        return bytes(response.payload)

    async def endorse(self, *, timeout_s: float | None = None) -> Transaction:
        """Collect the endorsements the policy asks for (or those of `endorsing_orgs`).

        Raises EndorseError, Throttled, NotSigned; MalformedMessage when the peer hands back
        another transaction than the proposed one, which is then not signed.
        """
        request = gateway_pb2.EndorseRequest(
            transaction_id=self.tx_id,
            channel_id=self.channel_name,
            proposed_transaction=self._signed_proposal(),
            endorsing_organizations=self.endorsing_orgs,
        )
        timeout_s = timeout_s or self._context.timeouts.endorse_s
        response = await self._context.call(Call.ENDORSE, self.tx_id, request, timeout_s)
        transaction = Transaction(
            self._context, Signing(response.prepared_transaction.payload, self._context.signer)
        )
        transaction.require_same_header(self._signing.message)
        return transaction

    def _signed_proposal(self) -> proposal_pb2.SignedProposal:
        return proposal_pb2.SignedProposal(
            proposal_bytes=self._signing.message, signature=self._signing.signature()
        )


def build_proposal(
    context: Context,
    channel_name: str,
    chaincode_name: str,
    args: Sequence[str | bytes],
    *,
    transient: Mapping[str, bytes] | None = None,
    endorsing_orgs: Sequence[str] = (),
) -> Proposal:
    """A new proposal with a nonce and a time of its own; `args[0]` is the function's name.

    The same inputs, nonce and time give the same bytes.
    """
    nonce = context.new_nonce()
    tx_id = sha256(nonce + context.creator).hexdigest()
    chaincode_id = chaincode_pb2.ChaincodeID(name=chaincode_name)
    extension = proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode_id)
    header = common_pb2.Header(
        channel_header=common_pb2.ChannelHeader(
            type=common_pb2.ENDORSER_TRANSACTION,
            timestamp=timestamp(context.now_ns()),
            channel_id=channel_name,
            tx_id=tx_id,
            extension=extension.SerializeToString(),
        ).SerializeToString(),
        signature_header=common_pb2.SignatureHeader(
            creator=context.creator, nonce=nonce
        ).SerializeToString(),
    )
    proposal = proposal_pb2.Proposal(
        header=header.SerializeToString(), payload=_payload(chaincode_id, args, transient)
    )
    signing = Signing(proposal.SerializeToString(), context.signer)
    return Proposal(context, channel_name, tx_id, signing, endorsing_orgs)


def timestamp(now_ns: int) -> Timestamp:
    """Nanoseconds since 1970 (UTC) as protobuf has them."""
    seconds, nanos = divmod(now_ns, NANOSECONDS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def _payload(
    chaincode_id: chaincode_pb2.ChaincodeID,
    args: Sequence[str | bytes],
    transient: Mapping[str, bytes] | None,
) -> bytes:
    encoded = [arg.encode() if isinstance(arg, str) else arg for arg in args]
    invocation = chaincode_pb2.ChaincodeInvocationSpec(
        chaincode_spec=chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_id, input=chaincode_pb2.ChaincodeInput(args=encoded)
        )
    )
    payload = proposal_pb2.ChaincodeProposalPayload(
        input=invocation.SerializeToString(), TransientMap=transient or {}
    )
    # A map has no order of its own on the wire; sorted, equal inputs give equal bytes.
    return bytes(payload.SerializeToString(deterministic=True))


def _channel_header(proposal_bytes: bytes) -> common_pb2.ChannelHeader:
    proposal = parse(proposal_pb2.Proposal, proposal_bytes)
    header = parse(common_pb2.Header, proposal.header)
    return parse(common_pb2.ChannelHeader, header.channel_header)
