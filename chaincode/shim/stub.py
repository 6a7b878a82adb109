"""What a contract sees of one transaction."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fabric_protos.peer import chaincode_pb2, proposal_response_pb2

from chaincode.shim import keys
from chaincode.shim.creator import Creator
from chaincode.shim.errors import EventAlreadySetError, PeerError, ProtocolError, UsageError
from chaincode.shim.keyspace import PUBLIC, KeySpace
from chaincode.shim.link import PeerLink
from chaincode.shim.messages import (
    COMPLETED,
    INVOKE_CHAINCODE,
    ChaincodeMessage,
    event,
    parsed,
    type_name,
)
from chaincode.shim.proposal import Proposal
from chaincode.shim.queries import HistoryEntry, Page, Record, history_results, range_page
from chaincode.shim.response import Response
from chaincode.shim.writes import WriteBuffer

__all__ = ["Creator", "HistoryEntry", "Page", "Response", "Stub"]


class Stub:
    """One transaction: what was asked, by whom, and the ledger as it was before.

    Methods that ask the peer raise `PeerError` when it answers ERROR. Writes are kept until the
    contract has answered with success; a refusal leaves none. Reads never show own writes.
    """

    def __init__(self, message: Any, link: PeerLink) -> None:
        chaincode_input = parsed(chaincode_pb2.ChaincodeInput, message.payload)
        name, *arguments = chaincode_input.args or (b"",)
        try:
            self.function: str = name.decode()
        except UnicodeDecodeError:
            raise UsageError("the function's name is not UTF-8 text") from None
        self.args: tuple[bytes, ...] = tuple(arguments)
        self.tx_id: str = message.txid
        self.channel_id: str = message.channel_id
        self.event: Any = None
        self._input = chaincode_input
        self._proposal = Proposal(message.proposal)
        self._link = link
        self._writes = WriteBuffer(link)
        self._public = KeySpace(link, self._writes, PUBLIC)

    # --- The proposal ---

    @property
    def timestamp_ms(self) -> int:
        """The client's own clock when it made the proposal, UTC milliseconds."""
        return self._proposal.timestamp_ms

    @property
    def creator(self) -> Creator:
        """The client that signed the proposal."""
        return self._proposal.creator

    @property
    def transient(self) -> Mapping[str, bytes]:
        """Data for the endorsers only; it is not on the ledger."""
        return self._proposal.transient

    @property
    def decorations(self) -> Mapping[str, bytes]:
        """What the peer's decorators added to the input."""
        return MappingProxyType(dict(self._input.decorations))

    @property
    def binding(self) -> bytes:
        """SHA-256 of nonce, creator and epoch: ties other data to this one proposal."""
        return self._proposal.binding

    @property
    def signed_proposal(self) -> Any:
        """The `SignedProposal` message as the client sent it."""
        return self._proposal.signed

    # --- The public state ---

    async def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None when it has none."""
        return await self._public.get(key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of `keys` in their order, in few round trips where the peer can."""
        return await self._public.get_many(keys)

    def put(self, key: str, value: bytes) -> None:
        """Write `value`, which must not be empty."""
        self._public.put(key, value)

    def delete(self, key: str) -> None:
        """Delete `key`."""
        self._public.delete(key)

    def scan(self, start: str, end: str) -> AsyncIterator[Record]:
        """Return the simple keys from `start` (included) to `end` (not included) in key order."""
        return self._public.scan(start, end)

    async def scan_page(self, start: str, end: str, page_size: int, bookmark: str = "") -> Page:
        """Return one page of `scan`; only in transactions that write nothing.

        Raises:
            ReadOnlyError: the transaction has written.
        """
        return await self._page(keys.simple_range(start, end), page_size, bookmark)

    def history(self, key: str) -> AsyncIterator[HistoryEntry]:
        """Return the committed changes of `key`, the newest first.

        The peer stops at its `totalQueryLimit`. History is not part of what is validated at
        commit, so a rule that writes must not depend on it.
        """
        keys.require_key(key)
        return history_results(self._link, key)

    async def validation_parameter(self, key: str) -> bytes | None:
        """Return the endorsement policy of `key`, or None when the chaincode's own applies."""
        return await self._public.validation_parameter(key)

    def set_validation_parameter(self, key: str, policy: bytes) -> None:
        """Set who must endorse the next change of `key`; see `chaincode.shim.policy`."""
        self._public.set_validation_parameter(key, policy)

    def private(self, collection: str) -> KeySpace:
        """Return the private data collection of that name.

        Raises:
            UsageError: the name is empty.
        """
        if collection == PUBLIC:
            raise UsageError("a private data collection has a name")
        return KeySpace(self._link, self._writes, collection)

    # --- Composite keys ---

    @staticmethod
    def composite_key(object_type: str, parts: Sequence[str]) -> str:
        """Return the composite key of `object_type` and `parts`."""
        return keys.composite_key(object_type, parts)

    @staticmethod
    def split_composite_key(key: str) -> tuple[str, tuple[str, ...]]:
        """Return the type and the parts of a composite key."""
        return keys.split_composite_key(key)

    def scan_composite(self, object_type: str, parts: Sequence[str]) -> AsyncIterator[Record]:
        """Return the records whose composite key begins with `object_type` and `parts`."""
        return self._public.scan_composite(object_type, parts)

    async def scan_composite_page(
        self, object_type: str, parts: Sequence[str], page_size: int, bookmark: str = ""
    ) -> Page:
        """Return one page of `scan_composite`; only in transactions that write nothing."""
        return await self._page(keys.composite_range(object_type, parts), page_size, bookmark)

    async def all_composite_page(self, page_size: int, bookmark: str = "") -> Page:
        """Return one page of all composite keys; only in transactions that write nothing."""
        return await self._page(keys.all_composite_range(), page_size, bookmark)

    # --- Effects beyond the state ---

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's event; listeners get it when the transaction is valid.

        Raises:
            EventAlreadySetError: the transaction has an event already.
            UsageError: the name is empty.
        """
        if not name:
            raise UsageError("an event has a name")
        if self.event is not None:
            raise EventAlreadySetError("a transaction has one event")
        self.event = event(name, payload)

    async def invoke_chaincode(
        self, name: str, function: str, args: Sequence[bytes] = (), channel: str = ""
    ) -> Response:
        """Call another chaincode, on this channel or, to read only, on another one.

        On this channel its reads and writes become part of this transaction, but it does not see
        what this contract has written.

        Raises:
            PeerError: the peer could not run the call.
        """
        target = f"{name}/{channel}" if channel else name
        body = chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_pb2.ChaincodeID(name=target),
            input=chaincode_pb2.ChaincodeInput(args=[function.encode(), *args]),
        )
        answer = parsed(ChaincodeMessage, await self._link.request(INVOKE_CHAINCODE, body))
        if answer.type != COMPLETED:
            text = answer.payload.decode(errors="replace")
            raise PeerError(type_name(INVOKE_CHAINCODE), text)
        response = parsed(proposal_response_pb2.Response, answer.payload)
        return _response(response)

    # --- For the shim ---

    async def close(self) -> None:
        """Close the queries the contract left open."""
        await self._link.close_queries()

    async def flush(self) -> None:
        """Send the buffered writes."""
        await self._writes.flush()

    async def _page(self, bounds: tuple[str, str], page_size: int, bookmark: str) -> Page:
        self._writes.require_read_only()
        return await range_page(self._link, bounds, page_size, bookmark)


def _response(message: Any) -> Response:
    try:
        return Response(message.status, message.payload, message.message)
    except ValueError:
        raise ProtocolError("the called chaincode answered with an unknown status") from None
