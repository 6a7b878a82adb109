"""Whether what a service sends is in its OpenAPI document: statuses, and the headers of our own."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.openapi import HEADERS, openapi
from gateway.routes import Route


class Declared:
    """Looks at every answer of an application and keeps what the document does not have."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes
        self._document: Any = None
        self._seen: set[tuple[str, int, frozenset[str]]] = set()
        self.undeclared: list[str] = []

    async def look(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`."""
        route = self._routes.get(request.match_info.route.name or "")
        if route is None or route.is_page:
            return
        sent = frozenset(name for name in HEADERS if name in response.headers)
        if (place := (route.name, response.status, sent)) not in self._seen:
            self._seen.add(place)
            self.undeclared += self._faults(route, response.status, sent)

    def _faults(self, route: Route, status: int, sent: frozenset[str]) -> list[str]:
        answers = self._operation(route)["responses"]
        if str(status) not in answers and status < 400:
            return [f"{route.name}: {status}"]
        answer = self._resolved(answers.get(str(status), answers["default"]))
        missing = sorted(sent - set(answer.get("headers", {})))
        return [f"{route.name}: {status} with {name}" for name in missing]

    def _operation(self, route: Route) -> Any:
        if self._document is None:
            self._document = json.loads(json.dumps(openapi(list(self._routes.values()))))
        return self._document["paths"][route.path][route.method.lower()]

    def _resolved(self, answer: Any) -> Any:
        if "$ref" in answer:
            return self._document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
        return answer
