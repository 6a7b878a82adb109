"""The gateway's ledger port on the real contract in memory: transactions, MVCC, blocks, no network.

Troubles are scripted: each entry of a deque is what the next call of its kind meets.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chaincode import codec
from chaincode.access import MSP_OF
from chaincode.contract.contract import Outcome
from chaincode.errors import NotFound, Refusal, parse_refusal
from chaincode.model.act import Answer, Answers
from chaincode.model.base import Org
from gateway.errors import LedgerError, NotApplied, NotEndorsed, OutcomeUnknown
from gateway.ledger import Stated, TransactionStatus
from tests.support.memory_ledger import FakeTransaction, ReadConflict
from tests.support.town import Town


@dataclass(frozen=True)
class Lost:
    """The orderers' answer gets lost; `is_applied` says what became of the transaction."""

    is_applied: bool
    unknown_count: int = 1
    """How often the outcome is unknown, the first time included."""


Trouble = LedgerError | Refusal | Lost | None


@dataclass
class ContractLedger:
    """One channel with one community, as one organisation's gateway sees it."""

    town: Town
    org: Org = Org.PROPERTY
    endorse_trouble: deque[Trouble] = field(default_factory=deque)
    commit_trouble: deque[Trouble] = field(default_factory=deque)
    batches: list[list[bytes]] = field(default_factory=list)
    """The acts of every batch that was endorsed, in order."""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Commits wait for it; it is open at first."""
    conflicts_with: bytes = b""
    """No batch with this act is ever applied."""
    breaks_on: bytes = b""
    """The contract fails on every batch with this act."""
    in_flight: int = 0
    in_flight_max: int = 0

    def __post_init__(self) -> None:
        self.gate.set()
        self._block = 0
        self._codes: dict[str, str] = {}

    @property
    def channels(self) -> tuple[str, ...]:
        return (self.town.ledger.channel_id,)

    async def communities(self) -> tuple[str, ...]:
        return (self.town.community,)

    async def channel_of(self, community: str) -> str:
        if community != self.town.community:
            raise NotFound("community/unknown")
        return self.town.ledger.channel_id

    async def query(self, community: str, function: str, fields: Mapping[str, Any]) -> bytes:
        await self.channel_of(community)
        self.calls.append((function, dict(fields)))
        request = msgspec.json.encode({"community": community, **fields})
        return _payload(await self.town.ledger.evaluate(MSP_OF[self.org], function, request))

    async def transact(
        self,
        community: str,
        function: str,
        fields: Mapping[str, Any],
        *,
        channel: str | None = None,
    ) -> Stated:
        self.calls.append((function, dict(fields)))
        trouble = self.commit_trouble.popleft() if self.commit_trouble else None
        if isinstance(trouble, LedgerError | Refusal):
            raise trouble
        request = msgspec.json.encode({"community": community, **fields})
        answer = _payload(await self.town.ledger.submit(MSP_OF[self.org], function, request))
        return Stated(tx_id=f"tx-{self._next_block()}", block_number=self._block, answer=answer)

    async def endorse_acts(self, community: str, acts: Sequence[bytes]) -> "PreparedBatch":
        await self.channel_of(community)
        self.batches.append(list(acts))
        trouble = self.endorse_trouble.popleft() if self.endorse_trouble else None
        if isinstance(trouble, LedgerError | Refusal):
            raise trouble
        if self.breaks_on in acts:
            raise NotEndorsed("EndorseError", is_defect=True)
        memory = self.town.ledger
        transaction = memory.transaction(MSP_OF[self.org], "submit_acts", community.encode(), *acts)
        payload = _payload(await memory.contract().answer(transaction))
        return PreparedBatch(self, transaction, codec.decode_stored(payload, Answers).answers)

    async def transaction(self, channel: str, tx_id: str) -> TransactionStatus | None:
        code = self._codes.get(tx_id)
        if code is None:
            return None
        return TransactionStatus(tx_id=tx_id, code=code, is_applied=code == "VALID")

    async def height(self, channel: str) -> int:
        return self._block + 1

    def apply(self, transaction: FakeTransaction) -> int:
        """What the peers do with an ordered transaction; the block, or NotApplied."""
        block = self._next_block()
        if self.conflicts_with in transaction.args:
            raise self._conflict(transaction.tx_id)
        try:
            transaction.commit()
        except ReadConflict:
            raise self._conflict(transaction.tx_id) from None
        self._codes[transaction.tx_id] = "VALID"
        return block

    def _conflict(self, tx_id: str) -> NotApplied:
        self._codes[tx_id] = "MVCC_READ_CONFLICT"
        return NotApplied(tx_id, "MVCC_READ_CONFLICT", retryable=True)

    def _next_block(self) -> int:
        self._block += 1
        return self._block


class PreparedBatch:
    """See `gateway.ledger.PreparedActs`."""

    def __init__(
        self, ledger: ContractLedger, transaction: FakeTransaction, answers: tuple[Answer, ...]
    ) -> None:
        self.tx_id = transaction.tx_id
        self.answers = answers
        self._ledger = ledger
        self._transaction = transaction
        self._block: int | None = None
        self._unknown_left = 0

    async def commit(self) -> int:
        ledger = self._ledger
        trouble = ledger.commit_trouble.popleft() if ledger.commit_trouble else None
        ledger.in_flight += 1
        ledger.in_flight_max = max(ledger.in_flight_max, ledger.in_flight)
        try:
            await ledger.gate.wait()
        finally:
            ledger.in_flight -= 1
        if isinstance(trouble, LedgerError):
            raise trouble
        if isinstance(trouble, Lost):
            self._unknown_left = trouble.unknown_count - 1
            if trouble.is_applied:
                self._block = ledger.apply(self._transaction)
            raise OutcomeUnknown(self.tx_id)
        return ledger.apply(self._transaction)

    async def resolve(self) -> int:
        if self._unknown_left:
            self._unknown_left -= 1
            raise OutcomeUnknown(self.tx_id)
        if self._block is None:
            self._block = self._ledger.apply(self._transaction)
        return self._block


def _payload(outcome: Outcome) -> bytes:
    if outcome.status < 400:
        return outcome.payload
    refusal = parse_refusal(outcome.status, outcome.message)
    if refusal is None:
        raise NotEndorsed("EndorseError", is_defect=True)
    raise refusal
