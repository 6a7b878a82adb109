"""Which files are taken, how large, and how their first bytes must look.

A file is never opened, unpacked or executed; what it claims to be is compared with its signature,
so that a browser is not made to guess.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.errors import Problem

MIB: Final = 1024 * 1024
HEAD_BYTES: Final = 16


class Check(Protocol):
    """Looks at a file as it streams by."""

    def feed(self, chunk: bytes) -> bool:
        """False when the file cannot be of its type."""
        ...

    def finish(self) -> bool:
        """The same at its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileType:
    """One media type. `parts` maps places in the file's head to what must stand there; text has
    none. `is_shown` if a browser may show it in place."""

    media_type: str
    suffix: str
    bytes_max: int
    parts: Mapping[int, bytes]
    is_shown: bool = False

    def check(self) -> Check:
        """A check for one file."""
        return _Signature(self.parts) if self.parts else _Utf8Text()


class _Signature:
    def __init__(self, parts: Mapping[int, bytes]) -> None:
        self._parts = parts
        self._head = b""

    def feed(self, chunk: bytes) -> bool:
        if len(self._head) >= HEAD_BYTES:
            return True
        self._head += chunk[:HEAD_BYTES]
        return len(self._head) < HEAD_BYTES or self.finish()

    def finish(self) -> bool:
        return all(self._head[at : at + len(part)] == part for at, part in self._parts.items())


class _Utf8Text:
    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, chunk: bytes) -> bool:
        try:
            return "\0" not in self._decoder.decode(chunk)
        except UnicodeDecodeError:
            return False

    def finish(self) -> bool:
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True


_ZIP: Final = {0: b"PK\x03\x04"}
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
FILE_TYPES: Final[Mapping[str, FileType]] = {
    one.media_type: one
    for one in (
        FileType(
            media_type="application/pdf",
            suffix="pdf",
            bytes_max=30 * MIB,
            parts={0: b"%PDF-"},
            is_shown=True,
        ),
        FileType(
            media_type="image/png",
            suffix="png",
            bytes_max=10 * MIB,
            parts={0: b"\x89PNG\r\n\x1a\n"},
            is_shown=True,
        ),
        FileType(
            media_type="image/jpeg",
            suffix="jpg",
            bytes_max=10 * MIB,
            parts={0: b"\xff\xd8\xff"},
            is_shown=True,
        ),
        FileType(
            media_type="image/webp",
            suffix="webp",
            bytes_max=10 * MIB,
            parts={0: b"RIFF", 8: b"WEBP"},
            is_shown=True,
        ),
        FileType(media_type="text/plain", suffix="txt", bytes_max=MIB, parts={}),
        FileType(
            media_type=f"{_OFFICE}wordprocessingml.document",
            suffix="docx",
            bytes_max=20 * MIB,
            parts=_ZIP,
        ),
        FileType(
            media_type=f"{_OFFICE}spreadsheetml.sheet",
            suffix="xlsx",
            bytes_max=20 * MIB,
            parts=_ZIP,
        ),
        FileType(media_type="application/ofd", suffix="ofd", bytes_max=20 * MIB, parts=_ZIP),
    )
}
"""OFD is the document format of Chinese offices (GB/T 33190), a ZIP archive like DOCX and XLSX."""
BYTES_MAX: Final = max(one.bytes_max for one in FILE_TYPES.values())


def file_type(media_type: str) -> FileType:
    """The type of this name. Raises Problem 415 ``attachment/type-not-taken``."""
    found = FILE_TYPES.get(media_type)
    if found is None:
        raise Problem(415, "attachment/type-not-taken")
    return found
