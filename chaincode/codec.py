"""Records to bytes and back: one spelling per record, so that all endorsers write the same.

JSON with sorted keys (msgspec, ``order="deterministic"``); integers, strings, lists and objects
only. Reading is strict: an unknown field, a missing one, a float or a wrong type is refused.
"""

from typing import Final, TypeVar

import msgspec

from chaincode.errors import BadInput
from chaincode.model.base import Record

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder(order="deterministic")


def encode(value: Record | list[Record] | dict[str, object]) -> bytes:
    """The canonical bytes of a record."""
    return _encoder.encode(value)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read one record of ``kind``.

    Raises BadInput ``input/malformed`` with the reason and the place (``$.field``); the reason
    never repeats the value that was refused.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("input/malformed", reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    # An enum error repeats the value; the place alone is enough there.
    text = str(error)
    if text.startswith("Invalid enum value") or text.startswith("Invalid value"):
        return "Unknown value" + text[text.find(" - at") :] if " - at" in text else "Unknown value"
    return text[:200]
