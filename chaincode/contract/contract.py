"""The one entry: a Fabric invocation to the function that answers it.

Order of checks, the same on every endorser: input (400), caller (403), existence (404), phase or
conflict (409), rule (422).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from chaincode import codec, keys
from chaincode.access import BY_NAME, Access, Kind, require_org
from chaincode.acts import ACTS_PER_TRANSACTION_MAX
from chaincode.contract.batch import submit_acts
from chaincode.contract.communities import require_community, require_module
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.registry import HANDLERS
from chaincode.errors import BadInput, Refusal
from chaincode.model.base import Record
from chaincode.world import Ledger, World

AHEAD_MS_MAX = 10_000
"""How far a transaction's time may run ahead of the endorser's own clock.

Time only ever ends things, so a client that runs ahead closes a vote early, by this at most.
"""
BEHIND_MS_MAX = 120_000
"""How far it may lie behind, for what waited to be endorsed; a close that came first still wins."""
REQUEST_BYTES_MAX = 8 * 1024 * 1024
"""One request: a roll of 20,000 units fits."""
OK = 200


class Creator(Protocol):
    """Who signed the Fabric transaction."""

    @property
    def msp_id(self) -> str: ...


class Invocation(Ledger, Protocol):
    """A Fabric transaction as the shim hands it over."""

    @property
    def function(self) -> str: ...
    @property
    def args(self) -> Sequence[bytes]: ...
    @property
    def tx_id(self) -> str: ...
    @property
    def channel_id(self) -> str: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def creator(self) -> Creator: ...


class Outcome(Record):
    """Status, payload and message of a chaincode answer; below 400 is endorsed."""

    status: int
    payload: bytes = b""
    message: str = ""


class CommonholdContract:
    """Commonhold's rules behind Fabric's one function.

    ``clock_ms`` is the endorser's own clock; it serves to refuse a skewed transaction and for
    nothing else.
    """

    def __init__(
        self, clock_ms: Callable[[], int], handlers: Mapping[str, Handler] = HANDLERS
    ) -> None:
        self._clock_ms = clock_ms
        self._handlers = handlers

    async def answer(self, invocation: Invocation) -> Outcome:
        """Run one invocation; a refusal becomes its status and message."""
        try:
            answer = await self._run(invocation)
        except Refusal as refusal:
            return Outcome(status=refusal.status, message=refusal.message)
        return Outcome(status=OK, payload=codec.encode(answer))

    async def _run(self, invocation: Invocation) -> Record:
        row = BY_NAME.get(invocation.function)
        if row is None or row.kind is Kind.ACT:
            raise BadInput("call/unknown-function")
        self._require_clock(invocation.timestamp_ms)
        if row.name == "submit_acts":
            return await self._submit_acts(row, invocation)
        return await self._call(row, invocation)

    async def _call(self, row: Access, invocation: Invocation) -> Record:
        handler = self._handlers[row.name]
        request = _request(invocation.args, handler.request)
        assert isinstance(request, Request), row.name
        call = _call(row, invocation)
        world = World(invocation, request.community)
        if row.name != "open_community":
            require_module(await require_community(world), row)
        answer = await handler.run(world, call, request)
        if row.kind is Kind.TRANSACTION:
            world.flush()
        assert answer is not None, row.name
        return answer

    async def _submit_acts(self, row: Access, invocation: Invocation) -> Record:
        community, acts = _batch(invocation.args)
        call = _call(row, invocation)
        world = World(invocation, community)
        answers = await submit_acts(world, call, acts, self._handlers)
        world.flush()
        return answers

    def _require_clock(self, timestamp_ms: int) -> None:
        ahead_ms = timestamp_ms - self._clock_ms()
        if not -BEHIND_MS_MAX <= ahead_ms <= AHEAD_MS_MAX:
            raise BadInput("time/skewed", ahead_ms_max=AHEAD_MS_MAX, behind_ms_max=BEHIND_MS_MAX)


def _call(row: Access, invocation: Invocation) -> Call:
    return Call(
        org=require_org(row, invocation.creator.msp_id),
        tx_id=invocation.tx_id,
        channel=invocation.channel_id,
        now_ms=invocation.timestamp_ms,
    )


def _request(args: Sequence[bytes], kind: type[Record]) -> Record:
    if len(args) != 1:
        raise BadInput("call/one-argument", given=len(args))
    if len(args[0]) > REQUEST_BYTES_MAX:
        raise BadInput("call/oversize", bytes=len(args[0]), bytes_max=REQUEST_BYTES_MAX)
    return codec.decode(args[0], kind)


def _batch(args: Sequence[bytes]) -> tuple[str, Sequence[bytes]]:
    """The community and the acts of a batch; BadInput when they cannot be."""
    if len(args) < 2:
        raise BadInput("acts/none")
    if len(args) - 1 > ACTS_PER_TRANSACTION_MAX:
        raise BadInput("acts/too-many", count_max=ACTS_PER_TRANSACTION_MAX)
    community = args[0].decode("ascii", errors="replace")
    keys.community(community)
    return community, args[1:]
