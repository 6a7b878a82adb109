"""Where files are kept by their hashes: a folder, or a bucket that speaks S3.

Names are made of the hash alone, so nothing a client sends becomes part of a path.
"""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from aiobotocore.session import get_session  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from gateway.errors import Problem

CHUNK_BYTES: Final = 64 * 1024
CONNECT_S: Final = 5.0
READ_S: Final = 30.0
TRIES_MAX: Final = 3
RETRY_AFTER_S: Final = 5
_PREFIX: Final = "attachments/"


class FileMissing(LookupError):
    """The store does not hold the file."""


class StoreUnavailable(Problem):
    """The store does not answer: 503 ``attachment/store-unavailable``."""

    def __init__(self) -> None:
        super().__init__(503, "attachment/store-unavailable", retry_after_s=RETRY_AFTER_S)


class Store(Protocol):
    """Files by hash. Every call raises StoreUnavailable."""

    async def keep(self, sha256: str, path: Path) -> None:
        """Keep a file whose hash was verified; the same file again changes nothing."""
        ...

    def read(self, sha256: str) -> AsyncIterator[bytes]:
        """The file in pieces. Raises FileMissing before the first."""
        ...

    async def remove(self, sha256: str) -> None:
        """Remove a file, if it is there."""
        ...

    def hashes(self) -> AsyncIterator[str]:
        """The hashes of all files."""
        ...


class FolderStore:
    """A folder: a file appears under its name whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, sha256: str, path: Path) -> None:
        """See `Store.keep`; `path` is in the same file system."""
        await self._call(_move, path, self._path(sha256))

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """See `Store.read`."""
        try:
            file = await asyncio.to_thread(_open, self._path(sha256))
        except FileNotFoundError:
            raise FileMissing(sha256) from None
        except OSError as error:
            raise StoreUnavailable from error
        with file:
            while chunk := await self._call(file.read, CHUNK_BYTES):
                yield chunk

    async def remove(self, sha256: str) -> None:
        """See `Store.remove`."""
        await self._call(_unlink, self._path(sha256))

    async def hashes(self) -> AsyncIterator[str]:
        """See `Store.hashes`."""
        for name in await self._call(lambda: sorted(_names(self._folder))):
            yield name

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    async def _call(self, function: Any, *args: Any) -> Any:
        try:
            return await asyncio.to_thread(function, *args)
        except OSError as error:
            raise StoreUnavailable from error


class S3Store:
    """A bucket of a server that speaks S3; the server verifies the hash once more."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @classmethod
    @asynccontextmanager
    async def open(
        cls, *, endpoint: str, region: str, bucket: str, access_key_id: str, secret_key: str
    ) -> "AsyncIterator[S3Store]":
        """A client of the bucket."""
        config = AioConfig(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": TRIES_MAX, "mode": "standard"},
            s3={"addressing_style": "path"},
        )
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                get_session().create_client(
                    "s3",
                    endpoint_url=endpoint,
                    region_name=region,
                    aws_access_key_id=access_key_id,
                    aws_secret_access_key=secret_key,
                    config=config,
                )
            )
            yield cls(client, bucket)

    async def keep(self, sha256: str, path: Path) -> None:
        """See `Store.keep`."""
        with await asyncio.to_thread(_open, path) as file:
            await self._call(
                "put_object",
                Key=_PREFIX + sha256,
                Body=file,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
            )

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """See `Store.read`."""
        answer = await self._call("get_object", Key=_PREFIX + sha256)
        async with answer["Body"] as body:
            while chunk := await body.read(CHUNK_BYTES):
                yield chunk

    async def remove(self, sha256: str) -> None:
        """See `Store.remove`."""
        await self._call("delete_object", Key=_PREFIX + sha256)

    async def hashes(self) -> AsyncIterator[str]:
        """See `Store.hashes`."""
        more: dict[str, str] = {}
        while True:
            page = await self._call("list_objects_v2", Prefix=_PREFIX, **more)
            for item in page.get("Contents", ()):
                yield item["Key"].removeprefix(_PREFIX)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def _call(self, name: str, **arguments: Any) -> Any:
        try:
            return await getattr(self._client, name)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise FileMissing(arguments["Key"]) from error
            raise StoreUnavailable from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise StoreUnavailable from error


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, exist_ok=True)
    path.replace(to)
    descriptor = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _names(folder: Path) -> Iterator[str]:
    for part in folder.iterdir():
        if len(part.name) == 2 and part.is_dir():
            yield from (file.name for file in part.iterdir())
