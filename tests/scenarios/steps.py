"""What a scenario is: steps of a community that any driver can take, and the calls they make."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", contravariant=True)


@dataclass(frozen=True)
class Scenario(Generic[T]):
    """`play` takes a community that is not open yet; `calls` are those of `chaincode/access.py`
    that it makes with success."""

    play: Callable[[T], Awaitable[None]]
    calls: frozenset[str]

    @property
    def name(self) -> str:
        return getattr(self.play, "__name__", "scenario")


def scenario(play: Callable[[T], Awaitable[None]], calls: str) -> Scenario[T]:
    """A scenario and the calls it makes, separated by spaces."""
    return Scenario(play, frozenset(calls.split()))
