"""The signed proposal behind a transaction; each part is parsed when it is first read."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_pb2
from google.protobuf.message import DecodeError

from chaincode.shim.creator import Creator
from chaincode.shim.errors import ProposalError

EPOCH_BYTES = 8


class Proposal:
    """What the client signed. The peer has already checked the signature and the time window."""

    def __init__(self, signed: Any) -> None:
        self.signed = signed
        """The `SignedProposal` message: proposal bytes and the creator's signature."""

    @cached_property
    def timestamp_ms(self) -> int:
        """The client's own clock when it made the proposal, UTC milliseconds."""
        stamp = self._channel_header.timestamp
        return int(stamp.seconds) * 1000 + int(stamp.nanos) // 1_000_000

    @cached_property
    def creator(self) -> Creator:
        """The client that signed."""
        return Creator.parse(self._signature_header.creator)

    @cached_property
    def transient(self) -> Mapping[str, bytes]:
        """Data for the endorsers only: it is not part of the transaction on the ledger."""
        payload = _parse(proposal_pb2.ChaincodeProposalPayload.FromString, self._proposal.payload)
        return MappingProxyType(dict(payload.TransientMap))

    @cached_property
    def binding(self) -> bytes:
        """SHA-256 of nonce, creator and epoch: ties other data to this one proposal."""
        header = self._signature_header
        epoch = int(self._channel_header.epoch).to_bytes(EPOCH_BYTES, "little")
        return hashlib.sha256(header.nonce + header.creator + epoch).digest()

    @cached_property
    def _proposal(self) -> Any:
        return _parse(proposal_pb2.Proposal.FromString, self.signed.proposal_bytes)

    @cached_property
    def _header(self) -> Any:
        return _parse(common_pb2.Header.FromString, self._proposal.header)

    @cached_property
    def _channel_header(self) -> Any:
        return _parse(common_pb2.ChannelHeader.FromString, self._header.channel_header)

    @cached_property
    def _signature_header(self) -> Any:
        return _parse(common_pb2.SignatureHeader.FromString, self._header.signature_header)


def _parse(parse: Callable[[bytes], Any], encoded: bytes) -> Any:
    """Parse one nested message; every part of a proposal is required, so empty is an error."""
    if not encoded:
        raise ProposalError("the proposal lacks a part")
    try:
        return parse(encoded)
    except DecodeError:
        raise ProposalError("the proposal cannot be read") from None
