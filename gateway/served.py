"""Which channels the gateway serves: those its settings name, or all that its peers have joined.

A channel that the peers join while the service runs is served from then on. None is given up: a
running peer leaves no channel.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from gateway.fabric.client import FabricClient
from gateway.fabric.errors import FabricError
from gateway.followed import FollowedChannel
from gateway.settings import FabricSection

LOOK_EVERY_S: Final = 5.0
"""How often the peer is asked what it has joined."""
CHANNELS_MAX: Final = 1_000
"""As many as a network's configuration may have."""

_log = logging.getLogger(__name__)


class ServedChannels:
    """The channels by name, in the order in which they came; use it as an async context manager.

    Each is followed by itself, so that one that does not answer holds up no other.
    """

    def __init__(self, client: FabricClient, settings: FabricSection, look_every_s: float) -> None:
        self._client = client
        self._settings = settings
        self._look_every_s = look_every_s
        self._stack = AsyncExitStack()
        self._followed: dict[str, FollowedChannel] = {}
        self._grown = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None
        self.fault = ""
        """Why the peer's channels are not known, or not all served, by the last look."""

    async def __aenter__(self) -> Self:
        """Without a list in the settings, the peer is asked once before anything is served."""
        if self._settings.channels:
            await self._serve(self._settings.channels)
        else:
            await self._look()
            self._looking = asyncio.create_task(self._keep_looking())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))
        await self._stack.aclose()

    @property
    def names(self) -> tuple[str, ...]:
        """The channels, new ones behind the others."""
        return tuple(self._followed)

    def __getitem__(self, name: str) -> FollowedChannel:
        return self._followed[name]

    def get(self, name: str) -> FollowedChannel | None:
        """The channel, None when it is not served."""
        return self._followed.get(name)

    async def wait_for_more(self, count: int) -> None:
        """Return once there are more than `count` channels."""
        async with self._grown:
            await self._grown.wait_for(lambda: len(self._followed) > count)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            await self._look()

    async def _look(self) -> None:
        try:
            joined = await self._client.joined_channels()
        except FabricError as error:
            self.fault = f"the peer does not tell its channels: {type(error).__name__}"
            _log.info("channels unknown: %s", type(error).__name__)
            return
        new = [name for name in joined if name not in self._followed]
        room = CHANNELS_MAX - len(self._followed)
        self.fault = f"the peer has more than {CHANNELS_MAX} channels" if len(new) > room else ""
        await self._serve(new[:room])

    async def _serve(self, names: Sequence[str]) -> None:
        for name in names:
            followed = FollowedChannel(
                self._client.channel(name), self._settings.chaincode, self._settings.endorsers
            )
            self._followed[name] = await self._stack.enter_async_context(followed)
            _log.info("serving channel %s", name)
        if names:
            async with self._grown:
                self._grown.notify_all()
