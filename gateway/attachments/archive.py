"""Files and what is known of them, together: put in, given out, fetched from others, swept."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.attachments.links import Links
from gateway.attachments.receive import received
from gateway.attachments.register import Attachment, Register
from gateway.attachments.store import CHUNK_BYTES, FileMissing, Store
from gateway.attachments.types import FILE_TYPES, file_type
from gateway.errors import Problem

FETCH: Final = aiohttp.ClientTimeout(total=120, connect=5, sock_read=20)
LOCKS_COUNT: Final = 64
"""Files with the same first byte modulo this wait for each other while they are put or swept."""

_log = logging.getLogger(__name__)


class Archive:
    """The attachments of one gateway. Raises Problem, DatabaseUnavailable, StoreUnavailable."""

    def __init__(
        self, store: Store, register: Register, spool: Path, clock_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._register = register
        self._spool = spool
        self._clock_ms = clock_ms
        self._locks = [asyncio.Lock() for _ in range(LOCKS_COUNT)]

    async def put(self, chunks: AsyncIterable[bytes], sha256: str, media_type: str) -> Attachment:
        """Verify a file while it arrives and keep it. Raises as `received` does."""
        kind = file_type(media_type)
        async with received(chunks, sha256, kind, self._spool) as file, self._lock(sha256):
            await self._store.keep(sha256, file.path)
            attachment = Attachment(
                sha256=sha256, media_type=media_type, bytes_count=file.bytes_count
            )
            await self._register.add(attachment, self._clock_ms())
        return attachment

    async def find(self, sha256: str) -> tuple[Attachment, AsyncIterator[bytes]] | None:
        """A stored file: what it is, and its pieces."""
        attachment = await self._register.find(sha256)
        if attachment is None:
            return None
        pieces = self._store.read(sha256)
        try:
            first = await anext(pieces, b"")
        except FileMissing:
            await self._register.remove(sha256)
            return None
        return attachment, _chain(first, pieces)

    async def sweep(self) -> int:
        """Remove files that nobody needs any more, and those of interrupted puts; how many."""
        known = set(await self._register.stored())
        found = {sha256 async for sha256 in self._store.hashes()}
        removed = 0
        for sha256 in sorted(known | found):
            async with self._lock(sha256):
                if not await self._register.is_needed(sha256, self._clock_ms()):
                    await self._store.remove(sha256)
                    await self._register.remove(sha256)
                    removed += 1
        return removed

    @asynccontextmanager
    async def _lock(self, sha256: str) -> AsyncIterator[None]:
        """So that a sweep never removes what is being put at the same time."""
        async with self._locks[int(sha256[:2], 16) % LOCKS_COUNT]:
            yield


class OtherGateways:
    """The gateways of the other organisations, asked one after the other."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        bases: Sequence[str],
        links: Links | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._session = session
        self._bases = bases
        self._links = links
        self._clock_ms = clock_ms

    async def fetch(self, archive: Archive, community: str, sha256: str, media_type: str) -> bool:
        """Bring a file here; whether one of them had it. What is not the file is not kept.

        `media_type` is what the ledger says, or empty to take the other gateway's word, which is
        compared with the file like anybody's.
        """
        if self._links is None:
            return False
        for base in self._bases:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                if await self._fetch(archive, base, community, sha256, media_type):
                    return True
        return False

    async def _fetch(
        self, archive: Archive, base: str, community: str, sha256: str, media_type: str
    ) -> bool:
        assert self._links is not None
        link = self._links.make(community, sha256, self._clock_ms())
        place = f"{base.rstrip('/')}/v1/communities/{community}/shared-attachments/{sha256}"
        query: dict[str, Any] = {"until": link.until, "signature": link.signature}
        async with self._session.get(
            place, params=query, timeout=FETCH, allow_redirects=False
        ) as answer:
            kind = media_type or answer.content_type
            if answer.status != 200 or kind not in FILE_TYPES:
                return False
            try:
                await archive.put(answer.content.iter_chunked(CHUNK_BYTES), sha256, kind)
            except Problem as problem:
                _log.warning("a gateway answered with another file: %s", problem.code)
                return False
        return True


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
