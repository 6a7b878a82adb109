"""Blocks as peers write them, made from what happened on the ledger in memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
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

from gateway.fabric.errors import EventsError
from gateway.fabric.rpc import RpcFailure
from gateway.projection.blocks import BlockFacts, header_sha256, read_block
from tests.support.community import Commons
from tests.support.memory_ledger import FakeLedger, FakeTransaction

CHAINCODE = "commonhold"
FOUNDERS = ("BankMSP", "CommitteeMSP", "PropertyMSP")
STOOD_IN = ("BankMSP", "CommitteeMSP", "RegulatorMSP")


@dataclass
class RecordingLedger(FakeLedger):
    """Remembers every transaction it endorsed, so that blocks can be made of them."""

    endorsed: list[FakeTransaction] = field(default_factory=list)

    def transaction(self, *args: Any, **more: Any) -> FakeTransaction:
        made = super().transaction(*args, **more)
        self.endorsed.append(made)
        return made

    def committed(self) -> list[FakeTransaction]:
        """Those that changed something, in their order."""
        known = {item.tx_id for items in self.histories.values() for item in items}
        return [one for one in self.endorsed if one.tx_id in known]


def recorded_town() -> Commons:
    """A town whose ledger can be read as blocks."""
    return Commons(ledger=RecordingLedger())


@dataclass
class Chain:
    """The blocks of one channel; block 0 is its configuration."""

    channel: str = "fuzemen"
    blocks: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add_envelopes([config_envelope(self.channel)], [0])

    def add(
        self,
        *transactions: FakeTransaction,
        endorsers: Sequence[str] = FOUNDERS,
        codes: Sequence[int] | None = None,
    ) -> Any:
        """The next block, with these transactions."""
        envelopes = [envelope(self.channel, one, endorsers) for one in transactions]
        return self.add_envelopes(envelopes, codes or [0] * len(envelopes))

    def add_envelopes(self, envelopes: Sequence[bytes], codes: Sequence[int]) -> Any:
        block = common_pb2.Block()
        block.header.number = len(self.blocks)
        if self.blocks:
            block.header.previous_hash = bytes.fromhex(header_sha256(self.blocks[-1].header))
        block.data.data.extend(envelopes)
        block.header.data_hash = hashlib.sha256(b"".join(envelopes)).digest()
        block.metadata.metadata.extend([b"", b"", bytes(codes), b"", b""])
        self.blocks.append(block)
        return block

    def facts(self) -> list[BlockFacts]:
        return [read_block(self.channel, CHAINCODE, block) for block in self.blocks]

    def absorb(self, town: Commons, per_block: int = 3) -> "Chain":
        """All that is committed in a town and not in a block yet."""
        assert isinstance(town.ledger, RecordingLedger)
        done = {
            tx_id for block in self.facts() for tx_id in (tx.tx_id for tx in block.transactions)
        }
        fresh = [one for one in town.ledger.committed() if one.tx_id not in done]
        for start in range(0, len(fresh), per_block):
            self.add(*fresh[start : start + per_block])
        return self


@dataclass
class ChainSource:
    """A block source whose stream ends after some blocks when told so."""

    chain: Chain
    ends_after: list[int] = field(default_factory=list)
    """How many blocks the next streams give before they break."""
    opened: list[int] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def channels(self) -> tuple[str, ...]:
        return (self.chain.channel,)

    async def wait_for_more_channels(self, count: int) -> None:
        await asyncio.Event().wait()

    @asynccontextmanager
    async def blocks(
        self, channel: str, start_block: int
    ) -> AsyncIterator[AsyncIterator[BlockFacts]]:
        self.opened.append(start_block)
        yield self._stream(channel, start_block)

    async def _stream(self, channel: str, start_block: int) -> AsyncIterator[BlockFacts]:
        left = self.ends_after.pop(0) if self.ends_after else -1
        number = start_block
        while True:
            async with self.changed:
                while len(self.chain.blocks) <= number:
                    await self.changed.wait()
            if left == 0:
                raise EventsError(channel, RpcFailure(grpc.StatusCode.UNAVAILABLE, "broken"))
            yield read_block(channel, CHAINCODE, self.chain.blocks[number])
            number, left = number + 1, left - 1

    async def height(self, channel: str) -> int:
        return len(self.chain.blocks)

    async def absorb(self, town: Commons, per_block: int = 3) -> None:
        async with self.changed:
            self.chain.absorb(town, per_block)
            self.changed.notify_all()


def identity(msp_id: str) -> bytes:
    return bytes(
        identities_pb2.SerializedIdentity(mspid=msp_id, id_bytes=b"pem").SerializeToString()
    )


def config_envelope(channel: str) -> bytes:
    header = common_pb2.ChannelHeader(type=common_pb2.CONFIG, channel_id=channel)
    return _envelope(header, "OrdererMSP", b"")


def envelope(channel: str, made: FakeTransaction, endorsers: Sequence[str]) -> bytes:
    """A transaction as its creator's client sends it to the orderers."""
    header = common_pb2.ChannelHeader(
        type=common_pb2.ENDORSER_TRANSACTION, channel_id=channel, tx_id=made.tx_id
    )
    header.timestamp.FromMilliseconds(made.timestamp_ms)
    spec = chaincode_pb2.ChaincodeSpec(
        chaincode_id=chaincode_pb2.ChaincodeID(name=CHAINCODE),
        input=chaincode_pb2.ChaincodeInput(args=[made.function.encode(), *made.args]),
    )
    invocation = chaincode_pb2.ChaincodeInvocationSpec(chaincode_spec=spec)
    proposal = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString())
    response = proposal_response_pb2.ProposalResponsePayload(
        extension=_action(made).SerializeToString()
    )
    payload = transaction_pb2.ChaincodeActionPayload(
        chaincode_proposal_payload=proposal.SerializeToString(),
        action=transaction_pb2.ChaincodeEndorsedAction(
            proposal_response_payload=response.SerializeToString(),
            endorsements=[
                proposal_response_pb2.Endorsement(endorser=identity(msp_id)) for msp_id in endorsers
            ],
        ),
    )
    actions = [transaction_pb2.TransactionAction(payload=payload.SerializeToString())]
    data = transaction_pb2.Transaction(actions=actions).SerializeToString()
    return _envelope(header, made.creator.msp_id, data)


def _action(made: FakeTransaction) -> Any:
    writes = [
        kv_rwset_pb2.KVWrite(key=key, value=value or b"", is_delete=value is None)
        for key, value in sorted(made.writes.items())
    ]
    lifecycle = kv_rwset_pb2.KVRWSet(reads=[kv_rwset_pb2.KVRead(key="namespaces/x")])
    sets = [
        ("_lifecycle", lifecycle),
        (CHAINCODE, kv_rwset_pb2.KVRWSet(writes=writes)),
    ]
    results = rwset_pb2.TxReadWriteSet(
        ns_rwset=[
            rwset_pb2.NsReadWriteSet(namespace=name, rwset=one.SerializeToString())
            for name, one in sets
        ]
    )
    action = proposal_pb2.ChaincodeAction(results=results.SerializeToString())
    if made.event is not None:
        name, event = made.event
        action.events = chaincode_event_pb2.ChaincodeEvent(
            chaincode_id=CHAINCODE, tx_id=made.tx_id, event_name=name, payload=event
        ).SerializeToString()
    return action


def _envelope(header: Any, creator: str, data: bytes) -> bytes:
    payload = common_pb2.Payload(data=data)
    payload.header.channel_header = header.SerializeToString()
    payload.header.signature_header = common_pb2.SignatureHeader(
        creator=identity(creator)
    ).SerializeToString()
    return bytes(common_pb2.Envelope(payload=payload.SerializeToString()).SerializeToString())
