"""Attachments: what the hash names and nothing else, for whom it is, as long as it is needed."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chaincode.model.base import Org
from gateway.access import Who
from gateway.attachments import register as register_module
from gateway.attachments.part import FILES, AttachmentsSection
from gateway.attachments.register import CLAIM_MS, GRACE_MS
from gateway.attachments.types import FILE_TYPES, MIB
from tests.gateway.attachments.conftest import PDF, PNG, sha256
from tests.support.api import as_
from tests.support.readmodel import Desk, desk

OWNER = as_(Who.OWNER, "o1")
OTHER = as_(Who.OWNER, "o2")
REGULATOR = as_(Who.REGULATOR_CLERK)


async def put(
    at: Desk, data: bytes, who: str = OWNER, media_type: str = "application/pdf", name: str = ""
) -> Any:
    return await at.api.request(
        "PUT",
        f"/attachments/{name or sha256(data)}",
        who,
        data=io.BytesIO(data),
        headers={"Content-Type": media_type},
    )


async def code(answer: Any) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def named(at: Desk, data: bytes, media_type: str = "application/pdf", **more: Any) -> None:
    """A motion whose text is this file."""
    text = {"sha256": sha256(data), "bytes_count": len(data), "media_type": media_type}
    await at.town.drafted("m1", text=text, **more)
    await at.catch_up()


async def test_a_file_of_a_motion_is_kept_and_served_safely(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert await (await put(at, PDF)).json() == {
            "sha256": sha256(PDF),
            "media_type": "application/pdf",
            "bytes_count": len(PDF),
        }
        await named(at, PDF)
        answer = await at.api.get(f"/attachments/{sha256(PDF)}", OTHER)
        assert await answer.read() == PDF
        headers = answer.headers
        assert headers["Content-Type"] == "application/pdf"
        assert headers["X-Content-Type-Options"] == "nosniff"
        for etag, status in ((headers["ETag"], 304), ('"another"', 200)):
            known = {"If-None-Match": etag}
            again = await at.api.get(f"/attachments/{sha256(PDF)}", OTHER, headers=known)
            assert (again.status, await again.read()) == (status, PDF if status == 200 else b"")
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Content-Disposition"].startswith("inline; filename=")
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("media_type", "data", "how"),
    [
        ("image/png", PNG, "inline"),
        ("text/plain", "通知<script>".encode(), "attachment"),
        ("application/ofd", b"PK\x03\x04" + bytes(40), "attachment"),
    ],
)
async def test_what_is_no_pdf_is_sandboxed(
    tmp_path: Path, media_type: str, data: bytes, how: str
) -> None:
    async with desk(tmp_path) as at:
        assert (await put(at, data, media_type=media_type)).status == 200
        answer = await at.api.get(f"/attachments/{sha256(data)}", OWNER)
        assert answer.headers["Content-Security-Policy"].endswith("; sandbox")
        assert answer.headers["Content-Disposition"].startswith(how)
        assert answer.content_type == media_type


@pytest.mark.parametrize(
    ("data", "media_type", "name", "status", "expected"),
    [
        (PDF, "application/pdf", sha256(PNG), 422, "attachment/other-hash"),
        (PNG, "application/pdf", "", 415, "attachment/other-type"),
        (PDF, "image/png", "", 415, "attachment/other-type"),
        (b"%PD", "application/pdf", "", 415, "attachment/other-type"),
        (b"", "application/pdf", "", 415, "attachment/other-type"),
        (b"RIFF....WAVEfmt ", "image/webp", "", 415, "attachment/other-type"),
        (b"text\x00", "text/plain", "", 415, "attachment/other-type"),
        (b"\xff\xfe", "text/plain", "", 415, "attachment/other-type"),
        ("通".encode()[:2], "text/plain", "", 415, "attachment/other-type"),
        (b"<svg/>", "image/svg+xml", "", 415, "attachment/type-not-taken"),
        (b"<html>", "text/html", "", 415, "attachment/type-not-taken"),
        (b"PK\x03\x04", "application/zip", "", 415, "attachment/type-not-taken"),
        (b"MZ", "application/octet-stream", "", 415, "attachment/type-not-taken"),
        (bytes(MIB + 1), "text/plain", "", 413, "attachment/too-large"),
        (PDF, "application/pdf", sha256(PDF).upper(), 400, "input/bad-id"),
        (PDF, "application/pdf", sha256(PDF)[:63], 400, "input/bad-id"),
        (PDF, "application/pdf", "..%2F..%2Fetc%2Fpasswd", 400, "input/bad-id"),
        (PDF, "application/pdf", "%00" + sha256(PDF), 400, "input/bad-id"),
    ],
)
async def test_attacks_are_refused_and_leave_nothing(
    tmp_path: Path, data: bytes, media_type: str, name: str, status: int, expected: str
) -> None:
    async with desk(tmp_path) as at:
        assert await code(await put(at, data, OWNER, media_type, name)) == (status, expected)
        left = [path for path in (tmp_path / "attachments").rglob("*") if path.is_file()]
        assert left == []
        assert await at.app[FILES].register.stored() == []


async def test_a_body_without_a_length_is_refused(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield PDF

    async with desk(tmp_path) as at:
        answer = await at.api.request(
            "PUT",
            f"/attachments/{sha256(PDF)}",
            OWNER,
            data=pieces(),
            headers={"Content-Type": "application/pdf"},
        )
        assert await code(answer) == (411, "attachment/length-missing")


async def test_an_archive_is_never_unpacked(tmp_path: Path) -> None:
    """A file of the size of a bomb's wrapping stays as large as it came."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("word/document.xml", bytes(20 * MIB))
    data = made.getvalue()
    media_type = next(one for one in FILE_TYPES if one.endswith("wordprocessingml.document"))
    async with desk(tmp_path) as at:
        assert (await put(at, data, media_type=media_type)).status == 200
        files = [path for path in (tmp_path / "attachments").rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in files] == [data]


async def test_a_draft_is_its_makers_until_the_ledger_names_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await put(at, PDF)
        place = f"/attachments/{sha256(PDF)}"
        assert (await at.api.get(place, OWNER)).status == 200
        assert await code(await at.api.get(place, OTHER)) == (404, "attachment/unknown")
        assert await code(await at.api.get(place)) == (401, "gateway/no-credential")
        await named(at, PDF)
        assert (await at.api.get(place, OTHER)).status == 200
        assert (await at.api.get(place, as_(Who.BANK_CLERK))).status == 200


async def test_evidence_about_single_owners_is_for_the_offices(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        row = {
            "unit_id": "9-1-1", "building": "9", "entrance": "9-1", "area_dm2": 5_000,
            "area_source": "registered", "owners": [{"owner_id": "o9", "num": 1, "den": 1}],
        }  # fmt: skip
        await at.town.add_units([row])
        unit = await at.town.ask("unit", unit_id="9-1-1")
        await at.town.done(
            Org.REGULATOR,
            "transfer_unit",
            unit_id="9-1-1",
            version=unit["version"],
            owners=[{"owner_id": "o8", "num": 1, "den": 1}],
            at=at.town.ledger.now_ms,
            evidence_sha256=sha256(PDF),
        )
        await at.catch_up()
        assert (await put(at, PDF, REGULATOR)).status == 200
        place = f"/attachments/{sha256(PDF)}"
        assert (await at.api.get(place, REGULATOR)).status == 200
        for who in (OWNER, as_(Who.BANK_CLERK), as_(Who.COMPANY_CLERK)):
            assert await code(await at.api.get(place, who)) == (403, "gateway/not-for-you")


async def test_a_credential_keeps_so_many_drafts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, either_database: str
) -> None:
    monkeypatch.setattr(register_module, "CLAIMS_MAX", 2)
    async with desk(tmp_path, database=either_database) as at:
        files = [PDF + bytes([number]) for number in range(3)]
        assert [(await put(at, data)).status for data in files] == [200, 200, 429]
        assert (await put(at, files[0])).status == 200
        assert (await put(at, files[2], OTHER)).status == 200
        at.town.ledger.now_ms += CLAIM_MS + 1
        assert (await put(at, files[2])).status == 200


async def test_the_sweep_removes_what_nobody_needs_and_nothing_else(
    tmp_path: Path, either_database: str
) -> None:
    async with desk(tmp_path, database=either_database) as at:
        archive = at.app[FILES].archive
        await put(at, PDF)
        await named(at, PDF)
        await put(at, PNG, media_type="image/png")
        orphan = tmp_path / "attachments" / "ab" / ("ab" + "0" * 62)
        orphan.parent.mkdir(exist_ok=True)
        orphan.write_bytes(b"left by a crash")
        assert await archive.sweep() == 1
        assert not orphan.exists()
        at.town.ledger.now_ms += max(CLAIM_MS, GRACE_MS) + 1
        assert await archive.sweep() == 1
        assert await at.app[FILES].register.stored() == [sha256(PDF)]
        assert (await at.api.get(f"/attachments/{sha256(PDF)}", OWNER)).status == 200
        assert await archive.sweep() == 0


async def test_a_lost_file_is_missing_until_it_is_put_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await named(at, PDF)
        await put(at, PDF)
        digest = sha256(PDF)
        (tmp_path / "attachments" / digest[:2] / digest).unlink()
        place = f"/attachments/{digest}"
        assert await code(await at.api.get(place, OWNER)) == (404, "attachment/unknown")
        await put(at, PDF)
        assert (await at.api.get(place, OWNER)).status == 200


# --- Between gateways ---


def section(folder: Path, *gateways: str, key: str = "n" * 40) -> AttachmentsSection:
    file = folder / f"link-{key[0]}.key"
    file.write_text(key)
    file.chmod(0o600)
    return AttachmentsSection(folder=folder / "attachments", gateways=gateways, link_key_file=file)


async def test_a_file_is_fetched_from_another_gateway_and_verified(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with desk(tmp_path / "a", section(tmp_path / "a")) as first:
        await named(first, PDF)
        await put(first, PDF)
        base = str(first.api.client.make_url("/"))
        nowhere = "http://127.0.0.1:9"
        second_section = section(tmp_path / "b", nowhere, base)
        async with desk(tmp_path / "b", second_section, town=first.town) as second:
            place = f"/attachments/{sha256(PDF)}"
            answer = await second.api.get(place, OWNER)
            assert await answer.read() == PDF
            assert await second.app[FILES].register.stored() == [sha256(PDF)]
        other = section(tmp_path / "b", base, key="x" * 40)
        (tmp_path / "c").mkdir()
        async with desk(tmp_path / "c", other, town=first.town) as third:
            third.app[FILES].archive._store._folder = tmp_path / "c"  # type: ignore[attr-defined]
            assert await code(await third.api.get(place, OWNER)) == (404, "attachment/unknown")


async def test_a_gateway_that_lies_is_not_believed(tmp_path: Path) -> None:
    async def lie(_: web.Request) -> web.Response:
        return web.Response(body=PDF + b"forged", content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/{tail:.*}", lie)
    async with (
        TestServer(app) as liar,
        desk(tmp_path, section(tmp_path, str(liar.make_url("/")))) as at,
    ):
        await named(at, PDF)
        answer = await at.api.get(f"/attachments/{sha256(PDF)}", OWNER)
        assert await code(answer) == (404, "attachment/unknown")
        assert await at.app[FILES].register.stored() == []


async def test_a_link_is_for_one_file_and_ends(tmp_path: Path) -> None:
    async with desk(tmp_path, section(tmp_path)) as at:
        await named(at, PDF)
        await put(at, PDF)
        await put(at, PNG, media_type="image/png")
        links, now = at.app[FILES].links, at.town.ledger.now_ms
        assert links is not None
        good = links.make("fuzemen", sha256(PDF), now)

        async def ask(digest: str, until: int, signature: str) -> Any:
            query = f"until={until}&signature={signature}"
            return await at.api.get(f"/shared-attachments/{digest}?{query}")

        assert (await ask(sha256(PDF), good.until, good.signature)).status == 200
        for digest, until, signature in (
            (sha256(PNG), good.until, good.signature),
            (sha256(PDF), good.until + 1, good.signature),
            (sha256(PDF), good.until, "0" * 64),
            (sha256(PDF), good.until, "é"),
        ):
            refused = await ask(digest, until, signature)
            assert await code(refused) == (403, "attachment/bad-link")
        draft = links.make("fuzemen", sha256(PNG), now)
        unnamed = await ask(sha256(PNG), draft.until, draft.signature)
        assert await code(unnamed) == (404, "attachment/unknown")
        at.town.ledger.now_ms = good.until + 1
        over = await ask(sha256(PDF), good.until, good.signature)
        assert await code(over) == (403, "attachment/bad-link")


@pytest.mark.parametrize(
    "fields",
    [
        {"s3_endpoint": "https://s3.example"},
        {"gateways": ("https://a.example",)},
        {"link_key_file": Path("/nowhere")},
    ],
)
def test_settings_that_do_not_fit(fields: dict[str, Any]) -> None:
    assert AttachmentsSection(**fields).findings()
