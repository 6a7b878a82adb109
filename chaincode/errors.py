"""Every way the chaincode says no. Anybody may import this; it imports nothing of ours.

    Refusal
    ├── BadInput     400  the request cannot be read, or does not belong here
    ├── NotAllowed   403  the caller may not do this
    ├── NotFound     404  what the request names does not exist
    ├── Conflict     409  the wrong phase, or something else is recorded already
    └── RuleForbids  422  a rule of the community or of the law says no

Checks run in that order, so that all endorsers refuse alike. A defect is a 500 and is never
raised by hand. Codes are ``noun/condition``; details hold ids and numbers only, never names
or payload.
"""

import json
from typing import ClassVar, Final

Detail = int | str

CODE_CHARS_MAX: Final = 80
DETAIL_CHARS_MAX: Final = 200


class Refusal(Exception):
    """The chaincode says no: a stable ``code``, an HTTP-like ``status``, and ``details``."""

    status: ClassVar[int]

    def __init__(self, code: str, /, **details: Detail) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    @property
    def message(self) -> str:
        """The answer's message: the code, and the details as one line of JSON if there are any."""
        if not self.details:
            return self.code
        return f"{self.code} {json.dumps(self.details, sort_keys=True, ensure_ascii=False)}"

    def __str__(self) -> str:
        return self.message


class BadInput(Refusal):
    """The request cannot be read, or was made for another place or time."""

    status = 400


class NotAllowed(Refusal):
    """The caller is not who may do this."""

    status = 403


class NotFound(Refusal):
    """What the request names does not exist."""

    status = 404


class Conflict(Refusal):
    """The wrong phase, or something different is on record under this id."""

    status = 409


class RuleForbids(Refusal):
    """The request is well formed and allowed, but a rule says no."""

    status = 422


REFUSALS: Final[dict[int, type[Refusal]]] = {
    kind.status: kind for kind in (BadInput, NotAllowed, NotFound, Conflict, RuleForbids)
}


def parse_refusal(status: int, message: str) -> Refusal | None:
    """Read a refusal back from a chaincode answer; None when the answer is not one of ours."""
    kind = REFUSALS.get(status)
    code, _, rest = message.partition(" ")
    if kind is None or "/" not in code:
        return None
    try:
        details = json.loads(rest) if rest else {}
    except ValueError:
        return None
    return kind(code, **details) if isinstance(details, dict) else None
