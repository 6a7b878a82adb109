"""Attachments as a part of the service."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from chaincode.model.base import Sha256
from gateway.access import ARBITRATION, COMMITTEE, REGULATOR, Reader
from gateway.api.answers import has_already, json_answer
from gateway.api.rows import read_parameters
from gateway.appkeys import CLOCK_MS, READER, SETTINGS
from gateway.attachments.archive import Archive, OtherGateways
from gateway.attachments.links import Link, Links
from gateway.attachments.register import Attachment, Register
from gateway.attachments.store import CHUNK_BYTES, FolderStore, S3Store, Store
from gateway.attachments.types import BYTES_MAX, FILE_TYPES, file_type
from gateway.errors import GatewayError, Problem
from gateway.parts import Part
from gateway.projection.keys import READ_MODEL
from gateway.routes import COMMUNITY, Parameter, Route
from gateway.settings import Section, secret_file_findings

TRANSFER_S_MAX: Final = 300.0
SWEEP_EVERY_S: Final = 6 * 60 * 60
KEY_BYTES_MIN: Final = 32

OPEN_KINDS: Final = frozenset(
    {
        "budget", "bulletin", "certificate", "committee", "committee-decision", "company",
        "disclosure", "dispute", "fund", "fund-report", "motion", "payment", "resolution",
        "result", "statement",
    }
)  # fmt: skip
"""What these name is for everybody of the community, and for the other gateways."""
OFFICES: Final = COMMITTEE | REGULATOR | ARBITRATION
"""Who reads evidence about single owners: scans of paper ballots, of service, of proxies."""

_log = logging.getLogger(__name__)


class AttachmentsSection(Section, frozen=True):
    """Where files are kept: a folder, or a bucket when `s3_endpoint` is given."""

    name = "attachments"
    folder: Path = Path("attachments")
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_bucket: str = ""
    s3_access_key_id: str = ""
    s3_secret_key_file: Path | None = None
    gateways: tuple[str, ...] = ()
    """Addresses of the other organisations' gateways (``https://...``)."""
    link_key_file: Path | None = None
    """The key that the network's gateways share, at least 32 bytes; without it none is asked."""

    def findings(self) -> list[str]:
        """A bucket needs all its settings; secrets must be nobody else's to read."""
        found = []
        if self.s3_endpoint and not (self.s3_bucket and self.s3_access_key_id):
            found.append("s3_bucket and s3_access_key_id belong to s3_endpoint")
        if self.s3_endpoint and self.s3_secret_key_file is None:
            found.append("s3_secret_key_file belongs to s3_endpoint")
        if self.gateways and self.link_key_file is None:
            found.append("link_key_file belongs to gateways")
        for name in ("s3_secret_key_file", "link_key_file"):
            path = getattr(self, name)
            if path is not None:
                found += secret_file_findings(name, path)
        return found


class Files:
    """What the handlers need."""

    def __init__(
        self, archive: Archive, register: Register, others: OtherGateways, links: Links | None
    ) -> None:
        self.archive = archive
        self.register = register
        self.others = others
        self.links = links


FILES = web.AppKey("files", Files)


async def put_attachment(request: web.Request) -> web.Response:
    """Keep a file for a draft, or one that the ledger names."""
    read_parameters(request, ())
    files, now = request.app[FILES], request.app[CLOCK_MS]()
    community, sha256 = request.match_info["community"], request.match_info["sha256"]
    owner = request[READER].credential_id or request[READER].who
    kind = file_type(request.content_type)
    if request.content_length is None:
        raise Problem(411, "attachment/length-missing")
    if request.content_length > kind.bytes_max:
        raise Problem(413, "attachment/too-large", {"bytes_max": kind.bytes_max})
    is_named = bool(await files.register.kinds(community, sha256))
    claim = (community, sha256, owner, request.content_length, now)
    if not is_named:
        await files.register.require_room(*claim)
    chunks = request.content.iter_chunked(CHUNK_BYTES)
    attachment = await files.archive.put(chunks, sha256, kind.media_type)
    if not is_named:
        await files.register.claim(*claim)
    return json_answer(request, msgspec.json.encode(attachment))


async def read_attachment(request: web.Request) -> web.StreamResponse:
    """A file, from here or from another organisation's gateway."""
    read_parameters(request, ())
    files = request.app[FILES]
    community, sha256 = request.match_info["community"], request.match_info["sha256"]
    kinds = await files.register.kinds(community, sha256)
    await _require_reader(request, kinds)
    found = await files.archive.find(sha256)
    if found is None and kinds & OPEN_KINDS:
        media_type = await files.register.media_type(sha256)
        if await files.others.fetch(files.archive, community, sha256, media_type):
            found = await files.archive.find(sha256)
    return await _serve(request, found)


async def read_shared_attachment(request: web.Request) -> web.StreamResponse:
    """A file for the gateway of another organisation, which proves itself by its link."""
    files = request.app[FILES]
    community, sha256 = request.match_info["community"], request.match_info["sha256"]
    given = read_parameters(request, _LINK_PARAMETERS)
    link = Link(given["until"], given["signature"])
    now = request.app[CLOCK_MS]()
    if files.links is None or not files.links.is_good(link, community, sha256, now):
        raise Problem(403, "attachment/bad-link")
    if not await files.register.kinds(community, sha256) & OPEN_KINDS:
        raise Problem(404, "attachment/unknown")
    return await _serve(request, await files.archive.find(sha256))


async def _require_reader(request: web.Request, kinds: frozenset[str]) -> None:
    """Drafts are their maker's, what is published is everybody's, evidence is the offices'."""
    reader: Reader = request[READER]
    if kinds & OPEN_KINDS or (kinds and reader.who in OFFICES):
        return
    if kinds:
        raise Problem(403, "gateway/not-for-you")
    community, sha256 = request.match_info["community"], request.match_info["sha256"]
    owner, now = reader.credential_id or reader.who, request.app[CLOCK_MS]()
    if not await request.app[FILES].register.has_claim(community, sha256, owner, now):
        raise Problem(404, "attachment/unknown")


async def _serve(
    request: web.Request, found: tuple[Attachment, AsyncIterator[bytes]] | None
) -> web.StreamResponse:
    if found is None:
        raise Problem(404, "attachment/unknown")
    attachment, pieces = found
    headers = safe_headers(attachment)
    if has_already(request, attachment.sha256):
        return web.Response(status=304, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = attachment.bytes_count
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def safe_headers(attachment: Attachment) -> dict[str, str]:
    """Headers with which a browser treats a file as what it was checked to be, and as nothing
    that runs. Browsers do not show a PDF that is sandboxed, so a PDF may load nothing instead."""
    kind = FILE_TYPES[attachment.media_type]
    is_pdf = kind.suffix == "pdf"
    how = "inline" if kind.is_shown else "attachment"
    return {
        "Content-Type": kind.media_type,
        "Content-Disposition": f'{how}; filename="{attachment.sha256[:16]}.{kind.suffix}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'"
        + ("" if is_pdf else "; sandbox"),
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{attachment.sha256}"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }


async def life(app: web.Application) -> AsyncIterator[None]:
    """Open the store; sweep it now and then."""
    section = app[SETTINGS].of(AttachmentsSection)
    links = _links(section.link_key_file)
    async with AsyncExitStack() as stack:
        spool = await asyncio.to_thread(_spool, section.folder)
        store = await stack.enter_async_context(_store(section))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        register = Register(app[READ_MODEL])
        archive = Archive(store, register, spool, app[CLOCK_MS])
        others = OtherGateways(session, section.gateways, links, app[CLOCK_MS])
        app[FILES] = Files(archive, register, others, links)
        sweeping = asyncio.create_task(_keep_sweeping(archive))
        yield
        sweeping.cancel()
        await asyncio.wait((sweeping,))


async def _keep_sweeping(archive: Archive) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        try:
            count = await archive.sweep()
            _log.info("%d files that nobody needs are gone", count)
        except GatewayError as error:
            _log.warning("sweeping stopped: %s", error)


@asynccontextmanager
async def _store(section: AttachmentsSection) -> AsyncIterator[Store]:
    if not section.s3_endpoint:
        yield FolderStore(section.folder)
        return
    assert section.s3_secret_key_file is not None
    secret = (await asyncio.to_thread(section.s3_secret_key_file.read_text)).strip()
    async with S3Store.open(
        endpoint=section.s3_endpoint,
        region=section.s3_region,
        bucket=section.s3_bucket,
        access_key_id=section.s3_access_key_id,
        secret_key=secret,
    ) as store:
        yield store


def _spool(folder: Path) -> Path:
    """Where files arrive: in the store's file system; what a crash left there is removed."""
    incoming = folder / "incoming"
    incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in incoming.iterdir():
        left.unlink()
    return incoming


def _links(key_file: Path | None) -> Links | None:
    if key_file is None:
        return None
    key = key_file.read_bytes().strip()
    if len(key) < KEY_BYTES_MIN:
        raise GatewayError("[attachments] link_key_file holds too short a key")
    return Links(key)


_LINK_PARAMETERS: Final = (
    Parameter(name="until", kind=int, says="When the link ends, UTC ms.", required=True),
    Parameter(name="signature", kind=str, says="HMAC-SHA-256, hex.", required=True),
)
_PATH: Final[dict[str, Any]] = {"sha256": Sha256}

PART = Part(
    name="attachments",
    sections=(AttachmentsSection,),
    life=life,
    routes=(
        Route(
            name="put_attachment",
            method="PUT",
            path=f"{COMMUNITY}/attachments/{{sha256}}",
            says="Keeps a file under its hash, for a draft or because the ledger names it.",
            tag="attachments",
            handler=put_attachment,
            body_media_type="*/*",
            answer=Attachment,
            path_kinds=_PATH,
            body_bytes_max=BYTES_MAX,
            answer_s_max=TRANSFER_S_MAX,
        ),
        Route(
            name="read_attachment",
            method="GET",
            path=f"{COMMUNITY}/attachments/{{sha256}}",
            says="A file by its hash; from another organisation's gateway if it is not here.",
            tag="attachments",
            handler=read_attachment,
            answer_media_type="application/octet-stream",
            path_kinds=_PATH,
            answer_s_max=TRANSFER_S_MAX,
        ),
        Route(
            name="read_shared_attachment",
            method="GET",
            path=f"{COMMUNITY}/shared-attachments/{{sha256}}",
            says="A file for another organisation's gateway, by a signed link.",
            tag="attachments",
            handler=read_shared_attachment,
            parameters=_LINK_PARAMETERS,
            answer_media_type="application/octet-stream",
            path_kinds=_PATH,
            answer_s_max=TRANSFER_S_MAX,
        ),
    ),
)
