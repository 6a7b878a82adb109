"""The sensitive-word filter: texts and words are folded alike, then compared.

Folding undoes what people do to slip a word through: width and compatibility forms and
accents (NFKD), case, spaces, punctuation and invisible characters between the letters, and
letters that look like others.

Every endorser must fold alike, whatever Python it runs. Python's Unicode tables grow with each
release, so folding reads only the Unicode 3.2 tables that every Python carries unchanged
(`unicodedata.ucd_3_2_0`, kept for RFC 3454) and the tables below; characters younger than that
stay as they are unless listed here.
"""

from collections.abc import Sequence
from typing import Final
from unicodedata import ucd_3_2_0

from chaincode.errors import BadInput, RuleForbids

WORDS_MAX: Final = 5_000

_IGNORED: Final = (
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Invisible characters (Default_Ignorable_Code_Point) that Unicode 3.2 does not call so."""

_LETTERED: Final = (0x1F110, 0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
"""First of 26 enclosed or flag letters each, younger than Unicode 3.2."""

_LOOKALIKES: Final = {
    **dict(zip("аеорсухіјѕԁһӏк", "aeopcyxijsdhik", strict=True)),
    **dict(zip("вмнт", "bmht", strict=True)),
    **dict(zip("αεικνορτυχ", "aeikvoptux", strict=True)),
    **dict(zip("ıɑɡ", "iag", strict=True)),
    **dict(zip("015@$|", "oisasi", strict=True)),
    "l": "i",
    "〇": "o",
}
"""Cyrillic, Greek and other letters, digits and signs that pass for a Latin letter."""

_KEPT: Final = ("L", "N", "Cn")
"""Letters, numbers, and what Unicode 3.2 does not know (younger ideographs)."""


def fold(text: str) -> str:
    """The text as the filter compares it; folding twice changes nothing."""
    plain = ucd_3_2_0.normalize("NFKD", "".join(map(_plain_letter, text)))
    lowered = "".join(map(_lower, plain))
    likened = (_LOOKALIKES.get(char, char) for char in lowered)
    return "".join(char for char in likened if _is_kept(char))


def fold_words(words: Sequence[str]) -> tuple[str, ...]:
    """A community's word list, folded, sorted and each word once.

    Raises BadInput `words/too-many`, `words/empty` (a word of which folding leaves nothing).
    """
    if len(words) > WORDS_MAX:
        raise BadInput("words/too-many", count=len(words), count_max=WORDS_MAX)
    folded = {fold(word) for word in words}
    if "" in folded:
        raise BadInput("words/empty")
    return tuple(sorted(folded))


def require_clean(words: Sequence[str], texts: Sequence[str]) -> None:
    """Refuse texts that hold a word of the list.

    `words` are folded. Raises RuleForbids `motion/forbidden-word` with the places of text and
    word in their lists, never the word itself.
    """
    for text_index, text in enumerate(texts):
        word_index = find_word(words, text)
        if word_index is not None:
            raise RuleForbids("motion/forbidden-word", text=text_index, word=word_index)


def find_word(words: Sequence[str], text: str) -> int | None:
    """The place in the list of the first of the folded `words` that the text holds, or None."""
    folded = fold(text)
    return next((index for index, word in enumerate(words) if word in folded), None)


def _plain_letter(char: str) -> str:
    code = ord(char)
    for first in _LETTERED:
        if first <= code < first + 26:
            return chr(ord("a") + code - first)
    return char


def _lower(char: str) -> str:
    # Case pairs of characters that Unicode 3.2 knows are stable; younger ones are left alone.
    return char if ucd_3_2_0.category(char) == "Cn" else char.lower()


def _is_kept(char: str) -> bool:
    if any(first <= ord(char) <= last for first, last in _IGNORED):
        return False
    return ucd_3_2_0.category(char).startswith(_KEPT)
