"""Builds and reads the signed messages of a channel: proposals, transactions, block requests.

Pure but for the nonce and the clock, which the caller of `Signer` never has to supply.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

_P256_ORDER = (
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # FIPS 186-4, D.1.2.3
)
_NONCE_BYTES = 24
_HTTP_OK = 200


class MismatchError(Exception):
    """The endorsers did not answer with the same bytes."""


@dataclass(frozen=True, slots=True)
class Signer:
    """An enrolled identity that signs: its MSP, its certificate, its private key."""

    msp_id: str
    certificate: bytes
    key: EllipticCurvePrivateKey

    @property
    def creator(self) -> bytes:
        identity = identities_pb2.SerializedIdentity(mspid=self.msp_id, id_bytes=self.certificate)
        return bytes(identity.SerializeToString())

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 with the lower S of the two, the only one Fabric takes."""
        r, s = decode_dss_signature(self.key.sign(message, ECDSA(SHA256())))
        return encode_dss_signature(r, min(s, _P256_ORDER - s))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A signed chaincode call and the transaction id it will have."""

    tx_id: str
    content: proposal_pb2.Proposal
    signed: proposal_pb2.SignedProposal


def build_proposal(signer: Signer, channel: str, chaincode: str, args: Sequence[bytes]) -> Proposal:
    """A proposal to call `chaincode`; an empty `channel` means the peer itself (install, join)."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    tx_id = hashlib.sha256(nonce + signer.creator).hexdigest()
    chaincode_id = chaincode_pb2.ChaincodeID(name=chaincode)
    extension = proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode_id)
    header = common_pb2.Header(
        channel_header=_channel_header(
            common_pb2.ENDORSER_TRANSACTION, channel, tx_id, extension.SerializeToString()
        ),
        signature_header=_signature_header(signer, nonce),
    )
    spec = chaincode_pb2.ChaincodeSpec(
        type=chaincode_pb2.ChaincodeSpec.GOLANG,
        chaincode_id=chaincode_id,
        input=chaincode_pb2.ChaincodeInput(args=args),
    )
    invocation = chaincode_pb2.ChaincodeInvocationSpec(chaincode_spec=spec)
    payload = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString())
    content = proposal_pb2.Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    )
    raw = content.SerializeToString()
    return Proposal(
        tx_id,
        content,
        proposal_pb2.SignedProposal(proposal_bytes=raw, signature=signer.sign(raw)),
    )


def build_transaction(
    signer: Signer,
    proposal: Proposal,
    responses: Sequence[proposal_response_pb2.ProposalResponse],
) -> common_pb2.Envelope:
    """The transaction of endorsed responses. Raises MismatchError unless all answered alike."""
    if len({response.payload for response in responses}) != 1:
        raise MismatchError("the endorsing peers gave different answers")
    action = transaction_pb2.ChaincodeActionPayload(
        chaincode_proposal_payload=proposal.content.payload,
        action=transaction_pb2.ChaincodeEndorsedAction(
            proposal_response_payload=responses[0].payload,
            endorsements=[response.endorsement for response in responses],
        ),
    )
    header = common_pb2.Header.FromString(proposal.content.header)
    transaction = transaction_pb2.Transaction(
        actions=[
            transaction_pb2.TransactionAction(
                header=header.signature_header, payload=action.SerializeToString()
            )
        ]
    )
    return _envelope(signer, header, transaction.SerializeToString())


def build_seek(signer: Signer, channel: str) -> common_pb2.Envelope:
    """Asks a peer for every block from the newest on, without end."""
    newest = ab_pb2.SeekPosition(newest=ab_pb2.SeekNewest())
    last = ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=(1 << 64) - 1))
    seek = ab_pb2.SeekInfo(start=newest, stop=last, behavior=ab_pb2.SeekInfo.BLOCK_UNTIL_READY)
    header = common_pb2.Header(
        channel_header=_channel_header(common_pb2.DELIVER_SEEK_INFO, channel, "", b""),
        signature_header=_signature_header(signer, secrets.token_bytes(_NONCE_BYTES)),
    )
    return _envelope(signer, header, seek.SerializeToString())


def is_success(response: proposal_response_pb2.ProposalResponse) -> bool:
    """Whether the chaincode answered 200; on a channel such an answer carries an endorsement."""
    return bool(response.response.status == _HTTP_OK)


def _channel_header(kind: int, channel: str, tx_id: str, extension: bytes) -> bytes:
    header = common_pb2.ChannelHeader(
        type=kind, channel_id=channel, tx_id=tx_id, extension=extension
    )
    header.timestamp.FromNanoseconds(time.time_ns())
    return bytes(header.SerializeToString())


def _signature_header(signer: Signer, nonce: bytes) -> bytes:
    header = common_pb2.SignatureHeader(creator=signer.creator, nonce=nonce)
    return bytes(header.SerializeToString())


def _envelope(signer: Signer, header: common_pb2.Header, data: bytes) -> common_pb2.Envelope:
    payload = common_pb2.Payload(header=header, data=data).SerializeToString()
    return common_pb2.Envelope(payload=payload, signature=signer.sign(payload))
