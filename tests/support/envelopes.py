"""What a committed transaction says in its block: who called what, who endorsed, what it wrote."""

import json
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedCall:
    """One endorsed call as its block holds it; `endorsers` are MSP ids, sorted."""

    tx_id: str
    timestamp_ms: int
    msp_id: str
    function: str
    args: tuple[bytes, ...]
    endorsers: tuple[str, ...]
    payload: bytes
    writes: dict[str, bytes | None]
    event: tuple[str, bytes] | None

    @property
    def community(self) -> str:
        """The community that the call names, as its function takes it."""
        if self.function == "submit_acts":
            return self.args[0].decode()
        return str(json.loads(self.args[0]).get("community"))


def read_call(envelope: Any, chaincode: str) -> CommittedCall:
    """An endorser transaction's envelope; the writes are those of this chaincode."""
    payload = common_pb2.Payload.FromString(envelope.payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    creator = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
    action = _action(payload.data)
    proposed = proposal_pb2.ChaincodeProposalPayload.FromString(action.chaincode_proposal_payload)
    spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(proposed.input)
    function, *args = spec.chaincode_spec.input.args
    response = proposal_response_pb2.ProposalResponsePayload.FromString(
        action.action.proposal_response_payload
    )
    done = proposal_pb2.ChaincodeAction.FromString(response.extension)
    return CommittedCall(
        tx_id=header.tx_id,
        timestamp_ms=header.timestamp.seconds * 1000 + header.timestamp.nanos // 1_000_000,
        msp_id=_msp_id(creator),
        function=function.decode(),
        args=tuple(args),
        endorsers=tuple(sorted(_msp_id(one.endorser) for one in action.action.endorsements)),
        payload=done.response.payload,
        writes=_writes(done.results, chaincode),
        event=_event(done.events),
    )


def _action(data: bytes) -> Any:
    transaction = transaction_pb2.Transaction.FromString(data)
    (action,) = transaction.actions
    return transaction_pb2.ChaincodeActionPayload.FromString(action.payload)


def _msp_id(identity: bytes) -> str:
    return str(identities_pb2.SerializedIdentity.FromString(identity).mspid)


def _writes(results: bytes, chaincode: str) -> dict[str, bytes | None]:
    spaces = rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset
    return {
        write.key: None if write.is_delete else write.value
        for space in spaces
        if space.namespace == chaincode
        for write in kv_rwset_pb2.KVRWSet.FromString(space.rwset).writes
    }


def _event(data: bytes) -> tuple[str, bytes] | None:
    if not data:
        return None
    event = chaincode_event_pb2.ChaincodeEvent.FromString(data)
    return event.event_name, event.payload
