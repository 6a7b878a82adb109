"""A sentence for every code, in Chinese and in English: what happened, why, what to do.

Each language is a JSON file beside this module, written by hand. A test compares them with the
codes that exist: none is missing, none is left over.
"""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Final

LANGUAGES: Final = ("zh", "en")
"""The first one answers who asks for neither."""


class Sentences:
    """The sentences of all languages."""

    def __init__(self, by_language: Mapping[str, Mapping[str, str]]) -> None:
        self.by_language = by_language

    def of(self, code: str, language: str) -> str:
        """The sentence for a code; for one that nobody wrote a sentence for, the code itself."""
        return self.by_language[language].get(code, code)


def load_sentences() -> Sentences:
    """Read the files that ship."""
    folder = resources.files(__name__)
    return Sentences(
        {
            language: json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
            for language in LANGUAGES
        }
    )


def preferred_language(accept_language: str) -> str:
    """The language of an Accept-Language header (RFC 9110, 12.5.4) that comes first in weight."""
    best, weight_of_best = LANGUAGES[0], 0.0
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.split("-")[0].lower()
        weight = _weight(parameters)
        if language in LANGUAGES and weight > weight_of_best:
            best, weight_of_best = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
