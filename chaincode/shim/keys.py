"""Keys, key ranges and composite keys, in the format every Fabric shim uses.

Source: fabric-chaincode-go `shim/stub.go`. A composite key is U+0000, the type, U+0000, then each
part followed by U+0000, so that a simple key can never be taken for a composite one.
"""

from collections.abc import Sequence

from chaincode.shim.errors import KeyFormatError

COMPOSITE_MARK = "\x00"
MAX_CODE_POINT = "\U0010ffff"
FIRST_SIMPLE_KEY = "\x01"


def require_key(key: str) -> None:
    """Refuse a key that is empty or is not text that UTF-8 can carry.

    Raises:
        KeyFormatError: the key cannot be used.
    """
    if not key:
        raise KeyFormatError("a key is empty")
    if not key.isascii():
        _require_utf8(key)


def composite_key(object_type: str, parts: Sequence[str]) -> str:
    """Return the composite key of `object_type` and `parts`.

    Raises:
        KeyFormatError: a part is not UTF-8 text or holds U+0000 or U+10FFFF.
    """
    for part in (object_type, *parts):
        _require_part(part)
    return COMPOSITE_MARK + "".join(part + COMPOSITE_MARK for part in (object_type, *parts))


def split_composite_key(key: str) -> tuple[str, tuple[str, ...]]:
    """Return the type and the parts that `composite_key` joined.

    Raises:
        KeyFormatError: the key is not a composite key.
    """
    marked = key.startswith(COMPOSITE_MARK) and key.endswith(COMPOSITE_MARK) and len(key) > 1
    if not marked:
        raise KeyFormatError("the key is not a composite key")
    object_type, *parts = key[1:-1].split(COMPOSITE_MARK)
    return object_type, tuple(parts)


def simple_range(start: str, end: str) -> tuple[str, str]:
    """Return the range of simple keys from `start` (included) to `end` (not included).

    An empty `start` means the first simple key, so composite keys stay out; an empty `end` means
    no upper limit.

    Raises:
        KeyFormatError: a bound is a composite key or is not UTF-8 text.
    """
    for bound in (start, end):
        _require_utf8(bound)
        if bound.startswith(COMPOSITE_MARK):
            raise KeyFormatError("a bound of a simple range is a composite key")
    return start or FIRST_SIMPLE_KEY, end


def composite_range(object_type: str, parts: Sequence[str]) -> tuple[str, str]:
    """Return the range of every composite key that begins with `object_type` and `parts`."""
    prefix = composite_key(object_type, parts)
    return prefix, prefix + MAX_CODE_POINT


def all_composite_range() -> tuple[str, str]:
    """Return the range of all composite keys of the chaincode."""
    return COMPOSITE_MARK, COMPOSITE_MARK + MAX_CODE_POINT


def key_after(key: str) -> str:
    """Return the least key greater than `key`."""
    return key + "\x00"


def _require_part(part: str) -> None:
    _require_utf8(part)
    if COMPOSITE_MARK in part or MAX_CODE_POINT in part:
        raise KeyFormatError("a part of a composite key holds U+0000 or U+10FFFF")


def _require_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise KeyFormatError("a key is not text that UTF-8 can carry") from None
