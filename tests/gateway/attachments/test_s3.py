"""Attachments in a bucket of a real server that speaks S3."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.access import Who
from gateway.attachments.part import FILES, AttachmentsSection
from gateway.attachments.store import FileMissing, S3Store, StoreUnavailable
from tests.gateway.attachments.conftest import PDF, PNG, sha256
from tests.support.api import as_
from tests.support.readmodel import desk
from tests.support.s3server import ACCESS_KEY_ID, BUCKET, SECRET_KEY, S3Server, s3_server

__all__ = ["s3_server"]

pytestmark = pytest.mark.slow
OWNER = as_(Who.OWNER, "o1")


@pytest.fixture
async def store(s3_server: S3Server) -> AsyncIterator[S3Store]:
    async with S3Store.open(
        endpoint=s3_server.endpoint,
        region="us-east-1",
        bucket=BUCKET,
        access_key_id=ACCESS_KEY_ID,
        secret_key=SECRET_KEY,
    ) as opened:
        yield opened


async def test_files_come_back_as_they_went(store: S3Store, tmp_path: Path) -> None:
    for data in (PDF, PNG):
        file = tmp_path / "file"
        file.write_bytes(data)
        await store.keep(sha256(data), file)
        await store.keep(sha256(data), file)
        assert b"".join([piece async for piece in store.read(sha256(data))]) == data
    assert {one async for one in store.hashes()} >= {sha256(PDF), sha256(PNG)}
    await store.remove(sha256(PNG))
    await store.remove(sha256(PNG))
    with pytest.raises(FileMissing):
        await anext(store.read(sha256(PNG)))


async def test_the_server_itself_refuses_another_file(store: S3Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"not what the name says")
    with pytest.raises(StoreUnavailable):
        await store.keep(sha256(PDF + b"other"), file)
    with pytest.raises(FileMissing):
        await anext(store.read(sha256(PDF + b"other")))


async def test_a_wrong_secret_and_a_server_that_is_gone(s3_server: S3Server) -> None:
    for endpoint, secret in ((s3_server.endpoint, "wrong"), ("http://127.0.0.1:9", SECRET_KEY)):
        async with S3Store.open(
            endpoint=endpoint,
            region="us-east-1",
            bucket=BUCKET,
            access_key_id=ACCESS_KEY_ID,
            secret_key=secret,
        ) as opened:
            with pytest.raises(StoreUnavailable):
                await anext(opened.read(sha256(PDF)))


async def test_the_service_keeps_and_serves_from_a_bucket(
    s3_server: S3Server,
    tmp_path: Path,
) -> None:
    secret = tmp_path / "s3.secret"
    secret.write_text(SECRET_KEY)
    secret.chmod(0o600)
    section = AttachmentsSection(
        folder=tmp_path / "attachments",
        s3_endpoint=s3_server.endpoint,
        s3_bucket=BUCKET,
        s3_access_key_id=ACCESS_KEY_ID,
        s3_secret_key_file=secret,
    )
    data = PDF + b"for the bucket"
    async with desk(tmp_path, section) as at:
        place = f"/attachments/{sha256(data)}"
        headers = {"Content-Type": "application/pdf"}
        put = await at.api.request("PUT", place, OWNER, data=data, headers=headers)
        assert put.status == 200
        answer = await at.api.get(place, OWNER)
        assert await answer.read() == data
        assert (s3_server.folder / "attachments" / sha256(data)).read_bytes() == data
        assert [one for one in (tmp_path / "attachments").rglob("*") if one.is_file()] == []
        at.town.ledger.now_ms += 30 * 24 * 60 * 60 * 1000
        await at.app[FILES].archive.sweep()
        assert (await at.api.get(place, OWNER)).status == 404
