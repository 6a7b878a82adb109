"""Sends what subscribers are owed: each in order, one after the other, until it is taken."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import aiohttp

from chaincode.errors import Refusal
from gateway.database import DatabaseUnavailable
from gateway.errors import Problem
from gateway.live.messages import delivery_body
from gateway.live.outside import ANSWER_BYTES_MAX, Outside
from gateway.live.signing import delivery_id, secret_of, signed_headers
from gateway.live.tail import Tail
from gateway.live.webhooks import Webhook, Webhooks
from gateway.projection.answers import LedgerEvent, Position
from gateway.projection.readmodel import ReadModel

PAGE: Final = 50
DATABASE_PAUSE_S: Final = 5.0
RECHECK_S: Final = 30.0
"""A subscriber who waits is looked at so often, whatever else happens."""

_log = logging.getLogger(__name__)


class Refused(Exception):
    """The subscriber did not take a delivery; the text says why."""


class Dispatcher:
    """One worker per subscription. `changed` tells it of new, ended and moved ones, `look` of
    channels that came."""

    def __init__(
        self,
        webhooks: Webhooks,
        model: ReadModel,
        outside: Outside,
        tails: Mapping[str, Tail],
        key: bytes,
        clock_ms: Callable[[], int],
    ) -> None:
        self._webhooks = webhooks
        self._model = model
        self._outside = outside
        self._tails = tails
        self._key = key
        self._clock_ms = clock_ms
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._changed_ids: set[str] = set()

    def changed(self, webhook_id: str) -> None:
        """A subscription was made, ended or moved."""
        self._changed_ids.add(webhook_id)
        self._changed.set()

    def look(self) -> None:
        """There are more channels: some subscriptions may be served only now."""
        self._changed.set()

    async def run(self) -> None:
        """Serve every subscription until cancelled."""
        async with self._outside.session() as session, asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                try:
                    wanted = await self._served_ids()
                except DatabaseUnavailable:
                    await asyncio.sleep(DATABASE_PAUSE_S)
                    continue
                await self._stop(self._changed_ids | (self._workers.keys() - wanted))
                for webhook_id in wanted - self._workers.keys():
                    self._workers[webhook_id] = group.create_task(self._serve(session, webhook_id))
                await self._changed.wait()

    async def _served_ids(self) -> set[str]:
        """Subscriptions of channels that this gateway serves."""
        return {one.id for one in await self._webhooks.all() if one.channel in self._tails}

    async def _stop(self, webhook_ids: set[str]) -> None:
        """End the workers of what was ended or moved; they may be waiting for something else."""
        self._changed_ids = set()
        workers = [self._workers.pop(one) for one in webhook_ids if one in self._workers]
        for worker in workers:
            worker.cancel()
        if workers:
            await asyncio.wait(workers)

    async def deliver(
        self, session: aiohttp.ClientSession, webhook: Webhook, event: LedgerEvent
    ) -> None:
        """One attempt. Raises Refused, DatabaseUnavailable."""
        try:
            body = await delivery_body(self._model, event)
        except Refusal as refusal:  # the read model is being rebuilt
            raise Refused(refusal.code) from refusal
        secret = secret_of(self._key, webhook.id, webhook.generation)
        delivery = delivery_id(webhook.id, str(event.position))
        headers = signed_headers(secret, delivery, self._clock_ms() // 1000, body)
        try:
            url = self._outside.require_url(webhook.url)
            async with session.post(
                url,
                data=body,
                headers={**headers, "Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer:
                await answer.content.read(ANSWER_BYTES_MAX)
                if not 200 <= answer.status < 300:
                    raise Refused(f"status {answer.status}")
        except Problem as problem:
            raise Refused(problem.code) from problem
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Refused(type(error).__name__) from error

    async def redeliver(self, webhook: Webhook, delivery: str) -> None:
        """Deliver a dead letter once more, out of order, and bury it when it is taken.

        Raises Problem 404 ``webhook/unknown``, Refused, DatabaseUnavailable.
        """
        position = await self._webhooks.revive(webhook, delivery)
        before = Position(position.block, position.tx_index, position.event_index - 1)
        events = await self._model.events(webhook.channel, before, limit=1)
        if not events or events[0].position != position:
            raise Problem(404, "webhook/unknown")
        async with self._outside.session() as session:
            await self.deliver(session, webhook, events[0])
        await self._webhooks.bury(webhook, delivery)

    async def _serve(self, session: aiohttp.ClientSession, webhook_id: str) -> None:
        while True:
            try:
                webhook = await self._webhooks.find(webhook_id)
                await self._wait_until_due(webhook)
                end = await self._tails[webhook.channel].wait_until_begun()
                if not await self._send_page(session, webhook):
                    await self._wait_for_events(webhook.channel, end)
            except DatabaseUnavailable:
                await asyncio.sleep(DATABASE_PAUSE_S)
            except Problem:
                return  # it was ended

    async def _send_page(self, session: aiohttp.ClientSession, webhook: Webhook) -> bool:
        """Deliver what is owed, as far as it is taken; whether there is more to do at once."""
        events = await self._model.events(
            webhook.channel, webhook.position, community=webhook.community, limit=PAGE
        )
        for event in events:
            if webhook.wants(event.name):
                try:
                    await self.deliver(session, webhook, event)
                except Refused as refused:
                    _log.info("webhook %s: %s", webhook.id, refused)
                    now = self._clock_ms()
                    await self._webhooks.failed(webhook, event.position, str(refused), now)
                    return True
            await self._webhooks.move(webhook, event.position)
            webhook = await self._webhooks.find(webhook.id)
        return bool(events)

    async def _wait_until_due(self, webhook: Webhook) -> None:
        wait_ms = webhook.next_at - self._clock_ms()
        while wait_ms > 0:
            await asyncio.sleep(min(wait_ms / 1000, RECHECK_S))
            wait_ms = webhook.next_at - self._clock_ms()

    async def _wait_for_events(self, channel: str, end: Position) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                await self._tails[channel].wait_beyond(end)
