"""Composite keys and ranges, for any text a key may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.shim.errors import KeyFormatError
from chaincode.shim.keys import (
    all_composite_range,
    composite_key,
    composite_range,
    key_after,
    simple_range,
    split_composite_key,
)

PART = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=["\x00", "\U0010ffff"]), max_size=8
)
PARTS = st.lists(PART, max_size=4)


@given(PART, PARTS)
def test_splitting_undoes_joining(object_type: str, parts: list[str]) -> None:
    key = composite_key(object_type, parts)
    assert split_composite_key(key) == (object_type, tuple(parts))


@given(PART, PARTS, PART, PARTS)
def test_a_range_holds_exactly_the_keys_with_its_parts(
    object_type: str, parts: list[str], other_type: str, other_parts: list[str]
) -> None:
    start, end = (bound.encode() for bound in composite_range(object_type, parts))
    key = composite_key(other_type, other_parts).encode()
    is_below = other_type == object_type and other_parts[: len(parts)] == parts
    assert (start <= key < end) == is_below


@given(PART, PARTS)
def test_no_open_range_of_simple_keys_holds_a_composite_key(
    object_type: str, parts: list[str]
) -> None:
    key = composite_key(object_type, parts)
    first, last = all_composite_range()
    assert key < simple_range("", "")[0]
    assert first <= key < last


@given(PART, PART)
def test_nothing_lies_between_a_key_and_the_next(key: str, other: str) -> None:
    assert not key.encode() < other.encode() < key_after(key).encode()


@pytest.mark.parametrize("part", ["\x00", "a\x00b", "\U0010ffff", "\ud800"])
def test_parts_that_would_blur_the_key_are_refused(part: str) -> None:
    with pytest.raises(KeyFormatError):
        composite_key("type", [part])
    with pytest.raises(KeyFormatError):
        composite_key(part, [])
