"""What a client must know before it can sign: the channel, and which acts there are.

The forms are made from the chaincode's own types (`python -m scripts.actforms`), for a gateway
knows none of its rules. A client checks its fields against them; the chaincode has the last word.
"""

import json
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any, Final

import msgspec
from aiohttp import web

from chaincode.model.base import Id, Module, Role
from chaincode.model.community import Community
from gateway.api.answers import json_answer
from gateway.appkeys import LEDGER
from gateway.ledger import ask
from gateway.parts import Part
from gateway.routes import COMMUNITY, Route

FORMS = web.AppKey("forms", dict[str, Any])


class ActForm(msgspec.Struct, frozen=True, kw_only=True):
    """One act: who may do it, and its own fields as JSON Schema."""

    says: str
    module: Module | None
    roles: tuple[Role, ...]
    fields: dict[str, Any]


class ActForms(msgspec.Struct, frozen=True, kw_only=True, rename={"definitions": "$defs"}):
    """What acts of this community are made of; `channel` and `community` stand in each of them.

    `$defs` are the types that the fields refer to.
    """

    channel: str
    community: Id
    acts: dict[str, ActForm]
    definitions: dict[str, Any]


async def read_forms(request: web.Request) -> web.Response:
    """The acts that the community's modules know."""
    community = request.match_info["community"]
    record = await ask(request.app[LEDGER], community, "community", Community)
    channel = await request.app[LEDGER].channel_of(community)
    known = request.app[FORMS]
    acts = {
        name: form
        for name, form in known["acts"].items()
        if form["module"] is None or form["module"] in record.modules
    }
    document = {"channel": channel, "community": community, "acts": acts, "$defs": known["$defs"]}
    return json_answer(request, msgspec.json.encode(document, order="deterministic"), public=True)


async def _life(app: web.Application) -> AsyncIterator[None]:
    text = (resources.files("gateway.api") / "forms.json").read_text(encoding="utf-8")
    app[FORMS] = json.loads(text)
    yield


PART: Final = Part(
    name="forms",
    life=_life,
    routes=(
        Route(
            name="act_forms",
            method="GET",
            path=f"{COMMUNITY}/acts",
            says="What must be known to sign acts: the channel, the acts and their fields.",
            tag="acts",
            handler=read_forms,
            answer=ActForms,
        ),
    ),
)
