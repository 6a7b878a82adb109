"""Lists by pages: a part of what the chaincode answers whole, and where the next part is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from chaincode.model.base import Count
from gateway.errors import Problem
from gateway.routes import Parameter

ROWS_PER_PAGE: Final = 100
ROWS_PER_PAGE_MAX: Final = 500

AFTER: Final = Parameter(name="after", kind=str, says="Begin behind this id.")
LIMIT: Final = Parameter(name="limit", kind=Count, says="At most so many.")
PAGE: Final = (AFTER, LIMIT)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that grows, within an answer; each field of `ids` is a path to a part of a row's id.

    The chaincode answers it sorted by these, for they are the end of the rows' keys.
    """

    name: str
    ids: tuple[str, ...]

    def page(self, answer: bytes, given: Mapping[str, Any]) -> tuple[bytes, str | None]:
        """The answer with one page of its list, and the id behind which the next page begins.

        Raises Problem 400 ``gateway/bad-parameter`` for a limit of nothing.
        """
        limit = min(given.get("limit", ROWS_PER_PAGE), ROWS_PER_PAGE_MAX)
        if limit < 1:
            raise Problem(400, "gateway/bad-parameter", {"name": "limit"})
        document = msgspec.json.decode(answer)
        behind = [row for row in document[self.name] if self._id(row) > given.get("after", "")]
        document[self.name] = page = behind[:limit]
        after = self._id(page[-1]) if len(behind) > limit else None
        return msgspec.json.encode(document), after

    def _id(self, row: Mapping[str, Any]) -> str:
        return "/".join(_at(row, path) for path in self.ids)


class _Next(msgspec.Struct, frozen=True):
    next_after: str | None = None


def named_next(answer: bytes) -> str | None:
    """Behind which id the next page begins, where the chaincode itself gives a page and says so."""
    return msgspec.json.decode(answer, type=_Next).next_after


def next_page(request: web.Request, after: str | None) -> dict[str, str]:
    """The header that leads to the next page, if there is one (RFC 8288)."""
    if after is None:
        return {}
    return {"Link": f'<{request.rel_url.update_query(after=after)}>; rel="next"'}


def _at(row: Mapping[str, Any], path: str) -> str:
    found: Any = row
    for name in path.split("."):
        found = found[name]
    return str(found)
