"""Signed proposals as a client sends them; nobody here checks the signature."""

import hashlib
from collections.abc import Mapping
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2

NONCE = b"nonce-nonce-nonce-nonce-"
DEFAULT_CREATOR = identities_pb2.SerializedIdentity(
    mspid="BankMSP", id_bytes=b"no certificate"
).SerializeToString()


def signed_proposal(
    channel: str, tx_id: str, timestamp_ms: int, creator: bytes, transient: Mapping[str, bytes]
) -> Any:
    """Return a proposal as a client sends it."""
    channel_header = common_pb2.ChannelHeader(
        type=common_pb2.ENDORSER_TRANSACTION,
        channel_id=channel,
        tx_id=tx_id,
        timestamp=timestamp(timestamp_ms),
    )
    signature_header = common_pb2.SignatureHeader(creator=creator, nonce=NONCE)
    header = common_pb2.Header(
        channel_header=channel_header.SerializeToString(),
        signature_header=signature_header.SerializeToString(),
    )
    payload = proposal_pb2.ChaincodeProposalPayload(input=b"input", TransientMap=dict(transient))
    proposal = proposal_pb2.Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    )
    return proposal_pb2.SignedProposal(
        proposal_bytes=proposal.SerializeToString(), signature=b"signature"
    )


def binding_of(creator: bytes = DEFAULT_CREATOR) -> bytes:
    """The binding of every proposal made here: SHA-256 of nonce, creator and epoch 0."""
    return hashlib.sha256(NONCE + creator + bytes(8)).digest()


def timestamp(milliseconds: int) -> Any:
    return {"seconds": milliseconds // 1000, "nanos": milliseconds % 1000 * 1_000_000}
