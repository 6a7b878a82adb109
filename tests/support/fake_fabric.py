"""In-process Fabric peers: Gateway, Deliver and Endorser over TLS, on one shared fake ledger.

They behave as internal/pkg/gateway and common/deliver do, and fail where a test's script says so.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from fabric_protos.common import common_pb2, configtx_pb2, ledger_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import (
    events_pb2,
    events_pb2_grpc,
    peer_pb2_grpc,
    proposal_response_pb2,
    query_pb2,
    transaction_pb2,
)

from gateway.fabric.rpc import Call
from tests.support.fake_certificates import Issued
from tests.support.fake_fabric_messages import (
    CHANNEL,
    Fail,
    FakeLedger,
    FakeTransaction,
    Hang,
    Invalid,
    Reply,
    Swallow,
    abort,
    check,
    checked_proposal,
    event,
    filtered_block,
    prepared,
    whole_block,
)


class FakePeer(  # type: ignore[misc]
    gateway_pb2_grpc.GatewayServicer,
    events_pb2_grpc.DeliverServicer,
    peer_pb2_grpc.EndorserServicer,
):
    """One peer. `script[call]` holds the replies to come; when it is empty all goes well."""

    def __init__(self, ledger: FakeLedger, certificate: Issued) -> None:
        self.ledger = ledger
        self.certificate = certificate
        self.script: dict[Call, deque[Reply]] = {call: deque() for call in Call}
        self.calls: list[tuple[str, Any]] = []
        self.answer = b"ok"
        self.joined = [CHANNEL]
        self.without_chaincode: set[str] = set()
        """Channels that were joined and have no chaincode yet."""
        self.is_member = True
        """Whether the client's organisation is the peer's own."""
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
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        self._server = grpc.aio.server(options=options)
        gateway_pb2_grpc.add_GatewayServicer_to_server(self, self._server)
        events_pb2_grpc.add_DeliverServicer_to_server(self, self._server)
        peer_pb2_grpc.add_EndorserServicer_to_server(self, self._server)
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
        _, args = await checked_proposal(request.proposed_transaction, context)
        if request.channel_id in self.without_chaincode:
            words = f"no peers available to evaluate chaincode in channel {request.channel_id}"
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, words)
        payload = await self._system_answer(args, context) if b"Get" in args[0][:3] else self.answer
        response = proposal_response_pb2.Response(status=200, payload=payload)
        return gateway_pb2.EvaluateResponse(result=response)

    async def Endorse(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._step(Call.ENDORSE, request, context)
        proposal, _ = await checked_proposal(request.proposed_transaction, context)
        envelope = common_pb2.Envelope(payload=prepared(proposal, self.answer))
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    async def Submit(self, request: Any, context: Any) -> Any:  # noqa: N802
        payload = common_pb2.Payload.FromString(request.prepared_transaction.payload)
        header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
        signature = request.prepared_transaction.signature
        await check(header.creator, request.prepared_transaction.payload, signature, context)
        reply = await self._step(Call.SUBMIT, request, context)
        if not isinstance(reply, Swallow):
            await self._order(request.transaction_id, reply.code if reply else 0)
        return gateway_pb2.SubmitResponse()

    async def CommitStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        asked = gateway_pb2.CommitStatusRequest.FromString(request.request)
        await check(asked.identity, request.request, request.signature, context)
        await self._step(Call.COMMIT_STATUS, request, context)
        self.open_calls += 1
        try:
            number, transaction = await self.ledger.wait_for(asked.transaction_id)
        finally:
            self.open_calls -= 1
        return gateway_pb2.CommitStatusResponse(result=transaction.code, block_number=number)

    async def ChaincodeEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        asked = gateway_pb2.ChaincodeEventsRequest.FromString(request.request)
        await check(asked.identity, request.request, request.signature, context)
        self.calls.append(("ChaincodeEvents", asked))
        is_specified = asked.start_position.WhichOneof("Type") == "specified"
        height = len(self.ledger.blocks)
        start = asked.start_position.specified.number if is_specified else height
        async for number, block in self._stream(start, context, chaincode=asked.chaincode_id):
            events = [
                event(transaction)
                for transaction in block
                if transaction.event and transaction.event.chaincode == asked.chaincode_id
            ]
            yield gateway_pb2.ChaincodeEventsResponse(block_number=number, events=events)

    # --- Endorser ---

    async def ProcessProposal(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._step(Call.PROCESS_PROPOSAL, request, context)
        _, args = await checked_proposal(request, context)
        assert args == [b"GetChannels"]
        if not self.is_member:
            words = "access denied for [GetChannels]"
            response = proposal_response_pb2.Response(status=500, message=words)
            return proposal_response_pb2.ProposalResponse(response=response)
        channels = [query_pb2.ChannelInfo(channel_id=name) for name in self.joined]
        payload = query_pb2.ChannelQueryResponse(channels=channels).SerializeToString()
        response = proposal_response_pb2.Response(status=200, payload=payload)
        return proposal_response_pb2.ProposalResponse(response=response)

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
        await check(creator, envelope.payload, envelope.signature, context)
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
                await abort(context, reply)
            case Hang():
                self.open_calls += 1
                try:
                    await asyncio.Event().wait()
                finally:
                    self.open_calls -= 1
            case Swallow() | Invalid():
                return reply
            case None:
                pass
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
                    await abort(context, fail)
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
