"""Folding: what slips a listed word through is undone, alike on every machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import BadInput, RuleForbids
from chaincode.rules.wordfilter import WORDS_MAX, find_word, fold, fold_words, require_clean

DISGUISES = [
    "casino",
    "CASINO",
    "ｃａｓｉｎｏ",
    "c a s i n o",
    "c.a-s_i*n~o",
    "ca\u200bsi\u2060no",
    "cas\ufe0fino",
    "ca\u2066si\u2069no",
    "саsіnо",
    "cαsιnο",
    "c@$1n0",
    "caslno",
    "ca$|no",
    "ⓒⓐⓢⓘⓝⓞ",
    "🄲🄰🅂🄸🄽🄾",
    "🅒🅐🅢🅘🅝🅞",
    "🅲🅰🆂🅸🅽🅾",
    "🇨🇦🇸🇮🇳🇴",
    "𝐜𝐚𝐬𝐢𝐧𝐨",
    "ca\u0301sino",
    "casi\u3164no",
    "casi\U000e0041no",
]


@pytest.mark.parametrize("text", DISGUISES)
def test_a_disguised_word_is_the_word(text: str) -> None:
    assert fold(text) == fold("casino")
    with pytest.raises(RuleForbids, match="motion/forbidden-word"):
        require_clean(fold_words(["Casino"]), ["fine", f"a {text} here"])


@pytest.mark.parametrize(
    "text", ["违禁词", "违 禁 词", "违、禁·词", "違"[:0] + "违\u200c禁\ufeff词", "⾔"]
)
def test_ideographs_stay_but_for_what_is_between_them(text: str) -> None:
    assert fold(text) in ("违禁词", "言")


@pytest.mark.parametrize("text", ["cas ino hall", "违禁", "", "词禁违", "🙂"])
def test_what_is_no_listed_word_passes(text: str) -> None:
    words = fold_words(["casinos", "违禁词"])
    require_clean(words, [text])
    assert find_word(words, text) is None


def test_a_refusal_names_places_and_never_the_word() -> None:
    with pytest.raises(RuleForbids) as refused:
        require_clean(fold_words(["bbb", "aaa"]), ["fine", "x bbb"])
    assert refused.value.details == {"text": 1, "word": 1}


def test_younger_characters_are_kept_as_they_are() -> None:
    assert fold("\U0002b740\U0001e900") == "\U0002b740\U0001e900"


def test_a_list_is_folded_sorted_and_bounded() -> None:
    assert fold_words(["B", "a", "b", "Ａ"]) == ("a", "b")
    assert len(fold_words([f"w{n:x}" for n in range(WORDS_MAX)])) <= WORDS_MAX
    with pytest.raises(BadInput, match="words/too-many"):
        fold_words(["x"] * (WORDS_MAX + 1))
    with pytest.raises(BadInput, match="words/empty"):
        fold_words(["x", " -\u200b"])


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=20), st.text(max_size=20))
def test_folding_hides_no_neighbour(left: str, right: str) -> None:
    """A word stays found whatever stands beside it."""
    assert "zzz" in fold(f"{left} zzz {right}")
