"""One JSON object a line, and nothing in it that names a person.

Requests are logged by the name of their route: paths, queries, headers, bodies and addresses never
are. Of an exception the type and the places are logged, not its words, which may repeat what
somebody sent.
"""

import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from gateway.appkeys import METRICS, REQUEST_ID

FRAMES_MAX: Final = 20

_log = logging.getLogger("gateway.requests")
_FIELDS: Final = ("route", "method", "status", "duration_ms", "request_id", "code")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, words, and the fields that this service's own records carry."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])[-FRAMES_MAX:]
            entry["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
        return json.dumps(entry, ensure_ascii=False)


def configure_logs(level: int = logging.INFO) -> None:
    """Log everything of this process to standard error as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # aiohttp would log a bad request with its first bytes.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def route_name(request: web.Request) -> str:
    """The route's name; "none" for what matched no route."""
    return request.match_info.route.name or "none"


@web.middleware
async def observe(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Count and log each request, and give it an id that its answer carries."""
    request[REQUEST_ID] = uuid4().hex
    started_s = time.perf_counter()
    response = await handler(request)
    duration_s = time.perf_counter() - started_s
    name, metrics = route_name(request), request.app[METRICS]
    metrics.requests.labels(name, request.method, response.status).inc()
    metrics.request_seconds.labels(name).observe(duration_s)
    _log.info(
        "answered",
        extra={
            "route": name,
            "method": request.method,
            "status": response.status,
            "duration_ms": round(duration_s * 1000, 1),
            "request_id": request[REQUEST_ID],
        },
    )
    if not response.prepared:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    return response
