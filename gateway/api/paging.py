"""Lists in pages: where a page begins and ends, and the way to the next one (RFC 8288).

Most of the chaincode's lists come whole, sorted by what `after` names, and are cut here; a few are
cut by the peer. A page is read anew each time: what comes or goes between two pages moves no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from chaincode.model.base import Id
from gateway.routes import Parameter

PER_PAGE: Final = 100
"""Rows of a page whose limit was not said."""
PER_PAGE_MAX: Final = 1_000
"""Rows that a caller may ask for at once."""

Row = TypeVar("Row")
PageSize = Annotated[int, msgspec.Meta(ge=1, le=PER_PAGE_MAX)]

AFTER: Final = Parameter(name="after", kind=Id, says="Begin behind this id.")
LIMIT: Final = Parameter(name="limit", kind=PageSize, says="At most so many.")


class CutBy(StrEnum):
    """Who makes pages of a list."""

    GATEWAY = "gateway"
    """The peer answers whole."""
    PEER = "peer"
    """The peer takes `after` and `limit`, but does not say whether there is more."""
    PEER_TELLING = "peer-telling"
    """The same, and its answer has `next_after`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How the answer of a query is read in pages.

    `rows` is the field that is the list. `key` are the places, in a row, of what `after` names,
    joined by a colon; the list is sorted by it. `filters` are parameters that name a field of the
    row, and only rows of that value are answered.
    """

    rows: str
    key: tuple[str, ...]
    after: Parameter = AFTER
    limit: Parameter = LIMIT
    cut_by: CutBy = CutBy.GATEWAY
    filters: tuple[Parameter, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What a caller may say."""
        return (*self.filters, self.after, self.limit)

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields for the peer: one row more than wanted tells whether there is another page."""
        if self.cut_by is CutBy.GATEWAY:
            own = {parameter.name for parameter in self.parameters}
            return {name: value for name, value in given.items() if name not in own}
        if self.cut_by is CutBy.PEER:
            return {**given, "limit": given.get("limit", PER_PAGE) + 1}
        return dict(given)

    def cut(self, answer: bytes, given: Mapping[str, Any]) -> tuple[bytes, Any]:
        """The page of the peer's answer, and what the next one begins behind; None for the last.

        A page that is the whole answer is the peer's own bytes.
        """
        if self.cut_by is CutBy.PEER_TELLING:
            return answer, msgspec.json.decode(answer, type=_Told).next_after
        found = msgspec.json.decode(answer)
        rows = found[self.rows]
        wanted = [row for row in rows if self._is_wanted(row, given)]
        page, after = cut(wanted, self._key, given)
        if len(page) == len(rows):
            return answer, None
        return msgspec.json.encode({**found, self.rows: page}), after

    def _is_wanted(self, row: Any, given: Mapping[str, Any]) -> bool:
        names = (one.name for one in self.filters)
        return all(row[name] == given[name] for name in names if name in given)

    def _key(self, row: Any) -> Any:
        parts = [_at(row, place) for place in self.key]
        return parts[0] if len(parts) == 1 else ":".join(parts)


class _Told(msgspec.Struct, frozen=True):
    """What is read of an answer that says itself where to go on."""

    next_after: str | None


def cut(
    rows: Sequence[Row], key: Callable[[Row], Any], given: Mapping[str, Any]
) -> tuple[list[Row], Any]:
    """The rows behind `after`, at most `limit`, and the key to go on behind; None at the end."""
    behind = [row for row in rows if "after" not in given or key(row) > given["after"]]
    limit = given.get("limit", PER_PAGE)
    page = behind[:limit]
    return page, key(page[-1]) if len(behind) > limit else None


def next_page(request: web.Request, **place: Any) -> dict[str, str]:
    """The header that leads on to the page at `place`; none where that is None."""
    known = {name: str(value) for name, value in place.items() if value is not None}
    if not known:
        return {}
    return {"Link": f'<{request.rel_url.update_query(known)}>; rel="next"'}


def _at(row: Any, place: str) -> Any:
    for name in place.split("."):
        row = row[name]
    return row
