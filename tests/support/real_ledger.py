"""One community on a real channel, with the contract in memory as the measure of every step.

Whatever the network answers, refuses, writes or announces, the in-memory ledger must do the same,
byte for byte, given the same transaction id and time. So a scenario that runs here compares every
record, and what is tested in memory alone is known to hold on real peers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_pb2

from chaincode.access import MSP_OF
from chaincode.contract.contract import CommonholdContract, Outcome
from chaincode.model.base import Org
from gateway.fabric.backoff import retry_conflicts
from gateway.fabric.errors import (
    VALID,
    CommitError,
    EndorseError,
    EvaluateError,
    StepError,
    Throttled,
    chaincode_response,
    code_name,
)
from gateway.fabric.proposal import Proposal
from gateway.fabric.timeouts import Timeouts
from tests.support.envelopes import CommittedCall, read_call
from tests.support.gateways import Caller, calling
from tests.support.memory_ledger import Creator, FakeLedger, FakeTransaction
from tests.support.network import RunningNetwork

ENDORSERS = tuple(MSP_OF[org] for org in (Org.BANK, Org.COMMITTEE, Org.PROPERTY))
"""Who must endorse on a channel without a substitute; sorted."""
PATIENT = Timeouts(evaluate_s=60, endorse_s=60, submit_s=60, commit_status_s=120)
PERIOD_MS_MIN = 4_000
PERIOD_STEPS = 20
"""A phase on a real clock has room for so many of the slowest steps seen."""
IN_FLIGHT_MAX = 32
STORM_TRIES = 20
ENDORSED_S_MAX = 120
"""So long a call is offered again that no chaincode has answered: nothing happened then. On a
machine under load gossip takes a busy peer for a dead one for a while."""
POLL_S = 0.2
Result = TypeVar("Result")
CONFLICTS = ("MVCC_READ_CONFLICT", "PHANTOM_READ_CONFLICT")


class RealLedger(FakeLedger):
    """A channel seen through each organisation's own gateway; `callers` by MSP id."""

    def __init__(self, channel_id: str, chaincode: str, callers: Mapping[str, Caller]) -> None:
        self.channel_id = channel_id
        self.histories = {}
        self.events = []
        self.transaction_count = 0
        self.log = []
        self.answered = []
        self.ordered = []
        self.slowest_s = 0.0
        self.conflicts: list[str] = []
        """How the network marked what it ordered and did not apply."""
        self.refused: set[str] = set()
        """Calls that the network refused, as memory did."""
        self._taken: set[str] = set()
        self._next_block = 0
        self._chaincode = chaincode
        self._callers = callers
        self._room = asyncio.Semaphore(IN_FLIGHT_MAX)

    # --- Time ---

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    @now_ms.setter
    def now_ms(self, _value: int) -> None:
        raise AssertionError("a real clock cannot be set: await reach(at_ms)")

    async def reach(self, at_ms: int) -> None:
        """Wait until it is that late."""
        while (left_ms := at_ms - self.now_ms) > 0:
            await asyncio.sleep(left_ms / 1000)

    def may_reach(self, at_ms: int) -> bool:
        return at_ms - self.now_ms <= self.period_ms

    @property
    def period_ms(self) -> int:
        """Long enough for the steps of one phase on this machine under its present load."""
        return max(PERIOD_MS_MIN, int(self.slowest_s * 1000) * PERIOD_STEPS)

    # --- Calls ---

    async def submit(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """Endorse, commit, and wait for every peer; fails unless memory does the same."""
        async with self._room:
            begun = time.monotonic()
            held = await self.hold_back(msp_id, function, *args)
            if held.outcome.status < 400:
                await held.send()
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        return held.outcome

    async def hold_back(self, msp_id: str, function: str, *args: bytes) -> "RealHeldBack":
        """Have a call endorsed, and keep the signed envelope."""

        async def once() -> RealHeldBack:
            proposal = self._callers[msp_id].contract.proposal(function, *args)
            model, expected = await self._modelled(proposal, msp_id, function, args)
            try:
                transaction = await proposal.endorse()
            except (EndorseError, Throttled) as error:
                if chaincode_response(error) is None:
                    raise
                _require_same(error, expected)
                self.refused.add(function)
                return RealHeldBack(self, model, expected, b"")
            assert transaction.result() == expected.payload, (function, expected)
            return RealHeldBack(self, model, expected, transaction.to_bytes())

        return await _answered(once)

    async def storm(self, calls: Sequence[tuple[str, str, Sequence[bytes]]]) -> list[bytes]:
        """Submit calls at once as a gateway does, anew on conflict; each must be answered.

        Memory does not follow until `catch_up`.
        """

        async def one(msp_id: str, function: str, args: Sequence[bytes]) -> bytes:
            contract = self._callers[msp_id].contract

            async def submitted() -> bytes:
                committed = await retry_conflicts(
                    lambda: contract.submit(function, *args), attempts=STORM_TRIES
                )
                return committed.result

            async with self._room:
                return await _answered(submitted)

        return await asyncio.gather(*(one(*call) for call in calls))

    async def evaluate(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """Ask a peer; fails unless memory answers the same bytes."""
        proposal = self._callers[msp_id].contract.proposal(function, *args)
        _, expected = await self._modelled(proposal, msp_id, function, args)
        try:
            answer = await proposal.evaluate()
        except EvaluateError as error:
            _require_same(error, expected)
            self.refused.add(function)
            return expected
        assert answer == expected.payload, (function, expected)
        self.answered.append((function, args, answer))
        return expected

    # --- What the network did, against memory ---

    async def commit(self, held: "RealHeldBack") -> None:
        """Send an envelope, wait for every peer, and take its writes into memory."""
        caller = self._callers[held.model.creator.msp_id]
        transaction = caller.client.transaction_from_bytes(held.envelope)
        try:
            await transaction.commit()
        except CommitError as error:
            if error.code_name not in CONFLICTS:
                raise
            self.conflicts.append(error.code_name)
            held.model.commit()  # raises ReadConflict: memory found the same
            raise AssertionError(f"{error}, but not in memory") from error
        await self._everywhere(transaction.tx_id)
        found = await caller.channel.ledger.transaction(transaction.tx_id)
        assert found is not None, transaction.tx_id
        self._take(read_call(found.transactionEnvelope, self._chaincode), held.model)

    def _take(self, call: CommittedCall, model: FakeTransaction) -> None:
        assert call.endorsers == ENDORSERS
        assert call.writes == model.writes, call.function
        assert call.event == model.event, call.function
        model.commit()
        self._taken.add(call.tx_id)
        self.answered.append((call.function, call.args, call.payload))

    async def catch_up(self, community: str) -> list[str]:
        """Take in what others committed in the community since; the codes of what was invalid."""
        channel = next(iter(self._callers.values())).channel
        invalid = []
        height = await channel.ledger.height()
        for number in range(self._next_block, height):
            block = await channel.ledger.block(number)
            codes = block.metadata.metadata[common_pb2.TRANSACTIONS_FILTER]
            for data, code in zip(block.data.data, codes, strict=True):
                call = read_call(common_pb2.Envelope.FromString(data), self._chaincode)
                if call.tx_id in self._taken or call.community != community:
                    continue
                if code != VALID:
                    invalid.append(code_name(code))
                    continue
                await self._take_foreign(call)
        self._next_block = height
        return invalid

    async def _take_foreign(self, call: CommittedCall) -> None:
        model = self._model(call.msp_id, call.function, call.args, call.tx_id, call.timestamp_ms)
        outcome = await CommonholdContract(lambda: call.timestamp_ms).answer(model)
        assert outcome.payload == call.payload, call.function
        self._take(call, model)

    async def start_here(self) -> None:
        """Blocks from now on are looked at by `catch_up`."""
        channel = next(iter(self._callers.values())).channel
        self._next_block = await channel.ledger.height()

    async def _everywhere(self, tx_id: str) -> None:
        """Returns when every organisation's peer has the transaction."""
        asked = [caller.channel.commit(tx_id).status() for caller in self._callers.values()]
        await asyncio.gather(*asked)

    async def _modelled(
        self, proposal: Proposal, msp_id: str, function: str, args: Sequence[bytes]
    ) -> tuple[FakeTransaction, Outcome]:
        timestamp_ms = _timestamp_ms(proposal)
        model = self._model(msp_id, function, args, proposal.tx_id, timestamp_ms)
        return model, await CommonholdContract(lambda: timestamp_ms).answer(model)

    def _model(
        self, msp_id: str, function: str, args: Sequence[bytes], tx_id: str, timestamp_ms: int
    ) -> FakeTransaction:
        return FakeTransaction(
            ledger=self,
            creator=Creator(msp_id),
            function=function,
            args=args,
            tx_id=tx_id,
            timestamp_ms=timestamp_ms,
        )


@dataclass(frozen=True)
class RealHeldBack:
    """An endorsed call whose envelope nobody has sent; no envelope if it was refused."""

    ledger: RealLedger
    model: FakeTransaction
    outcome: Outcome
    envelope: bytes

    async def send(self) -> None:
        """Order it; raises ReadConflict when the peers found what it had read changed."""
        await self.ledger.commit(self)


@asynccontextmanager
async def real_ledger(network: RunningNetwork, channel: str) -> AsyncIterator[RealLedger]:
    """A community of its own on a channel, seen by all four organisations."""
    async with AsyncExitStack() as stack:
        callers = {}
        for org_id, msp_id in network.topology.msp_ids.items():
            over = calling(network, org_id, channel=channel, timeouts=PATIENT)
            callers[msp_id] = await stack.enter_async_context(over)
        ledger = RealLedger(channel, network.chaincode, callers)
        await ledger.start_here()
        yield ledger


async def _answered(offer: Callable[[], Awaitable[Result]]) -> Result:
    """What came of a call, which is offered again for a while as no chaincode has answered it."""
    deadline = time.monotonic() + ENDORSED_S_MAX
    while True:
        try:
            return await offer()
        except (EndorseError, Throttled) as error:
            if chaincode_response(error) is not None or time.monotonic() >= deadline:
                raise
        await asyncio.sleep(POLL_S)


def _require_same(error: StepError, expected: Outcome) -> None:
    assert chaincode_response(error) == (expected.status, expected.message), error


def _timestamp_ms(proposal: Proposal) -> int:
    """The transaction's time, as the chaincode will see it."""
    signed = gateway_pb2.ProposedTransaction.FromString(proposal.to_bytes()).proposal
    header = common_pb2.Header.FromString(
        proposal_pb2.Proposal.FromString(signed.proposal_bytes).header
    )
    stamp = common_pb2.ChannelHeader.FromString(header.channel_header).timestamp
    return int(stamp.seconds * 1000 + stamp.nanos // 1_000_000)
