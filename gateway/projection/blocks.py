"""What a block says of one chaincode: its transactions, their writes, events and endorsers."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.protobuf.message import DecodeError

from gateway.errors import GatewayError

VALID: Final = "VALID"
_CALL_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


class BlockUnreadable(GatewayError):
    """A block that is not of the form Fabric 2 and 3 write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One key that a transaction wrote; `value` is None where it deleted it."""

    key: str
    value: str | None

    @property
    def community(self) -> str:
        """Every key begins with its community."""
        return self.key.split("/")[0]

    @property
    def kind(self) -> str:
        """The kind of record, the second part of its key."""
        return self.key.split("/")[1] if "/" in self.key else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFact:
    """One event of the chaincode; `payload` is its JSON."""

    name: str
    community: str
    payload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFacts:
    """One transaction of the chaincode, valid or not; writes and events of valid ones only."""

    index: int
    tx_id: str
    at: int
    code: str
    name: str
    creator: str
    endorsers: tuple[str, ...]
    writes: tuple[Write, ...]
    events: tuple[EventFact, ...]

    @property
    def community(self) -> str:
        """Whose keys it wrote; empty for one that wrote nothing."""
        return self.writes[0].community if self.writes else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFacts:
    """One block of a channel. `sha256` is the hash of its header, which the next block names."""

    channel: str
    number: int
    sha256: str
    previous_sha256: str
    at: int
    transactions: tuple[TransactionFacts, ...]


def read_block(channel: str, chaincode: str, block: Any) -> BlockFacts:
    """The facts of a `common.Block`. Raises BlockUnreadable."""
    try:
        codes = block.metadata.metadata[common_pb2.TRANSACTIONS_FILTER]
        envelopes = list(block.data.data)
        if len(codes) != len(envelopes):
            raise BlockUnreadable(f"block {block.header.number} has no validation codes")
        times: list[int] = []
        transactions: list[TransactionFacts] = []
        for index, (data, code) in enumerate(zip(envelopes, codes, strict=True)):
            payload = _payload(data)
            header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
            times.append(header.timestamp.ToMilliseconds())
            if header.type == common_pb2.ENDORSER_TRANSACTION:
                transactions += _transaction(index, code, header, payload, chaincode)
    except (DecodeError, IndexError, ValueError) as error:
        raise BlockUnreadable(f"block {block.header.number}: {error}") from error
    return BlockFacts(
        channel=channel,
        number=int(block.header.number),
        sha256=header_sha256(block.header),
        previous_sha256=block.header.previous_hash.hex(),
        at=max(times, default=0),
        transactions=tuple(transactions),
    )


def header_sha256(header: Any) -> str:
    """The hash by which the next block names this one: SHA-256 of its header in DER
    (Fabric, protoutil/blockutils.go: number, previous hash, data hash)."""
    number = int(header.number)
    digits = number.to_bytes(number.bit_length() // 8 + 1, "big")
    content = _der(2, digits) + _der(4, header.previous_hash) + _der(4, header.data_hash)
    return hashlib.sha256(_der(0x30, content)).hexdigest()


def _der(tag: int, content: bytes) -> bytes:
    # All parts are shorter than 128 bytes, so each length is one byte.
    return bytes((tag, len(content))) + content


def _payload(data: bytes) -> Any:
    return common_pb2.Payload.FromString(common_pb2.Envelope.FromString(data).payload)


def _transaction(
    index: int, code: int, header: Any, payload: Any, chaincode: str
) -> Iterable[TransactionFacts]:
    actions = transaction_pb2.Transaction.FromString(payload.data).actions
    if not actions:
        return
    action = transaction_pb2.ChaincodeActionPayload.FromString(actions[0].payload)
    spec = _spec(action.chaincode_proposal_payload)
    if spec.chaincode_id.name != chaincode:
        return
    response = proposal_response_pb2.ProposalResponsePayload.FromString(
        action.action.proposal_response_payload
    )
    result = proposal_pb2.ChaincodeAction.FromString(response.extension)
    name = transaction_pb2.TxValidationCode.Name(code)
    signature_header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
    yield TransactionFacts(
        index=index,
        tx_id=header.tx_id,
        at=header.timestamp.ToMilliseconds(),
        code=name,
        name=_call_name(spec.input.args),
        creator=_msp_id(signature_header.creator),
        endorsers=tuple(sorted({_msp_id(one.endorser) for one in action.action.endorsements})),
        writes=tuple(_writes(result.results, chaincode)) if name == VALID else (),
        events=tuple(_events(result.events)) if name == VALID else (),
    )


def _spec(proposal_payload: bytes) -> Any:
    proposal = proposal_pb2.ChaincodeProposalPayload.FromString(proposal_payload)
    return chaincode_pb2.ChaincodeInvocationSpec.FromString(proposal.input).chaincode_spec


def _call_name(args: Any) -> str:
    """The function called; text that names none of ours is not kept."""
    text = args[0].decode("ascii", "replace") if args else ""
    return text if _CALL_NAME.match(text) else "unknown"


def _msp_id(identity: bytes) -> str:
    return str(identities_pb2.SerializedIdentity.FromString(identity).mspid)


def _writes(results: bytes, chaincode: str) -> Iterable[Write]:
    for space in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset:
        if space.namespace == chaincode:
            for write in kv_rwset_pb2.KVRWSet.FromString(space.rwset).writes:
                value = None if write.is_delete else write.value.decode("utf-8")
                yield Write(key=write.key, value=value)


def _events(data: bytes) -> Iterable[EventFact]:
    """One Fabric event carries the list of a transaction's events."""
    payload = chaincode_event_pb2.ChaincodeEvent.FromString(data).payload
    for event in json.loads(payload) if payload else ():
        text = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        yield EventFact(name=event["event"], community=event["community"], payload=text)
