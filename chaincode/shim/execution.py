"""Runs one transaction: waits for a slot, calls the contract, sends its writes, answers."""

import asyncio
import logging
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaincode.shim.contract import Contract
from chaincode.shim.errors import UsageError
from chaincode.shim.link import PeerLink
from chaincode.shim.messages import TransactionKey, completed
from chaincode.shim.metrics import Metrics, Outcome
from chaincode.shim.response import FAILED, Response
from chaincode.shim.stub import Stub

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """What all streams of one process share."""

    contract: Contract
    chaincode_id: str
    slots: asyncio.Semaphore
    execute_timeout_s: float
    metrics: Metrics = field(default_factory=Metrics)
    waiting_count: int = 0
    running_count: int = 0
    is_draining: bool = False


async def execute(service: Service, message: Any, link: PeerLink) -> Any:
    """Run the transaction of `message` and return the answer for the peer.

    Never raises, except for the cancellation of this task.
    """
    started_s = time.monotonic()
    outcome = Outcome.CANCELLED
    try:
        answer, outcome = await _answer(service, message, link)
        return answer
    finally:
        service.metrics.count_transaction(outcome, time.monotonic() - started_s)


async def _answer(service: Service, message: Any, link: PeerLink) -> tuple[Any, Outcome]:
    deadline = asyncio.timeout(service.execute_timeout_s)
    try:
        async with deadline, _Slot(service):
            return await _run(service.contract, message, link)
    except (Exception, SystemExit, asyncio.CancelledError) as problem:
        if _is_cancelled(problem):
            raise
        outcome = Outcome.TIMED_OUT if deadline.expired() else Outcome.FAILED
        logger.error("transaction %s %s: %s", link.key[1], outcome.value, describe(problem))  # noqa: TRY400 - the text of an exception may hold a payload
        return failure(link.key), outcome


def _is_cancelled(problem: BaseException) -> bool:
    """Tell the cancellation of this task from one that leaks out of the contract."""
    task = asyncio.current_task()
    is_cancelling = task is not None and task.cancelling() > 0
    return isinstance(problem, asyncio.CancelledError) and is_cancelling


async def _run(contract: Contract, message: Any, link: PeerLink) -> tuple[Any, Outcome]:
    """Call the contract; when it raises, the peer closes its open queries with our answer."""
    stub = Stub(message, link)
    response = await contract.invoke(stub)
    await stub.close()
    if not isinstance(response, Response):
        raise UsageError("a contract answers with a Response")
    if not response.is_endorsed:
        return completed(link.key, response, None), Outcome.REFUSED
    answer = completed(link.key, response, stub.event)
    await stub.flush()
    return answer, Outcome.ENDORSED


def failure(key: TransactionKey) -> Any:
    """Return the answer to a transaction whose contract failed, without a word of why."""
    text = f"transaction {key[1]} failed in the chaincode; its log says where"
    return completed(key, Response(FAILED, message=text), None)


def describe(problem: BaseException) -> str:
    """Return type and place of an exception and its causes, but never their text."""
    chain: list[str] = []
    current: BaseException | None = problem
    while current is not None and len(chain) < 5:
        frames = traceback.extract_tb(current.__traceback__)[-4:]
        place = " > ".join(
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames
        )
        chain.append(f"{type(current).__name__} at {place}")
        current = current.__cause__ or current.__context__
    return ", caused by ".join(chain)


class _Slot:
    """One of the transactions that may run at once; counts who waits and who runs."""

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __aenter__(self) -> None:
        self._service.waiting_count += 1
        try:
            await self._service.slots.acquire()
        finally:
            self._service.waiting_count -= 1
        self._service.running_count += 1

    async def __aexit__(self, *_: object) -> None:
        self._service.running_count -= 1
        self._service.slots.release()
