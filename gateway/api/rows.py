"""Rows of the tables: one call of the chaincode as one endpoint.

A row names the path, who says it, and the fields with their types; the handler, the limits and the
OpenAPI document follow. The name of the row is the name of the call. Answers pass through as the
peer gave them, byte for byte.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from chaincode import codec
from chaincode.errors import BadInput
from chaincode.model.base import Org
from gateway.api.answers import json_answer, transaction_headers
from gateway.api.paging import Page, next_page
from gateway.appkeys import LEDGER
from gateway.errors import Problem
from gateway.ledger import Stated
from gateway.routes import (
    ANSWER_S_MAX,
    BODY_BYTES_MAX,
    COMMUNITY,
    Guard,
    Handler,
    Parameter,
    Route,
)

STATEMENT_S_MAX = 90.0
"""A transaction is tried anew after conflicts and asked for when unacknowledged."""

Fields = Mapping[str, Any]
"""Field name to type, or to a pair of type and default."""


def body(name: str, /, **fields: Any) -> Any:
    """The type of a request's JSON: a field without a default must be given."""
    return _struct(name, fields)


def view(name: str, /, **fields: Any) -> Any:
    """The type of an answer that is no record of the ledger but made of such."""
    return _struct(name, fields)


def many(kind: Any) -> Any:
    """The type of a list of views."""
    return tuple[kind, ...]


def query(
    name: str,
    path: str,
    says: str,
    tag: str,
    answer: Any,
    *,
    parameters: tuple[Parameter, ...] = (),
    page: Page | None = None,
    guard: Guard | None = None,
    path_kinds: Mapping[str, Any] | None = None,
) -> Route:
    """A query: its fields are parts of the path and query parameters. `page` for a long list."""
    parameters += page.parameters if page is not None else ()
    return Route(
        name=name,
        method="GET",
        path=COMMUNITY + path,
        says=says,
        tag=tag,
        handler=_querying(name, parameters, page, path_kinds or {}),
        answer=answer,
        parameters=parameters,
        is_paged=page is not None,
        path_kinds=path_kinds or {},
        guard=guard,
    )


def statement(
    name: str,
    path: str,
    says: str,
    tag: str,
    answer: Any,
    /,
    *,
    orgs: tuple[Org, ...] = (),
    method: str = "POST",
    body_bytes_max: int = BODY_BYTES_MAX,
    path_kinds: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Route:
    """A transaction of the organisation; `fields` are those of its body, if it has one.

    `orgs` are the organisations that may make it; empty for all.
    """
    kind = body("".join(part.title() for part in name.split("_")), **fields) if fields else None
    return Route(
        name=name,
        method=method,
        path=COMMUNITY + path,
        says=says,
        tag=tag,
        handler=_stating(name, kind, path_kinds or {}),
        body=kind,
        answer=answer,
        orgs=orgs or tuple(Org),
        path_kinds=path_kinds or {},
        may_be_unknown=True,
        body_bytes_max=body_bytes_max,
        answer_s_max=max(STATEMENT_S_MAX, ANSWER_S_MAX),
    )


async def read_body(request: web.Request, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a JSON body.

    Raises Problem 415 ``gateway/media-type``; BadInput ``input/malformed``,
    ``input/duplicate-field``.
    """
    if request.content_type != "application/json":
        raise Problem(415, "gateway/media-type")
    given = codec.decode_unambiguous(await request.read(), kind)
    return msgspec.structs.asdict(given)


def read_parameters(request: web.Request, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The query parameters that were given, each once and of its type.

    Raises Problem 400 ``gateway/bad-parameter`` for any other.
    """
    known = {parameter.name: parameter for parameter in parameters}
    found: dict[str, Any] = {}
    for name, text in request.query.items():
        if name not in known or name in found:
            raise Problem(400, "gateway/bad-parameter")
        try:
            found[name] = msgspec.convert(text, type=known[name].kind, strict=False)
        except msgspec.ValidationError:
            raise Problem(400, "gateway/bad-parameter", {"name": name}) from None
    missing = [name for name, one in known.items() if one.required and name not in found]
    if missing:
        raise Problem(400, "gateway/bad-parameter", {"name": missing[0]})
    return found


def path_fields(request: web.Request, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the path but the community, each of its type (str unless `kinds` says)."""
    return {
        name: msgspec.convert(text, type=kinds.get(name, str), strict=False)
        for name, text in request.match_info.items()
        if name != "community"
    }


def stated_response(request: web.Request, stated: Stated) -> web.Response:
    """A committed transaction: the chaincode's answer, and where it stands."""
    headers = transaction_headers(stated.tx_id, stated.block_number)
    return json_answer(request, stated.answer, headers=headers)


def _querying(
    name: str, parameters: tuple[Parameter, ...], page: Page | None, kinds: Mapping[str, Any]
) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        given = read_parameters(request, parameters)
        fields = path_fields(request, kinds) | (given if page is None else page.asked(given))
        answer = await request.app[LEDGER].query(request.match_info["community"], name, fields)
        if page is None:
            return json_answer(request, answer)
        answer, after = page.cut(answer, given)
        return json_answer(request, answer, headers=next_page(request, after=after))

    return handler


def _stating(name: str, kind: type[msgspec.Struct] | None, kinds: Mapping[str, Any]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        read_parameters(request, ())
        fields = path_fields(request, kinds)
        if kind is not None:
            fields |= await read_body(request, kind)
        elif request.can_read_body and await request.read():
            raise BadInput("input/malformed", reason="this request has no body")
        stated = await request.app[LEDGER].transact(request.match_info["community"], name, fields)
        return stated_response(request, stated)

    return handler


def _struct(name: str, fields: Fields) -> type[msgspec.Struct]:
    listed = [
        (field, *kind) if isinstance(kind, tuple) else (field, kind)
        for field, kind in fields.items()
    ]
    return msgspec.defstruct(
        name, listed, frozen=True, kw_only=True, forbid_unknown_fields=True, module=__name__
    )
