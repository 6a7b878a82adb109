"""Every way a request can fail, as one kind of answer: problem+json (RFC 9457).

A refusal of the chaincode keeps its code, status and details. `type` is a place that explains the
code in both languages, `detail` is its sentence in the language asked for.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from chaincode.errors import Detail, Refusal
from gateway.appkeys import REQUEST_ID, SENTENCES
from gateway.errors import Busy, NotApplied, NotEndorsed, OutcomeUnknown, Problem
from gateway.identity.codes import CODES as IDENTITY_CODES
from gateway.routes import API
from gateway.sentences import preferred_language

MEDIA_TYPE: Final = "application/problem+json"
BUSY_RETRY_AFTER_S: Final = 1

CODES: Final[Mapping[str, int]] = {
    "gateway/bad-parameter": 400,
    "gateway/no-credential": 401,
    "gateway/bad-token": 401,
    "gateway/not-for-you": 403,
    "gateway/other-community": 403,
    "gateway/other-office": 403,
    "gateway/no-such-resource": 404,
    "gateway/no-such-transaction": 404,
    "gateway/method-not-allowed": 405,
    "gateway/conflict": 409,
    "gateway/body-too-large": 413,
    "gateway/media-type": 415,
    "gateway/too-many-requests": 429,
    "gateway/defect": 500,
    "gateway/not-endorsed": 502,
    "gateway/contract-failed": 502,
    "gateway/network-busy": 503,
    "gateway/full": 503,
    "gateway/stopping": 503,
    "gateway/timeout": 504,
    "gateway/database-unavailable": 503,
    "attachment/unknown": 404,
    "attachment/length-missing": 411,
    "attachment/too-large": 413,
    "attachment/type-not-taken": 415,
    "attachment/other-type": 415,
    "attachment/other-hash": 422,
    "attachment/too-many-drafts": 429,
    "attachment/bad-link": 403,
    "attachment/store-unavailable": 503,
    "webhook/unknown": 404,
    "webhook/bad-address": 422,
    "webhook/too-many": 409,
    "webhook/refused": 502,
    "webhook/no-key": 503,
    "certificate/no-font": 503,
    **IDENTITY_CODES,
}
"""The gateway's own codes with their statuses; all others are the chaincode's."""

_OF_STATUS: Final = {
    404: "gateway/no-such-resource",
    405: "gateway/method-not-allowed",
    413: "gateway/body-too-large",
}
_log = logging.getLogger(__name__)


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457, 3.1, with the code and the details as members of our own."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    details: dict[str, Detail]
    request_id: str


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome is not known yet; ask at the place that the Location header names."""

    state: str
    tx_id: str


def problem_code(error: Exception) -> Problem:
    """Any failure as status, code and details. What is not listed is a defect."""
    match error:
        case Problem():
            return error
        case Refusal():
            return Problem(error.status, error.code, error.details)
        case Busy():
            return Problem(503, "gateway/network-busy", retry_after_s=BUSY_RETRY_AFTER_S)
        case NotEndorsed():
            return Problem(
                502, "gateway/contract-failed" if error.is_defect else "gateway/not-endorsed"
            )
        case NotApplied():
            return Problem(409, "gateway/conflict", {"tx_id": error.tx_id, "reason": error.reason})
        case TimeoutError():
            return Problem(504, "gateway/timeout")
        case web.HTTPException():
            return Problem(error.status, _OF_STATUS.get(error.status, "gateway/bad-parameter"))
        case _:
            return Problem(500, "gateway/defect")


def problem_response(request: web.Request, problem: Problem) -> web.Response:
    """The answer for a problem, in the language that the request prefers."""
    language = preferred_language(request.headers.get("Accept-Language", ""))
    document = ProblemDocument(
        type=f"{API}/problems/{problem.code}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=request.app[SENTENCES].of(problem.code, language),
        code=problem.code,
        details=problem.details,
        request_id=request[REQUEST_ID],
    )
    headers = {"Content-Language": language, "Cache-Control": "no-store"}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=msgspec.json.encode(document),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=headers,
    )


def pending_response(tx_id: str, location: str) -> web.Response:
    """202: it may be done or not; `location` will know."""
    return web.Response(
        body=msgspec.json.encode(Pending(state="pending", tx_id=tx_id)),
        status=HTTPStatus.ACCEPTED,
        content_type="application/json",
        headers={"Location": location, "Retry-After": "1", "Cache-Control": "no-store"},
    )


@web.middleware
async def answer_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer, once, here."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return problem_response(request, problem_code(error))
    except OutcomeUnknown as error:
        community = request.match_info.get("community", "")
        return pending_response(
            error.tx_id, f"{API}/communities/{community}/transactions/{error.tx_id}"
        )
    except Exception as error:
        problem = problem_code(error)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.exception("a handler failed")
        return problem_response(request, problem)
