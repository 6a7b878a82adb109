"""Files for the tests of attachments."""

import hashlib

from tests.support.postgres import either_database, postgres_server

__all__ = ["either_database", "postgres_server"]

PDF = b"%PDF-1.7\n" + b"the notice, signed\n" * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
