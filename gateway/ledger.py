"""The ledger as the rest of the gateway sees it: communities, queries, transactions, acts.

The only module that knows both Fabric and the chaincode's records. Fabric's errors become those of
`gateway.errors`; a refusal of the chaincode passes through as the same `Refusal`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import msgspec

from chaincode import codec
from chaincode.errors import NotFound, Refusal, parse_refusal
from chaincode.model.act import Answer, Answers
from gateway.errors import (
    Busy,
    LedgerError,
    NotApplied,
    NotEndorsed,
    NotReady,
    OutcomeUnknown,
    PartlyReady,
    require_some,
)
from gateway.fabric import errors as fabric
from gateway.fabric.backoff import retry_conflicts
from gateway.fabric.channel import Channel
from gateway.fabric.client import FabricClient
from gateway.fabric.connection import Connection, PeerAddress, Tls
from gateway.fabric.identity import load_identity
from gateway.fabric.timeouts import Resolution, Timeouts
from gateway.fabric.transaction import Transaction
from gateway.followed import FollowedChannel
from gateway.located import LocatedCommunities
from gateway.served import LOOK_EVERY_S, ServedChannels
from gateway.settings import FabricSection

T = TypeVar("T")

DEFECT_STATUS_MIN: Final = 500
READY_S_MAX: Final = 3.0
"""How long readiness waits for a channel."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A committed transaction: its id, its block, and the chaincode's answer as JSON."""

    tx_id: str
    block_number: int
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStatus:
    """Where a transaction stands on its channel."""

    tx_id: str
    code: str
    """Fabric's name of the validation code."""
    is_applied: bool


class PreparedActs(Protocol):
    """A batch of acts that the peers have endorsed and nobody has ordered yet."""

    @property
    def tx_id(self) -> str: ...
    @property
    def answers(self) -> tuple[Answer, ...]: ...

    async def commit(self) -> int:
        """Order it; gives the block. Raises NotApplied, OutcomeUnknown, Busy, NotEndorsed."""
        ...

    async def resolve(self) -> int:
        """After OutcomeUnknown: look it up, and send the same envelope again if it is nowhere.
        Raises NotApplied, OutcomeUnknown."""
        ...


class Ledger(Protocol):
    """Everything the gateway asks of the network.

    Every call raises Refusal as the chaincode gave it, and LedgerError (Busy, NotEndorsed).
    """

    @property
    def channels(self) -> tuple[str, ...]: ...

    async def communities(self) -> tuple[str, ...]:
        """The communities that are known here, sorted."""
        ...

    async def channel_of(self, community: str) -> str:
        """The channel of a community. Raises NotFound ``community/unknown``."""
        ...

    async def query(self, community: str, function: str, fields: Mapping[str, Any]) -> bytes:
        """A query's answer, the canonical JSON of its record."""
        ...

    async def transact(
        self,
        community: str,
        function: str,
        fields: Mapping[str, Any],
        *,
        channel: str | None = None,
    ) -> Stated:
        """State a fact for the organisation; `channel` for a community not open yet.

        Conflicts are tried anew, a few times. Raises NotApplied, OutcomeUnknown as well.
        """
        ...

    async def endorse_acts(self, community: str, acts: Sequence[bytes]) -> PreparedActs:
        """Have a batch of acts answered; a single act's refusal is raised."""
        ...

    async def transaction(self, channel: str, tx_id: str) -> TransactionStatus | None:
        """A transaction by its id, None when the peer does not have it."""
        ...

    async def height(self, channel: str) -> int:
        """How many blocks the peer has."""
        ...


async def ask(ledger: Ledger, community: str, function: str, kind: type[T], **fields: object) -> T:
    """A query's answer as a record."""
    return codec.decode_stored(await ledger.query(community, function, fields), kind)


class FabricLedger:
    """The ledger behind the organisation's own peers; use it as an async context manager."""

    def __init__(
        self,
        settings: FabricSection,
        *,
        timeouts: Timeouts | None = None,
        resolution: Resolution | None = None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._resolution = resolution
        self._look_every_s = look_every_s
        self._stack = AsyncExitStack()
        self._served: ServedChannels | None = None
        self._located = LocatedCommunities(
            lambda: self.channels,
            lambda channel, community: self._evaluate(
                channel, "community", {"community": community}
            ),
            expected=settings.communities,
        )

    async def __aenter__(self) -> Self:
        settings = self._settings
        tls = Tls(root_certificates=settings.tls_roots_file.read_bytes())
        peers = [PeerAddress(address) for address in settings.peers]
        connection = await self._stack.enter_async_context(Connection(peers, tls))
        identity, signer = load_identity(
            settings.msp_id, settings.certificate_file, settings.key_file
        )
        client = FabricClient(
            connection, identity, signer, timeouts=self._timeouts, resolution=self._resolution
        )
        served = ServedChannels(client, settings, self._look_every_s)
        self._served = await self._stack.enter_async_context(served)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def _channels(self) -> ServedChannels:
        assert self._served is not None, "the ledger is not open"
        return self._served

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels this gateway serves by now, new ones behind the others."""
        return self._channels.names

    async def wait_for_more_channels(self, count: int) -> None:
        """Return once it serves more than `count` channels."""
        await self._channels.wait_for_more(count)

    def fabric_channel(self, name: str) -> Channel:
        """The Fabric channel itself, for who reads its blocks."""
        return self._channels[name].channel

    async def require_ready(self) -> None:
        """Raises NotReady when no channel can be read, PartlyReady when some cannot."""
        if not self.channels:
            raise NotReady(self._channels.fault or "the peer has joined no channel")
        faults = await asyncio.gather(*(self._fault(name) for name in self.channels))
        require_some(len(faults), [fault for fault in faults if fault])
        if self._channels.fault:
            raise PartlyReady(self._channels.fault)

    async def communities(self) -> tuple[str, ...]:
        """Those of the settings, those named as their channel, and those asked for since, but for
        those whose channel does not answer. Raises LedgerError when none does."""
        failed: LedgerError | None = None
        for name in {*self.channels, *self._settings.communities} - self._located.names:
            try:
                await self.channel_of(name)
            except NotFound:
                continue  # not opened yet
            except LedgerError as error:
                failed = error
        if failed is not None and not self._located.names:
            raise failed
        return tuple(sorted(self._located.names))

    async def channel_of(self, community: str) -> str:
        """See `LocatedCommunities`."""
        return await self._located.channel_of(community)

    async def query(self, community: str, function: str, fields: Mapping[str, Any]) -> bytes:
        """See `Ledger.query`."""
        channel = await self.channel_of(community)
        return await self._evaluate(channel, function, {"community": community, **fields})

    async def transact(
        self,
        community: str,
        function: str,
        fields: Mapping[str, Any],
        *,
        channel: str | None = None,
    ) -> Stated:
        """See `Ledger.transact`."""
        name = channel or await self.channel_of(community)
        followed = self._channels.get(name)
        if followed is None:
            raise NotFound("community/unknown")
        request = msgspec.json.encode({"community": community, **fields})
        try:
            committed = await retry_conflicts(lambda: followed.submit(function, request))
        except fabric.FabricError as error:
            raise _translated(error) from error
        self._located.forget_absent(community)
        return Stated(
            tx_id=committed.tx_id, block_number=committed.block_number, answer=committed.result
        )

    async def endorse_acts(self, community: str, acts: Sequence[bytes]) -> PreparedActs:
        """See `Ledger.endorse_acts`."""
        followed = self._channels[await self.channel_of(community)]
        try:
            transaction = await followed.endorse("submit_acts", community, *acts)
            answers = codec.decode_stored(transaction.result(), Answers).answers
        except fabric.FabricError as error:
            raise _translated(error) from error
        return _PreparedActs(transaction, answers, followed)

    async def transaction(self, channel: str, tx_id: str) -> TransactionStatus | None:
        """See `Ledger.transaction`."""
        try:
            found = await self._channels[channel].channel.ledger.transaction(tx_id)
        except fabric.FabricError as error:
            raise _translated(error) from error
        if found is None:
            return None
        code = int(found.validationCode)
        return TransactionStatus(
            tx_id=tx_id, code=fabric.code_name(code), is_applied=code == fabric.VALID
        )

    async def height(self, channel: str) -> int:
        """See `Ledger.height`."""
        try:
            return await self._channels[channel].channel.ledger.height()
        except fabric.FabricError as error:
            raise _translated(error) from error

    async def _fault(self, channel: str) -> str:
        """Why a channel cannot be read, nothing when it can."""
        try:
            async with asyncio.timeout(READY_S_MAX):
                await self.height(channel)
        except LedgerError as error:
            return f"channel {channel}: {error}"
        except TimeoutError:
            return f"channel {channel}: no answer within {READY_S_MAX:.0f} s"
        return ""

    async def _evaluate(self, channel: str, function: str, fields: Mapping[str, Any]) -> bytes:
        request = msgspec.json.encode(fields)
        try:
            return await self._channels[channel].contract.evaluate(function, request)
        except fabric.FabricError as error:
            raise _translated(error) from error


class _PreparedActs:
    """See `PreparedActs`."""

    def __init__(
        self, transaction: Transaction, answers: tuple[Answer, ...], followed: FollowedChannel
    ) -> None:
        self._transaction = transaction
        self._followed = followed
        self.tx_id = transaction.tx_id
        self.answers = answers

    async def commit(self) -> int:
        try:
            committed = await self._transaction.commit(follower=self._followed.follower)
        except fabric.FabricError as error:
            raise _translated(error) from error
        return committed.block_number

    async def resolve(self) -> int:
        try:
            return (await self._transaction.resolve()).block_number
        except fabric.FabricError as error:
            raise _translated(error) from error


def _translated(error: fabric.FabricError) -> Refusal | LedgerError:
    """What a Fabric error means to a caller who knows no Fabric."""
    match error:
        case fabric.Throttled():
            return Busy(str(error.code.name))
        case fabric.CommitError():
            return NotApplied(error.tx_id, error.code_name, retryable=error.retryable)
        case fabric.OutcomeUnknown() | fabric.CommitStatusError():
            return OutcomeUnknown(error.tx_id)
        case fabric.SubmitError() if error.may_be_ordered:
            return OutcomeUnknown(error.tx_id)
        case _:
            return _nothing_happened(error)


def _nothing_happened(error: fabric.FabricError) -> Refusal | LedgerError:
    response = fabric.chaincode_response(error)
    if response is not None:
        refusal = parse_refusal(*response)
        if refusal is not None:
            return refusal
    retryable = isinstance(error, fabric.EndorseError) and error.retryable
    is_defect = response is not None and response[0] >= DEFECT_STATUS_MIN
    return NotEndorsed(type(error).__name__, retryable=retryable, is_defect=is_defect)
