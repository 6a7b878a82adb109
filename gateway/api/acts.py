"""Signed acts of persons: taken in, carried, answered; and where to ask for one later.

No credential is asked for: the act's own signature says who made it. Asking later takes the nonce,
128 random bits that only its maker and those who carried it know.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web

from chaincode.errors import NotAllowed, NotFound, Refusal
from chaincode.model.act import ACCEPTED, ACT_BYTES_MAX, ActRecord
from chaincode.model.base import Nonce
from chaincode.model.credential import Credential
from gateway.acts import (
    Act,
    KeyBook,
    KeyFinder,
    read_act,
    require_here_and_now,
    require_signature,
)
from gateway.api.answers import json_answer, transaction_headers
from gateway.appkeys import BATCHER, CLOCK_MS, LEDGER, RATE_LIMITS, SETTINGS
from gateway.batcher import BatchSection, Place, place_of
from gateway.carrier import Accepted
from gateway.database import DatabaseUnavailable
from gateway.errors import GatewayError, OutcomeUnknown, Problem
from gateway.ledger import Ledger, ask
from gateway.parts import Part
from gateway.problems import pending_response
from gateway.projection.keys import READ_MODEL
from gateway.routes import COMMUNITY, Route

MEDIA_TYPE: Final = "application/jose"
"""A compact JWS (RFC 7515, 9.2.1)."""
KEY_BOOK = web.AppKey("key_book", KeyBook)
ACT_S_MAX: Final = 60.0


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted act: its identity and the transaction that first accepted it.

    `block_number` is left out when it had been accepted before.
    """

    sha256: str
    code: str
    tx_id: str
    block_number: int | None = None


async def send_act(request: web.Request) -> web.StreamResponse:
    """Carry an act; the answer comes after the commit.

    The same act again gets the same answer. 202 when the outcome is not known in time.
    """
    if request.content_type != MEDIA_TYPE:
        raise Problem(415, "gateway/media-type")
    act = read_act(await request.read())
    await _require_acceptable(request, act)
    try:
        async with asyncio.timeout(request.app[SETTINGS].of(BatchSection).answer_s):
            accepted = await request.app[BATCHER].send(act)
    except (TimeoutError, OutcomeUnknown):
        return _pending(place_of(act))
    headers = transaction_headers(accepted.tx_id, accepted.block_number)
    return json_answer(request, _encode(accepted), headers=headers)


async def read_sent_act(request: web.Request) -> web.StreamResponse:
    """What became of an act: accepted, still under way (202), refused, or never seen."""
    info = request.match_info
    place = (info["community"], info["credential_id"], info["nonce"])
    try:
        record = await ask(
            request.app[LEDGER],
            place[0],
            "accepted_act",
            ActRecord,
            credential_id=place[1],
            nonce=place[2],
        )
    except NotFound as not_found:
        return _not_accepted(request, place, not_found)
    answer = ActAnswer(sha256=record.sha256, code=ACCEPTED, tx_id=record.tx_id)
    return json_answer(request, msgspec.json.encode(answer))


def _not_accepted(request: web.Request, place: Place, not_found: NotFound) -> web.StreamResponse:
    batcher = request.app[BATCHER]
    if batcher.is_under_way(place):
        return _pending(place)
    ended: Refusal | GatewayError = batcher.ended(place) or not_found
    if isinstance(ended, OutcomeUnknown):
        return _pending(place)
    raise ended


async def _require_acceptable(request: web.Request, act: Act) -> None:
    """Turn away before it costs a transaction what the chaincode would refuse."""
    community = request.match_info["community"]
    app = request.app
    app[RATE_LIMITS].require_credential(community, act.credential_id)
    channel = await app[LEDGER].channel_of(community)
    require_here_and_now(act, channel=channel, community=community, now_ms=app[CLOCK_MS]())
    require_signature(act, await app[KEY_BOOK].key(community, act.credential_id))


def _encode(accepted: Accepted) -> bytes:
    answer = ActAnswer(
        sha256=accepted.sha256,
        code=ACCEPTED,
        tx_id=accepted.tx_id,
        block_number=accepted.block_number,
    )
    return msgspec.json.encode(answer)


def _pending(place: Place) -> web.Response:
    community, credential_id, nonce = place
    root = COMMUNITY.format(community=community)
    return pending_response("", f"{root}/acts/{credential_id}/{nonce}")


async def _life(app: web.Application) -> AsyncIterator[None]:
    app[KEY_BOOK] = KeyBook(_finder(app))
    yield


def _finder(app: web.Application) -> KeyFinder:
    """Keys from the read model, which costs the peer nothing; those it does not have yet, from
    the ledger."""

    async def find(community: str, credential_id: str) -> str:
        found = await _read_credential(app, community, credential_id)
        return (found or await _ask_credential(app[LEDGER], community, credential_id)).public_key

    return find


async def _read_credential(
    app: web.Application, community: str, credential_id: str
) -> Credential | None:
    model = app.get(READ_MODEL)
    if model is None:
        return None
    try:
        _, row = await model.record(community, f"{community}/credential/{credential_id}")
    except (NotFound, DatabaseUnavailable):
        return None
    return None if row is None else msgspec.convert(row.value, type=Credential)


async def _ask_credential(ledger: Ledger, community: str, credential_id: str) -> Credential:
    try:
        return await ask(ledger, community, "credential", Credential, credential_id=credential_id)
    except NotFound as refusal:
        if refusal.code != "credential/not-found":
            raise
        raise NotAllowed("credential/unknown") from None


PART = Part(
    name="acts",
    life=_life,
    routes=(
        Route(
            name="submit_acts",
            method="POST",
            path=f"{COMMUNITY}/acts",
            says="Carries one signed act of a person and answers after the commit.",
            tag="acts",
            handler=send_act,
            body_media_type=MEDIA_TYPE,
            body_bytes_max=ACT_BYTES_MAX,
            answer=ActAnswer,
            may_be_unknown=True,
            answer_s_max=ACT_S_MAX,
        ),
        Route(
            name="accepted_act",
            method="GET",
            path=f"{COMMUNITY}/acts/{{credential_id}}/{{nonce}}",
            says="What became of an act.",
            tag="acts",
            handler=read_sent_act,
            path_kinds={"nonce": Nonce},
            answer=ActAnswer,
            may_be_unknown=True,
        ),
    ),
)
