"""A small index of words that both databases hold alike.

Neither SQLite's nor PostgreSQL's own full text search parts Chinese text into words without an
extension. So a run of Han characters becomes its single characters and its pairs, anything else
its words without case and accents, and every word of a query must be there.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

WORD_CHARS_MAX: Final = 40
WORDS_MAX: Final = 600
"""Of one record: a title of 200 characters has at most 400 words."""
TEXTS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "motion": (("content", "title"), ("content", "options", "label")),
    "bulletin": (("content", "title"),),
    "budget": (("purpose",),),
    "payment": (("purpose",),),
    "disclosure": (("title",), ("content", "title")),
}
"""Where the texts of a record are that people search, by its kind."""
_RUN: Final = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+")


def words_of(kind: str, value: Any) -> set[str]:
    """The words under which a record is found."""
    texts = [text for path in TEXTS.get(kind, ()) for text in _texts(value, path)]
    return set(sorted({word for text in texts for word in words(text)})[:WORDS_MAX])


def words(text: str) -> set[str]:
    """The words of a text."""
    found: set[str] = set()
    for run in _RUN.findall(_folded(text)):
        if _is_han(run):
            found.update(run)
            found.update(run[at : at + 2] for at in range(len(run) - 1))
        else:
            found.add(run[:WORD_CHARS_MAX])
    return found


def query_words(text: str) -> set[str]:
    """The words that a text must have to be found by this query: pairs instead of characters
    where there are any."""
    found: set[str] = set()
    for run in _RUN.findall(_folded(text)):
        if _is_han(run) and len(run) > 1:
            found.update(run[at : at + 2] for at in range(len(run) - 1))
        else:
            found.add(run[:WORD_CHARS_MAX])
    return found


def _is_han(run: str) -> bool:
    return "\u3400" <= run[0] <= "\u9fff"


def _folded(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _texts(value: Any, path: tuple[str, ...]) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item, path)]
    if not path:
        return [value] if isinstance(value, str) else []
    return _texts(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else []
