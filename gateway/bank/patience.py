"""How long what failed by itself rests before it is tried again: longer each time, never for ever.

In memory: after a start everything is tried at once. What rests stays where it is kept, in the
journal, at the bank or on the ledger.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

REST_FIRST_S: Final = 5.0
REST_S_MAX: Final = 300.0
"""Doubled from the first on, up to this."""
TROUBLES_MAX: Final = 10_000
"""So many are remembered; the oldest is forgotten, and tried with the next round."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What fails by itself: why the last time, how often so far, and until when it rests (s).

    `holds_back` when what comes after it about the same payment or account must wait for it.
    """

    subject: str
    code: str
    count: int
    until_s: float
    holds_back: bool


class Patience:
    """The troubles of one desk, by subject: a message, a delivery, a payment or an event."""

    def __init__(
        self, first_s: float = REST_FIRST_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s = first_s
        self._now_s = now_s
        self._troubles: OrderedDict[str, Trouble] = OrderedDict()

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """All that failed and has not worked since, in the order in which they began."""
        return tuple(self._troubles.values())

    def trouble(self, subject: str) -> Trouble | None:
        """What is wrong with a subject, None when nothing is."""
        return self._troubles.get(subject)

    def rests(self, subject: str) -> bool:
        """Whether it is not to be tried yet."""
        found = self._troubles.get(subject)
        return found is not None and self._now_s() < found.until_s

    def failed(self, subject: str, code: str, *, holds_back: bool = False) -> None:
        """It was tried in vain, and that is no matter of the bank or the ledger as a whole."""
        known = self._troubles.get(subject)
        count = 1 if known is None else known.count + 1
        rest_s = self._first_s
        for _ in range(count - 1):
            if rest_s >= REST_S_MAX:
                break
            rest_s *= 2
        until_s = self._now_s() + min(rest_s, REST_S_MAX)
        self._troubles[subject] = Trouble(subject, code, count, until_s, holds_back)
        if len(self._troubles) > TROUBLES_MAX:
            self._troubles.popitem(last=False)

    def keep(self, kind: str, names: Collection[str]) -> None:
        """Forget subjects of a kind (a prefix) that are none any more."""
        for subject in [name for name in self._troubles if name.startswith(kind)]:
            if subject.removeprefix(kind) not in names:
                del self._troubles[subject]

    def worked(self, subject: str) -> None:
        """It is done. What rests for the same reason may work now as well: all is tried again."""
        if self._troubles.pop(subject, None) is None:
            return
        for name, trouble in self._troubles.items():
            self._troubles[name] = replace(trouble, until_s=self._now_s())
