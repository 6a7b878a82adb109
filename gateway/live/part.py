"""Live events as a part of the service: the stream, the subscriptions, and what feeds both."""

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.paging import LIMIT, PER_PAGE, cut, next_page
from gateway.api.rows import read_body, read_parameters
from gateway.appkeys import CLOCK_MS, READER, SETTINGS, STOPPING
from gateway.errors import Problem
from gateway.live.dispatcher import Dispatcher, Refused
from gateway.live.outside import URL_CHARS_MAX, Outside
from gateway.live.package import ResultPackage, result_package
from gateway.live.signing import KEY_BYTES_MIN, secret_of
from gateway.live.stream import HEADERS, Places, Stream
from gateway.live.tail import Tail, Tails
from gateway.live.webhooks import DeadLetter, EventName, Webhook, Webhooks
from gateway.parts import Part
from gateway.projection.answers import Position, parse_position
from gateway.projection.keys import PROJECTOR, READ_MODEL
from gateway.projection.readmodel import BEGINNING
from gateway.routes import COMMUNITY, Parameter, Route
from gateway.settings import Section, SettingsError, secret_file_findings

EVENT_NAMES_MAX: Final = 60
FOLLOWED_RETRY_S: Final = 2
"""When to ask again for the events of a channel that is not followed yet."""
BlockNumber = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
DeliveryId = Annotated[str, msgspec.Meta(pattern=r"\Amsg_[0-9a-f]{32}\Z")]
PositionText = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,16}(:[0-9]{1,16}){2}\Z")]

_log = logging.getLogger(__name__)


class LiveSection(Section, frozen=True):
    """Whom webhooks may reach, and the key that signs them."""

    name = "live"
    webhook_key_file: Path | None = None
    """At least 32 bytes, mode 0600; without it this gateway has no webhooks."""
    webhook_networks: tuple[str, ...] = ()
    """Private networks that may be sent to, such as ``10.20.0.0/16``."""
    webhook_plain_http: bool = False

    def findings(self) -> list[str]:
        """Networks must be networks; the key must be nobody else's to read."""
        found = []
        for text in self.webhook_networks:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                found.append(f"webhook_networks: {text} is not a network")
        if self.webhook_key_file is not None:
            found += secret_file_findings("webhook_key_file", self.webhook_key_file)
        return found

    def outside(self) -> Outside:
        """What these settings allow."""
        networks = [ipaddress.ip_network(text) for text in self.webhook_networks]
        return Outside(networks, plain_http=self.webhook_plain_http)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the handlers need."""

    tails: Mapping[str, Tail]
    places: Places
    webhooks: Webhooks
    outside: Outside
    key: bytes | None
    dispatcher: Dispatcher | None

    def signer(self) -> tuple[bytes, Dispatcher]:
        """The key and who uses it. Raises Problem 503 ``webhook/no-key``."""
        if self.key is None or self.dispatcher is None:
            raise Problem(503, "webhook/no-key")
        return self.key, self.dispatcher


LIVE = web.AppKey("live", Live)


class MakeWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A subscription; no `events` means all."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=URL_CHARS_MAX)]
    events: Annotated[tuple[EventName, ...], msgspec.Meta(max_length=EVENT_NAMES_MAX)] = ()


class MadeWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A new subscription and its secret, which is told only here."""

    webhook: Webhook
    secret: str


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which block on everything is delivered again."""

    from_block: BlockNumber


async def stream_events(request: web.Request) -> web.StreamResponse:
    """The community's events as they are committed."""
    given = read_parameters(request, _STREAM_PARAMETERS)
    live, reader = request.app[LIVE], request[READER]
    community = request.match_info["community"]
    position = _resume(request.headers.get("Last-Event-ID") or given.get("after"))
    channel = (await request.app[READ_MODEL].as_of(community)).channel
    tail = live.tails.get(channel)
    if tail is None:  # read before, and not followed yet since the start
        raise Problem(503, "gateway/network-busy", retry_after_s=FOLLOWED_RETRY_S)
    live.places.take(reader.credential_id)
    try:
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        stream = Stream(response, reader, community, tail)
        await stream.run(request.app[READ_MODEL], position, request.app[STOPPING])
    finally:
        live.places.give_back(reader.credential_id)
    return response


async def make_webhook(request: web.Request) -> web.Response:
    """Subscribe a system to the community's events."""
    live = request.app[LIVE]
    key, dispatcher = live.signer()
    given = await read_body(request, MakeWebhook)
    live.outside.require_url(given["url"])
    community, now = request.match_info["community"], request.app[CLOCK_MS]()
    webhook = await live.webhooks.make(community, given["url"], given["events"], now)
    dispatcher.changed(webhook.id)
    secret = secret_of(key, webhook.id, webhook.generation)
    made = MadeWebhook(webhook=webhook, secret=secret)
    return json_answer(request, msgspec.json.encode(made), headers={"Cache-Control": "no-store"})


async def list_webhooks(request: web.Request) -> web.Response:
    """The community's subscriptions at this gateway and how far each is."""
    read_parameters(request, ())
    found = await request.app[LIVE].webhooks.all(request.match_info["community"])
    return json_answer(request, msgspec.json.encode(found))


async def end_webhook(request: web.Request) -> web.Response:
    """End a subscription."""
    live, webhook = request.app[LIVE], await _webhook(request)
    await live.webhooks.end(webhook.id)
    if live.dispatcher is not None:
        live.dispatcher.changed(webhook.id)
    return json_answer(request, msgspec.json.encode(webhook))


async def replay_webhook(request: web.Request) -> web.Response:
    """Deliver everything from a block on again."""
    live = request.app[LIVE]
    _, dispatcher = live.signer()
    given = await read_body(request, Replay)
    webhook = await _webhook(request)
    await live.webhooks.replay(webhook, given["from_block"])
    dispatcher.changed(webhook.id)
    return json_answer(request, msgspec.json.encode(await live.webhooks.find(webhook.id)))


async def list_dead_letters(request: web.Request) -> web.Response:
    """Deliveries that were given up."""
    given = read_parameters(request, _DEAD_LETTER_PARAMETERS)
    place = parse_position(given["after"]) if "after" in given else BEGINNING
    limit = given.get("limit", PER_PAGE)
    found = await request.app[LIVE].webhooks.dead_letters(
        await _webhook(request), after=place, limit=limit + 1
    )
    page, after = cut(found, lambda letter: letter.position, {"limit": limit})
    headers = next_page(request, after=after)
    return json_answer(request, msgspec.json.encode(page), headers=headers)


async def redeliver_dead_letter(request: web.Request) -> web.Response:
    """Deliver what was given up once more, now."""
    _, dispatcher = request.app[LIVE].signer()
    webhook = await _webhook(request)
    try:
        await dispatcher.redeliver(webhook, request.match_info["delivery_id"])
    except Refused as refused:
        raise Problem(502, "webhook/refused", {"reason": str(refused)}) from refused
    return json_answer(request, msgspec.json.encode(webhook))


async def read_package(request: web.Request) -> web.Response:
    """What an office's own system is handed of a final result."""
    read_parameters(request, ())
    place = request.match_info
    found = await result_package(request.app[READ_MODEL], place["community"], place["motion_id"])
    if found is None:
        raise Problem(404, "gateway/no-such-resource")
    return json_answer(request, msgspec.json.encode(found, order="sorted"))


async def life(app: web.Application) -> AsyncIterator[None]:
    """Keep the tails and serve the subscriptions while the service lives."""
    section, model, projector = app[SETTINGS].of(LiveSection), app[READ_MODEL], app[PROJECTOR]
    tails = Tails(projector, model)
    webhooks, outside = Webhooks(model), section.outside()
    key = _key(section.webhook_key_file)
    dispatcher = None
    tasks = []
    if key is not None:
        dispatcher = Dispatcher(webhooks, model, outside, tails.by_channel, key, app[CLOCK_MS])
        tasks.append(asyncio.create_task(dispatcher.run()))
    when_grown = dispatcher.look if dispatcher else _nobody_waits
    tasks.append(asyncio.create_task(tails.run(when_grown)))
    app[LIVE] = Live(
        tails=tails.by_channel,
        places=Places(),
        webhooks=webhooks,
        outside=outside,
        key=key,
        dispatcher=dispatcher,
    )
    for task in tasks:
        task.add_done_callback(_tell_of_defect)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _nobody_waits() -> None:
    """Without webhooks."""


def _tell_of_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("live events have stopped", exc_info=task.exception())


def _key(file: Path | None) -> bytes | None:
    if file is None:
        return None
    key = file.read_bytes().strip()
    if len(key) < KEY_BYTES_MIN:
        raise SettingsError(["[live] webhook_key_file holds too short a key"])
    return key


def _resume(text: str | None) -> Position | None:
    try:
        return None if text is None else parse_position(text)
    except ValueError:
        raise Problem(400, "gateway/bad-parameter", {"name": "Last-Event-ID"}) from None


async def _webhook(request: web.Request) -> Webhook:
    place = request.match_info
    return await request.app[LIVE].webhooks.find(place["webhook_id"], place["community"])


_STREAM_PARAMETERS: Final = (
    Parameter(
        name="after",
        kind=PositionText,
        says="Begin behind this event (block:transaction:event); Last-Event-ID goes before.",
    ),
)
_DEAD_LETTER_PARAMETERS: Final = (
    Parameter(
        name="after", kind=PositionText, says="Begin behind this event (block:transaction:event)."
    ),
    LIMIT,
)
_HOOKS: Final = f"{COMMUNITY}/webhooks"
_HOOK: Final = f"{_HOOKS}/{{webhook_id}}"
_TAG: Final = "webhooks"

PART = Part(
    name="live",
    sections=(LiveSection,),
    life=life,
    routes=(
        Route(
            name="stream_events",
            method="GET",
            path=f"{COMMUNITY}/events",
            says="The community's events as they are committed (server-sent events).",
            tag="live",
            handler=stream_events,
            parameters=_STREAM_PARAMETERS,
            answer_media_type="text/event-stream",
            is_validated=False,
            answer_s_max=None,
        ),
        Route(
            name="make_webhook",
            method="POST",
            path=_HOOKS,
            says="Subscribes a system to the community's events.",
            tag=_TAG,
            handler=make_webhook,
            body=MakeWebhook,
            answer=MadeWebhook,
        ),
        Route(
            name="list_webhooks",
            method="GET",
            path=_HOOKS,
            says="The subscriptions at this gateway, and how far each is.",
            tag=_TAG,
            handler=list_webhooks,
            answer=tuple[Webhook, ...],
        ),
        Route(
            name="end_webhook",
            method="DELETE",
            path=_HOOK,
            says="Ends a subscription.",
            tag=_TAG,
            handler=end_webhook,
            answer=Webhook,
        ),
        Route(
            name="replay_webhook",
            method="POST",
            path=f"{_HOOK}/replay",
            says="Delivers everything from a block on again.",
            tag=_TAG,
            handler=replay_webhook,
            body=Replay,
            answer=Webhook,
        ),
        Route(
            name="list_dead_letters",
            method="GET",
            path=f"{_HOOK}/dead-letters",
            says="Deliveries that were given up.",
            tag=_TAG,
            handler=list_dead_letters,
            parameters=_DEAD_LETTER_PARAMETERS,
            is_paged=True,
            answer=tuple[DeadLetter, ...],
        ),
        Route(
            name="redeliver_dead_letter",
            method="POST",
            path=f"{_HOOK}/dead-letters/{{delivery_id}}/redelivery",
            says="Delivers what was given up once more.",
            tag=_TAG,
            handler=redeliver_dead_letter,
            answer=Webhook,
            path_kinds={"delivery_id": DeliveryId},
        ),
        Route(
            name="result_package",
            method="GET",
            path=f"{COMMUNITY}/motions/{{motion_id}}/package",
            says="The certificate, the documents and the hashes of a final result.",
            tag="certificates",
            handler=read_package,
            answer=ResultPackage,
        ),
    ),
)
