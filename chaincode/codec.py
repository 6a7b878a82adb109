"""Records to bytes and back: one spelling per record, so that all endorsers write the same.

JSON with all names sorted, so that a verifier in any language can write the same bytes; integers,
strings, lists and objects only. Reading is strict: an unknown field, a missing one, a float or a
wrong type is refused.
"""

import binascii
import json
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from chaincode.errors import BadInput
from chaincode.model.base import Record

T = TypeVar("T")

# ValueError: text that is no UTF-8, numbers of thousands of digits.
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_encoder: Final = msgspec.json.Encoder(order="sorted")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


def encode(record: Record) -> bytes:
    """The canonical bytes of a record."""
    return _encoder.encode(record)


def encode_many(records: Sequence[Record]) -> bytes:
    """The canonical bytes of a list of records."""
    return _encoder.encode(records)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read one record of ``kind``.

    Raises BadInput ``input/malformed`` with the reason and the place (``$.field``); the reason
    never repeats the value that was refused.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except _UNREADABLE as error:
        raise BadInput("input/malformed", reason=_reason(error)) from error


def decode_unambiguous(data: bytes, kind: type[T]) -> T:
    """As ``decode``, for what strangers wrote: a field named twice is refused as well.

    Two readers of such an object may see two different values; a signature would cover both.
    Raises BadInput ``input/malformed`` or ``input/duplicate-field``.
    """
    value = decode(data, kind)
    if msgspec.json.encode(value) == data:
        return value
    try:
        if not _is_own_spelling(data):
            json.loads(data, object_pairs_hook=_refuse_duplicates)
    except _UNREADABLE as error:
        raise BadInput("input/malformed", reason=_reason(error)) from error
    return value


def decode_stored(data: bytes, kind: type[T]) -> T:
    """Read what this chaincode wrote; if that fails it is a defect, not a refusal."""
    return msgspec.json.decode(data, type=kind)


def from_base64url(part: bytes, code: str) -> bytes:
    """Decode base64url without padding (RFC 7515, 2); any second spelling of the same bytes is
    refused. Raises BadInput with this code."""
    try:
        data = binascii.a2b_base64(part.translate(_FROM_URL) + b"=" * (-len(part) % 4))
    except binascii.Error:
        raise BadInput(code) from None
    if binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL) != part:
        raise BadInput(code)
    return data


def _is_own_spelling(data: bytes) -> bool:
    """Whether encoding what was read gives these very bytes; then no field was named twice.

    True of what browsers send (compact JSON), and five times as fast as looking at each field.
    """
    return msgspec.json.encode(msgspec.json.decode(data)) == data


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadInput("input/duplicate-field")


def _reason(error: Exception) -> str:
    # An enum error repeats the value; the place alone is enough there.
    text = str(error)
    if text.startswith(("Invalid enum value", "Invalid value")):
        return "Unknown value" + text[text.find(" - at") :] if " - at" in text else "Unknown value"
    return text[:200]
