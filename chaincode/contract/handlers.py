"""What a handler is given and what it gives back."""

from collections.abc import Awaitable, Callable, Sequence

from chaincode.model.base import Id, Org, Record, TimeMs
from chaincode.model.credential import Credential


class Call(Record):
    """The facts of the Fabric transaction that a handler may rely on and record."""

    org: Org
    tx_id: str
    channel: str
    now_ms: TimeMs
    """The transaction's time: the client's clock, at most 10 s ahead of each endorser's."""


class Actor(Record):
    """The person behind a verified act."""

    credential: Credential
    act_sha256: str
    signed_at: TimeMs


class Request(Record):
    """Base of the argument of every transaction and query."""

    community: Id


class Handler(Record):
    """A function of the contract with the type of its argument.

    A transaction or query runs as ``run(world, call, request)`` and returns its answer; an act
    as ``run(world, call, actor, body)`` and returns nothing.
    """

    request: type[Record]
    run: Callable[..., Awaitable[Record | None]]
    reads: Callable[..., Awaitable[Sequence[str]]] | None = None
    """For acts that come in hundreds: ``reads(world, body)`` names the keys ``run``
    will read, so that a whole batch costs the peer one round trip. Leaving one out costs time,
    never correctness."""
