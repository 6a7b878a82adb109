"""The records and messages of the fake Fabric network: its ledger, its replies, its wire forms."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    events_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.protobuf import any_pb2

from gateway.fabric.identity import P256_ORDER
from gateway.fabric.rpc import ErrorDetail

CHANNEL = "community-1"
CHAINCODE = "commonhold"
INSUFFICIENT_ORDERERS = (
    "insufficient number of orderers could successfully process transaction to satisfy quorum"
)
THROTTLED = "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"


@dataclass(frozen=True)
class Fail:
    """Answer with an error. A Submit with `commits` puts the transaction on the ledger as well."""

    code: grpc.StatusCode
    message: str
    details: Sequence[ErrorDetail] = ()
    commits: bool = False


@dataclass(frozen=True)
class Hang:
    """Never answer."""


@dataclass(frozen=True)
class Swallow:
    """Acknowledge a Submit that never reaches the ledger."""


@dataclass(frozen=True)
class Invalid:
    """Acknowledge a Submit whose transaction lands in a block with this code."""

    code: int


Reply = Fail | Hang | Swallow | Invalid


@dataclass(frozen=True)
class FakeEvent:
    name: str
    payload: bytes = b""
    chaincode: str = CHAINCODE


@dataclass(frozen=True)
class FakeTransaction:
    tx_id: str
    code: int = 0
    event: FakeEvent | None = None


@dataclass
class FakeLedger:
    """The blocks of one channel; block 0 is its configuration."""

    blocks: list[list[FakeTransaction]] = field(default_factory=lambda: [[]])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def commit(self, *transactions: FakeTransaction) -> int:
        async with self.changed:
            self.blocks.append(list(transactions))
            self.changed.notify_all()
        return len(self.blocks) - 1

    def find(self, tx_id: str) -> tuple[int, FakeTransaction] | None:
        """The first copy of a transaction, as the peer's index has it."""
        for number, block in enumerate(self.blocks):
            for transaction in block:
                if transaction.tx_id == tx_id:
                    return number, transaction
        return None

    async def wait_for(self, tx_id: str) -> tuple[int, FakeTransaction]:
        async with self.changed:
            await self.changed.wait_for(lambda: self.find(tx_id) is not None)
        found = self.find(tx_id)
        assert found is not None
        return found

    async def wait_for_height(self, height: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.blocks) >= height)


def filtered_block(number: int, block: Sequence[FakeTransaction]) -> Any:
    """As the peer sends it: ids and codes, no payloads."""
    return events_pb2.FilteredBlock(
        channel_id=CHANNEL,
        number=number,
        filtered_transactions=[
            events_pb2.FilteredTransaction(txid=item.tx_id, tx_validation_code=item.code)
            for item in block
        ],
    )


def whole_block(number: int, block: Sequence[FakeTransaction]) -> Any:
    """A block whose data are the transaction ids."""
    return common_pb2.Block(
        header=common_pb2.BlockHeader(number=number),
        data=common_pb2.BlockData(data=[item.tx_id.encode() for item in block]),
    )


def event(transaction: FakeTransaction) -> Any:
    assert transaction.event is not None
    return chaincode_event_pb2.ChaincodeEvent(
        chaincode_id=transaction.event.chaincode,
        tx_id=transaction.tx_id,
        event_name=transaction.event.name,
        payload=transaction.event.payload,
    )


async def checked_proposal(signed: Any, context: Any) -> tuple[Any, list[bytes]]:
    """The proposal and its arguments; refuses a bad signature as a peer does."""
    proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
    await check(creator, signed.proposal_bytes, signed.signature, context)
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    return proposal, list(spec.input.args)


async def check(creator: bytes, message: bytes, signature: bytes, context: Any) -> None:
    identity = identities_pb2.SerializedIdentity.FromString(creator)
    key = x509.load_pem_x509_certificate(identity.id_bytes).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, message, ec.ECDSA(SHA256()))
        is_low = utils.decode_dss_signature(signature)[1] <= P256_ORDER // 2
    except (InvalidSignature, ValueError):
        is_low = False
    if not is_low:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "access denied: bad signature")


def prepared(proposal: Any, answer: bytes) -> bytes:
    """The payload of the envelope that the peer assembles from endorsements."""
    response = proposal_response_pb2.Response(status=200, payload=answer)
    action = proposal_pb2.ChaincodeAction(response=response).SerializeToString()
    endorsed = transaction_pb2.ChaincodeEndorsedAction(
        proposal_response_payload=proposal_response_pb2.ProposalResponsePayload(
            extension=action
        ).SerializeToString()
    )
    actions = transaction_pb2.ChaincodeActionPayload(action=endorsed).SerializeToString()
    transaction = transaction_pb2.Transaction(
        actions=[transaction_pb2.TransactionAction(payload=actions)]
    )
    header = common_pb2.Header.FromString(proposal.header)
    payload = common_pb2.Payload(header=header, data=transaction.SerializeToString())
    return bytes(payload.SerializeToString())


async def abort(context: Any, fail: Fail) -> None:
    if fail.details:
        status = encode_status(fail)
        context.set_trailing_metadata((("grpc-status-details-bin", status),))
    await context.abort(fail.code, fail.message)


def encode_status(fail: Fail) -> bytes:
    """`google.rpc.Status` with `gateway.ErrorDetail`s, written field by field."""
    details = []
    for item in fail.details:
        packed = any_pb2.Any()
        packed.Pack(
            gateway_pb2.ErrorDetail(address=item.address, msp_id=item.msp_id, message=item.message)
        )
        details.append(_field(3, packed.SerializeToString()))
    code = fail.code.value[0]
    return bytes((1 << 3, code)) + _field(2, fail.message.encode()) + b"".join(details)


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    length, rest = bytearray(), len(data)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    length.append(rest)
    return bytes((number << 3 | 2,)) + bytes(length) + data
