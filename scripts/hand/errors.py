"""What ends a call of the hand without success; each knows its exit status and says one line.

HandError
├── BadInput        exit 2: an argument, a file or a field is wrong; nothing was sent
├── Unreachable     exit 2: no gateway answered, and nothing can have happened
├── Refused         exit 1: the answer is no, with its code
└── NotKnown        exit 3: it may have happened or not; ask again with the same bytes
"""

from collections.abc import Mapping
from typing import Any


class HandError(Exception):
    """Base of what the hand raises on purpose."""

    exit_status = 2


class BadInput(HandError):
    """An argument, a file or a field is wrong; nothing was sent."""


class Unreachable(HandError):
    """No gateway answered, and nothing can have happened."""


class Refused(HandError):
    """The answer is no.

    `code` is ``noun/condition``, `sentence` says it in the language asked for.
    """

    exit_status = 1

    def __init__(
        self, status: int, code: str, sentence: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.sentence = sentence
        self.details = dict(details or {})
        super().__init__(f"refused: {code} ({status}). {sentence}".rstrip())


class NotKnown(HandError):
    """It may have happened or not; asking again with the same bytes does no harm."""

    exit_status = 3
