"""Which channel each community is on: remembered, or asked of the channels.

A community is nearly always on the channel of its own name, which is asked first and alone. For any
other name every channel is asked, so that names which do not exist cost the most: few are looked
for at once, and that one is nowhere is remembered for a moment. One that is expected to be opened
is found as soon as it is: the gateway's own services ask for it all the time until then.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from chaincode.errors import NotFound
from gateway.errors import LedgerError

COMMUNITIES_MAX: Final = 10_000
"""How many communities' channels are remembered, and how many that are nowhere."""
CHANNELS_ASKED_MAX: Final = 16
"""Channels that are asked at once for one community."""
SEARCHES_MAX: Final = 4
"""Communities that are looked for on all channels at once; others wait for their turn."""
ABSENT_S: Final = 5.0
"""A community that is opened elsewhere on a channel of another name is found so long after it was
looked for in vain, at the latest."""

Channels = Callable[[], Sequence[str]]
"""The channels that are served by now."""
Ask = Callable[[str, str], Awaitable[object]]
"""Asks a channel for a community. Raises NotFound where it is not, LedgerError, Refusal."""


class LocatedCommunities:
    """The communities and their channels, as far as they were asked for."""

    def __init__(
        self,
        channels: Channels,
        ask: Ask,
        now_s: Callable[[], float] = time.monotonic,
        *,
        expected: Collection[str] = (),
    ) -> None:
        self._expected = frozenset(expected)
        self._channels = channels
        self._ask = ask
        self._now_s = now_s
        self._channel_of: dict[str, str] = {}
        self._absent: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """Until when, and of how many channels, it holds that a community is nowhere."""
        self._searches = asyncio.Semaphore(SEARCHES_MAX)

    @property
    def names(self) -> frozenset[str]:
        """The communities that were found."""
        return frozenset(self._channel_of)

    async def channel_of(self, community: str) -> str:
        """The channel. One that cannot be asked is passed over, but for that of the same name.

        Raises NotFound ``community/unknown``; LedgerError when it may be where nobody answered.
        """
        known = self._channel_of.get(community)
        if known is not None:
            return known
        if community in self._channels() and await self._is_on(community, community):
            return self._found(community, community)
        self._require_not_absent(community)
        async with self._searches:
            # Who waited for a turn may find that it was looked for meanwhile.
            self._require_not_absent(community)
            return self._channel_of.get(community) or await self._search(community)

    def forget_absent(self, community: str) -> None:
        """It may have been opened just now."""
        self._absent.pop(community, None)

    def _require_not_absent(self, community: str) -> None:
        until_s, channels_count = self._absent.get(community, (0.0, 0))
        if self._now_s() < until_s and channels_count == len(self._channels()):
            raise NotFound("community/unknown")

    async def _search(self, community: str) -> str:
        """The first of the channels that has it, in the order in which they came."""
        channels = self._channels()
        others = [name for name in channels if name != community]
        failed: LedgerError | None = None
        for start in range(0, len(others), CHANNELS_ASKED_MAX):
            asked = others[start : start + CHANNELS_ASKED_MAX]
            answers = await asyncio.gather(*(self._answer(name, community) for name in asked))
            for name, answer in zip(asked, answers, strict=True):
                if answer is True:
                    return self._found(community, name)
                failed = answer or failed
        if failed is not None:
            raise failed
        if community not in self._expected:
            self._remember_absent(community, len(channels))
        raise NotFound("community/unknown")

    async def _answer(self, channel: str, community: str) -> bool | LedgerError:
        try:
            return await self._is_on(channel, community)
        except LedgerError as error:
            return error

    async def _is_on(self, channel: str, community: str) -> bool:
        try:
            await self._ask(channel, community)
        except NotFound:
            return False
        return True

    def _found(self, community: str, channel: str) -> str:
        if len(self._channel_of) < COMMUNITIES_MAX:
            self._channel_of[community] = channel
        return channel

    def _remember_absent(self, community: str, channels_count: int) -> None:
        self._absent[community] = (self._now_s() + ABSENT_S, channels_count)
        self._absent.move_to_end(community)
        if len(self._absent) > COMMUNITIES_MAX:
            self._absent.popitem(last=False)
