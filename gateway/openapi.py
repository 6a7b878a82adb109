"""The OpenAPI 3.1 document, made from the routes and the records they name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from chaincode.model.base import Count
from gateway.access import MATRIX, Who
from gateway.problems import MEDIA_TYPE, Pending, ProblemDocument
from gateway.routes import Route

VERSION: Final = "3.1.0"
_REFERENCE: Final = "#/components/schemas/{name}"
_HEADER: Final = "#/components/headers/{name}"
_PYTHON_ANCHORS: Final = re.compile(r"\\A|\\Z")

HEADERS: Final[Mapping[str, tuple[Any, str]]] = {
    "ETag": (str, "Names this very answer; in If-None-Match it gets 304."),
    "Link": (str, "The next page (RFC 8288), as long as there is more."),
    "Location": (str, "Where to ask what became of it."),
    "Retry-After": (Count, "Seconds to wait, where waiting helps."),
    "X-Transaction-Id": (str, "The transaction on the ledger."),
    "X-Block-Number": (Count, "The block that holds it."),
}
"""The headers that say something of an answer, beside those of HTTP itself."""
UNAVAILING: Final[Mapping[str, tuple[str, str]]] = {
    "429": ("TooManyRequests", "Too many requests of one address or credential."),
    "503": ("Unavailable", "The network, the database or the service has no room or is away."),
}
"""What any route may answer before its handler is reached: who asks is counted and looked up."""


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document; pages are left out."""
    listed = [route for route in routes if not route.is_page]
    types = [kind for route in listed for kind in _types(route)] + [ProblemDocument, Pending]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    of_type = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, of_type)
    document = {
        "openapi": VERSION,
        "info": {
            "title": "Commonhold gateway",
            "version": "1",
            "description": "Owners decide together and see where their money goes.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": {
                name: {"description": says, "schema": msgspec.json.schema(kind)}
                for name, (kind, says) in HEADERS.items()
            },
            "responses": {
                name: _problem(says, of_type, "Retry-After") for name, says in UNAVAILING.values()
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-commonhold"},
            },
        },
    }
    found = _with_json_patterns(document)
    assert isinstance(found, dict)
    return found


def _types(route: Route) -> list[Any]:
    """Everything that the description of a route refers to."""
    bodies = [kind for kind in (route.body, route.answer) if kind is not None]
    path = [route.path_kind(name) for name in route.path_names]
    return [*bodies, *path, *(parameter.kind for parameter in route.parameters)]


def _operation(route: Route, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.says,
        "tags": [route.tag],
        "parameters": _path_parameters(route, schema_of) + _query_parameters(route, schema_of),
        "responses": _responses(route, schema_of),
    }
    if Who.ANYONE not in MATRIX[route.name]:
        operation["security"] = [{"bearer": []}, {"session": []}]
    if route.body is not None or route.body_media_type != "application/json":
        schema = schema_of[repr(route.body)] if route.body is not None else {"type": "string"}
        content = {route.body_media_type: {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(route: Route, schema_of: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schema_of[repr(route.path_kind(name))],
        }
        for name in route.path_names
    ]


def _query_parameters(route: Route, schema_of: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.required,
            "description": parameter.says,
            "schema": schema_of[repr(parameter.kind)],
        }
        for parameter in route.parameters
    ]


def _responses(route: Route, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.answer is None and not route.answer_media_type:
        responses["204"] = {"description": "Done."}
    else:
        schema = schema_of[repr(route.answer)] if route.answer is not None else None
        content = {route.answer_media_type: {} if schema is None else {"schema": schema}}
        headers = _headers(*_names_of(route))
        responses["200"] = {"description": "Done.", "headers": headers, "content": content}
    if route.method == "GET" and route.is_validated:
        headers = _headers(*_names_of(route))
        responses["304"] = {"description": "As the ETag says.", "headers": headers}
    if route.may_be_unknown:
        responses["202"] = {
            "description": "Not known yet; see Location.",
            "headers": _headers("Location", "Retry-After"),
            "content": {"application/json": {"schema": schema_of[repr(Pending)]}},
        }
    for status, (name, _) in UNAVAILING.items():
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    responses["default"] = _problem("A problem, with its code.", schema_of)
    return responses


def _names_of(route: Route) -> list[str]:
    """The headers with which a route answers what was asked for."""
    is_sent = {
        "ETag": route.method == "GET" and route.is_validated,
        "Link": route.is_paged,
        "X-Transaction-Id": route.is_transaction,
        "X-Block-Number": route.is_transaction,
    }
    return [name for name, sent in is_sent.items() if sent]


def _problem(says: str, schema_of: Mapping[str, Any], *headers: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": schema_of[repr(ProblemDocument)]}}
    return {"description": says, "headers": _headers(*headers), "content": content}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": _HEADER.format(name=name)} for name in names}


def _with_json_patterns(value: Any) -> Any:
    """Patterns as ECMA-262 writes them: it knows neither \\A nor \\Z."""
    if isinstance(value, dict):
        return {
            key: _json_pattern(item) if key == "pattern" else _with_json_patterns(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_json_patterns(item) for item in value]
    return value


def _json_pattern(item: Any) -> Any:
    if not isinstance(item, str):
        return _with_json_patterns(item)
    return _PYTHON_ANCHORS.sub(lambda match: "^" if match[0] == r"\A" else "$", item)
