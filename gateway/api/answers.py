"""How a route answers with JSON: with a validator, so that who has it already gets 304."""

import hashlib
from typing import Final

from aiohttp import web

ETAG_CHARS: Final = 32


def json_answer(
    request: web.Request,
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    public: bool = False,
) -> web.Response:
    """The body; a GET's with its ETag (RFC 9110, 8.8.3), or 304 when the request names that one."""
    all_headers = {
        "Cache-Control": "no-cache" if public else "private, no-cache",
        **(headers or {}),
    }
    if request.method == "GET":
        etag = hashlib.sha256(body).hexdigest()[:ETAG_CHARS]
        all_headers["ETag"] = f'"{etag}"'
        if has_already(request, etag):
            return web.Response(status=304, headers=all_headers)
    return web.Response(body=body, content_type="application/json", headers=all_headers)


def has_already(request: web.Request, etag: str) -> bool:
    """Whether who asks has the answer of this ETag."""
    return any(tag.value in (etag, "*") for tag in request.if_none_match or ())


def transaction_headers(tx_id: str, block_number: int | None) -> dict[str, str]:
    """Where what was asked for stands on the ledger; the block only where it is known."""
    block = {} if block_number is None else {"X-Block-Number": str(block_number)}
    return {"X-Transaction-Id": tx_id, **block}
