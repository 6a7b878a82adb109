"""What a route is. Each part lists its own rows; the application, the limits, the access table and
the OpenAPI document are all made from the same list.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from chaincode.model.base import Id, Org

API: Final = "/v1"
COMMUNITY: Final = "/v1/communities/{community}"
BODY_BYTES_MAX: Final = 64 * 1024
"""Of a request, unless its route says otherwise."""
ANSWER_S_MAX: Final = 30.0
"""A handler is given so long, unless its route says otherwise."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guard = Callable[[web.Request], Awaitable[None]]
"""Looks closer at who asks than the access table does; raises Problem 403."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter; `kind` is a type that msgspec reads from text."""

    name: str
    kind: Any
    says: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint. `name` is its operation id and its row in `gateway.access.MATRIX`.

    `body` is the type of a JSON request, `body_media_type` says if it is something else. `answer`
    is the type of the JSON answer, None for `answer_media_type` alone, which is empty where there
    is nothing to say (204). `orgs` lists whose gateways offer it; empty for all. `path_kinds` types
    the path's parts, which are ids by default. `is_page` leaves it out of the OpenAPI document.
    """

    name: str
    method: str
    path: str
    says: str
    tag: str
    handler: Handler
    body: Any = None
    body_media_type: str = "application/json"
    answer: Any = None
    answer_media_type: str = "application/json"
    parameters: tuple[Parameter, ...] = ()
    path_kinds: Mapping[str, Any] = field(default_factory=dict)
    orgs: tuple[Org, ...] = ()
    guard: Guard | None = None
    may_be_unknown: bool = False
    """Whether it can answer 202 with the place to ask later."""
    body_bytes_max: int = BODY_BYTES_MAX
    answer_s_max: float | None = ANSWER_S_MAX
    """None for streams."""
    is_validated: bool = True
    """Whether a GET's answer has an ETag, so that who has it already gets 304."""
    is_paged: bool = False
    """Whether its answer may lead on to a next page, by the Link header."""
    is_page: bool = False

    @property
    def path_names(self) -> tuple[str, ...]:
        """The names in the path's braces, in order."""
        parts = self.path.split("{")[1:]
        return tuple(part.split("}")[0].split(":")[0] for part in parts)

    def path_kind(self, name: str) -> Any:
        """The type of one part of the path."""
        return self.path_kinds.get(name, Id)

    @property
    def is_transaction(self) -> bool:
        """Whether its answer tells of a transaction that it made, and names it in the headers."""
        return self.may_be_unknown and self.method != "GET"


def by_name(routes: Sequence[Route]) -> dict[str, Route]:
    """The routes by name. Raises ValueError for two of one name, or of one method and path."""
    named = {route.name: route for route in routes}
    places = {(route.method, route.path) for route in routes}
    if len(named) != len(routes) or len(places) != len(routes):
        raise ValueError("two routes have one name, or one method and path")
    return named
