"""One channel as the ledger uses it: whom it asks to endorse, and its stream of commits."""

import asyncio
import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from gateway.fabric import errors as fabric
from gateway.fabric.channel import Channel
from gateway.fabric.follower import CommitFollower
from gateway.fabric.submission import Committed
from gateway.fabric.transaction import Transaction

FOLLOWER_PAUSE_S: Final = 1.0
"""Between two tries to follow a channel's blocks."""
SUBSTITUTE_S: Final = 30.0
"""How long a silent endorser is left alone before it is asked again."""

_log = logging.getLogger(__name__)


class FollowedChannel:
    """A channel, its contract, and one stream of its commits that is opened again when it ends.

    While there is no stream, outcomes are asked for one by one.
    """

    def __init__(self, channel: Channel, chaincode: str, endorsers: Sequence[str]) -> None:
        self.channel = channel
        self.contract = channel.contract(chaincode)
        self.follower: CommitFollower | None = None
        self._endorsers = endorsers
        self._substitute_until = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def endorse(self, function: str, *args: str | bytes) -> Transaction:
        """Endorsed by the required organisations, or if one is silent by whom the policy allows.

        Fabric's gateway picks among the layouts of a policy at random; named first, a substitute's
        endorsement says that it did stand in. A silent one is not waited for again at once.
        """
        if self._endorsers and time.monotonic() >= self._substitute_until:
            asked = self.contract.proposal(function, *args, endorsing_orgs=self._endorsers)
            try:
                return await asked.endorse()
            except fabric.EndorseError as error:
                if fabric.chaincode_response(error) is not None or error.retryable:
                    raise
                self._substitute_until = time.monotonic() + SUBSTITUTE_S
                _log.warning("an endorser of %s is silent, others may stand in", self.channel.name)
        return await self.contract.proposal(function, *args).endorse()

    async def submit(self, function: str, *args: str | bytes) -> Committed:
        """Endorse and commit. Raises as `Contract.submit`."""
        transaction = await self.endorse(function, *args)
        return await transaction.commit(follower=self.follower)

    async def _follow(self) -> None:
        while True:
            try:
                async with self.channel.follower() as follower:
                    self.follower = follower
                    await follower.ended()
            except (fabric.FabricError, TimeoutError):
                _log.info("no block stream of %s, asking one by one", self.channel.name)
            finally:
                self.follower = None
            await asyncio.sleep(FOLLOWER_PAUSE_S)
