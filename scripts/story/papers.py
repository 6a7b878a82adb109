"""Documents of the demo: texts, quotes, a plan and photos, made here byte for byte the same."""

import struct
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
SIDE: Final = 64
PDF: Final = "application/pdf"
PNG: Final = "image/png"
TEXT: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Paper:
    """A file and what it is."""

    data: bytes
    media_type: str

    @property
    def sha256(self) -> str:
        """Its name on the ledger."""
        return sha256(self.data).hexdigest()

    def document(self) -> dict[str, Any]:
        """As the ledger names it."""
        return {
            "sha256": self.sha256,
            "bytes_count": len(self.data),
            "media_type": self.media_type,
        }


def text(words: str) -> Paper:
    """A plain text."""
    return Paper(words.encode(), TEXT)


def letter(*lines: str) -> Paper:
    """A one-page PDF with these lines (ISO 32000-1); Latin letters only."""
    shown = "".join(f"({line}) Tj T*\n" for line in lines)
    stream = f"BT /F1 14 Tf 72 760 Td 20 TL\n{shown}ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    trailer = (
        f"xref\n0 {count}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    )
    return Paper((body + trailer).encode("ascii"), PDF)


def picture(red: int, green: int, blue: int) -> Paper:
    """A PNG (RFC 2083) of a barred gate before this background."""
    rows = b"".join(
        b"\0"
        + b"".join(
            bytes((40, 40, 40)) if x % 8 == 0 or y in (8, SIDE - 8) else bytes((red, green, blue))
            for x in range(SIDE)
        )
        for y in range(SIDE)
    )
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return Paper(PNG_SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks), PNG)


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
