"""One stream of filtered blocks that tells many transactions what became of them.

A peer serves 500 Gateway calls at once and each CommitStatus holds one of them until the commit;
a block stream holds none (fabric.md 3.3).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from gateway.fabric.commit import Status
from gateway.fabric.errors import DUPLICATE_TXID, FabricError
from gateway.fabric.events import EventStream

READY_S_MAX = 30.0
"""How long a follower may take to see its first block."""


class Waiter:
    """Somebody waiting for one transaction."""

    __slots__ = ("_future",)

    def __init__(self, future: "asyncio.Future[Status | None]") -> None:
        self._future = future

    async def status(self, timeout_s: float) -> Status | None:
        """The outcome, or None when the stream has not shown it within `timeout_s` or cannot."""
        await asyncio.wait((self._future,), timeout=timeout_s)
        return self._future.result() if self._future.done() else None

    @property
    def is_over(self) -> bool:
        """Whether the stream cannot tell any more."""
        return self._future.done() and self._future.result() is None


class CommitFollower:
    """Follows a channel's commits while it is open; use it as an async context manager.

    Expect a transaction before it is submitted: blocks seen earlier are not kept.
    """

    def __init__(self, blocks: EventStream[Any]) -> None:
        self._blocks = blocks
        self._waiting: dict[str, list[asyncio.Future[Status | None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self.failure: FabricError | None = None
        """Why the stream ended, if it did; transactions are then asked for one by one."""
        self.last_block: int | None = None
        """Number of the last block seen."""

    async def __aenter__(self) -> Self:
        """Raises EventsError when no peer gives blocks, TimeoutError when none does in time."""
        try:
            async with asyncio.timeout(READY_S_MAX):
                await self._blocks.open()
        except BaseException:
            await self._blocks.aclose()
            raise
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await self._blocks.aclose()

    async def ended(self) -> None:
        """Return when the stream cannot tell any more; `failure` says why."""
        assert self._task is not None, "the follower is not open"
        await asyncio.wait((self._task,))

    @contextmanager
    def expect(self, tx_id: str) -> Iterator[Waiter]:
        """Watch for one transaction while the context is open."""
        future: asyncio.Future[Status | None] = asyncio.get_running_loop().create_future()
        if self._is_over:
            future.set_result(None)
        self._waiting.setdefault(tx_id, []).append(future)
        try:
            yield Waiter(future)
        finally:
            self._forget(tx_id, future)

    def _forget(self, tx_id: str, future: "asyncio.Future[Status | None]") -> None:
        futures = self._waiting[tx_id]
        futures.remove(future)
        if not futures:
            del self._waiting[tx_id]

    async def _follow(self) -> None:
        try:
            async for block in self._blocks:
                self._tell(block)
        except FabricError as error:
            self.failure = error
        finally:
            self._end()

    def _end(self) -> None:
        """Nothing more will be told: who waits has to ask."""
        self._is_over = True
        for futures in self._waiting.values():
            _answer(futures, None)

    def _tell(self, block: Any) -> None:
        number = int(block.number)
        self.last_block = number
        for transaction in block.filtered_transactions:
            futures = self._waiting.get(transaction.txid)
            if futures:
                code = int(transaction.tx_validation_code)
                # Of a duplicate, only an earlier copy has the outcome: the peer has to be asked.
                is_copy = code == DUPLICATE_TXID
                _answer(futures, None if is_copy else Status(transaction.txid, code, number))


def _answer(futures: list[asyncio.Future[Status | None]], status: Status | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(status)
