"""Which documents a record names by their hashes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
NOT_DOCUMENTS: Final = frozenset(
    {
        "account_sha256",
        "act_sha256",
        "ballots_sha256",
        "device_sha256",
        "figures_sha256",
        "import_sha256",
        "key_sha256",
        "result_sha256",
    }
)
"""Hashes of something that is no file: they must not let a file be kept."""


@dataclass(frozen=True, slots=True)
class NamedHash:
    """A file named by its hash; media type and size where the record states them."""

    sha256: str
    media_type: str = ""
    bytes_count: int = 0


def named_hashes(value: Any) -> Iterator[NamedHash]:
    """Every document in a record: `Document` records, and fields that end in ``_sha256``."""
    if isinstance(value, list):
        for item in value:
            yield from named_hashes(item)
    elif isinstance(value, dict):
        yield from _of_object(value)
        for item in value.values():
            yield from named_hashes(item)


def _of_object(value: dict[str, Any]) -> Iterator[NamedHash]:
    for name, text in value.items():
        if not isinstance(text, str) or not _SHA256.match(text):
            continue
        if name == "sha256" and "media_type" in value:
            yield NamedHash(text, value["media_type"], value["bytes_count"])
        elif name.endswith("_sha256") and name not in NOT_DOCUMENTS:
            yield NamedHash(text)
