"""In-process Fabric peers: Gateway and Deliver services over TLS, on one shared fake ledger.

They behave as internal/pkg/gateway and common/deliver do, and fail where a test's script says so.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from fabric_protos.common import common_pb2, configtx_pb2, ledger_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.msp import identities_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    events_pb2,
    events_pb2_grpc,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.protobuf import any_pb2

from gateway.fabric.identity import P256_ORDER
from gateway.fabric.rpc import Call, ErrorDetail
from tests.support.fake_certificates import Issued

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


class FakePeer(gateway_pb2_grpc.GatewayServicer, events_pb2_grpc.DeliverServicer):
    """One peer. `script[call]` holds the replies to come; when it is empty all goes well."""

    def __init__(self, ledger: FakeLedger, certificate: Issued) -> None:
        self.ledger = ledger
        self.certificate = certificate
        self.script: dict[Call, deque[Reply]] = {call: deque() for call in Call}
        self.calls: list[tuple[str, Any]] = []
        self.answer = b"ok"
        self.stream_losses: deque[int] = deque()
        """Each number: how many messages the next stream sends before it is lost."""
        self.stream_refusals: deque[int] = deque()
        """Deliver statuses with which the next streams are refused."""
        self.stream_repeats = 0
        """How many blocks before the asked one a stream sends again."""
        self.tls_hashes: list[bytes] = []
        self.open_calls = 0
        self.port = 0
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def seen(self, call: Call) -> list[Any]:
        """The requests of this kind, in order."""
        return [request for name, request in self.calls if name == call.value]

    async def start(self, client_roots: bytes | None = None) -> None:
        """Listen; after `stop`, on the same port again."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        gateway_pb2_grpc.add_GatewayServicer_to_server(self, self._server)
        events_pb2_grpc.add_DeliverServicer_to_server(self, self._server)
        credentials = grpc.ssl_server_credentials(
            [(self.certificate.key_pem, self.certificate.certificate_pem)],
            client_roots,
            client_roots is not None,
        )
        self.port = self._server.add_secure_port(f"localhost:{self.port}", credentials)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    # --- Gateway ---

    async def Evaluate(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._step(Call.EVALUATE, request, context)
        _, args = await _checked_proposal(request.proposed_transaction, context)
        payload = await self._system_answer(args, context) if b"Get" in args[0][:3] else self.answer
        response = proposal_response_pb2.Response(status=200, payload=payload)
        return gateway_pb2.EvaluateResponse(result=response)

    async def Endorse(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._step(Call.ENDORSE, request, context)
        proposal, _ = await _checked_proposal(request.proposed_transaction, context)
        envelope = common_pb2.Envelope(payload=_prepared(proposal, self.answer))
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    async def Submit(self, request: Any, context: Any) -> Any:  # noqa: N802
        payload = common_pb2.Payload.FromString(request.prepared_transaction.payload)
        header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
        signature = request.prepared_transaction.signature
        await _check(header.creator, request.prepared_transaction.payload, signature, context)
        reply = await self._step(Call.SUBMIT, request, context)
        if not isinstance(reply, Swallow):
            await self._order(request.transaction_id, reply.code if reply else 0)
        return gateway_pb2.SubmitResponse()

    async def CommitStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        asked = gateway_pb2.CommitStatusRequest.FromString(request.request)
        await _check(asked.identity, request.request, request.signature, context)
        await self._step(Call.COMMIT_STATUS, request, context)
        self.open_calls += 1
        try:
            number, transaction = await self.ledger.wait_for(asked.transaction_id)
        finally:
            self.open_calls -= 1
        return gateway_pb2.CommitStatusResponse(result=transaction.code, block_number=number)

    async def ChaincodeEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        asked = gateway_pb2.ChaincodeEventsRequest.FromString(request.request)
        await _check(asked.identity, request.request, request.signature, context)
        self.calls.append(("ChaincodeEvents", asked))
        is_specified = asked.start_position.WhichOneof("Type") == "specified"
        height = len(self.ledger.blocks)
        start = asked.start_position.specified.number if is_specified else height
        async for number, block in self._stream(start, context, chaincode=asked.chaincode_id):
            events = [
                _event(transaction)
                for transaction in block
                if transaction.event and transaction.event.chaincode == asked.chaincode_id
            ]
            yield gateway_pb2.ChaincodeEventsResponse(block_number=number, events=events)

    # --- Deliver ---

    async def Deliver(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for number, block in self._seek("Deliver", requests, context):
            yield events_pb2.DeliverResponse(block=whole_block(number, block))
        if self._refused is not None:
            yield events_pb2.DeliverResponse(status=self._refused)

    async def DeliverFiltered(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        async for number, block in self._seek("DeliverFiltered", requests, context):
            yield events_pb2.DeliverResponse(filtered_block=filtered_block(number, block))
        if self._refused is not None:
            yield events_pb2.DeliverResponse(status=self._refused)

    async def DeliverWithPrivateData(  # noqa: N802
        self, requests: Any, context: Any
    ) -> AsyncIterator[Any]:
        async for number, block in self._seek("DeliverWithPrivateData", requests, context):
            both = events_pb2.BlockAndPrivateData(block=whole_block(number, block))
            yield events_pb2.DeliverResponse(block_and_private_data=both)
        if self._refused is not None:
            yield events_pb2.DeliverResponse(status=self._refused)

    _refused: int | None = None

    async def _seek(
        self, kind: str, requests: Any, context: Any
    ) -> AsyncIterator[tuple[int, list[FakeTransaction]]]:
        envelope = await anext(aiter(requests))
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        creator = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
        await _check(creator, envelope.payload, envelope.signature, context)
        self.tls_hashes.append(header.tls_cert_hash)
        seek = ab_pb2.SeekInfo.FromString(payload.data)
        self.calls.append((kind, seek))
        self._refused = self.stream_refusals.popleft() if self.stream_refusals else None
        if self._refused is None and header.channel_id != CHANNEL:
            self._refused = common_pb2.NOT_FOUND
        if self._refused is None:
            is_specified = seek.start.WhichOneof("Type") == "specified"
            start = seek.start.specified.number if is_specified else len(self.ledger.blocks) - 1
            async for item in self._stream(start, context):
                yield item

    async def _stream(
        self, start: int, context: Any, chaincode: str | None = None
    ) -> AsyncIterator[tuple[int, list[FakeTransaction]]]:
        left = self.stream_losses.popleft() if self.stream_losses else None
        number = max(0, start - self.stream_repeats)
        self.open_calls += 1
        try:
            while left is None or left > 0:
                await self.ledger.wait_for_height(number + 1)
                block = self.ledger.blocks[number]
                events = [t.event for t in block if t.event is not None]
                if chaincode is None or any(event.chaincode == chaincode for event in events):
                    yield number, block
                    left = None if left is None else left - 1
                number += 1
        finally:
            self.open_calls -= 1
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    # --- steps ---

    async def _step(self, call: Call, request: Any, context: Any) -> Invalid | Swallow | None:
        self.calls.append((call.value, request))
        reply = self.script[call].popleft() if self.script[call] else None
        match reply:
            case Fail():
                if reply.commits:
                    await self._order(request.transaction_id, 0)
                await _abort(context, reply)
            case Hang():
                self.open_calls += 1
                try:
                    await asyncio.Event().wait()
                finally:
                    self.open_calls -= 1
            case Swallow() | Invalid():
                return reply
        return None

    async def _order(self, tx_id: str, code: int) -> None:
        is_copy = self.ledger.find(tx_id) is not None
        duplicate = transaction_pb2.DUPLICATE_TXID
        await self.ledger.commit(FakeTransaction(tx_id, duplicate if is_copy else code))

    async def _system_answer(self, args: Sequence[bytes], context: Any) -> bytes:
        """What qscc and cscc answer."""
        ledger = self.ledger
        match args[0].decode(), [arg.decode() for arg in args[2:]]:
            case "GetChainInfo", []:
                height = len(ledger.blocks)
                message: Any = ledger_pb2.BlockchainInfo(height=height, currentBlockHash=b"\1")
            case "GetBlockByNumber", [number]:
                message = whole_block(int(number), ledger.blocks[int(number)])
            case ("GetTransactionByID" | "GetBlockByTxID") as function, [tx_id]:
                found = ledger.find(tx_id)
                if found is None:
                    words = f"Failed to get transaction with id {tx_id}, error no such transaction"
                    words = f"chaincode response 500, {words} ID [{tx_id}] in index"
                    fail = Fail(grpc.StatusCode.UNKNOWN, f"evaluate call returned error: {words}")
                    await _abort(context, fail)
                    raise AssertionError("aborted")
                message = transaction_pb2.ProcessedTransaction(validationCode=found[1].code)
                if function == "GetBlockByTxID":
                    message = whole_block(found[0], ledger.blocks[found[0]])
            case "GetChannelConfig", []:
                message = configtx_pb2.Config(sequence=7)
            case "GetConfigBlock", []:
                message = whole_block(0, ledger.blocks[0])
            case other:
                raise AssertionError(f"no such query {other}")
        return bytes(message.SerializeToString())


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


def _event(transaction: FakeTransaction) -> Any:
    assert transaction.event is not None
    return chaincode_event_pb2.ChaincodeEvent(
        chaincode_id=transaction.event.chaincode,
        tx_id=transaction.tx_id,
        event_name=transaction.event.name,
        payload=transaction.event.payload,
    )


async def _checked_proposal(signed: Any, context: Any) -> tuple[Any, list[bytes]]:
    """The proposal and its arguments; refuses a bad signature as a peer does."""
    proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
    await _check(creator, signed.proposal_bytes, signed.signature, context)
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    return proposal, list(spec.input.args)


async def _check(creator: bytes, message: bytes, signature: bytes, context: Any) -> None:
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


def _prepared(proposal: Any, answer: bytes) -> bytes:
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


async def _abort(context: Any, fail: Fail) -> None:
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
