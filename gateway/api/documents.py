"""What the service says of itself: the OpenAPI document, a readable page of it, each problem."""

import html
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec
from aiohttp import web

from gateway.access import MATRIX, Who
from gateway.api.answers import json_answer
from gateway.appkeys import PARTS, SENTENCES
from gateway.errors import Problem
from gateway.openapi import openapi
from gateway.parts import Part
from gateway.routes import API, Route

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Commonhold gateway</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:17px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
code{{background:#eef2f2;padding:.1rem .3rem}}dt{{margin-top:1rem}}</style></head>
<body><h1>Commonhold gateway</h1>
<p>The same as a machine reads it: <a href="{api}/openapi.json">openapi.json</a>.</p>
{body}</body></html>
"""
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


async def read_openapi(request: web.Request) -> web.Response:
    """The OpenAPI document."""
    body = msgspec.json.encode(openapi(_routes(request)), order="deterministic")
    return json_answer(request, body, public=True)


async def read_documentation(request: web.Request) -> web.Response:
    """The same, to be read by people."""
    routes = [route for route in _routes(request) if not route.is_page]
    body = "".join(
        f"<h2>{html.escape(tag)}</h2><dl>{''.join(map(_entry, group))}</dl>"
        for tag, group in groupby(sorted(routes, key=_tag), key=_tag)
    )
    headers = {"Content-Security-Policy": _PAGE_POLICY}
    text = _PAGE.format(api=API, body=body)
    return web.Response(text=text, content_type="text/html", headers=headers)


async def read_problem(request: web.Request) -> web.Response:
    """What a problem's code means, in every language."""
    code = f"{request.match_info['noun']}/{request.match_info['condition']}"
    by_language = request.app[SENTENCES].by_language
    found = {name: texts[code] for name, texts in by_language.items() if code in texts}
    if not found:
        raise Problem(404, "gateway/no-such-resource")
    body = msgspec.json.encode({"code": code, "sentences": found})
    return json_answer(request, body, public=True)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A code and its sentence in each language."""

    code: str
    sentences: dict[str, str]


def _routes(request: web.Request) -> Sequence[Route]:
    return [route for part in request.app[PARTS] for route in part.routes]


def _tag(route: Route) -> str:
    return route.tag


def _entry(route: Route) -> str:
    who = MATRIX[route.name]
    readers = "anyone" if Who.ANYONE in who else _list(sorted(who))
    return (
        f"<dt><code>{route.method} {html.escape(route.path)}</code></dt>"
        f"<dd>{html.escape(route.says)} For: {html.escape(readers)}.</dd>"
    )


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)


PART = Part(
    name="documents",
    routes=(
        Route(
            name="read_openapi",
            method="GET",
            path=f"{API}/openapi.json",
            says="This interface as an OpenAPI 3.1 document.",
            tag="service",
            handler=read_openapi,
            answer=dict[str, Any],
        ),
        Route(
            name="read_documentation",
            method="GET",
            path=f"{API}/documentation",
            says="This interface as a page.",
            tag="service",
            handler=read_documentation,
            is_validated=False,
            is_page=True,
        ),
        Route(
            name="read_problem",
            method="GET",
            path=f"{API}/problems/{{noun}}/{{condition}}",
            says="What the code of a problem means.",
            tag="service",
            handler=read_problem,
            answer=Explained,
        ),
    ),
)
