"""Many requests in one transaction, each with its own answer.

One that is refused never spoils its neighbours: what it wrote is taken back, and its answer says
why. A later one sees what an earlier one wrote. Only refusals are answered like this: any other
exception is a defect and ends the transaction.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from chaincode.errors import Refusal
from chaincode.model.act import ACCEPTED, Answer, Answers
from chaincode.world import World

OK: Final = 200


class Readable(Protocol):
    """One of a batch whose form is right."""

    @property
    def sha256(self) -> str:
        """Its identity: the hash of its signing input."""


T = TypeVar("T", bound=Readable)


async def answer_each(
    world: World, items: Sequence[T | Refusal], run: Callable[[T], Awaitable[str]]
) -> Answers:
    """Carry out each in order and answer it; one that could not be read is its refusal already.

    ``run`` gives the id of the transaction that first accepted the item. A single item's refusal
    is the transaction's. When each of several is refused the answers come back all the same, and
    nothing is written: whoever sent them need not have that ordered. (A refusal would travel in an
    HTTP/2 header, which cannot hold a batch's answers.)
    """
    results = [await _try(world, item, run) for item in items]
    if len(results) == 1 and isinstance(results[0], Refusal):
        raise results[0]
    return Answers(answers=tuple(map(_answer, items, results)))


async def _try(
    world: World, item: T | Refusal, run: Callable[[T], Awaitable[str]]
) -> str | Refusal:
    if isinstance(item, Refusal):
        return item
    try:
        with world.all_or_nothing():
            return await run(item)
    except Refusal as refusal:
        return refusal


def _answer(item: Readable | Refusal, result: str | Refusal) -> Answer:
    sha256 = "" if isinstance(item, Refusal) else item.sha256
    if isinstance(result, str):
        return Answer(sha256=sha256, status=OK, code=ACCEPTED, details={}, tx_id=result)
    # A library's own words may differ between endorsers, and an answer may not.
    details = {name: value for name, value in result.details.items() if name != "reason"}
    return Answer(sha256=sha256, status=result.status, code=result.code, details=details, tx_id="")
