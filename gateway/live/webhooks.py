"""Subscriptions: who is told of which events, how far each is, and what was given up.

A subscription is a position among the community's events. What is behind it is owed, so nothing
is lost in a crash; what was sent just before one is sent again under the same delivery id.
"""

import secrets
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from chaincode.model.base import INT_MAX
from gateway.database import Row, Work
from gateway.errors import Problem
from gateway.live.signing import delivery_id
from gateway.projection.answers import Position
from gateway.projection.readmodel import ReadModel

WEBHOOKS_MAX: Final = 20
"""Of one community at one gateway."""
ATTEMPTS_MAX: Final = 12
BACKOFF_FIRST_MS: Final = 1_000
BACKOFF_MAX_MS: Final = 60 * 60 * 1000

EventName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z]{1,60}\Z")]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription; without `events` it is told of all. `attempts` have failed since the last
    delivery, and the next is made at `next_at`."""

    id: str
    community: str
    channel: str
    url: str
    events: tuple[EventName, ...]
    generation: int
    position: Position
    attempts: int
    next_at: int
    made_at: int

    def wants(self, event_name: str) -> bool:
        """Whether the filter lets the event through."""
        return not self.events or event_name in self.events


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up; it can be asked for once more."""

    delivery_id: str
    position: Position
    attempts: int
    reason: str
    at: int


def backoff_ms(attempts: int) -> int:
    """The wait after so many failed attempts: one second, doubled each time, at most an hour."""
    return min(BACKOFF_FIRST_MS << (attempts - 1), BACKOFF_MAX_MS)


class Webhooks:
    """The tables of subscriptions. Every call raises DatabaseUnavailable."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model

    async def make(
        self, community: str, url: str, events: tuple[EventName, ...], now: int
    ) -> Webhook:
        """Subscribe from the present end of the community's channel on.

        Raises NotFound ``community/unknown``, Problem 409 ``webhook/too-many``.
        """
        as_of = await self._model.as_of(community)
        webhook = Webhook(
            id=secrets.token_hex(8),
            community=community,
            channel=as_of.channel,
            url=url,
            events=tuple(sorted(set(events))),
            generation=1,
            position=Position(as_of.block, INT_MAX, INT_MAX),
            attempts=0,
            next_at=0,
            made_at=now,
        )

        async def work(work: Work) -> None:
            rows = await work.rows(
                "SELECT count(*) AS n FROM webhook WHERE community = $1", community
            )
            if rows[0]["n"] >= WEBHOOKS_MAX:
                raise Problem(409, "webhook/too-many", {"count_max": WEBHOOKS_MAX})
            places = ", ".join(f"${place + 1}" for place in range(len(_values(webhook))))
            await work.rows(f"INSERT INTO webhook VALUES ({places})", *_values(webhook))  # noqa: S608

        await self._model.run(work)
        return webhook

    async def all(self, community: str = "") -> Sequence[Webhook]:
        """All subscriptions, or those of a community."""

        async def work(work: Work) -> Sequence[Webhook]:
            rows = await work.rows(
                "SELECT * FROM webhook WHERE $1 = '' OR community = $1 ORDER BY made_at, id",
                community,
            )
            return [_webhook(row) for row in rows]

        return await self._model.run(work)

    async def find(self, webhook_id: str, community: str = "") -> Webhook:
        """One subscription. Raises Problem 404 ``webhook/unknown``."""

        async def work(work: Work) -> Webhook:
            rows = await work.rows(
                "SELECT * FROM webhook WHERE id = $1 AND ($2 = '' OR community = $2)",
                webhook_id,
                community,
            )
            if not rows:
                raise Problem(404, "webhook/unknown")
            return _webhook(rows[0])

        return await self._model.run(work)

    async def end(self, webhook_id: str) -> None:
        """End a subscription and forget its dead letters."""

        async def work(work: Work) -> None:
            await work.rows("DELETE FROM dead_letter WHERE webhook_id = $1", webhook_id)
            await work.rows("DELETE FROM webhook WHERE id = $1", webhook_id)

        await self._model.run(work)

    async def move(self, webhook: Webhook, position: Position) -> None:
        """Everything up to `position` is done, unless the subscription was moved meanwhile."""
        await self._update(webhook, position, attempts=0, next_at=0)

    async def replay(self, webhook: Webhook, from_block: int) -> None:
        """Go back (or on) to the beginning of a block; all since then is delivered again."""

        async def work(work: Work) -> None:
            await work.rows(
                "UPDATE webhook SET block = $2, tx_index = $3, event_index = $3, attempts = 0, "
                "next_at = 0 WHERE id = $1",
                webhook.id,
                from_block - 1,
                INT_MAX,
            )

        await self._model.run(work)

    async def failed(self, webhook: Webhook, position: Position, reason: str, now: int) -> None:
        """An attempt at the event at `position` failed: wait, or give it up and go on."""
        attempts = webhook.attempts + 1
        if attempts < ATTEMPTS_MAX:
            next_at = now + backoff_ms(attempts)
            await self._update(webhook, webhook.position, attempts=attempts, next_at=next_at)
            return

        async def work(work: Work) -> None:
            await work.rows(
                "INSERT INTO dead_letter VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
                "ON CONFLICT (webhook_id, block, tx_index, event_index) "
                "DO UPDATE SET reason = excluded.reason, at = excluded.at",
                webhook.id,
                *_numbers(position),
                delivery_id(webhook.id, str(position)),
                attempts,
                reason,
                now,
            )
            await _set(work, webhook, position, attempts=0, next_at=0)

        await self._model.run(work)

    async def dead_letters(
        self, webhook: Webhook, *, after: Position, limit: int
    ) -> Sequence[DeadLetter]:
        """What was given up of the events behind `after`, oldest first, at most `limit`."""

        async def work(work: Work) -> Sequence[DeadLetter]:
            rows = await work.rows(
                "SELECT * FROM dead_letter WHERE webhook_id = $1 "
                "AND (block, tx_index, event_index) > ($2, $3, $4) "
                "ORDER BY block, tx_index, event_index LIMIT $5",
                webhook.id,
                *_numbers(after),
                limit,
            )
            return [_dead_letter(row) for row in rows]

        return await self._model.run(work)

    async def revive(self, webhook: Webhook, delivery: str) -> Position:
        """The event of a dead letter. Raises Problem 404 ``webhook/unknown``."""

        async def work(work: Work) -> Position:
            rows = await work.rows(
                "SELECT * FROM dead_letter WHERE webhook_id = $1 AND delivery_id = $2",
                webhook.id,
                delivery,
            )
            if not rows:
                raise Problem(404, "webhook/unknown")
            return _position(rows[0])

        return await self._model.run(work)

    async def bury(self, webhook: Webhook, delivery: str) -> None:
        """A dead letter was delivered after all."""

        async def work(work: Work) -> None:
            await work.rows(
                "DELETE FROM dead_letter WHERE webhook_id = $1 AND delivery_id = $2",
                webhook.id,
                delivery,
            )

        await self._model.run(work)

    async def _update(
        self, webhook: Webhook, position: Position, *, attempts: int, next_at: int
    ) -> None:
        async def work(work: Work) -> None:
            await _set(work, webhook, position, attempts=attempts, next_at=next_at)

        await self._model.run(work)


async def _set(
    work: Work, webhook: Webhook, position: Position, *, attempts: int, next_at: int
) -> None:
    """Only from where it was read: a replay asked for meanwhile stands."""
    await work.rows(
        "UPDATE webhook SET block = $2, tx_index = $3, event_index = $4, attempts = $5, "
        "next_at = $6 WHERE id = $1 AND block = $7 AND tx_index = $8 AND event_index = $9",
        webhook.id,
        *_numbers(position),
        attempts,
        next_at,
        *_numbers(webhook.position),
    )


def _numbers(position: Position) -> tuple[int, int, int]:
    return position.block, position.tx_index, position.event_index


def _values(webhook: Webhook) -> tuple[object, ...]:
    events = ",".join(webhook.events)
    place = (webhook.id, webhook.community, webhook.channel, webhook.url, events)
    times = (webhook.attempts, webhook.next_at, webhook.made_at)
    return (*place, webhook.generation, *_numbers(webhook.position), *times)


def _position(row: Row) -> Position:
    return Position(row["block"], row["tx_index"], row["event_index"])


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=row["id"],
        community=row["community"],
        channel=row["channel"],
        url=row["url"],
        events=tuple(row["events"].split(",")) if row["events"] else (),
        generation=row["generation"],
        position=_position(row),
        attempts=row["attempts"],
        next_at=row["next_at"],
        made_at=row["made_at"],
    )


def _dead_letter(row: Row) -> DeadLetter:
    return DeadLetter(
        delivery_id=row["delivery_id"],
        position=_position(row),
        attempts=row["attempts"],
        reason=row["reason"],
        at=row["at"],
    )
