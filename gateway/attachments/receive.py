"""A file as it arrives: measured, compared with its type and its hash before anybody keeps it."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.attachments.types import FileType
from gateway.errors import Problem


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is what it should be, in a temporary place."""

    path: Path
    bytes_count: int


@asynccontextmanager
async def received(
    chunks: AsyncIterable[bytes], sha256: str, kind: FileType, folder: Path
) -> AsyncIterator[Received]:
    """Take in a file below `folder`; it is gone afterwards unless somebody moved it.

    Raises Problem 413 ``attachment/too-large`` as soon as it is, 415 ``attachment/other-type``,
    422 ``attachment/other-hash``.
    """
    descriptor, name = await asyncio.to_thread(tempfile.mkstemp, dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = await _write(chunks, file, sha256, kind)
            await asyncio.to_thread(_sync, file)
        yield Received(path, count)
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one name of a local folder


async def _write(chunks: AsyncIterable[bytes], file: BinaryIO, sha256: str, kind: FileType) -> int:
    digest, check, count = hashlib.sha256(), kind.check(), 0
    async for chunk in chunks:
        count += len(chunk)
        if count > kind.bytes_max:
            raise Problem(413, "attachment/too-large", {"bytes_max": kind.bytes_max})
        if not check.feed(chunk):
            raise Problem(415, "attachment/other-type")
        digest.update(chunk)
        file.write(chunk)
    if not check.finish():
        raise Problem(415, "attachment/other-type")
    if digest.hexdigest() != sha256:
        raise Problem(422, "attachment/other-hash")
    return count


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
